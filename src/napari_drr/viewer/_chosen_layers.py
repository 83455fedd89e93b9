"""The layers that a session renders from, and what happens to them."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, get_args
from weakref import WeakSet

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.recipe import Recipe, Structure
from napari_drr.viewer import layers
from napari_drr.viewer._carm import Box
from napari_drr.viewer._edited_recipe import EditedRecipe
from napari_drr.viewer._inputs import InputLayers
from napari_drr.viewer._layer_checks import NO_CT
from napari_drr.viewer._structures import merged_structures
from napari_drr.viewer._told import Told

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels


def _selected(session: ChosenLayers, keys: Iterable[int | str]) -> tuple[int, ...]:
    chosen = list(keys)
    return tuple(session.structures.ids(*chosen)) if chosen else ()


class ChosenLayers(EditedRecipe):
    """The session's CT and labels; layers and viewer are held weakly.

    Args:
        viewer: The napari viewer.
        recipe: The first recipe; None for the default.
    """

    selected = Told[tuple[int, ...]]((), _selected)
    """Ids of the selected structures; set it by ids, names or groups."""

    def __init__(self, viewer: ViewerModel, recipe: Recipe | None = None) -> None:
        super().__init__(recipe)
        self._viewer = weakref.ref(viewer)
        self._inputs = InputLayers(self._on_inputs_changed)
        self._decided: set[str] = set()
        # Labels that were there when the chosen ones were deleted: others are not taken instead.
        self._passed_over: WeakSet[Labels] = WeakSet()
        self._labels_seen: tuple[int, int] | None = None

    @property
    def viewer(self) -> ViewerModel:
        """The viewer.

        Raises:
            RuntimeError: If it was closed.
        """
        viewer = self._viewer()
        if viewer is None:
            raise RuntimeError("The viewer of this session was closed: open another one.")
        return viewer

    @property
    def ct(self) -> Image | None:
        """The CT's layer."""
        return self._inputs.ct

    @ct.setter
    def ct(self, layer: Image | None) -> None:
        if layer is not None and layers.unwrap(layer) not in layers.volumes(self.viewer):
            raise ValueError(f"{layer.name!r} is no CT: take a 3-D, gray-valued image layer.")
        self._decided.add("ct")
        self._take_ct(layer)

    def _take_ct(self, layer: Image | None) -> None:
        if self._inputs.choose_ct(layer):
            self._passed_over.clear()
            self._on_inputs_changed()

    @property
    def labels(self) -> Labels | None:
        """The layer of the CT's labels."""
        return self._inputs.labels

    @labels.setter
    def labels(self, layer: Labels | None) -> None:
        if layer is not None and layers.unwrap(layer) not in layers.label_volumes(self.viewer):
            raise ValueError(f"{layer.name!r} holds no structures: take a 3-D labels layer.")
        self._decided.add("labels")
        self._take_labels(layer)

    def _take_labels(self, layer: Labels | None) -> None:
        if self._inputs.choose_labels(layer):
            self._labels_seen = self._inputs.labels_key
            self.selected = ()
            self._list_structures(self.labels)
            self._on_inputs_changed()

    def _list_structures(self, labels: Labels | None) -> None:
        named = () if labels is None else layers.named_structures(labels)
        self._structures = tuple(Structure(*row) for row in named)
        self._merge_structures()

    def _merge_structures(self) -> None:
        known = merged_structures(self._structures, self._recipe.structures)
        self._replace(replace(self._recipe, structures=known))

    @property
    def frame(self) -> layers.Frame:
        """The world axes of both layers: ours are `"RAS"`, other readers may use `"LPS"`."""
        return self._inputs.frame

    @frame.setter
    def frame(self, frame: layers.Frame) -> None:
        if frame not in get_args(layers.Frame):
            raise ValueError(f"`frame` must be 'RAS' or 'LPS', got {frame!r}.")
        self._inputs.frame = frame
        self._on_inputs_changed()

    def adopt(self) -> None:
        """Choose the viewer's first CT and its first labels, until somebody has chosen."""
        if self.ct is None and "ct" not in self._decided:
            self._take_ct(layers.first_volume(self.viewer))
        if self.labels is None and self.ct is not None and "labels" not in self._decided:
            self._take_labels(layers.first_labels(self.viewer, self._passed_over))

    def reload(self) -> None:
        """Read the layers again: napari does not tell when their arrays were edited in place."""
        self._inputs.note_edit()
        self._on_inputs_changed()

    @property
    def center(self) -> tuple[float, float, float] | None:
        """What the C-arm turns about, world mm: the isocenter, or the center of the CT's grid.

        None where there is neither.
        """
        if self.isocenter is not None or self.ct is None:
            return self.isocenter
        x, y, z = self._box().center.tolist()
        return (x, y, z)

    def corners(self) -> Float[NDArray[np.float64], "8 3"]:
        """Return the corners of the CT's grid, iso mm.

        Raises:
            ValueError: If there is no CT, or it is none that can be rendered.
        """
        corners: NDArray[np.float64] = self._box().corners - np.asarray(self.center)
        return corners

    def _box(self) -> Box:
        if self.ct is None:
            raise ValueError(NO_CT)
        grid = layers.grid_of(self.ct, self.frame)
        return Box(grid.affine, grid.shape)

    def _on_inputs_changed(self) -> None:
        self._name_new_labels()
        self._update()
        self.events.inputs.emit()

    def _name_new_labels(self) -> None:
        """List a label that is painted for the first time, and all of another array."""
        before, now = self._labels_seen, self._inputs.labels_key
        self._labels_seen = now
        labels = self.labels
        if labels is None or before is None or now is None or now == before:
            return
        if now[0] != before[0]:
            self._list_structures(labels)
            return
        painted = int(labels.selected_label)
        if painted > 0 and painted not in {s.id for s in self._structures}:
            added = (*self._structures, Structure(painted, f"label {painted}"))
            self._structures = tuple(sorted(added, key=lambda s: s.id))
            self._merge_structures()
