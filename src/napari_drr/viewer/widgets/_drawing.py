"""Drawing a second canvas beside the one that is worked in."""

from __future__ import annotations

import time
from collections.abc import Callable
from weakref import WeakMethod

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QWidget

# Not more often than a screen shows; and after a frame, not before the window had some time for the
# other canvas: a share of what the frame took.
LEAST_PAUSE_MS, PAUSE = 16, 0.3

# A window that is covered tells of no frame: then go on.
NO_FRAME_SECONDS = 0.5


class Drawing(QObject):
    """Draws when asked to, once for all that was asked for since the last frame was painted.

    Args:
        canvas: An OpenGL widget, which tells of its frames.
        draw: A method that changes what the canvas shows, and returns whether it did; it is held
            weakly.
    """

    def __init__(self, canvas: QWidget, draw: Callable[[], bool]) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._draw = WeakMethod(draw)
        self._is_asked = False
        self._drawn_at: float | None = None
        self._soon, self._pause = QTimer(self), QTimer(self)
        for timer in (self._soon, self._pause):
            timer.setSingleShot(True)
            timer.timeout.connect(self._go)
        canvas.frameSwapped.connect(self._on_painted)

    def ask(self, within_ms: int = 0) -> None:
        """Draw soon.

        Args:
            within_ms: How long the next call may be waited for.
        """
        self._is_asked = True
        if not self._soon.isActive():
            self._soon.start(within_ms)

    def draw_now(self) -> None:
        """Draw at once, unless the last frame is too fresh.

        For what changes together with another canvas of the window: it paints both in one frame.
        """
        self._is_asked = True
        self._go()

    def _go(self) -> None:
        draw = self._draw()
        if not self._is_asked or draw is None or self._pause.isActive() or self._is_painting():
            return
        self._soon.stop()
        self._is_asked, self._drawn_at = False, time.perf_counter()
        if draw():
            # Also where nothing that is seen has changed, so that a frame is told of.
            self._canvas.update()
        else:
            self._drawn_at = None

    def _is_painting(self) -> bool:
        drawn_at = self._drawn_at
        return drawn_at is not None and time.perf_counter() - drawn_at < NO_FRAME_SECONDS

    def _on_painted(self) -> None:
        if self._drawn_at is None:
            return
        took = (time.perf_counter() - self._drawn_at) * 1000
        self._drawn_at = None
        self._pause.start(int(max(LEAST_PAUSE_MS, PAUSE * took)))
