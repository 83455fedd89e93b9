"""The way onto Qt's main thread."""

import weakref
from collections.abc import Callable

from qtpy.QtWidgets import QApplication
from superqt.utils import ensure_main_thread


@ensure_main_thread  # type: ignore[untyped-decorator] # superqt is untyped here
def post(function: Callable[[], None]) -> None:
    """Run a function on the main thread, soon; return at once."""
    function()


def at_quit(method: Callable[[], None]) -> None:
    """Call a method when the program ends; its object is held weakly."""
    alive = weakref.WeakMethod(method)

    def call() -> None:
        found = alive()
        if found is not None:
            found()

    QApplication.instance().aboutToQuit.connect(call)
