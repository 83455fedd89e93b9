"""The file formats of radiographs: how each holds an image, its recipe and its channels' names."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from napari_drr.recipe import Recipe

Image = Float[np.ndarray, "height width"] | Float[np.ndarray, "channel height width"]

# The recipe's keyword in a PNG.
KEYWORD = "napari-drr"
# TIFF's tag PageName, and its type for text.
PAGE_NAME, ASCII = 285, 2
# Goes before the JSON: tifffile (2026.3) takes bare JSON with a key "shape" for its own.
HEADING = "napari-drr recipe:\n"
# NIfTI's code of an extension that is a comment.
COMMENT = 6

# What else the libraries raise on damaged files, beside OSError and ValueError.
_NIFTI_ERRORS = (EOFError, zlib.error, ImageFileError, HeaderDataError, WrapStructError)
_NPZ_ERRORS = (EOFError, zlib.error, BadZipFile, KeyError)


Names = list[str] | None


class Format(NamedTuple):
    """How a format is written and read."""

    write: Callable[[Path, Image, Recipe, Names, int], None]
    """Writes image, recipe and names, a PNG with that many bits."""
    read: Callable[[Path], tuple[Image, Names]]
    read_recipe: Callable[[Path], str | None]
    """Returns the recipe's JSON, or None, without reading the image."""


def write_png(path: Path, image: Image, recipe: Recipe, names: Names, bit_depth: int) -> None:
    """Write the image as displayed, one gray channel."""
    from PIL.Image import fromarray
    from PIL.PngImagePlugin import PngInfo

    if image.ndim == 3:
        raise ValueError(
            f"A PNG holds one image, got {len(image)} channels: write them to .tif, .nii.gz or "
            ".npz, or each to a PNG of its own."
        )
    gray = np.rint(recipe.display.gray(image) * (2**bit_depth - 1))
    text = PngInfo()
    text.add_itxt(KEYWORD, recipe.to_json())
    detector = recipe.detector
    per_inch = (25.4 / detector.pixel_spacing_x, 25.4 / detector.pixel_spacing_y)
    picture = fromarray(gray.astype(np.uint8 if bit_depth == 8 else np.uint16))
    picture.save(path, format="PNG", pnginfo=text, dpi=per_inch)


def read_png(path: Path) -> tuple[Image, Names]:
    """Read gray values, 0 to 1."""
    from PIL.Image import open as open_image

    with readable(path, SyntaxError), open_image(path, formats=["PNG"]) as picture:
        is_16_bit = picture.mode.startswith("I")
        gray = np.asarray(picture if is_16_bit else picture.convert("L"), np.float32)
    return gray / np.float32(65535 if is_16_bit else 255), None


def read_png_recipe(path: Path) -> str | None:
    """Return the text that goes before the image."""
    from PIL.Image import open as open_image

    with readable(path, SyntaxError), open_image(path, formats=["PNG"]) as picture:
        return picture.info.get(KEYWORD)


def write_tiff(path: Path, image: Image, recipe: Recipe, names: Names, bit_depth: int) -> None:
    """Write float32: a page per channel with its name, the recipe as the first description."""
    from tifffile import TiffWriter

    detector = recipe.detector
    per_cm = (10 / detector.pixel_spacing_x, 10 / detector.pixel_spacing_y)
    pages = image if image.ndim == 3 else image[None]
    with TiffWriter(path) as file:
        for number, page in enumerate(pages):
            file.write(
                page,
                photometric="minisblack",
                resolution=per_cm,
                resolutionunit="CENTIMETER",
                description=HEADING + recipe.to_json() if number == 0 else None,
                software=f"napari-drr {version('napari-drr')}",
                extratags=[] if names is None else [_page_name(names[number])],
                metadata=None,
            )


def _page_name(name: str) -> tuple[int, int, int, bytes, bool]:
    # What is not ASCII goes in as UTF-8, as is the custom.
    text = name.encode() + b"\0"
    return PAGE_NAME, ASCII, len(text), text, True


def read_tiff(path: Path) -> tuple[Image, Names]:
    """Read float32 pages; pages with names are channels."""
    from tifffile import TiffFile

    with readable(path, zlib.error), TiffFile(path) as file:
        pages = np.stack([page.asarray() for page in file.pages])
        names = [page.tags[PAGE_NAME].value for page in file.pages if PAGE_NAME in page.tags]
    return (pages, names) if names else (pages[0], None)


def read_tiff_recipe(path: Path) -> str | None:
    """Return the first page's description."""
    from tifffile import TiffFile

    with readable(path), TiffFile(path) as file:
        return _ours([file.pages.first.description.removeprefix(HEADING)])


def write_nifti(path: Path, image: Image, recipe: Recipe, names: Names, bit_depth: int) -> None:
    """Write float32, in mm; recipe and names are comments in the header.

    Columns run along the first axis, rows along the second, then comes one slice, then channels.
    The affine is the identity's direction in ITK's world (LPS): where radiological axial slices are
    shown, column 0 is at the left and row 0 at the top.
    """
    from nibabel import Nifti1Image
    from nibabel.nifti1 import Nifti1Extension

    detector = recipe.detector
    affine = np.diag([-detector.pixel_spacing_x, -detector.pixel_spacing_y, 1.0, 1.0])
    file = Nifti1Image(np.expand_dims(image.T, 2), affine)
    file.header.set_xyzt_units("mm")
    texts = [recipe.to_json()] if names is None else [recipe.to_json(), json.dumps(names)]
    file.header.extensions.extend(Nifti1Extension("comment", text.encode()) for text in texts)
    file.to_filename(path)


def read_nifti(path: Path) -> tuple[Image, Names]:
    """Read what `write_nifti` wrote."""
    with readable(path, *_NIFTI_ERRORS), _open_nifti(path) as (file, comments):
        voxels = np.asarray(file.dataobj, np.float32)
        names = json.loads(comments[-1]) if voxels.ndim == 4 else None
    return voxels[:, :, 0].T, names


def read_nifti_recipe(path: Path) -> str | None:
    """Return the comment that is a recipe."""
    with readable(path, *_NIFTI_ERRORS), _open_nifti(path) as (_, comments):
        return _ours(comments)


@contextmanager
def _open_nifti(path: Path) -> Iterator[tuple[Any, list[str]]]:
    """Yield the image, its voxels not yet read, and the comments in its header."""
    from nibabel import Nifti1Image

    # From a stream, since nibabel (5.4) finds no files with endings such as `.Nii.Gz`.
    is_packed = path.name.lower().endswith(".gz")
    with gzip.open(path, "rb") if is_packed else path.open("rb") as stream:
        image = Nifti1Image.from_stream(stream)
        comments = [each for each in image.header.extensions if each.get_code() == COMMENT]
        # NIfTI fills extensions up with zeros.
        yield image, [each.get_content().decode().rstrip("\0") for each in comments]


def write_npz(path: Path, image: Image, recipe: Recipe, names: Names, bit_depth: int) -> None:
    """Write the arrays `image`, `recipe` (JSON) and, of channels, `names`; nothing is pickled."""
    arrays: dict[str, Any] = {"image": image, "recipe": np.array(recipe.to_json())}
    if names is not None:
        arrays["names"] = np.array(names)
    np.savez_compressed(path, **arrays)


def read_npz(path: Path) -> tuple[Image, Names]:
    """Read image and names."""
    with readable(path, *_NPZ_ERRORS), _open_npz(path) as arrays:
        names = arrays["names"].tolist() if "names" in arrays else None
        return arrays["image"], names


def read_npz_recipe(path: Path) -> str | None:
    """Return the text in the array `recipe`."""
    with readable(path, *_NPZ_ERRORS), _open_npz(path) as arrays:
        return _ours([str(arrays["recipe"])]) if "recipe" in arrays else None


@contextmanager
def _open_npz(path: Path) -> Iterator[Mapping[str, Any]]:
    # Opened here, since `np.load` leaves damaged files open (NumPy 2.4).
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        yield arrays


def _ours(texts: list[str]) -> str | None:
    """Return the text that is a recipe: other programs leave descriptions and comments too."""
    return next((text for text in texts if '"source_to_detector"' in text), None)


@contextmanager
def readable(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """Turn what a library raises on a file that is damaged or of another kind into one error."""
    damage: tuple[type[Exception], ...] = (OSError, ValueError, *errors)
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(f'There is no file "{path}".') from None
    except damage as error:
        # The system's own errors have a text; those of libraries about content have none.
        if isinstance(error, OSError) and error.strerror:
            raise type(error)(f'Can\'t read "{path}": {error.strerror}.') from error
        reason = f"it is damaged or of another kind ({error})"
        raise ValueError(f'Can\'t read "{path}": {reason}.') from error


PNG = Format(write_png, read_png, read_png_recipe)
TIFF = Format(write_tiff, read_tiff, read_tiff_recipe)
NIFTI = Format(write_nifti, read_nifti, read_nifti_recipe)
NPZ = Format(write_npz, read_npz, read_npz_recipe)

FORMATS: dict[str, Format] = {
    ".png": PNG,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".nii.gz": NIFTI,
    ".nii": NIFTI,
    ".npz": NPZ,
}
