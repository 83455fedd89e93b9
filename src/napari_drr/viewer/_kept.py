"""A layer that lies on another one of the viewer's."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points


class Kept:
    """A layer of ours and the one that it lies on, both held weakly.

    `is_declined` tells whether the user deleted it.
    """

    def __init__(self) -> None:
        self._layer: weakref.ref[Points] | None = None
        self._below: weakref.ref[Image] | None = None
        self.is_declined = False

    @property
    def below(self) -> Image | None:
        """The layer that it lies on."""
        return None if self._below is None else self._below()

    def layer(self, viewer: ViewerModel) -> Points | None:
        """Return the layer, if it is in the viewer."""
        layer = None if self._layer is None else self._layer()
        return layer if layer is not None and layer in viewer.layers else None

    def keep(self, viewer: ViewerModel, layer: Points) -> Points:
        """Take a new layer."""
        self._layer = weakref.ref(layer)
        viewer.layers.events.removed.connect(self._on_removed)
        return layer

    def lie_on(self, viewer: ViewerModel, below: Image) -> None:
        """Stay above another layer, wherever that is moved to."""
        layer = self.layer(viewer)
        if layer is None:
            return
        if below is not self.below:
            self._let_go_of_below()
            for emitter in _placings(below):
                emitter.connect(self._on_moved)
            self._below = weakref.ref(below)
        if viewer.layers.index(layer) < viewer.layers.index(below):
            viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))
        self._on_moved()

    def remove(self, viewer: ViewerModel) -> None:
        """Take the layer out of the viewer."""
        layer, self._layer = self.layer(viewer), None
        self._let_go_of_below()
        viewer.layers.events.removed.disconnect(self._on_removed)
        if layer is not None:
            viewer.layers.remove(layer)

    def forget_deletion(self) -> None:
        """Let a layer that the user deleted come again."""
        self.is_declined = False

    def _on_moved(self, event: Any = None) -> None:
        layer, below = None if self._layer is None else self._layer(), self.below
        if layer is None or below is None:
            return
        affine = matrix_of(below)
        if not np.array_equal(affine, layer.affine.affine_matrix):
            layer.affine = affine

    def _on_removed(self, event: Any) -> None:
        """Go with the layer below; note what the user takes away."""
        layer, below = None if self._layer is None else self._layer(), self.below
        if event.value is layer:
            self.is_declined = True
            self._let_go_of_below()
        elif event.value is below and layer is not None:
            self._layer = None
            self._let_go_of_below()
            if layer in event.source:
                event.source.remove(layer)

    def _let_go_of_below(self) -> None:
        below, self._below = self.below, None
        if below is not None:
            for emitter in _placings(below):
                emitter.disconnect(self._on_moved)


def _placings(layer: Layer) -> list[Any]:
    names = ("affine", "scale", "translate", "rotate", "shear")
    return [getattr(layer.events, name) for name in names]


def matrix_of(layer: Layer) -> NDArray[np.float64]:
    """Return a layer's whole transform: its world from its array's indices, in its own units."""
    ndim = layer.ndim
    points = np.vstack([np.zeros(ndim), np.eye(ndim)])
    origin, *ends = (np.array(layer.data_to_world(point), dtype=float) for point in points)
    affine: NDArray[np.float64] = np.eye(ndim + 1)
    affine[:-1, :-1] = np.column_stack([end - origin for end in ends])
    affine[:-1, -1] = origin
    return affine
