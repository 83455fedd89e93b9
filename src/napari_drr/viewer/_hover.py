"""The status bar's line on what is under the mouse on the radiograph."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari_drr.viewer import _pointer

if TYPE_CHECKING:
    from napari_drr.recipe import Recipe
    from napari_drr.viewer._session import Session

# More names than these don't fit into the bar.
MOST_NAMES = 3

# Line integrals below this are rounding.
LEAST = 0.005

VALUE_NAMES = {"sum": "line integral", "max": "largest sample", "mip": "largest density"}

# What napari says on entering and leaving the canvas, before it knows what is under the mouse.
IDLE = ("", "Ready")


class Hover:
    """Says in napari's status bar what a pixel of the radiograph holds.

    napari writes the bar from a thread of its own after each move of the mouse; this answers each
    such text with its own, so it costs nothing while the mouse is elsewhere.

    Args:
        session: The session; held weakly.
    """

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self._shown = ""

    def attach(self) -> None:
        """Begin; napari holds the methods weakly."""
        if (session := self._session()) is not None:
            session.viewer.events.status.connect(self._on_status)
            session.events.rendered.connect(self._on_rendered, unique=True)

    def detach(self) -> None:
        """End."""
        if (session := self._session()) is None:
            return
        session.events.rendered.disconnect(self._on_rendered, missing_ok=True)
        if (viewer := session._viewer()) is not None:
            viewer.events.status.disconnect(self._on_status)

    def _on_status(self, event: Any) -> None:
        if event.value not in (*IDLE, self._shown):
            self._show()

    def _on_rendered(self, result: Any = None) -> None:
        """Say the new value: napari waits for the mouse to move."""
        session = self._session()
        if session is not None and self._shown and session.viewer.status == self._shown:
            self._show()

    def _show(self) -> None:
        session = self._session()
        if session is None or (viewer := session._viewer()) is None:
            return
        if viewer.mouse_over_canvas and (text := self.text(session)):
            self._shown = text
            viewer.status = text

    @staticmethod
    def text(session: Session) -> str:
        """Return what is under the mouse, or nothing if it is not on the radiograph."""
        viewer, layer = session.viewer, session.output()
        cursor = viewer.cursor
        share = _pointer.share_at(viewer, layer, cursor.position, cursor.viewbox)
        if share is None:
            return ""
        recipe = session.recipe
        value = f"{VALUE_NAMES[recipe.renderer.reduction]} {_pointer.value_at(layer, share):.2f}"
        return " | ".join(part for part in (value, _names(session, recipe, share)) if part)


def _names(session: Session, recipe: Recipe, share: tuple[float, float]) -> str:
    """Return what the visible structures add to a pixel, the largest first."""
    column, row = int(share[0] * recipe.detector.width), int(share[1] * recipe.detector.height)
    under = session.under(column, row)
    added = [(s.name, s.weight * integral) for s, integral in under if s.visible]
    added = sorted((pair for pair in added if pair[1] >= LEAST), key=lambda pair: -pair[1])
    names = [f"{name} {integral:.2f}" for name, integral in added[:MOST_NAMES]]
    if (rest := len(added) - MOST_NAMES) > 0:
        names.append(f"... ({rest} more)")
    return ", ".join(names)
