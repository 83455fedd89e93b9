"""A layer that lies on another one of the viewer's."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_drr.viewer._grids import matrix_of
from napari_drr.viewer._screen import is_radiograph

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points


class Kept:
    """A layer of ours and the one that it lies on, both held weakly.

    `is_declined` tells whether the user deleted it: it is not made again for the layer that it lay
    on. Once that is gone, too, it may come again.

    Args:
        add: Adds the layer to a viewer, given the layer that it is to lie on.
        tell: Called with `is_declined` when a layer that was removed has changed it.
    """

    def __init__(
        self,
        add: Callable[[ViewerModel, Image], Points],
        tell: Callable[[bool], None] | None = None,
    ) -> None:
        self._add, self._tell = add, tell
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

    def on(self, viewer: ViewerModel, below: Image, *, is_needed: bool = True) -> Points | None:
        """Have the layer lie on another one, wherever that is moved to.

        Args:
            viewer: The viewer itself, no proxy.
            below: The other layer, in the viewer.
            is_needed: Whether it is to be made if there is none.

        Returns:
            The layer, or None if there is none.
        """
        layer = self.layer(viewer)
        if layer is None:
            if self.is_declined or not is_needed:
                return None
            layer = self._add(viewer, below)
            self._layer = weakref.ref(layer)
            viewer.layers.events.removed.connect(self._on_removed)
        if below is not self.below:
            self._let_go_of_below()
            for emitter in _placings(below):
                emitter.connect(self._on_moved)
            below.events.visible.connect(self._on_visible)
            self._below = weakref.ref(below)
        # A slice of napari's list would be another one, with all its events.
        every = list(viewer.layers)
        index = every.index(layer)
        if any(other is below or is_radiograph(other) for other in every[index + 1 :]):
            viewer.layers.move(index, len(every))
        self._on_moved()
        return layer

    def remove(self, viewer: ViewerModel) -> None:
        """Take the layer out of the viewer."""
        layer, self._layer = self.layer(viewer), None
        self._let_go_of_below()
        viewer.layers.events.removed.disconnect(self._on_removed)
        if layer is not None:
            viewer.layers.remove(layer)

    def _on_moved(self, event: Any = None) -> None:
        layer, below = None if self._layer is None else self._layer(), self.below
        if layer is None or below is None:
            return
        wanted = placed_on(below)
        if not np.array_equal(wanted["scale"], layer.scale):
            layer.scale = wanted["scale"]
        if not np.array_equal(wanted["affine"], layer.affine.affine_matrix):
            layer.affine = wanted["affine"]

    def _on_visible(self, event: Any = None) -> None:
        """Be seen with the layer below, and not without it."""
        layer, below = None if self._layer is None else self._layer(), self.below
        if layer is not None and below is not None:
            layer.visible = below.visible

    def _on_removed(self, event: Any) -> None:
        """Go with the layer below; note what the user takes away."""
        layer, below = None if self._layer is None else self._layer(), self.below
        if layer is not None and event.value is layer:
            self._layer = None
            self._decline(True)
        elif below is not None and event.value is below:
            self._layer = None
            self._let_go_of_below()
            if layer is not None and layer in event.source:
                event.source.remove(layer)
            if self.is_declined:
                self._decline(False)

    def _decline(self, is_declined: bool) -> None:
        self.is_declined = is_declined
        if self._tell is not None:
            self._tell(is_declined)

    def _let_go_of_below(self) -> None:
        below, self._below = self.below, None
        if below is not None:
            for emitter in _placings(below):
                emitter.disconnect(self._on_moved)
            below.events.visible.disconnect(self._on_visible)


def _placings(layer: Layer) -> list[Any]:
    names = ("affine", "scale", "translate", "rotate", "shear")
    return [getattr(layer.events, name) for name in names]


def placed_on(layer: Layer) -> dict[str, NDArray[np.float64]]:
    """Return the layer arguments that give points the coordinates of another layer's array.

    The spacing is told apart, since napari measures points' sizes by it.
    """
    matrix = matrix_of(layer)
    scale = np.linalg.norm(matrix[:-1, :-1], axis=0)
    return {"scale": scale, "affine": matrix @ np.diag([*(1 / scale), 1.0])}
