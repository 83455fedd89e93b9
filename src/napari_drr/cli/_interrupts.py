"""Ctrl-C that is not lost."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class Interrupts:
    """A context that remembers Ctrl-C beside raising `KeyboardInterrupt`.

    An exception raised while a module is imported, or in a callback, may be swallowed there or
    turned into another; `check` raises it again.
    """

    def __init__(self) -> None:
        self.seen = False
        self._replaced = False

    def __enter__(self) -> Self:
        """Take over Python's own handler; leave one that somebody else set, or none."""
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._interrupt)
            self._replaced = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the handler back."""
        if self._replaced:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def check(self) -> None:
        """Raise what was swallowed.

        Raises:
            KeyboardInterrupt: If Ctrl-C was pressed.
        """
        if self.seen:
            raise KeyboardInterrupt

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.seen = True
        raise KeyboardInterrupt
