"""The fused CPU kernels: float32 volumes, named reductions, gradients computed again, not stored.

The loops are numba's, compiled at their first use on a machine and kept on disk. Threads of our own
take them over ranges of rays; what they compute depends neither on the ranges nor on the threads.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from napari_drr.rendering.kernels._job import Job, box_of
from napari_drr.rendering.kernels._rays import RayBundle
from napari_drr.rendering.kernels._settings import Progress, RayLookup, RaySettings
from napari_drr.rendering.kernels._skipping import all_bricks
from napari_drr.rendering.kernels._threads import rays_per_unit, run_units, split

_log = logging.getLogger(__name__)

_SLOW_SECONDS = 0.7  # what is kept on disk is loaded faster, what is compiled takes longer
_LAYERS_PER_PART = 16  # of the volume's gradient; fixed, so that its bits are

_ready: set[tuple[Any, str]] = set()

Gradients = tuple[Tensor | None, Tensor | None, Tensor | None]


def reason_not_to_serve(volume: Tensor, settings: RaySettings) -> str | None:
    """Say why these kernels can't render, or None if they can."""
    if volume.device.type != "cpu":
        return f"the volume lies on {volume.device.type!r}"
    if volume.dtype != torch.float32:
        return f"they take float32 volumes, and this one is {str(volume.dtype).split('.')[-1]}"
    if callable(settings.reduction):
        return "a callable reduction needs every sample"
    return None


def forward(
    volume: Float[Tensor, "z y x"],
    rays: RayBundle,
    settings: RaySettings,
    lookup: RayLookup,
) -> Float[Tensor, "pose channel ray"]:
    """Integrate a volume along rays; see `reference.integrate` for arguments and result."""
    job = Job.of(volume, rays, settings, lookup)
    shape = (rays.n_poses, lookup.n_channels, rays.n_rays)
    if job.bricks.empty:
        return torch.zeros(shape)
    out = np.empty(shape, np.float32)
    loop, extra = _forward_loop(settings, lookup)

    def kernel(unit: tuple[int, int]) -> None:
        loop(*job.head, *extra, out, *unit)

    _prepare(loop, job, lambda: kernel((0, 0)))
    n_rays = rays.n_poses * rays.n_rays
    run_units(kernel, split(n_rays, rays_per_unit(n_rays)), _reporter(settings.progress, n_rays))
    return torch.from_numpy(out)


def backward(
    gradient: Float[Tensor, "pose channel ray"],
    volume: Float[Tensor, "z y x"],
    rays: RayBundle,
    settings: RaySettings,
    lookup: RayLookup,
    wanted: tuple[bool, bool, bool],
) -> Gradients:
    """Return the gradients in volume, lines and weights, each None where it is not wanted.

    The bits depend neither on the number of threads nor on chance.
    """
    weights = lookup.weight_of_label
    # A label of weight 0 adds nothing to the image, and still to the weights' gradient.
    seen = RayLookup(lookup.labels, lookup.channel_of_label) if wanted[2] else lookup
    job = Job.of(volume, rays, settings, lookup, seen=seen)
    slopes = np.ascontiguousarray(gradient.detach().numpy(), dtype=np.float32)
    if settings.reduction == "sum":
        by_lines, by_weights = None, None
        if wanted[1] or wanted[2]:
            by_lines, by_weights = _backward_sums(job, slopes, settings, wanted[2])
        by_volume = _adjoint(job, slopes, settings) if wanted[0] else None
    else:
        by_volume, by_lines, by_weights = _backward_picks(job, slopes, settings, wanted)
    first, second, third = (
        torch.from_numpy(g) if g is not None and w else None
        for g, w in zip((by_volume, by_lines, by_weights), wanted, strict=True)
    )
    return (
        None if first is None else first.reshape(volume.shape),
        None if second is None else second.to(rays.lines.dtype),
        third if third is None or weights is None else third[: len(weights)].clone(),
    )


def _forward_loop(settings: RaySettings, lookup: RayLookup) -> tuple[Any, tuple[int, ...]]:
    """Return the compiled loop for a render, and its arguments between rays and result."""
    # Importing numba and what it compiled takes a second: not for those who render elsewhere.
    from napari_drr.rendering.kernels._numba.siddon import make_siddon
    from napari_drr.rendering.kernels._numba.trilinear import make_trilinear

    mode = "channels" if lookup.channel_of_label is not None else str(settings.reduction)
    weighed = lookup.weight_of_label is not None
    if settings.renderer == "trilinear":
        return make_trilinear(mode, weighed), (settings.n_points,)
    return make_siddon(mode, weighed), ()


def _backward_sums(
    job: Job, slopes: NDArray[np.float32], settings: RaySettings, by_weight: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the gradients of sums and channels in lines and weights."""
    from napari_drr.rendering.kernels._numba.siddon_backward import make_siddon_backward
    from napari_drr.rendering.kernels._numba.trilinear_backward import make_trilinear_backward

    units = job.units()
    by_lines = np.zeros((max(u[0] for u in units) + 1, *job.lines.shape))
    by_weights = np.zeros((len(units), len(job.weights)))
    rows = dict(zip(units, by_weights, strict=True))
    if settings.renderer == "trilinear":
        loop = make_trilinear_backward("sum", False, job.labelled, by_weight)
        no_picks = (np.empty(0, np.int64), np.empty(0, np.float64))

        def kernel(unit: tuple[int, int, int]) -> None:
            part, start, stop = unit
            outputs = (by_lines[part], rows[unit], *no_picks)
            loop(*job.head, settings.n_points, slopes, *outputs, start, stop)

    else:
        loop = make_siddon_backward(job.labelled, by_weight)

        def kernel(unit: tuple[int, int, int]) -> None:
            part, start, stop = unit
            loop(*job.head, slopes, by_lines[part], rows[unit], start, stop)

    if not job.bricks.empty:
        rows[0, 0, 0] = np.zeros(len(job.weights))
        _prepare(loop, job, lambda: kernel((0, 0, 0)))
        run_units(kernel, units)
    return by_lines.sum(0), by_weights.sum(0)


def _adjoint(job: Job, slopes: NDArray[np.float32], settings: RaySettings) -> NDArray[np.float32]:
    """Return the gradient of sums and channels in the volume.

    Each thread owns some of the volume's layers and takes all rays through them, so that no two
    write to one voxel.
    """
    by_volume = np.zeros(len(job.volume), np.float32)
    if settings.renderer == "trilinear":
        _adjoint_trilinear(job, slopes, settings, by_volume)
    else:
        _adjoint_siddon(job, slopes, by_volume)
    return by_volume


def _adjoint_siddon(job: Job, slopes: NDArray[np.float32], by_volume: NDArray[np.float32]) -> None:
    from napari_drr.rendering.kernels._numba.siddon_volume import make_siddon_volume

    loop = make_siddon_volume(job.labelled)
    width, height, depth = job.shape
    page = width * height
    n_rays = len(job.lines) * job.n_rays

    def kernel(part: tuple[int, int]) -> None:
        low, high = part
        shape = (width, height, high - low)
        bricks = all_bricks(shape)
        voxels = slice(low * page, high * page)
        # The layers as a volume of their own, with the source where it is from there.
        lines = job.lines.copy()
        lines[:, 0, 2] -= low
        labels = job.labels[voxels] if len(job.labels) else job.labels
        tables = (labels, job.weights, job.channels, shape)
        box = box_of(bricks, trilinear=False)
        stop = n_rays if high > low else 0
        head = (by_volume[voxels], *tables, bricks.full, bricks.stride, box)
        loop(*head, lines, job.pixels, *job.detector, job.n_rays, slopes, 0, stop)

    _prepare(loop, job, lambda: kernel((0, 0)))
    run_units(kernel, split(depth, _LAYERS_PER_PART))


def _adjoint_trilinear(
    job: Job, slopes: NDArray[np.float32], settings: RaySettings, by_volume: NDArray[np.float32]
) -> None:
    from napari_drr.rendering.kernels._numba.trilinear_volume import make_trilinear_volume

    loop = make_trilinear_volume(job.labelled)
    head = (by_volume, job.labels, job.weights, job.channels, job.shape, *job.tail)
    n_rays = len(job.lines) * job.n_rays

    def kernel(part: tuple[int, int]) -> None:
        low, high = part
        ends = (-1 if low == 0 else low, high)  # the first cell begins in the padding
        stop = n_rays if high > low else 0
        loop(*head, settings.n_points, slopes, *ends, 0, stop)

    _prepare(loop, job, lambda: kernel((0, 0)))
    # The last cell of a part reaches into the next part: neighbors take turns.
    parts = split(job.shape[2], _LAYERS_PER_PART)
    run_units(kernel, parts[::2])
    run_units(kernel, parts[1::2])


def _backward_picks(
    job: Job,
    slopes: NDArray[np.float32],
    settings: RaySettings,
    wanted: tuple[bool, bool, bool],
) -> tuple[NDArray[np.float32] | None, NDArray[np.float64], NDArray[np.float64]]:
    """Return the gradients of the reductions that keep one sample of each ray."""
    from napari_drr.rendering.kernels._numba.siddon_volume import make_siddon_pick
    from napari_drr.rendering.kernels._numba.trilinear_backward import make_trilinear_backward
    from napari_drr.rendering.kernels._numba.trilinear_volume import make_scatter

    units = job.units()
    by_lines = np.zeros((max(u[0] for u in units) + 1, *job.lines.shape))
    by_volume = np.zeros(len(job.volume) if wanted[0] else 0, np.float32)
    by_weights = np.zeros(len(job.weights))
    n_rays = len(job.lines) * job.n_rays
    picks, shares = np.full(n_rays, -1, np.int64), np.zeros(n_rays)
    weighed, trilinear = len(job.weights) > 0, settings.renderer == "trilinear"
    if trilinear:
        loop = make_trilinear_backward(str(settings.reduction), weighed, weighed, False)
        head = (*job.head, settings.n_points)
    else:
        loop = make_siddon_pick(settings.reduction == "max", weighed)
        head = (*job.head[:3], *job.head[4:])

    def kernel(unit: tuple[int, int, int]) -> None:
        part, start, stop = unit
        outputs = (by_lines[part], by_weights) if trilinear else (by_lines[part],)
        loop(*head, slopes, *outputs, picks, shares, start, stop)

    if not job.bricks.empty:
        _prepare(loop, job, lambda: kernel((0, 0, 0)))
        run_units(kernel, units)
    if wanted[0] or wanted[2]:
        scatter = make_scatter(trilinear, weighed)
        volume = (job.volume, job.labels, job.weights, job.shape)
        scatter(*volume, *job.tail, settings.n_points, picks, shares, by_volume, by_weights)
    return by_volume, by_lines.sum(0), by_weights


def _reporter(progress: Progress | None, n_rays: int) -> Any:
    """Return what tells a render's progress as its units finish."""
    if progress is None:
        return None
    done = 0

    def report(unit: tuple[int, int]) -> None:
        nonlocal done
        done += unit[1] - unit[0]
        progress(done, n_rays)

    return report


def _prepare(loop: Any, job: Job, call: Any) -> None:
    """Compile a loop, or load it from the disk, by a call for no rays; say so if it takes long."""
    key = (loop, job.labels.dtype.str)
    if key in _ready:
        return
    with _told_if_slow():
        call()
    _ready.add(key)


@contextmanager
def _told_if_slow() -> Iterator[None]:
    timer = threading.Timer(
        _SLOW_SECONDS,
        _log.warning,
        ["Compiling the CPU kernels for this kind of render: some seconds, once on this machine."],
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
