"""The render loop: one persistent worker, one slot to put jobs in, the newest job wins. No Qt."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary, finalize

from napari_drr.viewer._pace import Pace
from napari_drr.viewer._render import Renderer, shortage_told
from napari_drr.viewer._requests import Cancelled, Request, Result, Settled

_log = logging.getLogger(__name__)

Deliver = Callable[["Job", Result | Settled | BaseException], None]

# A drag that rests this long, in seconds, is rendered in full though the button is still down.
REST = 0.15

# The window has so long, in seconds, to be painted where it asks for it.
HEAD_START = 1.0

# The program's end waits this long, in seconds, for a tile that is being rendered.
LAST_TILE = 5.0


@dataclass(eq=False)
class Job:
    """One image to render.

    Args:
        request: What to render.
        deliver: Called off the main thread with every result, previews first, or with what went
            wrong; with `Settled` when nothing newer has come; None where `future` is waited for.
        is_live: Whether somebody watches: the radiograph is delivered before its masks.
        previews: Whether, if live, a coarse image may be delivered before that.
        is_moving: Whether the next job is to be expected soon, as in a drag.
        future: The full result.
    """

    request: Request
    deliver: Deliver | None = None
    is_live: bool = False
    previews: bool = True
    is_moving: bool = False
    future: Future[Result] = field(default_factory=Future)

    def give_up(self) -> None:
        """Tell whoever waits that there will be no result."""
        self.request.cancel.set()
        if not self.future.done():
            self.future.set_exception(Cancelled())


class Loop:
    """Renders jobs on a thread of its own, which starts with the first job.

    A job replaces one that waits. One that is being rendered is given up between two tiles, unless
    that is a preview, which is done in no time: who drags without a rest must see something.

    Args:
        renderer: What renders.
        pace: How large previews are.
    """

    def __init__(self, renderer: Renderer, pace: Pace) -> None:
        self.renderer, self.pace = renderer, pace
        self._slot = _Slot()
        # The thread knows the slot only: a forgotten loop ends it.
        self._forgotten = finalize(self, self._slot.close)
        self._thread: threading.Thread | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a job waits or is being rendered."""
        return self._slot.is_busy

    def submit(self, job: Job) -> None:
        """Have a job rendered, instead of any other; at once if its future is waited for."""
        self._start()
        if job.deliver is None:
            self.go()
        self._slot.put(job)

    def later(self, task: Callable[[], None]) -> None:
        """Have something done while there is no job."""
        self._start()
        self._slot.add(task)

    def hold(self) -> None:
        """Begin nothing for a while, or until `go`."""
        self._start()
        self._slot.hold(HEAD_START)

    def go(self) -> None:
        """Begin what was held back."""
        self._slot.hold(0.0)

    def cancel(self) -> bool:
        """Give up what waits or is being rendered; tell whether there was anything."""
        return self._slot.cancel()

    def close(self) -> None:
        """End the thread after the tile that it renders; the next job starts another."""
        self._slot.close()
        self._thread = None

    def _start(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        self._slot.close()
        self._slot = _Slot()
        self._forgotten.detach()
        self._forgotten = finalize(self, self._slot.close)
        # A daemon, so that a program without a window may end; `_end_all` then waits for it.
        self._thread = threading.Thread(
            target=_work,
            args=(self._slot, self.renderer, self.pace),
            name="napari-drr",
            daemon=True,
        )
        _threads[self._thread] = self._slot
        self._thread.start()


class _Slot:
    """One slot for the next job, and what is to be done when there is none."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: Job | None = None
        self._running: Job | None = None
        self._may_interrupt = self._is_delivered = False
        self._tasks: deque[Callable[[], None]] = deque()
        self._held_until = 0.0
        self._closed = False

    @property
    def is_closed(self) -> bool:
        with self._changed:
            return self._closed

    @property
    def is_busy(self) -> bool:
        with self._changed:
            return self._waiting is not None or self._is_rendering

    @property
    def _is_rendering(self) -> bool:
        running = self._running
        if running is None or self._is_delivered:
            return False
        # Who waits for the future goes on as soon as it is there, before the worker can say so.
        return running.deliver is not None or not running.future.done()

    def put(self, job: Job) -> None:
        with self._changed:
            replaced, self._waiting = self._waiting, job
            if self._running is not None and self._may_interrupt:
                self._running.request.cancel.set()
            self._changed.notify_all()
        if replaced is not None:
            replaced.give_up()

    def add(self, task: Callable[[], None]) -> None:
        with self._changed:
            self._tasks.append(task)
            self._changed.notify_all()

    def hold(self, seconds: float) -> None:
        with self._changed:
            self._held_until = time.monotonic() + seconds
            self._changed.notify_all()

    def take(self) -> Job | Callable[[], None] | None:
        """Wait for a job, or a task if there is no job; None when closed."""
        with self._changed:
            self._running = None
            while not self._closed:
                rest = self._held_until - time.monotonic()
                if rest <= 0 and (self._waiting or self._tasks):
                    break
                self._changed.wait(rest if rest > 0 else None)
            if self._closed:
                return None
            if self._waiting is None:
                return self._tasks.popleft()
            self._running, self._waiting = self._waiting, None
            self._may_interrupt = self._is_delivered = False
            return self._running

    def interrupt_from_here(self, rest: float) -> bool:
        """Let newer jobs interrupt from here on; tell whether none comes within `rest` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting, timeout=rest)
            self._may_interrupt = True
            return not (self._closed or self._waiting)

    def finish(self) -> None:
        """Say that the running job has delivered what was asked for."""
        with self._changed:
            self._is_delivered = True

    def cancel(self) -> bool:
        with self._changed:
            was_busy = self._waiting is not None or self._is_rendering
            waiting, self._waiting = self._waiting, None
            if self._running is not None:
                self._running.request.cancel.set()
        if waiting is not None:
            waiting.give_up()
        return was_busy

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._tasks.clear()
            waiting, self._waiting = self._waiting, None
            if self._running is not None:
                self._running.request.cancel.set()
            self._changed.notify_all()
        if waiting is not None:
            waiting.give_up()


def _work(slot: _Slot, renderer: Renderer, pace: Pace) -> None:
    while (item := slot.take()) is not None:
        if isinstance(item, Job):
            _serve(item, slot, renderer, pace)
        else:
            try:
                item()
            except Exception as error:  # noqa: BLE001 - jobs go on, and tell when they meet it
                # Once it is closed nobody waits for it, and torch may be taken apart under an
                # import that lasts longer than the program.
                if not slot.is_closed:
                    # No traceback: Python 3.11 parses source for one, which two threads may not do
                    # at once (SystemError: AST constructor recursion depth mismatch).
                    _log.error("What was to be done in the background failed: %r", error)
        # Nothing of it is kept while the thread waits.
        del item


def _serve(job: Job, slot: _Slot, renderer: Renderer, pace: Pace) -> None:
    try:
        with shortage_told(job.request):
            _render(job, slot, renderer, pace)
    except BaseException as error:  # noqa: BLE001 - whoever waits is told, whatever it is
        if not job.future.done():
            # What a render that was given up has made would stay with its traceback, in a cycle.
            job.future.set_exception(Cancelled() if isinstance(error, Cancelled) else error)
        # Whoever gave it up knows.
        if job.deliver is not None and not isinstance(error, Cancelled):
            job.deliver(job, error)


def _render(job: Job, slot: _Slot, renderer: Renderer, pace: Pace) -> None:
    """Deliver a preview, the image, and what comes with it; the newest job ends it early."""
    request, deliver = job.request, job.deliver
    if not job.is_live or deliver is None or not renderer.is_quick(request, pace.target):
        _preview(job, slot, renderer, pace)
    result = renderer.render(request)
    if request.channels:
        # The radiograph is seen first: its masks take twice its time.
        if job.is_live and deliver is not None:
            deliver(job, replace(result, awaits_channels=True))
        slot.interrupt_from_here(0.0)
        result = renderer.with_channels(request, result)
    # First, so that nothing of its progress is told any more once its image is shown.
    job.future.set_result(result)
    if deliver is not None:
        deliver(job, result)
    slot.finish()
    if request.prepares and slot.interrupt_from_here(0.0):
        _prepare(renderer, request)
    if job.is_live and deliver is not None and slot.interrupt_from_here(REST):
        deliver(job, Settled())


def _prepare(renderer: Renderer, request: Request) -> None:
    """Get ready for what may come next; where that fails, the image that is shown is as it was."""
    try:
        renderer.prepare(request)
    except Cancelled:
        pass
    except (MemoryError, RuntimeError) as error:
        _log.warning("What may be asked for next was not rendered: %r", error)


def _preview(job: Job, slot: _Slot, renderer: Renderer, pace: Pace) -> None:
    """Deliver a preview where one is wanted; raise if the next job is there already."""
    if not (job.is_live and job.previews) or job.deliver is None:
        slot.interrupt_from_here(0.0)
        return
    detector = job.request.recipe.detector
    shape = pace.shape(detector.height, detector.width)
    preview = renderer.preview(job.request, shape)
    pace.rendered(shape[0] * shape[1], preview.seconds)
    job.deliver(job, preview)
    if not slot.interrupt_from_here(REST if job.is_moving else 0.0):
        raise Cancelled


_threads: WeakKeyDictionary[threading.Thread, _Slot] = WeakKeyDictionary()


@atexit.register
def _end_all() -> None:
    """End the threads before the interpreter does: it would stop them in mid-kernel."""
    running = list(_threads.items())
    for _, slot in running:
        slot.close()
    for thread, _ in running:
        thread.join(LAST_TILE)
