"""Takes into the recipe how the radiograph's layer is made to look in napari's own controls."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_drr.viewer import layers
from napari_drr.viewer._look_watch import LookWatch
from napari_drr.viewer._looks import displayed

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session


class LooksByHand:
    """Follows the looks of a session's radiograph; colormaps that are not gray stay the layer's.

    The session holds it; it holds the session weakly. Nothing of it is a step to undo: napari's
    sliders tell of every step, and never of the end.

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

    def _on_look(self, _: Any = None) -> None:
        session, layer = self._session(), self._watch.layer
        if session is None or layer is None or session._rendering.outputs.is_writing:
            return
        display = displayed(layer, session.recipe.display)
        if display is None:
            return
        if layers.has_automatic_limits(layer):
            display = replace(display, contrast_limits=None)
        session._replace(replace(session.recipe, display=display))
