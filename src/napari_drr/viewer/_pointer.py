"""What lies under the mouse: a part of `layers`, which alone touches a viewer's layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.viewer._frames import RAS_FROM_LPS, millimeters
from napari_drr.viewer._grids import full_resolution
from napari_drr.viewer._screen import Screen

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_drr.viewer.layers import Frame

Point = tuple[float, float, float]
"""World RAS (x, y, z), mm."""

ImageFromScreen = Float[NDArray[np.float64], "2 3"]
"""Shares of an image's width and height, from (vertical, horizontal, 1) of the screen's axes."""


def screen_point(viewer: ViewerModel, position: Sequence[float]) -> NDArray[np.float64]:
    """Return a position as (vertical, horizontal, 1) of the screen's axes.

    Args:
        viewer: Shows slices.
        position: Of a mouse event or of the cursor, in the viewer's dimensions and units.
    """
    vertical, horizontal = viewer.dims.order[-2:]
    return np.array([position[vertical], position[horizontal], 1.0])


def image_from_screen(viewer: ViewerModel, layer: Layer) -> ImageFromScreen:
    """Return where screen points lie on a 2-D image, whatever places it.

    napari takes the axes of a 2-D layer for the viewer's last two; in a coronal or sagittal view
    the position of the mouse is not along those, and `layer.world_to_data` alone would miss.

    Args:
        viewer: Shows the layer.
        layer: A 2-D image or labels layer, any pixels' number.
    """
    axes = Screen.of(viewer).axes(2)
    unit = _scene_units(viewer, layer)
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])  # vertical, horizontal
    world = np.empty((3, 2))
    world[:, axes] = corners / unit[list(axes)]
    # Outer corners of the image are at 0 and 1.
    pixels = np.array([layer.world_to_data(point) for point in world]) + 0.5
    share = (pixels / layer.data.shape)[:, ::-1]
    return np.column_stack([share[1] - share[0], share[2] - share[0], share[0]])


def is_at(viewer: ViewerModel, layer: Layer, viewbox: tuple[int, int] | None) -> bool:
    """Tell whether a layer is shown in the part of the canvas that the mouse is in.

    Args:
        viewer: The viewer.
        layer: A layer in it.
        viewbox: Row and column in napari's grid; all layers share one where the grid is off.
    """
    grid, layers = viewer.canvas.grid, viewer.layers
    if not layer.visible:
        return False
    return not grid.enabled or grid.position(layers.index(layer), layers) == viewbox


def share_at(
    viewer: ViewerModel, layer: Layer | None, position: Sequence[float], viewbox: Any = None
) -> tuple[float, float] | None:
    """Return which point of a 2-D image is under the mouse.

    Args:
        viewer: The viewer.
        layer: An image or labels layer in it, or None.
        position: Of the mouse, in the viewer's dimensions and units.
        viewbox: Where the mouse is in napari's grid.

    Returns:
        Shares of width and height from the top left corner, 0 to 1; None beside the image, where it
        is not shown, and in 3-D.
    """
    if layer is None or viewer.dims.ndisplay != 2 or len(position) != viewer.dims.ndim:
        return None
    if not is_at(viewer, layer, viewbox):
        return None
    across, down = image_from_screen(viewer, layer) @ screen_point(viewer, position)
    # The last pixel does not own its far edge.
    return (float(across), float(down)) if 0 <= across < 1 and 0 <= down < 1 else None


def value_at(layer: Any, share: tuple[float, float]) -> float:
    """Return an image's or a labels layer's pixel at shares of its width and height."""
    values = layer.data
    height, width = values.shape
    return float(values[int(share[1] * height), int(share[0] * width)])


def point_at(
    viewer: ViewerModel,
    volume: Image | None,
    position: Sequence[float],
    frame: Frame,
    viewbox: Any = None,
) -> Point | None:
    """Return which point of a slice is under the mouse.

    Args:
        viewer: The viewer.
        volume: The CT's layer, shown or not, or None.
        position: Of the mouse, in the viewer's dimensions and units.
        frame: The layer's world axes.
        viewbox: Where the mouse is in napari's grid.

    Returns:
        World RAS mm; None outside the volume and in 3-D.
    """
    if volume is None or viewer.dims.ndisplay != 2 or len(position) != viewer.dims.ndim:
        return None
    if viewer.canvas.grid.enabled and not is_at(viewer, volume, viewbox):
        return None
    world = np.asarray(position, dtype=np.float64)[-3:] / _scene_units(viewer, volume)
    index = np.asarray(volume.world_to_data(world))
    shape = np.array(full_resolution(volume).shape)
    if not ((index >= -0.5) & (index < shape - 0.5)).all():
        return None
    x, y, z = ((world * _lengths(volume))[::-1] * _signs(frame)).tolist()
    return (x, y, z)


def go_to(viewer: ViewerModel, volume: Image, point: Sequence[float], frame: Frame) -> None:
    """Show the slices through a point.

    Args:
        viewer: The viewer.
        volume: The CT's layer.
        point: World RAS (x, y, z), mm.
        frame: The layer's world axes.
    """
    world = (np.asarray(point, dtype=np.float64) * _signs(frame))[::-1] / _lengths(volume)
    scene = world * _scene_units(viewer, volume)
    viewer.dims.point = (*viewer.dims.point[:-3], *scene.tolist())


def active_layer(viewer: ViewerModel) -> Any:
    """Return the layer that napari sends mouse and keys to, or None."""
    return viewer.layers.selection.active


def is_busy(viewer: ViewerModel) -> bool:
    """Tell whether the mouse is a tool of a layer's own, such as a brush."""
    active = active_layer(viewer)
    return active is not None and str(active.mode) != "pan_zoom"


@contextmanager
def no_layer_mode(viewer: ViewerModel) -> Iterator[None]:
    """Keep the mouse from the active layer's own tool, such as a brush, for as long as it lasts."""
    active = active_layer(viewer)
    mode = None if active is None else str(active.mode)
    if mode in (None, "pan_zoom"):
        yield
        return
    active.mode = "pan_zoom"
    try:
        yield
    finally:
        active.mode = mode


@contextmanager
def key_held(viewer: ViewerModel, key: str, function: Callable[[Any], None]) -> Iterator[None]:
    """Bind a key to a function for as long as it lasts, before what the active layer binds it to.

    Args:
        viewer: The viewer.
        key: Such as `"Escape"`.
        function: Called with the viewer or a layer.
    """
    providers = [found for found in (active_layer(viewer), viewer) if found is not None]
    before = [provider.bind_key(key, function, overwrite=True) for provider in providers]
    try:
        yield
    finally:
        for provider, old in zip(providers, before, strict=True):
            provider.bind_key(key, old, overwrite=True)


def set_cursor(viewer: ViewerModel, style: str | None) -> None:
    """Give the mouse pointer a shape; None gives back what the active layer asks for."""
    active = active_layer(viewer)
    wanted = style or ("standard" if active is None else active.cursor)
    # Layers have shapes that the viewer's cursor does not know.
    with suppress(ValueError):
        viewer.cursor.style = wanted


def _scene_units(viewer: ViewerModel, layer: Layer) -> NDArray[np.float64]:
    """Return how many units of the viewer one unit of each of the layer's world axes is."""
    shown = viewer.layers.units
    if shown is None or tuple(shown[-layer.ndim :]) == tuple(layer.units):
        # napari heeds no units where those of its layers don't go together.
        return np.ones(layer.ndim)
    pairs = zip(layer.units, shown[-layer.ndim :], strict=True)
    return np.array([(millimeters(own) or 1) / (millimeters(scene) or 1) for own, scene in pairs])


def _lengths(layer: Layer) -> NDArray[np.float64]:
    """Return how many mm one unit of each world axis is; numbers without a unit are taken as mm."""
    return np.array([millimeters(unit) or 1.0 for unit in layer.units])


def _signs(frame: Frame) -> NDArray[np.float64]:
    signs: NDArray[np.float64] = np.diag(RAS_FROM_LPS)[:3] if frame == "LPS" else np.ones(3)
    return signs
