"""How long the window takes to paint what was rendered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QWidget

from napari_drr.viewer.widgets._canvas import main_canvas

if TYPE_CHECKING:
    from napari_drr.viewer._requests import Result
    from napari_drr.viewer._session import Session

# A window that is covered or busy paints later than this, in seconds: that tells nothing.
LATEST = 1.0


class PaintWatch(QObject):
    """Tells the session how long each rendered image takes to be seen.

    Args:
        session: The session.
        dock: A widget in the window whose main canvas is watched; it owns this object.
    """

    def __init__(self, session: Session, dock: QWidget) -> None:
        super().__init__(dock)
        self._session = session
        self._dock = dock
        self._canvas: QOpenGLWidget | None = None
        self._rendered_at: float | None = None
        session.events.rendered.connect(self._on_rendered)

    def stop(self) -> None:
        """Let go of the session and of the canvas."""
        self._session.events.rendered.disconnect(self._on_rendered, missing_ok=True)
        self._watch(None)

    def _on_rendered(self, result: Result) -> None:
        if self._canvas is None:
            self._watch(main_canvas(self._dock))
        is_seen = self._canvas is not None and self._canvas.isVisible()
        self._rendered_at = time.perf_counter() if is_seen else None

    def _on_painted(self) -> None:
        if self._rendered_at is None:
            return
        seconds = time.perf_counter() - self._rendered_at
        self._rendered_at = None
        if seconds < LATEST:
            self._session.painted(seconds)

    def _watch(self, canvas: QOpenGLWidget | None) -> None:
        if self._canvas is not None:
            self._canvas.frameSwapped.disconnect(self._on_painted)
            self._canvas.destroyed.disconnect(self._forget)
        self._canvas = canvas
        if canvas is not None:
            canvas.frameSwapped.connect(self._on_painted)
            canvas.destroyed.connect(self._forget)

    def _forget(self, *_: object) -> None:
        self._canvas = None
