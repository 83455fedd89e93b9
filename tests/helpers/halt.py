"""A worker that is kept where it is."""

import threading

SECONDS = 60


class Halt:
    """Called by a worker, keeps it there until it may go on.

    Attributes:
        calls: What it was called with, each a tuple.
    """

    def __init__(self):
        self.calls = []
        self._is_there, self._may_go_on = threading.Event(), threading.Event()

    def __call__(self, *told):
        self.calls.append(told)
        self._is_there.set()
        assert self._may_go_on.wait(SECONDS)

    def wait(self):
        """Wait until the worker is there."""
        assert self._is_there.wait(SECONDS)

    def end(self):
        """Let the worker go on, now and ever after."""
        self._may_go_on.set()
