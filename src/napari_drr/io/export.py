"""Radiographs and recipes in files."""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_drr.io._atomic import replacing
from napari_drr.io._radiograph_formats import FORMATS, Format, Image, Names, readable
from napari_drr.recipe import Recipe

SUFFIXES: tuple[str, ...] = tuple(FORMATS)
"""The endings that tell a radiograph's format."""

RECIPE_SUFFIX = ".json"


def save_radiograph(
    path: str | Path,
    image: Any,
    recipe: Recipe,
    names: Names = None,
    *,
    bit_depth: Literal[8, 16] = 8,
) -> Path:
    """Write a radiograph, or the channels of one, with its recipe.

    `.tif`, `.nii.gz` and `.npz` hold line integrals in float32, `.png` what `recipe.display` makes
    of them. Each also holds the pixel spacing (mm at the detector; npz in the recipe only). The
    file is written as a whole or not at all.

    Args:
        path: Where to; its ending is one of `SUFFIXES`.
        image: Line integrals: a tensor or an array, (height, width) or (channel, height, width).
        recipe: What renders the image.
        names: Names of the channels; None calls them `channel 0` and so on.
        bit_depth: Bits of a PNG's gray value, 8 or 16.

    Returns:
        The path.

    Raises:
        OSError: If the file can't be written.
        ValueError: If ending, image or names don't fit.

    Examples:
        >>> from tempfile import mkdtemp
        >>> from napari_drr.recipe import DetectorSettings
        >>> recipe = Recipe(detector=DetectorSettings(height=2, width=3))
        >>> path = save_radiograph(f"{mkdtemp()}/drr.tif", np.zeros((2, 3)), recipe)
        >>> load_radiograph(path)[1] == recipe
        True
    """
    path = Path(path)
    form = _format(path)
    if bit_depth not in (8, 16):
        raise ValueError(f"`bit_depth` must be 8 or 16, got {bit_depth}.")
    array = _image(image, recipe)
    labels = _names(names, array)
    with replacing(path) as part:
        form.write(part, array, recipe, labels, bit_depth)
    return path


def load_radiograph(path: str | Path) -> tuple[Image, Recipe, Names]:
    """Read what `save_radiograph` wrote.

    Args:
        path: A file of ours.

    Returns:
        The image in float32, the recipe, and the names of the channels, if it has channels. The
        image of a PNG is gray values from 0 to 1, as displayed; the recipe renders line integrals.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or holds no recipe.
    """
    recipe = load_recipe(path)
    image, names = _format(Path(path)).read(Path(path))
    return image, recipe, names


def save_recipe(path: str | Path, recipe: Recipe) -> Path:
    """Write a recipe to a JSON file.

    Args:
        path: Where to; ends in `.json`.
        recipe: The recipe.

    Returns:
        The path.

    Raises:
        OSError: If the file can't be written.
        ValueError: If the path has another ending.
    """
    path = Path(path)
    if path.suffix.lower() != RECIPE_SUFFIX:
        raise ValueError(f'A recipe\'s file must end in {RECIPE_SUFFIX}, got "{path}".')
    with replacing(path) as part:
        part.write_text(recipe.to_json() + "\n", encoding="utf-8")
    return path


def load_recipe(path: str | Path) -> Recipe:
    """Read the recipe of a radiograph, or of a JSON file.

    Args:
        path: A file that `save_radiograph` or `save_recipe` wrote.

    Returns:
        The recipe.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or holds no recipe.
    """
    text = _recipe_text(Path(path))
    if text is None:
        raise ValueError(f'"{path}" holds no recipe: napari-drr did not write it.')
    try:
        return Recipe.from_json(text)
    except ValueError as error:
        raise ValueError(f'The recipe in "{path}" can\'t be used. {error}') from None


def is_radiograph(path: str | Path) -> bool:
    """Tell whether a file is a radiograph of ours; the image is not read.

    Args:
        path: Any path.

    Returns:
        Whether it has one of our endings and holds a recipe.
    """
    try:
        return _format(Path(path)).read_recipe(Path(path)) is not None
    except (OSError, ValueError):
        return False


def _recipe_text(path: Path) -> str | None:
    if path.is_dir():
        raise IsADirectoryError(f'"{path}" is a folder, not a radiograph or recipe.')
    if path.suffix.lower() != RECIPE_SUFFIX:
        return _format(path, RECIPE_SUFFIX).read_recipe(path)
    with readable(path):
        return path.read_text(encoding="utf-8")


def _format(path: Path, *others: str) -> Format:
    """Return a radiograph's format by its ending; `others` are named as possible too."""
    for suffix, form in FORMATS.items():
        if path.name.lower().endswith(suffix):
            return form
    kind = "radiograph or recipe" if others else "radiograph"
    endings = ", ".join((*SUFFIXES, *others))
    raise ValueError(f'The file of a {kind} must end in {endings}; got "{path}".')


def _image(image: Any, recipe: Recipe) -> Image:
    """Return the image as float32 in memory's order, or raise."""
    array = np.asarray(image.detach().cpu() if hasattr(image, "detach") else image)
    wanted = (recipe.detector.height, recipe.detector.width)
    if array.ndim not in (2, 3) or array.shape[-2:] != wanted or 0 in array.shape:
        raise ValueError(
            f"`image` must be {wanted[0]} x {wanted[1]} as the recipe says, or channels of that "
            f"size, got shape {array.shape}: of a batch, pass one image, as in `images[0, 0]`."
        )
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        raise ValueError("`image` must hold finite real numbers.")
    return np.ascontiguousarray(array, np.float32)


def _names(names: Names, image: Image) -> Names:
    """Return a name for each channel; None for a single image."""
    if image.ndim == 2:
        if names is not None:
            raise ValueError("`names` are for channels, and `image` is one image.")
        return None
    if names is None:
        return [f"channel {number}" for number in range(len(image))]
    if len(names) != len(image):
        raise ValueError(f"`names` must be {len(image)}, one for each channel, got {len(names)}.")
    return [str(name) for name in names]
