"""The voxel grid of an image: where it lies, and labels brought from one grid to another."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float64, Integer
from scipy import ndimage
from torch import Tensor

Affine = Float64[np.ndarray, "4 4"]

# Axes that drift apart by less than this share of a voxel over the whole grid are parallel: file
# formats with float32 headers keep an affine no better.
_PARALLEL_VOXELS = 1e-2


def grid_center(affine: Affine, shape: Sequence[int]) -> Float64[np.ndarray, "3"]:
    """Return the midpoint of the first and the last voxel's centers in world mm.

    >>> grid_center(np.diag([2.0, 2.0, 2.0, 1.0]), (3, 5, 2))
    array([2., 4., 1.])
    """
    last = np.asarray(shape, dtype=np.float64) - 1.0
    center: np.ndarray = affine[:3, :3] @ (last / 2.0) + affine[:3, 3]
    return center


def grid_extent(affine: Affine, shape: tuple[int, ...]) -> Float64[np.ndarray, "2 3"]:
    """Return the lowest and highest world coordinates (mm) of the grid, outer faces included."""
    corners = _corners(shape) @ affine[:3, :3].T + affine[:3, 3]
    return np.stack([corners.min(axis=0), corners.max(axis=0)])


def labels_on_grid(
    labels: Integer[Tensor, "x y z"],
    labels_affine: Affine,
    affine: Affine,
    shape: tuple[int, int, int],
) -> Integer[Tensor, "x y z"]:
    """Bring a label map to another grid by world coordinates.

    Each voxel takes the label of the voxel that owns its center, [i - 1/2, i + 1/2) along each
    axis; outside the label map it is 0. Between grids that differ by flips, exchanged axes or
    whole-voxel shifts only, nothing is lost.

    Args:
        labels: the label map on its own grid.
        labels_affine: world mm from that grid's voxels.
        affine: world mm from the voxels of the grid wanted.
        shape: of the grid wanted.

    Returns:
        The labels on that grid, dtype kept.

    Raises:
        ValueError: if the two grids do not overlap, naming where each lies.

    >>> line = torch.tensor([1, 2, 3]).reshape(3, 1, 1)
    >>> flipped = np.array([[-1.0, 0, 0, 2], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    >>> labels_on_grid(line, flipped, np.eye(4), (3, 1, 1)).flatten()
    tensor([3, 2, 1])
    """
    _check_overlap(labels, labels_affine, affine, shape)
    label_from_voxel = np.linalg.inv(labels_affine) @ affine
    main = np.abs(label_from_voxel[:3, :3]).argmax(axis=1)
    aligned = label_from_voxel.copy()
    aligned[:3, :3] = 0.0
    aligned[range(3), main] = label_from_voxel[range(3), main]
    drift = _corners(shape) @ (label_from_voxel - aligned)[:3, :3].T
    if len(set(main)) == 3 and np.abs(drift).max() < _PARALLEL_VOXELS:
        return torch.from_numpy(_lookup_by_axis(labels.numpy(), aligned, main, shape))
    resampled = ndimage.affine_transform(
        labels.numpy(),
        label_from_voxel[:3, :3],
        label_from_voxel[:3, 3],
        output_shape=shape,
        order=0,
        mode="grid-constant",  # "constant" would drop the outer half of each border voxel
        cval=0,
        prefilter=False,
    )
    return torch.from_numpy(resampled)


def _lookup_by_axis(
    labels: np.ndarray, label_from_voxel: Affine, main: np.ndarray, shape: tuple[int, int, int]
) -> np.ndarray:
    """Look labels up where each of their axes runs along one axis of the grid, `main`."""
    sources, targets = [], []
    for axis, along in enumerate(main):
        position = label_from_voxel[axis, along] * np.arange(shape[along])
        # Rounded first: on one grid that is known by float32 headers, ties are no ties.
        nearest = np.floor(np.round(position + label_from_voxel[axis, 3], 4) + 0.5).astype(int)
        inside = np.flatnonzero((nearest >= 0) & (nearest < labels.shape[axis]))
        targets.append(inside)
        sources.append(nearest[inside])
    order: Literal["F", "C"] = "F" if labels.flags.f_contiguous else "C"
    found = np.zeros([shape[along] for along in main], dtype=labels.dtype, order=order)
    found[_box(targets)] = labels[_box(sources)]
    return found.transpose(np.argsort(main))


def _box(indices: Sequence[np.ndarray]) -> tuple[slice, ...] | tuple[np.ndarray, ...]:
    """Return the index of a box of voxels: slices, many times faster, where steps are even."""
    slices = []
    for index in indices:
        steps = np.diff(index)
        if not len(index) or (len(steps) and (steps[0] == 0 or (steps != steps[0]).any())):
            return np.ix_(*indices)
        step = int(steps[0]) if len(steps) else 1
        stop = int(index[-1]) + step
        slices.append(slice(int(index[0]), None if stop < 0 else stop, step))
    return tuple(slices)


def _check_overlap(
    labels: Tensor, labels_affine: Affine, affine: Affine, shape: tuple[int, int, int]
) -> None:
    """Raise if no part of the label map lies on the grid."""
    ours, theirs = grid_extent(affine, shape), grid_extent(labels_affine, tuple(labels.shape))
    if np.all(theirs[0] < ours[1]) and np.all(ours[0] < theirs[1]):
        return
    raise ValueError(
        f"`labelmap` and `volume` do not overlap: the labels span {_span(theirs)}, the CT "
        f"{_span(ours)} (world mm, RAS). Give the label map made from this CT; if x and y differ "
        "in sign only, one of the two affines is LPS and must be turned to RAS."
    )


def _corners(shape: tuple[int, ...]) -> Float64[np.ndarray, "8 3"]:
    """Return the corners of the grid's box in voxels, half a voxel beyond the outer centers."""
    ends = [(-0.5, size - 0.5) for size in shape]
    return np.array(np.meshgrid(*ends, indexing="ij"), dtype=np.float64).reshape(3, -1).T


def _span(extent: Float64[np.ndarray, "2 3"]) -> str:
    return ", ".join(
        f"{axis} {low:.1f} to {high:.1f}" for axis, low, high in zip("xyz", *extent, strict=True)
    )
