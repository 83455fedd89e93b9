"""The layers that a session's renders are shown in."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.viewer import layers

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_drr.recipe import Display, Recipe, Structure
    from napari_drr.viewer._requests import Result

Masks = Literal["labels", "images"]

Channels = Float[NDArray[np.float32], "channel height width"]

RADIOGRAPH, MASK = "DRR", "DRR structures"


class Outputs:
    """One reused layer per output; what the user deletes stays away until it is asked for again.

    Layers are held weakly and by themselves, not by their names: the user may rename them.

    Attributes:
        dismissed: Names of structures' own images that were deleted; they are not made anew.
        is_writing: Whether layers change because of us, and not by hand.
    """

    def __init__(self) -> None:
        self._layers: dict[str, weakref.ref[Layer]] = {}
        self._hidden: set[str] = set()
        self.dismissed: set[str] = set()
        self.is_writing = False

    def layer(self, viewer: ViewerModel, name: str = RADIOGRAPH) -> Any:
        """Return an output's layer, or None if it is not in the viewer.

        Args:
            viewer: The viewer.
            name: `"DRR"`, `"DRR structures"`, or a structure's name for its own image.
        """
        layer = self._layers[name]() if name in self._layers else None
        return layer if layers.shown(viewer, layer) else None

    def name_of(self, layer: Layer) -> str | None:
        """Return the name under which a layer is an output, or None if it is none."""
        return next((name for name, ref in self._layers.items() if ref() is layer), None)

    def show(
        self,
        viewer: ViewerModel,
        result: Result,
        beside: Layer | None,
        masks: Collection[Masks],
        is_moving: bool = False,
    ) -> Layer:
        """Put a result into the viewer; return the radiograph's layer.

        Args:
            viewer: The viewer.
            result: What was rendered.
            beside: The CT's layer.
            masks: The forms in which masks are shown, if the result holds channels.
            is_moving: Whether another result may follow at once: a radiograph that is there
                already gets its pixels, and nothing that costs more.
        """
        with self._writing():
            return self._show(viewer, result, beside, masks, is_moving)

    def _show(
        self,
        viewer: ViewerModel,
        result: Result,
        beside: Layer | None,
        masks: Collection[Masks],
        is_moving: bool,
    ) -> Layer:
        old = self.layer(viewer)
        layer = layers.add_or_update_radiograph(
            viewer,
            result.image,
            result.recipe,
            beside=beside,
            layer=old,
            preview=result.is_preview or is_moving,
        )
        self._layers[RADIOGRAPH] = weakref.ref(layer)
        selected = layers.selected(viewer)
        if (channels := result.channels) is not None:
            known = {s.id: s for s in result.recipe.structures}
            shown = [known[label] for label in result.channel_ids]
            if "labels" in masks:
                self._show_labels(viewer, result, channels, shown, beside)
            if "images" in masks:
                self._show_images(viewer, result, channels, shown, beside)
        # napari selects what is added; masks leave the selection as it is.
        layers.select(viewer, selected)
        self._hide_stale(viewer, result, {RADIOGRAPH, *self._refreshed(result, masks)})
        return layer

    def settle(self, viewer: ViewerModel, recipe: Recipe, beside: Layer | None) -> None:
        """Do what `show` left out while the radiograph was moving."""
        if (layer := self.layer(viewer)) is not None:
            with self._writing():
                layers.settle_radiograph(viewer, layer, recipe, beside)

    def restyle(self, viewer: ViewerModel, display: Display) -> None:
        """Show the radiograph's values in another way."""
        if (layer := self.layer(viewer)) is not None:
            with self._writing():
                layers.restyle_radiograph(layer, display)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        before, self.is_writing = self.is_writing, True
        try:
            yield
        finally:
            self.is_writing = before

    @staticmethod
    def _refreshed(result: Result, masks: Collection[Masks]) -> set[str]:
        if result.channels is None:
            return set()
        names = {s.id: s.name for s in result.recipe.structures}
        images = {names[i] for i in result.channel_ids} if "images" in masks else set()
        return images | ({MASK} if "labels" in masks else set())

    def _hide_stale(self, viewer: ViewerModel, result: Result, fresh: set[str]) -> None:
        """Hide masks of an earlier pose; show them again when they are made anew."""
        for name in list(self._layers):
            layer = self.layer(viewer, name)
            if layer is None:
                continue
            awaited = result.is_preview or result.awaits_channels
            if name not in fresh and awaited and layers.shows_same_geometry(layer, result.recipe):
                continue
            if name not in fresh and layer.visible:
                layer.visible = False
                self._hidden.add(name)
            elif name in fresh and name in self._hidden:
                layer.visible = True
                self._hidden.discard(name)

    def _show_labels(
        self,
        viewer: ViewerModel,
        result: Result,
        channels: Channels,
        shown: list[Structure],
        beside: Layer | None,
    ) -> None:
        layer = layers.add_or_update_mask_labels(
            viewer,
            channels,
            [s.id for s in shown],
            [s.name for s in shown],
            result.recipe,
            colors=_colors(shown),
            name=MASK,
            beside=beside,
            layer=self.layer(viewer, MASK),
        )
        self._layers[MASK] = weakref.ref(layer)

    def _show_images(
        self,
        viewer: ViewerModel,
        result: Result,
        channels: Channels,
        shown: list[Structure],
        beside: Layer | None,
    ) -> None:
        kept = [number for number, s in enumerate(shown) if s.name not in self.dismissed]
        if not kept:
            return
        channels, shown = channels[kept], [shown[number] for number in kept]
        names = [s.name for s in shown]
        images = layers.add_structure_images(
            viewer,
            channels,
            names,
            result.recipe,
            ids=[s.id for s in shown],
            colors=_colors(shown),
            beside=beside,
            layers=[layer for name in names if (layer := self.layer(viewer, name)) is not None],
        )
        self._layers |= dict(zip(names, map(weakref.ref, images), strict=True))


def _colors(structures: list[Structure]) -> dict[int, tuple[float, ...]]:
    return {s.id: s.color for s in structures if s.color is not None}
