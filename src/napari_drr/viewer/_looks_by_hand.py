"""Takes into the recipe how the radiograph's layer is made to look in napari's own controls."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_drr.recipe import Display, Recipe
from napari_drr.viewer import layers
from napari_drr.viewer._look_watch import LookWatch
from napari_drr.viewer._looks import displayed

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_drr.viewer._session import Session


class LooksByHand:
    """Follows the looks of a session's radiograph; colormaps that are not gray stay the layer's.

    The session holds it; it holds the session weakly. Nothing of it is a step to undo, since
    napari's sliders never tell where a drag ends: an undo of something else leaves it as it is.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self._watch = LookWatch(self._on_look)
        session.events.rendered.connect(self._on_rendered)

    def _on_rendered(self, _: Any) -> None:
        if (session := self._session()) is not None:
            self._watch.watch(session.output())

    def _on_look(self, event: Any) -> None:
        session, layer = self._session(), self._watch.layer
        if session is None or layer is None or layer is not session.output():
            return
        before = session.recipe.display
        if session._rendering.outputs.is_writing or displayed(layer, before) is None:
            return
        after = _changed(before, layer, event.type)

        def amended(recipe: Recipe) -> Recipe:
            return replace(recipe, display=after) if recipe.display == before else recipe

        if after != before:
            session._history.amend(amended)
            session._replace(amended(session.recipe))


def _changed(display: Display, layer: Image, name: str) -> Display:
    """Return a display with what was set by hand, and nothing else.

    Args:
        display: The display before.
        layer: The radiograph's layer.
        name: Which of its looks was set.
    """
    if name == "contrast_limits":
        low, high = layer.contrast_limits
        if display.contrast_limits is None and layers.has_automatic_limits(layer):
            return display
        return replace(display, contrast_limits=(float(low), float(high)))
    if name == "gamma":
        # In transmission the layer's own is 1: this one goes into the colormap.
        return replace(display, gamma=float(layer.gamma))
    shown = displayed(layer, display) or display
    return replace(shown, contrast_limits=display.contrast_limits)
