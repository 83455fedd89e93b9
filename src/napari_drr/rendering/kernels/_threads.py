"""A thread pool for kernels that release the GIL.

Numba's own parallel layer may not be entered from two threads at once, and offers neither progress
nor a way to stop; a pool of ours does.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import torch

# Enough units to keep the threads evenly busy, and so large that handing them out costs nothing:
# that takes Python's lock, which a window that is being painted may hold for some milliseconds.
UNITS_PER_THREAD = 8
RAYS_PER_UNIT, MOST_RAYS_PER_UNIT = 1024, 8192

Unit = TypeVar("Unit")

_pools: dict[int, ThreadPoolExecutor] = {}


def run_units(
    kernel: Callable[[Unit], None],
    units: Sequence[Unit],
    done: Callable[[Unit], None] | None = None,
) -> None:
    """Run `kernel(unit)` on every unit, on as many threads as torch uses, this one included.

    Results do not depend on the number of threads as long as no two units write to one place.

    Args:
        kernel: Must release the GIL for threads to help.
        units: What to run it on.
        done: Called with finished units, on the calling thread; what it raises ends the run, units
            that have not begun are given up.
    """
    n_helpers = min(torch.get_num_threads(), len(units)) - 1
    waiting, finished = iter(units), deque[Unit]()  # both safe to share under the GIL
    given_up = False

    def take() -> None:
        nonlocal given_up
        try:
            while not given_up and (unit := next(waiting, None)) is not None:
                kernel(unit)
                finished.append(unit)
        except BaseException:
            given_up = True
            raise

    helpers = [_pool(n_helpers).submit(take) for _ in range(n_helpers)]
    try:
        while not given_up and (unit := next(waiting, None)) is not None:
            kernel(unit)
            finished.append(unit)
            _report(finished, done)
    finally:
        given_up = True
        # One that still waits for a thread has nothing left to do. Of the others, none may write to
        # what the caller no longer holds.
        running = [helper for helper in helpers if not helper.cancel()]
        wait(running)
    for helper in running:
        helper.result()
    _report(finished, done)


def _report(finished: "deque[Unit]", done: Callable[[Unit], None] | None) -> None:
    while finished:
        unit = finished.popleft()
        if done is not None:
            done(unit)


def rays_per_unit(n_rays: int) -> int:
    """Return how many rays make a unit where no result depends on it."""
    shared = n_rays // (UNITS_PER_THREAD * torch.get_num_threads())
    return min(max(shared, RAYS_PER_UNIT), MOST_RAYS_PER_UNIT)


def split(count: int, size: int) -> list[tuple[int, int]]:
    """Cut `range(count)` into ranges of a size, as (start, stop)."""
    return [(start, min(start + size, count)) for start in range(0, count, size)]


def _pool(threads: int) -> ThreadPoolExecutor:
    if threads not in _pools:
        _pools[threads] = ThreadPoolExecutor(threads, thread_name_prefix="napari-drr-kernel")
    return _pools[threads]


# A forked child (a Linux DataLoader's worker) inherits the pool but none of its threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)
