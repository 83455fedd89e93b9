"""The way onto Qt's main thread."""

from collections.abc import Callable

from superqt.utils import ensure_main_thread


@ensure_main_thread  # type: ignore[untyped-decorator] # superqt is untyped here
def post(function: Callable[[], None]) -> None:
    """Run a function on the main thread, soon; return at once."""
    function()
