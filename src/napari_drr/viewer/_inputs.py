"""The layers that a session renders from."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari_drr.viewer import layers
from napari_drr.viewer._render import Inputs

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer

# What napari tells of edits; it tells nothing of a program that writes into an array.
EDITED = ("data", "paint", "labels_update")


class InputLayers:
    """A CT's layer and its labels' layer, held weakly, and how often they were edited."""

    def __init__(self) -> None:
        self.frame: layers.Frame = "RAS"
        self._ct: weakref.ref[Image] | None = None
        self._labels: weakref.ref[Labels] | None = None
        self._edits = 0

    @property
    def ct(self) -> Image | None:
        """The CT's layer."""
        return None if self._ct is None else self._ct()

    @property
    def labels(self) -> Labels | None:
        """The labels' layer."""
        return None if self._labels is None else self._labels()

    def choose_ct(self, layer: Image | None) -> bool:
        """Take another CT; tell whether it is another."""
        chosen = layers.unwrap(layer)
        if chosen is self.ct:
            return False
        self._watch(self.ct, chosen)
        self.note_edit()
        self._ct = None if chosen is None else weakref.ref(chosen)
        return True

    def choose_labels(self, layer: Labels | None) -> bool:
        """Take other labels; tell whether they are others."""
        chosen = layers.unwrap(layer)
        if chosen is self.labels:
            return False
        self._watch(self.labels, chosen)
        self.note_edit()
        self._labels = None if chosen is None else weakref.ref(chosen)
        return True

    def note_edit(self) -> None:
        """Have the layers read again by the next render."""
        self._edits += 1

    def snapshot(self) -> Inputs:
        """Take what the layers hold; on the main thread.

        Raises:
            ValueError: If there is no CT, or a layer is no volume.
        """
        ct, labels = self.ct, self.labels
        if ct is None:
            raise ValueError("There is no CT: drop one on the window, or open the phantom.")
        hounsfield, affine = layers.volume_from_layer(ct, self.frame)
        key: tuple[Any, ...] = (id(ct.data), affine.tobytes(), self._edits)
        if labels is None:
            return Inputs(hounsfield, affine, None, None, key)
        mask, mask_affine = layers.volume_from_layer(labels, self.frame)
        key = (*key, id(labels.data), mask_affine.tobytes())
        table = layers.structures_from_layer(labels)
        return Inputs(hounsfield, affine, (mask, mask_affine), table, key)

    def _watch(self, old: Layer | None, new: Layer | None) -> None:
        for name in EDITED:
            if old is not None and hasattr(old.events, name):
                getattr(old.events, name).disconnect(self._on_edited)
            if new is not None and hasattr(new.events, name):
                getattr(new.events, name).connect(self._on_edited)

    def _on_edited(self, event: Any = None) -> None:
        self.note_edit()
