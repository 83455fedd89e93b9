"""How a radiograph's layer looks, and word when that changes."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_drr.recipe import Display
from napari_drr.viewer._looks import displayed

if TYPE_CHECKING:
    from napari.layers import Image

LOOKS = ("contrast_limits", "gamma", "colormap")


class LookWatch:
    """Follows the contrast, gamma and colormap of one layer, which is held weakly.

    Args:
        on_change: A method of an object that outlives this one; napari holds it weakly.
    """

    def __init__(self, on_change: Callable[..., None]) -> None:
        self._on_change = on_change
        self._layer: weakref.ref[Image] | None = None

    @property
    def layer(self) -> Image | None:
        """The layer, or None."""
        return None if self._layer is None else self._layer()

    def watch(self, layer: Image | None) -> None:
        """Follow another layer, or none."""
        if layer is self.layer:
            return
        for emitter in self._emitters(self.layer):
            emitter.disconnect(self._on_change)
        for emitter in self._emitters(layer):
            emitter.connect(self._on_change)
        self._layer = None if layer is None else weakref.ref(layer)

    def display(self, display: Display) -> Display:
        """Return how the layer looks now.

        Args:
            display: What was asked for; returned where the layer is not gray, or not there.
        """
        layer = self.layer
        return display if layer is None else displayed(layer, display) or display

    @staticmethod
    def _emitters(layer: Image | None) -> list[Any]:
        return [] if layer is None else [getattr(layer.events, name) for name in LOOKS]
