"""Keeps letters, marks and rays in a session's viewer up to date."""

from __future__ import annotations

import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari_drr.viewer._annotations import Annotations
from napari_drr.viewer._carm import Box, CArm, Point
from napari_drr.viewer._grids import grid_of

if TYPE_CHECKING:
    from napari_drr.recipe import Recipe
    from napari_drr.viewer._session import Session


# Previews take their letters and marks along no more often than this: they cost as much as the
# picture. The full image, which follows when the drag rests, always does.
EVERY_S = 0.1


class Annotating:
    """Writes on a session's radiograph, and draws into its CT, whatever the session tells.

    The session holds it; it holds the session weakly.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self._annotations = Annotations(self._on_letters_removed)
        self._recipe: Recipe | None = None
        self._next_s = 0.0
        events = session.events
        events.rendered.connect(self._on_rendered)
        for signal in (events.marker, events.ray):
            signal.connect(self._on_link)
        events.inputs.connect(self._show)
        events.letters.connect(self._on_letters)

    def _on_letters(self, letters: bool) -> None:
        """Show or hide the letters; switched on, what the user deleted comes again."""
        if letters:
            self._annotations.renew_letters()
        self._show()

    def _on_letters_removed(self, may_come: bool) -> None:
        if (session := self._session()) is not None:
            session.letters = may_come

    def _on_rendered(self, result: Any) -> None:
        # What the radiograph shows; the session's recipe may be ahead of it.
        self._recipe = result.recipe
        if not result.is_preview or time.perf_counter() >= self._next_s:
            self._next_s = time.perf_counter() + EVERY_S
            self._show()

    def _on_link(self, linked: object) -> None:
        if linked is not None:
            self._annotations.renew_links()
        self._show()

    def _show(self) -> None:
        session = self._session()
        if session is None or session._viewer() is None:
            return
        recipe = self._recipe or session.recipe
        # What is wrong with a CT is told by the session when it renders.
        with suppress(ValueError):
            self._write(session, recipe)
            self._draw(session, recipe)

    def _write(self, session: Session, recipe: Recipe) -> None:
        radiograph, marker = session.output("DRR"), None
        if radiograph is None:
            return
        if session.marker is not None and (center := _center(session, recipe)) is not None:
            marker = CArm.of(recipe, center).pixel(session.marker)
        self._annotations.show(
            session.viewer, recipe, radiograph, marker, session.ray, letters=session.letters
        )

    def _draw(self, session: Session, recipe: Recipe) -> None:
        if session.ct is None:
            return
        self._annotations.show_ray(
            session.viewer, recipe, session.ct, session.frame, session.marker, session.ray
        )


def _center(session: Session, recipe: Recipe) -> Point | None:
    """Return what a recipe's C-arm turns about; the session's own isocenter may be another."""
    if recipe.isocenter is not None or session.ct is None:
        return recipe.isocenter
    return Box(*grid_of(session.ct, session.frame)).center
