"""Coarse copies of a CT, for previews."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.recipe._ct import world_affine

if TYPE_CHECKING:
    from torchio import Subject

# Voxels per axis that a preview of some hundred pixels can tell apart. A chest CT of 512 x 512 x
# 133 voxels becomes 85 x 85 x 133. Twice as many leave time for half the pixels only, which shows
# less.
VOXELS = 80


def coarse(subject: Subject, **attenuation: Any) -> Subject | None:
    """Return a subject of larger voxels, each the mean of those it covers.

    Args:
        subject: What `read` returned, in world coordinates or not.
        **attenuation: How HU become attenuation, as for `make_subject`.

    Returns:
        A subject in world coordinates; labels are those in the middle of the larger voxels. None
        where the voxels are few already.
    """
    import torch
    from torchio import LabelMap, ScalarImage

    from napari_drr.volume.subject import make_subject

    shape = subject["volume"].spatial_shape
    factors = [max(1, size // VOXELS) for size in shape]
    if max(factors) == 1:
        return None
    # From indices of large voxels to those of small ones: the middle of the first is (f - 1) / 2.
    affine = world_affine(subject)
    small_from_large = np.diag([*factors, 1.0])
    small_from_large[:3, 3] = (np.array(factors) - 1) / 2
    placed = affine @ small_from_large
    pooled = torch.from_numpy(joined(subject["volume"].data[0].numpy(), factors))[None]
    volume = ScalarImage(tensor=pooled, affine=placed)
    labels = None
    if subject.get("mask") is not None:
        first, second, third = (slice((f - 1) // 2, None, f) for f in factors)
        x, y, z = pooled.shape[1:]
        picked = subject["mask"].data[:, first, second, third][:, :x, :y, :z]
        labels = LabelMap(tensor=picked.contiguous(), affine=placed)
    return make_subject(
        volume, labels, structures=subject.get("structures"), center_volume=False, **attenuation
    )


def joined(
    values: Float[NDArray[np.float32], "x y z"], factors: Sequence[int]
) -> Float[NDArray[np.float32], "a b c"]:
    """Return the means of boxes of voxels.

    What does not fill a box any more is left out: air at the border, at most.

    Args:
        values: A volume.
        factors: How many voxels a box has along each axis.

    Returns:
        A volume of fewer voxels, whose axes lie in memory in the same order.
    """
    # Along the axis that lies farthest apart first: whole rows are added, which takes a tenth of
    # what torch's pooling takes.
    for axis in np.argsort(np.negative(np.abs(values.strides))):
        count = factors[axis]
        if count > 1:
            ends = values.shape[axis] // count * count
            every = [
                values[(slice(None),) * axis + (slice(first, ends, count),)]
                for first in range(count)
            ]
            total = every[0].astype(np.float32, order="K")
            for part in every[1:]:
                total += part
            values = total / np.float32(count)
    return values


def enlarged(
    image: Float[NDArray[np.float32], "h w"], shape: tuple[int, int]
) -> Float[NDArray[np.float32], "height width"]:
    """Return an image of more pixels that covers the same detector, linear between the few.

    Args:
        image: Few pixels.
        shape: Rows and columns wanted.
    """
    # Two gathers and no matrix product, whose threads would stand in the kernels' way.
    for axis, (few, many) in enumerate(zip(image.shape, shape, strict=True)):
        below, above, share = _neighbors(few, many)
        share = share[:, None] if axis == 0 else share
        image = image.take(below, axis) * (1 - share) + image.take(above, axis) * share
    return image


@lru_cache(maxsize=16)
def _neighbors(
    few: int, many: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return, for each of many pixels along a line, its two of few, and the second one's share."""
    # Centers of pixels lie at +0.5.
    at = np.clip((np.arange(many) + 0.5) * few / many - 0.5, 0, few - 1)
    below = np.minimum(at.astype(np.intp), max(few - 2, 0))
    return below, np.minimum(below + 1, few - 1), (at - below).astype(np.float32)
