"""A thread pool for kernels that release the GIL.

Numba's own parallel layer may not be entered from two threads at once, and offers neither progress
nor a way to stop; a pool of ours does.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed

import torch

from napari_drr.rendering.kernels._settings import Progress

# Enough tiles to keep the threads evenly busy, large enough that handing them out costs nothing.
RAYS_PER_TILE = 1024

_pools: dict[int, ThreadPoolExecutor] = {}


def run_tiles(
    kernel: Callable[[int, int], None], n_rays: int, progress: Progress | None = None
) -> None:
    """Run `kernel(start, stop)` on ranges of rays that cover all of them.

    As many threads are used as torch uses. Results do not depend on their number.

    Args:
        kernel: Must release the GIL and write to its own rays only.
        n_rays: Number of rays.
        progress: Called with (rays done, rays in all), on the calling thread; what it raises ends
            the run, tiles that have not begun are given up.
    """
    starts = range(0, n_rays, RAYS_PER_TILE)
    threads = min(torch.get_num_threads(), len(starts))
    if threads <= 1:
        for start in starts:
            stop = min(start + RAYS_PER_TILE, n_rays)
            kernel(start, stop)
            if progress is not None:
                progress(stop, n_rays)
        return
    tiles = [
        _pool(threads).submit(kernel, start, min(start + RAYS_PER_TILE, n_rays)) for start in starts
    ]
    try:
        for count, tile in enumerate(as_completed(tiles), start=1):
            tile.result()
            if progress is not None:
                progress(min(count * RAYS_PER_TILE, n_rays), n_rays)
    finally:
        for tile in tiles:
            tile.cancel()


def _pool(threads: int) -> ThreadPoolExecutor:
    if threads not in _pools:
        _pools[threads] = ThreadPoolExecutor(threads, thread_name_prefix="napari-drr-kernel")
    return _pools[threads]


# A forked child (a Linux DataLoader's worker) inherits the pool but none of its threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)
