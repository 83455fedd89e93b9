"""Volumes whose axes run askew to the world's, brought to a grid that is straight."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_drr.viewer._carm import Box
from napari_drr.viewer._frames import REVERSE, STRAIGHT_MM, Affine, AxisOrder
from napari_drr.viewer._grids import LayerGrid


def straight_grid(grid: LayerGrid) -> LayerGrid:
    """Return the grid along the world's axes that holds all of another.

    Args:
        grid: Of any orientation.

    Returns:
        Its voxels are as large as the other's along the axes that run most nearly alike.

    Raises:
        ValueError: If the other's affine is singular.
    """
    order = AxisOrder.nearest(grid.affine)
    spacing = np.linalg.norm(grid.affine[:3, :3], axis=0)[list(order.axes)]
    corners = Box(grid.affine, grid.shape).corners
    low, high = corners.min(axis=0), corners.max(axis=0)
    # 1e-6: a grid that is straight already gains no voxel by rounding.
    x, y, z = (int(size) for size in np.ceil((high - low) / spacing - 1e-6))
    affine: Affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = low + spacing / 2
    return LayerGrid(affine, (x, y, z))


def resampled(
    voxels: NDArray[Any], grid: LayerGrid, target: LayerGrid, *, outside: float, nearest: bool
) -> NDArray[Any]:
    """Bring a volume to another grid by world coordinates.

    Where the grids differ by the order and the direction of their axes only, nothing is computed.

    Args:
        voxels: Values (z, y, x).
        grid: Where they lie.
        target: Where they are wanted.
        outside: What lies outside of them.
        nearest: Take the nearest voxel's value, as labels need it, rather than interpolate.

    Returns:
        Values (z, y, x) on `target`.

    Raises:
        MemoryError: If the result does not fit into memory.
    """
    order = AxisOrder.nearest(grid.affine)
    view, affine = order.apply(voxels.transpose(2, 1, 0), grid.affine)
    if view.shape == target.shape and np.abs(affine - target.affine).max() < STRAIGHT_MM:
        return view.transpose(2, 1, 0)
    return _interpolated(voxels, grid, target, outside, nearest)


def _interpolated(
    voxels: NDArray[Any], grid: LayerGrid, target: LayerGrid, outside: float, nearest: bool
) -> NDArray[Any]:
    import SimpleITK

    from napari_drr.io.files import check_memory

    check_memory(target.shape, voxels.dtype.itemsize)
    image = SimpleITK.GetImageFromArray(_for_itk(voxels))
    # In indices throughout: ITK's own geometry knows no shear, which a tilted gantry makes.
    index_from_target = np.linalg.inv(grid.affine) @ target.affine
    transform = SimpleITK.AffineTransform(3)
    transform.SetMatrix(index_from_target[:3, :3].ravel().tolist())
    transform.SetTranslation(index_from_target[:3, 3].tolist())
    found = SimpleITK.Resample(
        image,
        list(target.shape),
        transform,
        SimpleITK.sitkNearestNeighbor if nearest else SimpleITK.sitkLinear,
        [0.0] * 3,
        [1.0] * 3,
        np.eye(3).ravel().tolist(),
        outside,
    )
    values: NDArray[Any] = SimpleITK.GetArrayFromImage(found)
    return values


def layer_affine(grid: LayerGrid) -> Affine:
    """Return a grid's affine for a layer: world (z, y, x) from indices (z, y, x)."""
    affine: Affine = REVERSE @ grid.affine @ REVERSE
    return affine


def _for_itk(voxels: NDArray[Any]) -> NDArray[Any]:
    """Return values of a type that ITK computes with."""
    native = voxels.dtype.newbyteorder("=")
    wider = {"bool": np.uint8, "float16": np.float32, "longdouble": np.float64}
    return np.ascontiguousarray(voxels, dtype=wider.get(native.name, native))
