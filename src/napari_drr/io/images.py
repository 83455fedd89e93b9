"""Torchio images from paths, arrays, or torchio images."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_drr.io.dicom import is_dicom, read_series
from napari_drr.io.files import Grid, read_file
from napari_drr.volume.checks import checked_affine

if TYPE_CHECKING:
    from torchio import Image, LabelMap, ScalarImage


def scalar_image(source: Any, series: str | None = None) -> "ScalarImage":
    """Return a CT as a torchio image, whatever it came as.

    Args:
        source: a path, a torchio image (returned as it is, loaded), or (array, affine).
        series: SeriesInstanceUID, where a DICOM folder holds several.

    Returns:
        The image, in its own world frame; its values are not checked yet.

    Raises:
        FileNotFoundError, TypeError, ValueError, MemoryError: if it cannot be had.
    """
    from torchio import ScalarImage

    if isinstance(source, ScalarImage):
        return _loaded(source, "volume")
    return _image(ScalarImage, source, "volume", series)


def label_map(source: Any) -> "LabelMap":
    """Return labels as a torchio image, whatever they came as (`scalar_image`, DICOM apart)."""
    from torchio import LabelMap

    if isinstance(source, LabelMap):
        return _loaded(source, "labelmap")
    return _image(LabelMap, source, "labelmap", None)


def _image(kind: "type[Image]", source: Any, name: str, series: str | None) -> "Image":
    """Make a torchio image of a path, or of an array and an affine."""
    if isinstance(source, str | Path):
        grid = _read(Path(source).expanduser(), name, series)
        return kind(tensor=_tensor(grid.array, name)[None], affine=grid.affine)
    if not isinstance(source, tuple | list) or len(source) != 2:
        raise TypeError(
            f"`{name}` must be a path, a torchio {kind.__name__}, or (array, affine), got "
            f"{type(source).__name__}."
        )
    array, affine = source
    tensor = _tensor(array, name)
    if tensor.ndim != 3:
        raise ValueError(
            f"`{name}` must be a 3-D array (X, Y, Z), got shape {tuple(tensor.shape)}. Pass one "
            "grayscale volume of a series in time or color."
        )
    return kind(tensor=tensor[None], affine=checked_affine(affine, name))


def _read(path: Path, name: str, series: str | None) -> Grid:
    """Read a file or a DICOM folder."""
    if path.is_dir() and name == "volume":
        return read_series(path, series, name)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "not there"
        raise FileNotFoundError(f'`{name}` must name an existing file, but "{path}" is {what}.')
    if is_dicom(path):
        raise ValueError(
            f'`{name}`: "{path}" is one DICOM file. Pass the folder with the whole CT series; '
            "labels must be NIfTI, NRRD or MHA/MHD."
        )
    return read_file(path, name)


def _tensor(array: Any, name: str) -> Tensor:
    """Return an array as a tensor, sharing memory where torch can."""
    if isinstance(array, Tensor):
        return array.detach().cpu()
    values = np.asarray(array)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"`{name}` must hold real numbers, got {values.dtype}.")
    if values.dtype.kind == "u" and values.itemsize > 1:  # torch hardly supports these
        values = values.astype(f"i{min(8, 2 * values.itemsize)}")
    if values.dtype in (np.float16, np.longdouble):
        values = values.astype(np.float64)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if any(stride < 0 for stride in values.strides) or not values.flags.writeable:
        values = values.copy()  # torch takes neither
    return torch.from_numpy(values)


def _loaded(image: "Image", name: str) -> "Image":
    """Load an image that torchio has not loaded yet; its way of failing made clear."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of trying one library after another
            image.load()
    except (RuntimeError, OSError) as error:
        raise ValueError(f"`{name}` cannot be loaded: {error}") from error
    return image
