"""The layers that a session renders from."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from napari_drr.viewer import layers
from napari_drr.viewer._layer_checks import NO_CT
from napari_drr.viewer._lazy import Deferred
from napari_drr.viewer._requests import Inputs

if TYPE_CHECKING:
    from napari.layers import Image, Labels

    from napari_drr.viewer._frames import Affine

# What napari tells of edits; it tells nothing of a program that writes into an array.
EDITED = ("data", "paint", "labels_update")
# What it tells when a layer is drawn anew: after an undo of labels it tells nothing else.
DRAWN = ("set_data",)
# What places a layer, and what names its structures.
MOVED = ("affine", "scale", "translate", "rotate", "shear", "units", "features")

AnyLayer = TypeVar("AnyLayer", bound="Image | Labels")


class InputLayers:
    """A CT's layer and its labels' layer, held weakly, and how often they were edited.

    Args:
        on_changed: Called when one of them was edited or moved; a method, held weakly.
    """

    def __init__(self, on_changed: Callable[[], None]) -> None:
        self._frame: layers.Frame = "RAS"
        self._on_changed = weakref.WeakMethod(on_changed)
        self._snapshot: tuple[tuple[Any, ...], Inputs] | None = None
        self._ct: Watched[Image] = Watched(self._on_layer_changed)
        self._labels: Watched[Labels] = Watched(self._on_layer_changed)

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
        return self._ct.layer

    @property
    def labels(self) -> Labels | None:
        """The labels' layer."""
        return self._labels.layer

    def choose_ct(self, layer: Image | None) -> bool:
        """Take another CT; tell whether it is another."""
        return self._choose(self._ct, layer)

    def choose_labels(self, layer: Labels | None) -> bool:
        """Take other labels; tell whether they are others."""
        return self._choose(self._labels, layer)

    def note_edit(self) -> None:
        """Have the layers read again by the next render."""
        self._ct.edits += 1
        self._labels.edits += 1
        self._snapshot = None

    @property
    def voxels_key(self) -> tuple[int, int] | None:
        """Equal as long as the CT's layer holds the same voxels, wherever they lie."""
        return self._ct.key

    @property
    def labels_key(self) -> tuple[int, int] | None:
        """The same of the labels' layer."""
        return self._labels.key

    def taken(self) -> Inputs | None:
        """Return what the layers hold if it was taken already, or None."""
        return self._snapshot[1] if self._snapshot and self._snapshot[0] == self._keys() else None

    def snapshot(self) -> Inputs:
        """Take what the layers hold; on the main thread.

        Raises:
            ValueError: If there is no CT, or a layer is no volume.
        """
        if self.ct is None:
            raise ValueError(NO_CT)
        if (taken := self.taken()) is not None:
            return taken
        inputs = self._take()
        self._snapshot = (self._keys(), inputs)
        return inputs

    def _keys(self) -> tuple[Any, ...]:
        return self._ct.key, self._labels.key

    def _take(self) -> Inputs:
        voxels, affine = self._ct.voxels(self.frame)
        key: tuple[Any, ...] = (self._ct.key, affine.tobytes())
        labels = self.labels
        if labels is None:
            return Inputs(voxels, affine, None, None, key)
        mask, mask_affine = self._labels.voxels(self.frame)
        table = layers.structures_from_layer(labels)
        key = (*key, self._labels.key, mask_affine.tobytes())
        return Inputs(voxels, affine, (mask, mask_affine), table, key)

    def _choose(self, watched: Watched[Any], layer: Any) -> bool:
        if not watched.choose(layers.unwrap(layer)):
            return False
        self._snapshot = None
        return True

    def _on_layer_changed(self) -> None:
        self._snapshot = None
        if (callback := self._on_changed()) is not None:
            callback()


class Watched(Generic[AnyLayer]):
    """A layer, held weakly, and how often it was edited.

    Args:
        on_changed: Called when it was edited or moved; a method, held weakly.
    """

    def __init__(self, on_changed: Callable[[], None]) -> None:
        self._on_changed = weakref.WeakMethod(on_changed)
        self._layer: weakref.ref[AnyLayer] | None = None
        self._deferred: tuple[tuple[Any, ...], Deferred] | None = None
        self._strokes = _strokes(None)
        self.edits = 0

    @property
    def layer(self) -> AnyLayer | None:
        """The layer."""
        return None if self._layer is None else self._layer()

    @property
    def key(self) -> tuple[int, int] | None:
        """Equal as long as the layer holds the same voxels, wherever they lie."""
        return None if (layer := self.layer) is None else (id(layer.data), self.edits)

    def choose(self, layer: AnyLayer | None) -> bool:
        """Take another layer; tell whether it is another."""
        old = self.layer
        if layer is old:
            return False
        callbacks = ((EDITED, self._on_edited), (MOVED, self._on_moved), (DRAWN, self._on_drawn))
        for names, callback in callbacks:
            for name in names:
                if old is not None and hasattr(old.events, name):
                    getattr(old.events, name).disconnect(callback)
                if layer is not None and hasattr(layer.events, name):
                    getattr(layer.events, name).connect(callback)
        self._layer = None if layer is None else weakref.ref(layer)
        self._deferred = None
        self._strokes = _strokes(layer)
        self.edits += 1
        return True

    def voxels(self, frame: layers.Frame) -> tuple[Deferred, Affine]:
        """Return the layer's voxels and affine; what was loaded stays so where it only moved.

        Raises:
            ValueError: If there is no layer, or it is no volume.
        """
        if (layer := self.layer) is None:
            raise ValueError("The layer was deleted: choose another one.")
        voxels, affine = layers.voxels_of(layer, frame)
        key = (self.key, voxels.shape)
        if self._deferred is None or self._deferred[0] != key:
            self._deferred = (key, voxels)
        return self._deferred[1], affine

    def _on_edited(self, event: Any = None) -> None:
        self._strokes = _strokes(self.layer)
        self.edits += 1
        self._tell()

    def _on_drawn(self, event: Any = None) -> None:
        # A layer is drawn at every step of a slider, but its strokes are undone by an undo only.
        if _strokes(self.layer) != self._strokes:
            self._on_edited()

    def _on_moved(self, event: Any = None) -> None:
        # The key of what is taken tells whether it moved indeed.
        self._tell()

    def _tell(self) -> None:
        if (callback := self._on_changed()) is not None:
            callback()


def _strokes(layer: Any) -> tuple[int, int]:
    """Return how many strokes on a labels layer can be undone and redone.

    napari 0.9 has no event and no public name for them.
    """
    done, undone = (getattr(layer, f"_{kind}_history", ()) for kind in ("undo", "redo"))
    return len(done), len(undone)
