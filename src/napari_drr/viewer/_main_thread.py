"""The way onto Qt's main thread."""

import weakref
from collections.abc import Callable

from qtpy.QtCore import QThread, QTimer
from qtpy.QtWidgets import QApplication
from superqt.utils import ensure_main_thread


def post(function: Callable[[], None]) -> None:
    """Run a function on the main thread, soon and never at once; return at once."""
    if QThread.currentThread() is QApplication.instance().thread():
        QTimer.singleShot(0, function)
    else:
        _queue(function)


@ensure_main_thread  # type: ignore[untyped-decorator] # superqt is untyped here
def _queue(function: Callable[[], None]) -> None:
    function()


def at_quit(method: Callable[[], None]) -> None:
    """Call a method when the program ends; its object is held weakly."""
    alive = weakref.WeakMethod(method)

    def call() -> None:
        found = alive()
        if found is not None:
            found()

    QApplication.instance().aboutToQuit.connect(call)
