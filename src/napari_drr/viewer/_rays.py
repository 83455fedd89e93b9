"""The linked ray and the linked point in the CT, for its slices to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_drr.viewer._carm import Box, Point, Segment
from napari_drr.viewer._kept import placed_on
from napari_drr.viewer._point_layers import (
    LARGE_MM,
    LINK,
    RIM,
    add_on_top,
    colored,
    shape_of,
    write_points,
)

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Points

RAY = "DRR ray"

# Dots grow with the zoom, up to the size that the point always has on the screen.
DOT_MM, POINT_PIXELS = 5.0, 15


def add_ray(viewer: ViewerModel, ct: Image) -> Points:
    """Add a hidden ray and a hidden point, to be written by `write_ray`.

    Args:
        viewer: The viewer itself, no proxy.
        ct: The CT's layer.
    """
    count, place = n_dots(ct), placed_on(ct)
    return add_on_top(
        viewer,
        np.zeros((count + 1, 3)),
        name=RAY,
        symbol=["disc"] * count + ["cross"],
        size=np.array([DOT_MM] * count + [LARGE_MM]) / place["scale"][2],
        canvas_size_limits=(1, POINT_PIXELS),
        units=ct.units,
        axis_labels=ct.axis_labels,
        **place,
    )


def n_dots(ct: Image) -> int:
    """Return how many dots a ray has: a voxel apart or less, so that no slice is without one."""
    return max(shape_of(ct)) + 1


def write_ray(layer: Points, box: Box, line: Segment | None, marker: Point | None) -> None:
    """Place dots along the ray, and the point.

    Args:
        layer: From `add_ray`.
        box: The CT's grid, indices in the order (x, y, z).
        line: The ray's part in the CT, world mm.
        marker: The point, world mm.
    """
    last = np.array(box.shape) - 1.0
    points, is_shown = layer.data[:, ::-1].copy(), np.zeros(len(layer.data), dtype=bool)
    if line is not None:
        start, end = box.voxels(line)
        points[:-1] = start + np.linspace(0, 1, len(points) - 1)[:, None] * (end - start)
        is_shown[:-1] = True
    if marker is not None:
        points[-1] = box.voxels(marker)
        is_shown[-1] = np.all((points[-1] > -0.5) & (points[-1] < last + 0.5))
    # Within the first and the last voxel's center: the layer makes none of napari's sliders longer.
    places = np.clip(points, 0, last)[:, ::-1]
    rims = colored(is_shown, RIM)
    rims[:-1] = colored(is_shown[:-1], LINK)
    write_points(layer, places, colored(is_shown, LINK), rims)
