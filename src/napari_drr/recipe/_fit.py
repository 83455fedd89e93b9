"""How large pixels must be for a box to be on the detector."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_drr.recipe._parts import DetectorSettings
    from napari_drr.recipe._recipe import Recipe

MARGIN = 0.02
"""Share of the detector's width and height that stays free on each side."""

# A corner less than this share of the source-to-detector distance before the source is level with
# it: rounding decides on which side it is.
_LEVEL = 1e-9


def fitted(recipe: Recipe, box_iso: Float[ArrayLike, "n 3"]) -> DetectorSettings:
    """Choose the pixel spacing with which a box just fits on the detector.

    Pixels keep their aspect, the picture its center: with (u, v) where the corners are projected,
    in mm from the middle of a detector of width w and height h, both spacings are multiplied by
    `max(|u| / (w / 2), |v| / (h / 2)) / (1 - 2 MARGIN)`.

    Args:
        recipe: Pose, orientation and detector.
        box_iso: Corners of the box, such as those of the CT, in iso mm (the origin is the
            isocenter). Any other points will do, too.

    Returns:
        The recipe's detector with other pixel spacings.

    Raises:
        ValueError: If a corner is level with the source or behind it, or all are projected to the
            detector's middle.

    Examples:
        >>> from napari_drr.recipe import DetectorSettings, Recipe
        >>> sphere = 85 * np.concatenate([np.eye(3), -np.eye(3)])
        >>> recipe = Recipe(detector=DetectorSettings(source_to_detector=1020.0))
        >>> round(fitted(recipe, sphere).pixel_spacing_x, 4)
        1.0625
    """
    corners = np.asarray(box_iso, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[1] != 3 or not np.isfinite(corners).all():
        raise ValueError(
            f"`box_iso` must be finite corners of the shape (8, 3), got {corners.shape}."
        )
    settings = recipe.detector
    half = np.array([settings.width, settings.height]) / 2.0
    factor = float((np.abs(_offsets(recipe, corners)) / half).max(initial=0.0)) / (1 - 2 * MARGIN)
    if factor == 0.0:
        raise ValueError("`box_iso` has no extent: all of it is projected to one point.")
    return replace(
        settings,
        pixel_spacing_x=settings.pixel_spacing_x * factor,
        pixel_spacing_y=settings.pixel_spacing_y * factor,
    )


def _offsets(
    recipe: Recipe, corners: Float[NDArray[np.float64], "n 3"]
) -> Float[NDArray[np.float64], "n 2"]:
    """Return where corners are projected: columns and rows from the picture's center."""
    plane = recipe.detector.detector(recipe.orientation).plane(recipe.pose.rigid_transform())
    source, to_center, column_step, row_step = (vector[0].numpy() for vector in plane)
    # corner - source = depth (to_center + u column_step + v row_step)
    axes = np.stack([to_center, column_step, row_step], axis=1)
    depth, *steps = np.linalg.solve(axes, (corners - source).T)
    if (depth <= _LEVEL).any():
        raise ValueError(
            f"{(depth <= _LEVEL).sum()} of {len(depth)} corners of the CT are level with the "
            "source or behind it, and are projected nowhere: move the source further from the "
            "isocenter (the pose's y in AP and PA views), or take a named view."
        )
    offsets: NDArray[np.float64] = np.stack(steps, axis=1) / depth[:, None]
    return offsets
