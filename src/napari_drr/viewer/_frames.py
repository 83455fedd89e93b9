"""Arithmetic between the world (x, y, z) and napari's axes (z, y, x); no napari needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from typing import Any

import numpy as np
import pint
from jaxtyping import Float
from numpy.typing import NDArray

Affine = Float[NDArray[np.float64], "4 4"]

# Reverses the three axes; its own inverse.
REVERSE: Affine = np.eye(4)[[2, 1, 0, 3]]
# World RAS from world LPS, x y z; its own inverse.
RAS_FROM_LPS: Affine = np.diag([-1.0, -1.0, 1.0, 1.0])

# A napari layer is placed by scale and translation alone where that moves no voxel farther: header
# affines carry rounding errors of float32, and napari calls any of them a rotated slice.
STRAIGHT_MM = 1e-3


@dataclass(frozen=True)
class AxisOrder:
    """How voxel axes (i, j, k) become world-like axes (x, y, z).

    Args:
        axes: For x, y and z, the voxel axis that runs most nearly along it.
        flips: For x, y and z, whether that voxel axis runs against it.
    """

    axes: tuple[int, int, int] = (0, 1, 2)
    flips: tuple[bool, bool, bool] = (False, False, False)

    @classmethod
    def nearest(cls, affine: Affine) -> AxisOrder:
        """Find the order that turns the voxel axes least.

        Args:
            affine: World from voxel indices.

        Returns:
            The order in which every voxel axis runs along its own world axis, in its direction.

        Raises:
            ValueError: If the affine is singular or not finite.
        """
        linear = affine[:3, :3]
        # Relative to the spacing, so that no unit decides what is singular.
        lengths = np.linalg.norm(linear, axis=0)
        if not np.isfinite(affine).all() or not lengths.all():
            raise ValueError(f"`affine` must be finite and invertible, got {affine.tolist()}.")
        cosines = linear / lengths
        if abs(np.linalg.det(cosines)) < 1e-6:
            raise ValueError(f"`affine` must be invertible, got {affine.tolist()}.")
        along = max(permutations(range(3)), key=lambda p: abs(cosines[range(3), p]).sum())
        first, second, third = along
        against = [bool(cosines[world, voxel] < 0) for world, voxel in enumerate(along)]
        return cls((first, second, third), (against[0], against[1], against[2]))

    def apply(self, voxels: NDArray[Any], affine: Affine) -> tuple[NDArray[Any], Affine]:
        """Reorder an array and its affine; every voxel keeps its world position.

        Args:
            voxels: Array (i, j, k).
            affine: World from (i, j, k).

        Returns:
            A view (x, y, z) of the array, and world from its indices.
        """
        axes, flips = np.array(self.axes), np.array(self.flips)
        view = voxels.transpose(self.axes)
        moved: Affine = np.eye(4)
        moved[:3, :3] = 0
        moved[axes, range(3)] = np.where(flips, -1, 1)
        moved[axes, 3] = np.where(flips, np.array(view.shape) - 1, 0)
        return view[self._slices()], affine @ moved

    def undo(self, view: NDArray[Any], affine: Affine) -> tuple[NDArray[Any], Affine]:
        """Take `apply` back.

        Args:
            view: Array (x, y, z).
            affine: World from (x, y, z).

        Returns:
            A view (i, j, k) of the array, and world from its indices.
        """
        back = np.argsort(self.axes)
        straight = AxisOrder(flips=self.flips).apply(view, affine)
        return AxisOrder((int(back[0]), int(back[1]), int(back[2]))).apply(*straight)

    def _slices(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)


def placement(affine: Affine, shape: tuple[int, ...]) -> dict[str, NDArray[np.float64]]:
    """Return the napari layer arguments that place an array.

    Args:
        affine: World mm from array indices, both in (z, y, x) order.
        shape: The array's shape.

    Returns:
        `scale` and `translate` where the axes are parallel to the world's (within `STRAIGHT_MM`
        at the farthest voxel), else `affine`.
    """
    scale = np.diag(affine)[:3]
    bent = np.abs(affine[:3, :3] - np.diag(scale)) @ np.array(shape)
    if bent.max() < STRAIGHT_MM:
        return {"scale": scale.copy(), "translate": affine[:3, 3].copy()}
    return {"affine": affine}


@lru_cache(maxsize=32)
def millimeters(unit: pint.Unit) -> float | None:
    """Return how long a unit is.

    Args:
        unit: A napari layer's unit of one axis.

    Returns:
        Its length in mm, or None if it is no unit of length, as napari's default `pixel`.

    Examples:
        >>> millimeters(pint.Unit("um"))
        0.001
    """
    try:
        return float((1 * unit).to("mm").magnitude)
    except pint.DimensionalityError:
        return None
