"""One step to undo for what a user does to a control in one go."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session

# The wheel or a key that rests so long, in ms, has done its step.
REST_MS = 300

_LEAVES = (QEvent.Type.FocusOut, QEvent.Type.Hide, QEvent.Type.EnabledChange)


class Gesture(QObject):
    """A session's gesture that one widget begins; it ends by itself with focus, sight or widget.

    Args:
        session: Whose history is to take it as one step.
        widget: The control; it owns this object.
    """

    def __init__(self, session: Session, widget: QWidget) -> None:
        super().__init__(widget)
        opened = self._opened = _Opened(session)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self.end)
        # A method, which Qt refers to weakly; see `_binding.follow`.
        self.destroyed.connect(opened.close_late)

    def watch(self, *widgets: QWidget) -> None:
        """End the gesture when one of the control's parts is left, hidden or disabled."""
        for widget in widgets:
            widget.installEventFilter(self)

    def hold(self) -> None:
        """Begin, until `end`: a button is pressed."""
        self._opened.open()
        self._rest.stop()

    def step(self) -> None:
        """Begin, until no step follows for a moment; within `hold` nothing happens."""
        if self._opened.is_open and not self._rest.isActive():
            return
        self._opened.open()
        self._rest.start()

    def end(self) -> None:
        """End; nothing happens if none is under way."""
        self._rest.stop()
        self._opened.close()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """End when a part is left."""
        if event is not None and event.type() in _LEAVES:
            self.end()
        return False


class _Opened:
    """Whether a gesture is open: what outlives the widget."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.is_open = False

    def open(self) -> None:
        if not self.is_open:
            self.is_open = True
            self._session.begin_gesture()

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._session.end_gesture()

    def close_late(self, *_: object) -> None:
        """End what a control that is gone has left open; the viewer may be gone, too."""
        with suppress(RuntimeError):
            self.close()
