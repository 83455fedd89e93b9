"""Point layers that are written in place, on top of what they explain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from napari_drr.viewer._grids import full_resolution
from napari_drr.viewer._meshes import Color

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Points

ANNOTATION_KEY = "napari-drr-annotation"
"""Marks our layers of letters, marks and rays in `layer.metadata`; they are no radiographs."""

LINK: Color = (0.22, 0.85, 1.0, 1.0)
RIM: Color = (0.02, 0.13, 0.17, 1.0)
HIDDEN: Color = (0.0, 0.0, 0.0, 0.0)

# Marks are made so large that at any usual zoom the upper one of `canvas_size_limits` is their size
# on the screen, and not larger, since napari's Home makes room for them. (At the lower limit napari
# 0.9.2 draws a border half as wide as the mark.)
LARGE_MM = 40.0

Colors = Float[NDArray[np.float64], "n 4"]


def add_on_top(
    viewer: ViewerModel, points: Float[NDArray[np.float64], "n d"], *, name: str, **how: Any
) -> Points:
    """Add hidden points on top of all layers, and leave the user's selection as it is.

    Args:
        viewer: The viewer itself, no proxy.
        points: In the layer's own coordinates.
        name: The layer's name.
        **how: Further arguments of the layer.
    """
    selection = viewer.layers.selection
    selected, active = set(selection), selection.active
    layer: Points = viewer.add_points(
        points,
        name=name,
        blending="translucent_no_depth",
        metadata={ANNOTATION_KEY: name},
        **{"face_color": "transparent", "border_color": "transparent", "border_width": 0.1, **how},
    )
    layer.editable = False
    selection.clear()
    selection.update(selected)
    selection.active = active
    return layer


def write_points(layer: Points, points: NDArray[np.float64], faces: Colors, rims: Colors) -> None:
    """Write points in place, and their colors, where they changed.

    Args:
        layer: From `add_on_top`.
        points: As many as it has.
        faces: Their colors.
        rims: Their borders' colors.
    """
    if not np.allclose(faces, layer.face_color):
        layer.face_color = faces
        layer.border_color = rims
    if not np.array_equal(points, layer.data):
        np.copyto(layer.data, points)
        layer.refresh(extent=False, thumbnail=False, highlight=False)


def colored(is_shown: Bool[NDArray[np.bool_], " n"], color: Color) -> Colors:
    """Return each point's color: one that is not shown has none."""
    return np.where(is_shown[:, None], color, HIDDEN)


def shape_of(layer: Image) -> tuple[int, ...]:
    """Return the shape of a layer's array, of a multiscale one at full resolution."""
    return tuple(full_resolution(layer).shape)
