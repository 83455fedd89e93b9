"""Where along a ray the densest tissue is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.viewer._carm import Box, Segment, Vector
from napari_drr.viewer._frames import Affine
from napari_drr.viewer._scan import AIR_HU

if TYPE_CHECKING:
    from torch import Tensor

    from napari_drr.recipe import Structure
    from napari_drr.viewer._requests import Inputs

# Two samples to a voxel; a ray through a very fine CT takes longer steps.
PER_VOXEL, MOST_SAMPLES = 2, 4096


def densest_point(inputs: Inputs, structures: Sequence[Structure], segment: Segment) -> Vector:
    """Return the densest point of a ray, in what the radiograph shows.

    Args:
        inputs: CT and labels.
        structures: The labels' weights and which are visible.
        segment: The ray's part within the CT, world mm.

    Returns:
        The point in world mm; the first where several are as dense.
    """
    points = _samples(segment, inputs.affine)
    density = _voxels(inputs.hounsfield, inputs.affine, points, AIR_HU) - AIR_HU
    density = np.maximum(np.nan_to_num(density), 0.0)
    if inputs.labels is not None and structures:
        density *= _weights(inputs.labels, structures, points)
    densest: Vector = points[int(density.argmax())]
    return densest


def _samples(segment: Segment, affine: Affine) -> Float[NDArray[np.float64], "n 3"]:
    step = np.linalg.norm(affine[:3, :3], axis=0).min() / PER_VOXEL
    count = int(np.clip(np.ceil(np.linalg.norm(segment[1] - segment[0]) / step), 1, MOST_SAMPLES))
    shares = (np.arange(count) + 0.5) / count
    points: NDArray[np.float64] = segment[0] + shares[:, None] * (segment[1] - segment[0])
    return points


def _weights(
    labels: tuple[Tensor, Affine], structures: Sequence[Structure], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the weights of the structures at points; what has no label counts in full."""
    found = _voxels(*labels, points, 0).astype(np.int64)
    weights = {s.id: s.weight if s.visible else 0.0 for s in structures}
    return np.array([weights.get(label, 1.0) for label in found.tolist()])


def _voxels(
    voxels: Tensor, affine: Affine, points: NDArray[np.float64], outside: float
) -> NDArray[np.float64]:
    """Return the values of the voxels that own points.

    Not interpolated: beside a dense structure that is hidden, a mixed value would still be dense.
    """
    values = voxels.numpy()
    index = np.rint(Box(affine, values.shape).voxels(points)).astype(np.int64)
    inside = ((index >= 0) & (index < values.shape)).all(axis=1)
    found = np.full(len(points), outside)
    found[inside] = values[tuple(index[inside].T)]
    return found
