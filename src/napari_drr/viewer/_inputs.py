"""The layers that a session renders from."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_drr.viewer import layers
from napari_drr.viewer._requests import Inputs

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer

# What napari tells of edits; it tells nothing of a program that writes into an array.
EDITED = ("data", "paint", "labels_update")
# What places a layer, and what names its structures.
MOVED = ("affine", "scale", "translate", "rotate", "shear", "units", "features")


class InputLayers:
    """A CT's layer and its labels' layer, held weakly, and how often they were edited.

    Args:
        on_changed: Called when one of them was edited or moved; a method, held weakly.
    """

    def __init__(self, on_changed: Callable[[], None]) -> None:
        self._frame: layers.Frame = "RAS"
        self._on_changed = weakref.WeakMethod(on_changed)
        self._snapshot: tuple[tuple[int, int], Inputs] | None = None
        self._ct: weakref.ref[Image] | None = None
        self._labels: weakref.ref[Labels] | None = None
        self._edits = 0

    @property
    def frame(self) -> layers.Frame:
        """The world axes of both layers."""
        return self._frame

    @frame.setter
    def frame(self, frame: layers.Frame) -> None:
        self._frame = frame
        self._snapshot = None

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
        self._snapshot = None

    def snapshot(self) -> Inputs:
        """Take what the layers hold; on the main thread.

        Raises:
            ValueError: If there is no CT, or a layer is no volume.
        """
        ct, labels = self.ct, self.labels
        if ct is None:
            raise ValueError("There is no CT: drop one on the window, or open the phantom.")
        arrays = (id(ct.data), 0 if labels is None else id(labels.data))
        if self._snapshot is None or self._snapshot[0] != arrays:
            self._snapshot = (arrays, self._take(ct, labels))
        return self._snapshot[1]

    def _take(self, ct: Image, labels: Labels | None) -> Inputs:
        hounsfield, affine = layers.volume_from_layer(ct, self.frame)
        key: tuple[Any, ...] = (id(ct.data), affine.tobytes(), self._edits)
        if labels is None:
            return Inputs(hounsfield, affine, None, None, key)
        mask, mask_affine = layers.volume_from_layer(labels, self.frame)
        key = (*key, id(labels.data), mask_affine.tobytes())
        table = layers.structures_from_layer(labels)
        return Inputs(hounsfield, affine, (mask, mask_affine), table, key)

    def _watch(self, old: Layer | None, new: Layer | None) -> None:
        for names, callback in ((EDITED, self._on_edited), (MOVED, self._on_moved)):
            for name in names:
                if old is not None and hasattr(old.events, name):
                    getattr(old.events, name).disconnect(callback)
                if new is not None and hasattr(new.events, name):
                    getattr(new.events, name).connect(callback)

    def _on_edited(self, event: Any = None) -> None:
        self.note_edit()
        self._tell()

    def _on_moved(self, event: Any = None) -> None:
        # The key of what is taken tells whether it moved indeed.
        self._snapshot = None
        self._tell()

    def _tell(self) -> None:
        if (callback := self._on_changed()) is not None:
            callback()
