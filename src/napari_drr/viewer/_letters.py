"""What is written on the radiograph: the patient's sides, and where what is linked lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_drr.recipe import Recipe
from napari_drr.viewer._kept import placed_on
from napari_drr.viewer._meshes import Color
from napari_drr.viewer._point_layers import (
    LARGE_MM,
    LINK,
    RIM,
    add_on_top,
    colored,
    shape_of,
    write_points,
)
from napari_drr.viewer._sides import Sides

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Points

Pixel = tuple[float, float]
"""A pixel point (column, row) of the full detector."""

LETTERS, MARKS = "DRR letters", "DRR marks"

# Letters are read on black, on white and on bone alike: each on a dark disc of its own.
LETTER = "#ffc247"
DISC: Color = (0.03, 0.05, 0.08, 0.55)

# Letters stand inside the image by this share of its shorter side.
INSET = 0.06

# Sizes on the screen, whatever the zoom: points for text, pixels for the others.
TEXT_SIZE, DISC_PIXELS, MARK_PIXELS = 12, 30, 17


def disc(pixels: float, color: Color) -> dict[str, Any]:
    """Return the arguments of points that are discs of one size on the screen, whatever the zoom.

    Args:
        pixels: Their diameter.
        color: Their color.
    """
    # At the lower limit napari 0.9.2 draws a border half as wide as the limit, half of it outside.
    limit = pixels / 1.5
    return {
        "size": 1,
        "canvas_size_limits": (limit, limit),
        "face_color": [color],
        "border_color": [color],
        "border_width": 0,
    }


def add_letters(viewer: ViewerModel, radiograph: Image) -> Points:
    """Add four letters on a radiograph, to be written by `write_letters`."""
    return add_on_top(
        viewer,
        _edges(radiograph),
        name=LETTERS,
        text=_text([""] * 4),
        units=radiograph.units,
        axis_labels=radiograph.axis_labels,
        **disc(DISC_PIXELS, DISC),
        **placed_on(radiograph),
    )


def write_letters(layer: Points, radiograph: Image, letters: Sides) -> None:
    """Change the letters, if they are others, and their places, if the image has other pixels.

    Args:
        layer: From `add_letters`.
        radiograph: The layer that it lies on.
        letters: The patient's sides.
    """
    points = _edges(radiograph)
    if not np.array_equal(points, layer.data):
        layer.data = points
    if list(layer.text.values) != list(letters):
        # Not all of `text`, which takes napari ten times as long.
        layer.text.string = list(letters)


def _edges(radiograph: Image) -> NDArray[np.float64]:
    """Return where letters stand, in the order of `Sides`."""
    height, width = shape_of(radiograph)
    inset = INSET * min(height, width)
    columns = [inset, width - inset, width / 2, width / 2]
    rows = [height / 2, height / 2, inset, height - inset]
    # napari's indices are 0 at the first pixel's center, pixel points 0 at its corner.
    points: NDArray[np.float64] = np.column_stack([rows, columns]) - 0.5
    return points


def _text(texts: list[str]) -> dict[str, Any]:
    return {"string": texts, "size": TEXT_SIZE, "color": LETTER, "anchor": "center"}


def add_marks(viewer: ViewerModel, radiograph: Image) -> Points:
    """Add a cross for the linked point and a ring for the linked ray, hidden."""
    height, width = shape_of(radiograph)
    place = placed_on(radiograph)
    return add_on_top(
        viewer,
        np.tile([(height - 1) / 2, (width - 1) / 2], (2, 1)),
        name=MARKS,
        symbol=["cross", "ring"],
        size=LARGE_MM / place["scale"][1],
        canvas_size_limits=(1, MARK_PIXELS),
        units=radiograph.units,
        axis_labels=radiograph.axis_labels,
        **place,
    )


def write_marks(
    layer: Points, radiograph: Image, recipe: Recipe, marker: Pixel | None, ray: Pixel | None
) -> None:
    """Move the marks; those outside the image are hidden.

    Args:
        layer: From `add_marks`.
        radiograph: The layer that it lies on.
        recipe: What that shows.
        marker: Where the linked point is projected to.
        ray: Where the linked ray ends.
    """
    shape = np.array(shape_of(radiograph))
    # A preview has fewer pixels than the detector.
    per_detector = shape / (recipe.detector.height, recipe.detector.width)
    points, is_shown = layer.data.copy(), np.zeros(2, dtype=bool)
    for index, pixel in enumerate((marker, ray)):
        if pixel is not None:
            place = np.array(pixel)[::-1] * per_detector
            points[index] = np.clip(place - 0.5, 0, shape - 1)
            is_shown[index] = np.all((place >= 0) & (place <= shape))
    write_points(layer, points, colored(is_shown, LINK), colored(is_shown, RIM))
