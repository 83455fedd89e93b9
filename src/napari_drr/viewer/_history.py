"""Undo and redo."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

State = TypeVar("State")

# A recipe with a hundred structures takes some 20 kB where all of them differ.
DEPTH = 500


class History(Generic[State]):
    """States that can be gone back to; what is done within a gesture is one step."""

    def __init__(self) -> None:
        self._past: deque[State] = deque(maxlen=DEPTH)
        self._future: list[State] = []
        self._gestures = 0
        self._recorded_gesture = False

    @property
    def can_undo(self) -> bool:
        """Whether there is something to go back to."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether something was undone and nothing was done since."""
        return bool(self._future)

    @property
    def in_gesture(self) -> bool:
        """Whether a gesture, such as the drag of a slider, is under way."""
        return self._gestures > 0

    def begin(self) -> None:
        """Begin a gesture, or one within it."""
        if not self._gestures:
            self._recorded_gesture = False
        self._gestures += 1

    def end(self) -> bool:
        """End what `begin` began; return whether no gesture is under way any more."""
        self._gestures = max(self._gestures - 1, 0)
        return not self._gestures

    def record(self, before: State) -> None:
        """Take note of the state that a change replaced."""
        if self._gestures and self._recorded_gesture:
            return
        self._recorded_gesture = True
        self._past.append(before)
        self._future.clear()

    def amend(self, change: Callable[[State], State]) -> None:
        """Make a change in all that can be gone back to, since it is no step of its own.

        Args:
            change: Returns what a state becomes.
        """
        self._past = deque(map(change, self._past), maxlen=DEPTH)
        self._future = list(map(change, self._future))

    def undo(self, now: State) -> State | None:
        """Return the state before the last step, or None; `now` can be redone."""
        if not self._past:
            return None
        self._recorded_gesture = False
        self._future.append(now)
        return self._past.pop()

    def redo(self, now: State) -> State | None:
        """Return the state that `undo` left last, or None."""
        if not self._future:
            return None
        self._recorded_gesture = False
        self._past.append(now)
        return self._future.pop()
