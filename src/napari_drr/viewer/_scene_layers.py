"""Layers of the 3-D scene, made for being moved at the speed of a drag.

What napari 0.9's surfaces cost on software OpenGL decides how they are used here: new vertices make
vispy compile the shaders anew (20 ms of the next frame), a transform or a texture does not. And
napari's setters compute the extents of all layers; written in place, nothing is, so extents go
stale, and nothing here relies on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.viewer._frames import REVERSE, Affine
from napari_drr.viewer._meshes import Color, Mesh

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer, Points, Surface

PLACE: dict[str, Any] = {"units": ("mm", "mm", "mm"), "axis_labels": ("z", "y", "x")}

# Rows of white above the picture in a texture: napari multiplies a surface's colors by its texture,
# and what is no picture shall keep its own.
WHITE_ROWS = 2

# A dot is never less than this on the screen, nor more; its border takes as much again.
PIXELS = (1.2, 24)

Gray = Float[NDArray[np.float32], "height width"]
Coordinates = Float[NDArray[np.float32], "n 2"]


def add_mesh(viewer: ViewerModel, name: str, *, with_picture: bool = False) -> Surface:
    """Add a hidden surface, to be written by `write_mesh`.

    Args:
        viewer: The scene's viewer.
        name: The layer's name.
        with_picture: Whether a part of it is to be a picture (`write_picture`).
    """
    texture: dict[str, Any] = {}
    if with_picture:
        texture = {"texture": textured(np.zeros((1, 1))), "texcoords": white_coordinates(3)}
    layer: Surface = viewer.add_surface(
        (np.zeros((3, 3), np.float32), np.array([[0, 1, 2]])),
        vertex_colors=np.zeros((3, 4), np.float32),
        contrast_limits=(0, 1),
        name=name,
        shading="none",
        visible=False,
        **texture,
        **PLACE,
    )
    return layer


def write_mesh(layer: Surface, mesh: Mesh, coordinates: Coordinates | None = None) -> None:
    """Show a mesh, where it says.

    Args:
        layer: From `add_mesh`.
        mesh: World mm, (x, y, z).
        coordinates: Where each vertex is in the texture; None where there is none.
    """
    # Hidden, so that napari draws none of the states between.
    layer.visible = False
    layer.vertex_colors = None
    layer.data = (mesh.vertices[:, ::-1].astype(np.float32), mesh.faces)
    if coordinates is not None:
        layer.texcoords = coordinates
    layer.vertex_colors = mesh.colors
    move(layer, np.eye(4))
    layer.visible = True


def move(layer: Layer, world_from_written: Affine) -> None:
    """Move a layer.

    Args:
        layer: The layer.
        world_from_written: World mm from where it was written, both (x, y, z).
    """
    layer.affine.affine_matrix = REVERSE @ world_from_written @ REVERSE
    layer.events.affine()


def textured(gray: Float[NDArray[np.floating[Any]], "height width"]) -> Gray:
    """Return the texture of a picture: white rows, then the picture, 0 to 1."""
    white = np.ones((WHITE_ROWS, gray.shape[1]))
    return np.concatenate([white, gray]).astype(np.float32)


def picture_coordinates(height: int) -> Coordinates:
    """Return where a picture's corners are in its texture: top left, and around.

    Args:
        height: The picture's rows.
    """
    # Textures are measured upwards, from below.
    top = height / (height + WHITE_ROWS)
    return np.array([[0, top], [1, top], [1, 0], [0, 0]], dtype=np.float32)


def white_coordinates(count: int) -> Coordinates:
    """Return where a texture is white, in whose topmost row, as often as asked for."""
    return np.tile(np.array([0.5, 1.0], dtype=np.float32), (count, 1))


def write_picture(layer: Surface, texture: Gray) -> None:
    """Change the picture to one of the same shape.

    Args:
        layer: From `add_mesh`, with a picture.
        texture: From `textured`.
    """
    np.copyto(layer.texture, texture)
    layer.events.texture(value=layer.texture)


def add_dots(viewer: ViewerModel, name: str, sizes: NDArray[np.float64], color: Color) -> Points:
    """Add hidden dots that are seen through what is before them, to be written by `write_dots`.

    Args:
        viewer: The scene's viewer.
        name: The layer's name.
        sizes: Diameters in mm.
        color: Of all of them.
    """
    layer: Points = viewer.add_points(
        np.zeros((len(sizes), 3)),
        name=name,
        size=sizes,
        face_color=[color],
        border_color=[color],
        border_width=0,
        canvas_size_limits=PIXELS,
        blending="translucent_no_depth",
        visible=False,
        **PLACE,
    )
    return layer


def write_dots(layer: Points, points: Float[NDArray[np.float64], "n 3"]) -> None:
    """Move the dots and show them.

    Args:
        layer: From `add_dots`.
        points: As many, world mm (x, y, z); NaN shows none.
    """
    np.copyto(layer.data, points[:, ::-1])
    show(layer, True)
    layer.refresh(extent=False, thumbnail=False, highlight=False)


def show(layer: Layer, visible: bool) -> None:
    """Show or hide a layer, if it is not so already."""
    if layer.visible != visible:
        layer.visible = visible
