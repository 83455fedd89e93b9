"""From the worker's thread to the main one."""

from __future__ import annotations

import threading

from napari_drr.viewer._requests import Result

Outcome = Result | BaseException


class Outbox:
    """One slot for what the main thread is to show next: what it did not take is out of date."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._content: Outcome | None = None
        self._is_awaited = False

    def put(self, outcome: Outcome) -> bool:
        """Put something in; tell whether the main thread has to be called to take it."""
        with self._changed:
            was_empty = self._content is None
            self._content = outcome
            self._changed.notify_all()
            return was_empty and not self._is_awaited

    def take(self) -> Outcome | None:
        """Take what is there."""
        with self._changed:
            content, self._content = self._content, None
            return content

    def wait(self, seconds: float) -> Outcome | None:
        """Take what is there, or comes soon."""
        with self._changed:
            self._is_awaited = True
            try:
                self._changed.wait_for(lambda: self._content is not None, seconds)
            finally:
                self._is_awaited = False
            content, self._content = self._content, None
            return content
