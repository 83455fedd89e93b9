"""A thread pool for kernels that release the GIL.

Numba's own parallel layer may not be entered from two threads at once, and offers neither progress
nor a way to stop; a pool of ours does.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

import torch

# Enough units to keep the threads evenly busy, large enough that handing them out costs nothing.
RAYS_PER_UNIT = 1024

Unit = TypeVar("Unit")

_pools: dict[int, ThreadPoolExecutor] = {}


def run_units(
    kernel: Callable[[Unit], None],
    units: Sequence[Unit],
    done: Callable[[Unit], None] | None = None,
) -> None:
    """Run `kernel(unit)` on every unit, on as many threads as torch uses.

    Results do not depend on the number of threads as long as no two units write to one place.

    Args:
        kernel: Must release the GIL for threads to help.
        units: What to run it on.
        done: Called with each finished unit, on the calling thread; what it raises ends the run,
            units that have not begun are given up.
    """
    threads = min(torch.get_num_threads(), len(units))
    if threads <= 1:
        for unit in units:
            kernel(unit)
            if done is not None:
                done(unit)
        return
    waiting = {_pool(threads).submit(kernel, unit): unit for unit in units}
    try:
        for future in as_completed(waiting):
            future.result()
            if done is not None:
                done(waiting[future])
    finally:
        for future in waiting:
            future.cancel()


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
