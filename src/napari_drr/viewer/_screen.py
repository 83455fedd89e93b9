"""Where 2-D layers of ours stand on the screen."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from napari_drr.viewer._frames import millimeters
from napari_drr.viewer._volumes import KEY

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer
    from napari.utils.events import Event

RADIOLOGICAL = ("away", "up", "left")
"""Patient's right on the screen's left, front up, head up; for a world in RAS, order (z, y, x)."""

GAP_MM = 10.0

# The part of the canvas that is filled, as napari's own Home does.
MARGIN = 0.95


def unwrap(proxied: Any) -> Any:
    """Return the object behind napari's proxy, which plugins and the console are given.

    Args:
        proxied: A viewer or a layer, proxied or not.

    Returns:
        The object itself; always the same one, so that it can be compared and referred to weakly.
    """
    return getattr(proxied, "__wrapped__", proxied)


def is_radiological(viewer: ViewerModel) -> bool:
    """Tell whether the viewer shows slices as radiologists read them, and 3-D unmirrored.

    Args:
        viewer: Holds layers in world RAS, order (z, y, x), as ours are.

    Returns:
        Whether its camera's orientation is `RADIOLOGICAL`.
    """
    return tuple(str(way) for way in viewer.scene.camera.orientation) == RADIOLOGICAL


def set_radiological(viewer: ViewerModel) -> Callable[[], None]:
    """Show slices as radiologists read them, and 3-D unmirrored.

    Args:
        viewer: Holds layers in world RAS, order (z, y, x), as ours are.

    Returns:
        A function that takes it back; it does nothing once the viewer is gone.
    """
    camera = unwrap(viewer).scene.camera
    before = camera.orientation
    camera.orientation = RADIOLOGICAL
    held = weakref.ref(camera)

    def restore() -> None:
        if (alive := held()) is not None:
            alive.orientation = before

    return restore


def is_radiograph(layer: Layer) -> bool:
    """Tell whether a layer is a radiograph, or masks of one, that carries its recipe."""
    return bool(layer.ndim == 2 and "detector" in layer.metadata.get(KEY, {}))


@dataclass(frozen=True)
class Screen:
    """How a viewer's canvas shows the axes of layers of any dimension.

    Args:
        order: The viewer's dimensions; the last two run down and across the screen.
        down: Whether coordinates grow downwards (+1) or upwards (-1).
        right: Whether coordinates grow to the right (+1) or to the left (-1).
    """

    order: tuple[int, ...]
    down: int
    right: int

    @classmethod
    def of(cls, viewer: ViewerModel) -> Screen:
        """Read the screen's axes from a viewer."""
        _, vertical, horizontal = (str(way) for way in viewer.scene.camera.orientation)
        order = tuple(int(axis) for axis in viewer.dims.order)
        return cls(order, 1 if vertical == "down" else -1, 1 if horizontal == "right" else -1)

    def axes(self, ndim: int) -> tuple[int, int]:
        """Return the axes of a layer that run vertically and horizontally.

        napari aligns a layer with the viewer's last dimensions and keeps their order, so a 2-D
        layer is always shown as a whole, transposed or not.

        Args:
            ndim: The layer's number of dimensions.

        Returns:
            Its vertical axis, its horizontal axis.
        """
        missing = len(self.order) - ndim
        shown = [axis - missing for axis in self.order if axis >= missing]
        return shown[-2], shown[-1]

    def box(self, layer: Layer) -> NDArray[np.float64]:
        """Return the space that a layer takes, pixels included.

        Args:
            layer: Any layer.

        Returns:
            Rows lower and upper end, columns vertical and horizontal, in mm of the screen's axes.
        """
        axes = list(self.axes(layer.ndim))
        half = np.array([-0.5, 0.5])[:, None] * layer.extent.step[axes]
        # A layer without a unit of length is taken as mm.
        unit = np.array([millimeters(layer.units[axis]) or 1 for axis in axes])
        box: NDArray[np.float64] = (np.asarray(layer.extent.world)[:, axes] + half) * unit
        return box

    def upright(
        self, spacing: NDArray[np.float64], top_left: tuple[float, float]
    ) -> NDArray[np.float64]:
        """Return the affine that shows an image upright: row 0 on top, column 0 on the left.

        Args:
            spacing: Its rows' and columns' distance, mm: the layer's `scale`.
            top_left: Where the outer corner of its first pixel is to be, vertically and
                horizontally, in mm of the screen's axes.

        Returns:
            World (of the 2-D layer) from scaled pixel indices, (3, 3).
        """
        affine = np.zeros((3, 3))
        affine[2, 2] = 1
        ways = (self.down, self.right)
        for axis, pixel_axis in zip(self.axes(2), (0, 1), strict=True):
            way = ways[pixel_axis]
            affine[axis, pixel_axis] = way
            # napari places centers of pixels; the corner is half a pixel off.
            affine[axis, 2] = top_left[pixel_axis] + way * spacing[pixel_axis] / 2
        return affine

    def beside(self, box: NDArray[np.float64], size: NDArray[np.float64]) -> tuple[float, float]:
        """Return where an image stands that is to be right of a box, at the height of its middle.

        Args:
            box: As from `box`.
            size: The image's height and width, mm.

        Returns:
            Its top left corner, vertically and horizontally, in mm of the screen's axes.
        """
        top = box[:, 0].mean() - self.down * size[0] / 2
        right_edge = box[1, 1] if self.right > 0 else box[0, 1]
        return float(top), float(right_edge + self.right * GAP_MM)


class LightBox:
    """Hangs a viewer's 2-D images upright and beside their CT, whatever way its axes turn.

    Viewer and layers are held weakly, and the viewer's events are let go of with the last image.
    Use `LightBox.of`, which keeps one per viewer.
    """

    _of_viewer: ClassVar[WeakKeyDictionary[ViewerModel, LightBox]] = WeakKeyDictionary()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = weakref.ref(viewer)
        self._anchors: WeakKeyDictionary[Layer, weakref.ref[Layer] | None] = WeakKeyDictionary()
        self._point: tuple[float, ...] | None = None
        for emitter in self._emitters(viewer):
            emitter.connect(self._on_axes_changed)
        # After napari's sliders.
        viewer.dims.events.range.connect(self._keep_point, position="last")
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)

    @classmethod
    def of(cls, viewer: ViewerModel) -> LightBox:
        """Return the viewer's light box.

        Args:
            viewer: The viewer itself, no proxy.

        Returns:
            The one that hangs its images.
        """
        if viewer not in cls._of_viewer:
            cls._of_viewer[viewer] = cls(viewer)
        return cls._of_viewer[viewer]

    def hang(self, layer: Image | Labels, beside: Layer | None) -> None:
        """Put an image up, or move it; from now on it is kept there.

        Args:
            layer: A 2-D layer in the viewer; its `scale` is its pixel spacing in mm.
            beside: The layer it stands right of; None centers it on the world's origin.
        """
        first = not self._anchors
        self._anchors[layer] = None if beside is None else weakref.ref(beside)
        self._place_all([layer])
        if first:
            self._fit()

    def _on_axes_changed(self, event: Event) -> None:
        self._place_all(list(self._anchors), is_order=event.type == "order")
        self._fit()

    def _on_inserted(self, event: Event) -> None:
        """Hang a radiograph that a reader, or the user's Duplicate, put into the viewer."""
        layer, viewer = event.value, self._viewer()
        if viewer is None or layer in self._anchors or not is_radiograph(layer):
            return
        volumes = [other for other in viewer.layers if other.ndim == 3]
        self.hang(layer, beside=next(iter([*reversed(list(self._anchors)), *volumes]), None))

    def _on_removed(self, event: Event) -> None:
        self._anchors.pop(event.value, None)
        if not self._anchors and (viewer := self._viewer()) is not None:
            for emitter in self._emitters(viewer):
                emitter.disconnect(self._on_axes_changed)
            viewer.dims.events.range.disconnect(self._keep_point)
            viewer.layers.events.inserted.disconnect(self._on_inserted)
            viewer.layers.events.removed.disconnect(self._on_removed)
            self._of_viewer.pop(viewer, None)

    @staticmethod
    def _emitters(viewer: ViewerModel) -> list[Any]:
        return [viewer.dims.events.order, viewer.scene.camera.events.orientation]

    def _place_all(self, layers: list[Layer], *, is_order: bool = False) -> None:
        """Put layers up, and keep the slice: new ends make napari's sliders write another one."""
        viewer = self._viewer()
        if viewer is None:
            return
        point, ends = viewer.dims.point, viewer.dims.range
        for layer in layers:
            self._place(layer)
        # Inside a change of the order, napari tells its sliders of the new ends only afterwards.
        self._point = point
        self._keep_point()
        self._point = point if is_order and viewer.dims.range != ends else None

    def _keep_point(self) -> None:
        """Go back to the slice that was shown, once."""
        viewer, point, self._point = self._viewer(), self._point, None
        if viewer is not None and point is not None and viewer.dims.ndim == len(point):
            viewer.dims.point = point

    def _place(self, layer: Layer) -> None:
        viewer, anchor = self._viewer(), self._anchors[layer]
        if viewer is None:
            return
        screen = Screen.of(viewer)
        size = np.array(layer.data.shape) * layer.scale
        beside = anchor() if anchor is not None else None
        if beside is not None and beside in viewer.layers:
            corner = screen.beside(screen.box(beside), size)
        else:
            corner = (-screen.down * size[0] / 2, -screen.right * size[1] / 2)
        affine = screen.upright(layer.scale, corner)
        if not np.array_equal(affine, layer.affine.affine_matrix):
            layer.affine = affine

    def _fit(self) -> None:
        """Show everything: napari's own fit takes a 2-D layer for one of the last two axes."""
        viewer = self._viewer()
        if viewer is None or viewer.dims.ndisplay != 2:
            return
        screen = Screen.of(viewer)
        every = [screen.box(layer) for layer in viewer.layers if layer.ndim > 1]
        # A layer without points or shapes takes no space: its box is NaN.
        boxes = np.array([box for box in every if np.isfinite(box).all()])
        if not len(boxes):
            return
        low, high = boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)
        # napari shows the scene in the smallest of its layers' units.
        per_mm = 1 / (millimeters(viewer.layers.units[-1]) or 1) if viewer.layers.units else 1.0
        viewer.scene.camera.center = (0.0, *((low + high) / 2 * per_mm))
        canvas = np.array(viewer.canvas.viewbox_size(viewer.layers))
        viewer.scene.camera.zoom = MARGIN * float((canvas / ((high - low) * per_mm)).min())
