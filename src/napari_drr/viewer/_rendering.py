"""The half of a session that renders: from its recipe and layers to layers again."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from napari_drr.viewer._outbox import Outbox
from napari_drr.viewer._outputs import Outputs
from napari_drr.viewer._pace import PATIENCE, Pace
from napari_drr.viewer._preferences import on_preferences_changed, preferences
from napari_drr.viewer._render import Renderer, view_of
from napari_drr.viewer._requests import Request, Result, Settled
from napari_drr.viewer._status import Status
from napari_drr.viewer._warm_up import warm_up, warm_up_structures
from napari_drr.viewer.live import Deliver, Job, Loop

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_drr.recipe import Structure
    from napari_drr.viewer._session import Session

_log = logging.getLogger(__name__)

T = TypeVar("T")

Post = Callable[[Callable[[], None]], None]
Progress = Callable[[int, int], None]

# Each image layer costs napari's window some hundredths of a second per update.
MOST_STRUCTURE_IMAGES = 24

# Renders that take less than this, in seconds, show no progress: a bar that flickers tells nothing.
SHORT = 0.3
# No more often than this is progress told, in seconds.
PROGRESS_EVERY = 0.05

# After so many times in vain it waits only once in a while.
GIVE_UP = 5

# Fields of the recipe that no pixel depends on.
LOOKS_ONLY = {"display", "ct"}


class Rendering:
    """Renders a session's recipe on a thread and shows the results on the main one.

    Args:
        session: The session; held weakly, as by everything that is on its way.
        post: Runs a function on the main thread, soon; None where only the main thread renders.

    Attributes:
        post: The same.
    """

    def __init__(self, session: Session, post: Post | None) -> None:
        self._session = weakref.ref(session)
        self.post = post
        self.outputs = Outputs()
        self.pace = Pace()
        self.status: Status | None = None
        self._renderer = Renderer()
        self._loop = Loop(self._renderer, self.pace)
        self._job: Job | None = None
        self._fresh: Job | None = None
        self._missed = 0
        self._last: Result | None = None
        self._warm: threading.Event | None = None
        self._outbox = Outbox()
        self._failed: tuple[object, str] | None = None

    @property
    def is_warm(self) -> bool:
        """Whether torch can be used without a wait for its import."""
        return self._warm is None or self._warm.is_set() or self._last is not None

    @property
    def has_failed(self) -> bool:
        """Whether the last render of what the layers hold now failed."""
        taken = self._alive()._inputs.taken()
        return self._failed is not None and taken is not None and self._failed[0] == taken.key

    def render(self, wait: bool) -> Layer | None:
        """Do what `Session.render` says."""
        session = self._alive()
        if not wait and self.post is None:
            raise RuntimeError("Without a window only `render(wait=True)` can be delivered.")
        self._failed = None
        self.outputs.dismissed.clear()
        try:
            request = self._request(session)
        except ValueError as error:
            if wait:
                raise
            self._tell_failure(session, error)
            return None
        session.events.started.emit()
        self._submit(session, Job(request, None if wait else self._deliver()))
        if not wait or self._job is None:
            return None
        try:
            result = self._job.future.result()
        except ValueError as error:
            self._failed = (request.inputs.key, str(error))
            raise
        self._outbox.take()  # older than this
        return self._show(session, result)

    def update(self) -> None:
        """Render a change, a preview first."""
        session = self._alive()
        if self.post is None:
            return  # nothing could be shown; `render` is called instead
        try:
            request = self._request(session, prepares=session.labels is not None)
        except ValueError as error:
            self.cancel()
            self._tell_failure(session, error)
            return
        is_moving = session._history.in_gesture
        self._submit(session, Job(request, self._deliver(), is_live=True, is_moving=is_moving))

    def wait_a_moment(self) -> None:
        """Show the image of a change at once if it is there in a few milliseconds.

        Python's lock is free meanwhile. Else Qt, which holds it, would first paint the slider that
        was moved, and the worker would stand still; and the window would be painted twice.
        """
        job, self._fresh = self._fresh, None
        if job is None or not job.is_live:
            return
        if self._missed >= GIVE_UP and self._missed % GIVE_UP:
            self._missed += 1
            return
        outcome = self._outbox.wait(PATIENCE)
        self._missed = self._missed + 1 if outcome is None else 0
        if outcome is not None:
            self._receive(outcome)

    def rest(self) -> None:
        """Render in full what was moving."""
        job, session = self._job, self._alive()
        if job is None or not job.is_moving or job.future.done():
            return
        request = replace(job.request, cancel=threading.Event())
        self._submit(session, Job(request, self._deliver(), is_live=True, previews=False))

    def settle(self) -> None:
        """Do what moving images do without: place the layer, and renew its thumbnail."""
        session, last = self._session(), self._last
        if session is None or session._viewer() is None or last is None or last.is_preview:
            return
        recipe = replace(last.recipe, display=session.recipe.display)
        self.outputs.settle(session.viewer, recipe, session.ct)

    def restyle(self) -> None:
        """Show the same line integrals as the recipe's display says."""
        session = self._alive()
        self.outputs.restyle(session.viewer, session.recipe.display)

    def follow_preferences(self) -> None:
        """Take as long for previews as the user prefers, now and whenever that changes."""
        self._on_preferences()
        on_preferences_changed(self._on_preferences)

    def _on_preferences(self, event: object = None) -> None:
        self.pace.budget = preferences().budget

    def warm_up(self) -> None:
        """Import and compile what renders, in the background; structures' part after a render."""
        done = self._warm = threading.Event()

        def first() -> None:
            try:
                warm_up()
            finally:
                done.set()

        if self.post is not None:
            # The dock is painted first: Qt would wait for Python's lock at each of its widgets.
            self._loop.hold()
            self.post(self._loop.go)
        self._loop.later(first)
        self._loop.later(warm_up_structures)

    def cancel(self) -> None:
        """Give up the render under way."""
        # What was delivered, and what a preview still delivers, is shown to nobody.
        was_busy, untaken, self._outbox = self._loop.cancel(), self._outbox.take(), Outbox()
        if was_busy or untaken is not None:
            self._alive().events.cancelled.emit()

    def give_up_live(self) -> None:
        """Show nothing more that was not asked for by `render`: the radiograph was deleted."""
        if self._job is not None and self._job.is_live:
            self.cancel()
            self._job = self._last = None

    def close(self) -> None:
        """End the thread, and let go of the volume."""
        self.cancel()
        self._loop.close()
        self._renderer = Renderer()
        self._loop = Loop(self._renderer, self.pace)
        self._job = self._last = self._warm = self._failed = None

    def aside(
        self, doing: str, work: Callable[[], T], done: Callable[[T], None], *, wait: bool
    ) -> None:
        """Do what takes long off the main thread, between two renders.

        Args:
            doing: What it is, for the status line.
            work: Does it; touches neither layers nor the viewer.
            done: Called on the main thread with what it returned.
            wait: Do it here and now.
        """
        post, session = self.post, self._session
        if wait or post is None:
            done(work())
            return

        def on_thread() -> None:
            try:
                result = work()
            except (ValueError, TypeError, MemoryError, OSError) as error:
                message = str(error)
                post(lambda: _tell_failed(session, message))
            else:
                post(lambda: _hand_over(session, done, result))

        self._alive().events.message.emit(doing)
        self._loop.later(on_thread)

    def warnings(self) -> tuple[str, ...]:
        """Return what was told of the image that is shown, if it is the recipe's."""
        last, session = self._last, self._alive()
        taken = session._inputs.taken()
        if last is None or last.is_preview or taken is None or taken.key != last.inputs_key:
            return ()
        recipe = replace(last.recipe, display=session.recipe.display)
        return last.warnings if recipe == session.recipe else ()

    def under(self, column: int, row: int) -> list[tuple[Structure, float]]:
        """Do what `Session.under` says."""
        session, apart = self._alive(), self._renderer.apart
        if apart is None or self._job is None or apart.key != view_of(self._job.request):
            return []
        height, width = apart.images.shape[1:]
        if not (0 <= row < height and 0 <= column < width):
            return []
        found = dict(zip(apart.ids, apart.images[:, row, column].tolist(), strict=True))
        there = [(s, found[s.id]) for s in session.structures if found.get(s.id, 0.0) > 0]
        return sorted(there, key=lambda pair: -pair[1])

    def _alive(self) -> Session:
        session = self._session()
        if session is None:
            raise RuntimeError("The session is gone.")
        return session

    def _request(self, session: Session, *, prepares: bool = False) -> Request:
        return Request(
            recipe=session.recipe,
            inputs=session._inputs.snapshot(),
            channels=_channel_ids(session),
            expected=session._expected,
            cancel=threading.Event(),
            progress=self._reporter(),
            prepares=prepares,
            device=session.device,
        )

    def _submit(self, session: Session, job: Job) -> None:
        self._job = self._fresh = job
        if not self.is_warm:
            session.events.message.emit("Loading the renderer, at first use compiling it ...")
        self._loop.submit(job)

    # From the worker's thread back to the main one

    def _deliver(self) -> Deliver:
        rendering, post, outbox = weakref.ref(self), self.post, self._outbox

        def deliver(job: Job, outcome: Result | Settled | BaseException) -> None:
            if post is None:
                return
            if isinstance(outcome, Settled):
                post(lambda: _settle(rendering))
            elif outbox.put(outcome):
                post(lambda: _take_from(outbox, rendering))

        return deliver

    def _reporter(self) -> Progress:
        rendering, post, told = weakref.ref(self), self.post, [time.perf_counter() + SHORT]

        def report(done: int, total: int) -> None:
            if post is not None and time.perf_counter() >= told[0]:
                told[0] = time.perf_counter() + PROGRESS_EVERY
                post(lambda: _report(rendering, this(), done, total))

        this = weakref.ref(report)
        return report

    def _receive(self, outcome: Result | BaseException) -> None:
        """Show what a render returned, on the main thread."""
        session = self._session()
        if session is None or session._viewer() is None:
            return
        if isinstance(outcome, Result):
            self._show(session, outcome)
            return
        self._tell_failure(session, outcome)

    def _tell_failure(self, session: Session, error: BaseException) -> None:
        """Tell why there is no image; live, the same reason is told once."""
        if not isinstance(error, (ValueError, TypeError, MemoryError, OSError)):
            _log.error("The render failed.", exc_info=error)
        before, taken = self._failed, session._inputs.taken()
        self._failed = (None if taken is None else taken.key, "")
        # They know what was wrong with the layers, and a way out that a window has.
        found = [str(problem) for problem in session.problems() if problem.severity == "error"]
        message = found[0] if found else str(error) or type(error).__name__
        self._failed = (self._failed[0], message)
        if before is None or before[1] != message:
            session.events.failed.emit(message)

    def _show(self, session: Session, result: Result) -> Layer:
        # How it looks may have changed meanwhile, for which nothing is rendered.
        recipe = replace(result.recipe, display=session.recipe.display)
        result = replace(result, recipe=recipe)
        # `settle` does the rest for a live job, when nothing newer comes.
        is_moving = self._job is not None and self._job.is_live
        layer = self.outputs.show(session.viewer, result, session.ct, session.masks, is_moving)
        self._last, self._failed = result, None
        if not result.is_preview:
            session._expected = None  # whether it is the CT that was meant has been told
        # The renderer knows which CT it was; nothing that is shown changes.
        if session.recipe.ct != result.recipe.ct:
            session._recipe = replace(session.recipe, ct=result.recipe.ct)
        self.status = Status.of(result, self.pace.paint_seconds)
        for warning in result.warnings:
            session.events.message.emit(warning)
        session.events.rendered.emit(result)
        session.events.status.emit(self.status)
        return layer


def _settle(rendering: weakref.ref[Rendering]) -> None:
    if (alive := rendering()) is not None:
        alive.settle()


def _take_from(outbox: Outbox, rendering: weakref.ref[Rendering]) -> None:
    outcome, alive = outbox.take(), rendering()
    if outcome is not None and alive is not None and alive._outbox is outbox:
        alive._receive(outcome)


def _hand_over(session: weakref.ref[Session], done: Callable[[T], None], result: T) -> None:
    alive = session()
    if alive is not None and alive._viewer() is not None:
        done(result)


def _tell_failed(session: weakref.ref[Session], message: str) -> None:
    alive = session()
    if alive is not None:
        alive.events.failed.emit(message)


def _report(
    rendering: weakref.ref[Rendering], report: Progress | None, done: int, total: int
) -> None:
    """Tell how far a render is, unless it has ended or another one has begun meanwhile."""
    alive = rendering()
    if alive is None or (job := alive._job) is None or job.request.progress is not report:
        return
    if not (job.future.done() or job.request.cancel.is_set()):
        alive._alive().events.progress.emit(done, total)


def _channel_ids(session: Session) -> tuple[int, ...]:
    if not session.masks or session.labels is None:
        return ()
    visible = tuple(s.id for s in session.recipe.structures if s.visible)
    if "images" in session.masks and len(visible) > MOST_STRUCTURE_IMAGES:
        raise ValueError(
            f"{len(visible)} structures are visible, and each would be a layer of its own: "
            f"show at most {MOST_STRUCTURE_IMAGES}, or take the masks as labels."
        )
    return visible
