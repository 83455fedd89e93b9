"""What a CT, its affine and its labels must be; told once, at the door."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float32, Integer
from torch import Tensor

from napari_drr.volume.grid import Affine

if TYPE_CHECKING:
    from torchio import Image

# Likeness (difflib) above which two names are one, misspelled: `lables` has 0.83 of `labels`.
_SAME_WORD = 0.8


def checked_volume(image: "Image") -> Float32[Tensor, "1 x y z"]:
    """Return the CT's values as float32 (the very memory, where it is float32 already).

    Raises:
        ValueError: if the image is not one 3-D grayscale volume of finite, differing values.
    """
    data = checked_grid(image.data, "volume")
    hounsfield = data.to(torch.float32)
    if data.is_floating_point():
        bad = hounsfield.numel() - int(np.isfinite(hounsfield.detach().cpu().numpy()).sum())
        if bad:
            raise ValueError(
                f"`volume` must hold finite HU, got {bad} NaN or infinite voxels of "
                f"{hounsfield.numel()}. Replace them by air, for example: read((numpy.nan_to_num("
                "array, nan=-1000.0, posinf=3071.0, neginf=-1000.0), affine))."
            )
    lowest = hounsfield.amin()
    if lowest == hounsfield.amax():
        raise ValueError(
            f"`volume` must hold more than one value, but every voxel is {lowest:g}: there is "
            "nothing to see. Check that the file was exported with its pixel data."
        )
    return hounsfield


def checked_labels(image: "Image") -> Integer[Tensor, "x y z"]:
    """Return the labels as the smallest of uint8, int16 and int32 that holds them.

    Raises:
        ValueError: if the image is not one 3-D map of whole numbers of at least 0.
    """
    data = checked_grid(image.data, "labelmap")[0]
    if data.is_floating_point() and not bool(torch.equal(data, data.round())):
        odd = data[data != data.round()][0].item()
        raise ValueError(
            f"`labelmap` must hold whole numbers, got {odd:g}. Give the label map itself, not a "
            "probability map or one that was resampled with interpolation."
        )
    low, high = int(data.amin()), int(data.amax())
    if low < 0:
        raise ValueError(f"`labelmap` must hold labels of at least 0, got {low}.")
    if high > torch.iinfo(torch.int32).max:
        raise ValueError(f"`labelmap` must hold labels below 2**31, got {high}.")
    dtypes = (torch.uint8, torch.int16, torch.int32)
    return data.to(next(dtype for dtype in dtypes if high <= torch.iinfo(dtype).max))


def checked_affine(affine: np.ndarray, name: str = "volume") -> Affine:
    """Return a float64 copy of an affine (world mm from voxels).

    Raises:
        TypeError: if it does not hold numbers.
        ValueError: if it is not 4x4, finite, with last row (0, 0, 0, 1), and invertible.
    """
    try:
        matrix = np.asarray(affine, dtype=np.float64).copy()
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` must have a 4x4 affine of numbers, got {affine!r}.") from None
    if matrix.shape != (4, 4):
        raise ValueError(f"`{name}` must have a 4x4 affine, got shape {matrix.shape}.")
    if not np.isfinite(matrix).all():
        raise ValueError(f"`{name}` must have a finite affine, got {matrix.tolist()}.")
    if not np.array_equal(matrix[3], [0.0, 0.0, 0.0, 1.0]):
        raise ValueError(
            f"`{name}` must have an affine with the last row (0, 0, 0, 1), got "
            f"{matrix[3].tolist()}."
        )
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    if not spacing.all():
        raise ValueError(
            f"`{name}` must have voxels of a positive size, got a spacing of "
            f"{' x '.join(f'{mm:g}' for mm in spacing)} mm. Correct the file's header, or pass "
            "(array, affine)."
        )
    # The volume of the voxel with unit edges: 1 for right angles, 0 if it is flat.
    if abs(np.linalg.det(matrix[:3, :3] / spacing)) < 1e-6:
        raise ValueError(
            f"`{name}` must have an invertible affine, got axes that lie in one plane: "
            f"{matrix[:3, :3].tolist()}. Correct the file's header, or pass (array, affine)."
        )
    return matrix


def checked_number(value: Any, name: str) -> float:
    """Return a number given as a number or its digits.

    Raises:
        TypeError: if it is none.

    >>> checked_number("70", "energy_kev")
    70.0
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` must be a number, got {value!r}.") from None


def refuse_misspelled(names: Iterable[str], known: Iterable[str]) -> None:
    """Tell names of free attributes from those of arguments with a letter gone wrong.

    Args:
        names: What a caller passed as further attributes.
        known: Names of the arguments.

    Raises:
        TypeError: if a name is none of the arguments, but close to one.

    >>> refuse_misspelled(["patient"], ["labels", "orientation"])
    """
    known = list(known)
    for name in set(names) - set(known):
        for close in get_close_matches(name, known, n=1, cutoff=_SAME_WORD):
            raise TypeError(
                f"There is no argument `{name}`: is it `{close}`? An attribute of that name can be "
                f'set later: subject["{name}"] = ...'
            )


def checked_grid(data: Tensor, name: str) -> Tensor:
    """Return the data if it is one channel of a 3-D grid of real numbers.

    Raises:
        ValueError: if it is not.
    """
    channels, *shape = data.shape
    if not data.numel():
        raise ValueError(
            f"`{name}` must hold voxels, got an empty array of {' x '.join(map(str, shape))}."
        )
    if channels != 1:
        raise ValueError(
            f"`{name}` must be one 3-D grayscale volume, got {channels} channels or time points of "
            f"{' x '.join(map(str, shape))} voxels. Take one of them: read((array, affine))."
        )
    if min(shape) < 2:
        raise ValueError(
            f"`{name}` must be 3-D with at least 2 voxels along every axis, got "
            f"{' x '.join(map(str, shape))}: this is a single slice. For a DICOM series, pass its "
            "folder."
        )
    if data.is_complex():
        raise ValueError(f"`{name}` must hold real numbers, got {data.dtype}.")
    return data
