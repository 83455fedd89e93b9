"""The one door to the integrators: the choice of backend, and the operators that torch knows.

Whatever renders calls `integrate` here; backends stand behind it and can be added without a change
above it. The fused backends are one custom operator with its gradient a second one, so that
`torch.compile` takes them as they are.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, get_args

import torch
import torch.autograd.forward_ad as forward_ad
from jaxtyping import Float
from torch import Tensor

from napari_drr.rendering.kernels import cpu, cuda, reference
from napari_drr.rendering.kernels._rays import RayBundle
from napari_drr.rendering.kernels._settings import (
    Progress,
    RayLookup,
    RaySettings,
    RendererName,
)
from napari_drr.rendering.reduce import ReductionName

BackendName = Literal["auto", "reference", "cpu", "cuda"]

_log = logging.getLogger(__name__)

# Why a backend can't render, by name; the fastest first.
_REASONS: dict[str, Callable[[Tensor, RaySettings], str | None]] = {
    "cpu": cpu.reason_not_to_serve,
    "cuda": cuda.reason_not_to_serve,
    "reference": lambda volume, settings: None,
}

# Operators take tensors and plain values only: who is told of progress goes beside them.
_progress: ContextVar[Progress | None] = ContextVar("progress", default=None)


def resolve_backend(backend: BackendName, volume: Tensor, settings: RaySettings) -> str:
    """Choose the backend that serves.

    Args:
        backend: `"auto"` for the fastest that serves, or one by name.
        volume: What is to be rendered; its device and dtype count.
        settings: How it is to be rendered.

    Returns:
        The name of a backend that serves.

    Raises:
        ValueError: If there is no such backend, or the named one can't serve.
    """
    if backend not in get_args(BackendName):
        names = ", ".join(map(repr, get_args(BackendName)))
        raise ValueError(f"`backend` must be one of {names}, got {backend!r}.")
    if backend != "auto":
        reason = _REASONS[backend](volume, settings)
        if reason is not None:
            raise ValueError(
                f"`backend` {backend!r} can't serve: {reason}. Use 'auto' or 'reference'."
            )
        return backend
    reasons = {name: ask(volume, settings) for name, ask in _REASONS.items()}
    chosen = next(name for name, reason in reasons.items() if reason is None)
    _log.debug("backend 'auto': %r; %s", chosen, {n: r for n, r in reasons.items() if r})
    return chosen


def serves_elsewhere(backend: str, volume: Tensor, settings: RaySettings) -> bool:
    """Tell whether a backend, by name, would serve this volume on its own device, not on this one.

    Args:
        backend: The name.
        volume: What is to be rendered.
        settings: How it is to be rendered.
    """
    is_there = backend == "cpu" or (backend == "cuda" and torch.cuda.is_available())
    if not is_there or volume.device.type == backend:
        return False
    there = torch.empty(0, dtype=volume.dtype, device=backend)
    return _REASONS[backend](there, settings) is None


def integrate(
    volume: Float[Tensor, "z y x"],
    rays: RayBundle,
    *,
    settings: RaySettings,
    lookup: RayLookup,
    backend: str = "reference",
) -> Float[Tensor, "pose channel ray"]:
    """Integrate a volume along rays.

    Args:
        volume: Attenuation at voxel centers.
        rays: Where they run, in voxels and mm.
        settings: Renderer, reduction, samples and memory budget.
        lookup: Labels, and what becomes of each label.
        backend: A name that `resolve_backend` returned.

    Returns:
        One number per pose, channel and ray, in the volume's dtype; a ray's bits depend on that ray
        only. Differentiable in `volume`, `rays.lines` and `lookup.weight_of_label`.
    """
    if backend == "reference" or _is_transformed(volume, rays.lines, lookup.weight_of_label):
        return reference.integrate_in_chunks(volume, rays, settings, lookup)
    arguments = (
        volume,
        rays.lines,
        rays.pixels,
        *rays.shape,
        lookup.labels,
        *_of_one_length(lookup.channel_of_label, lookup.weight_of_label),
        lookup.n_channels,
        settings.renderer,
        settings.reduction,
        settings.n_points,
        backend,
    )
    operator: Callable[..., Tensor] = _integrate
    if torch.compiler.is_compiling():
        return operator(*arguments)
    with _reporting(settings.progress):
        return operator(*arguments)


def _of_one_length(
    channels: Tensor | None, weights: Tensor | None
) -> tuple[Tensor | None, Tensor | None]:
    """Return tables of labels as long as both are; labels are in either."""
    if channels is None or weights is None:
        return channels, weights
    length = min(len(channels), len(weights))
    return channels[:length], weights[:length]


def _is_transformed(*tensors: Tensor | None) -> bool:
    """Tell whether `torch.func` or forward mode is at work: operators know backward mode only."""
    if torch.compiler.is_compiling():
        return False
    found = [t for t in tensors if t is not None]
    return any(
        torch._C._functorch.is_functorch_wrapped_tensor(t)
        or forward_ad.unpack_dual(t).tangent is not None  # type: ignore[no-untyped-call] # torch's
        for t in found
    )


@contextmanager
def _reporting(progress: Progress | None) -> Iterator[None]:
    token = _progress.set(progress)
    try:
        yield
    finally:
        _progress.reset(token)


@torch.library.custom_op("napari_drr::integrate", mutates_args=())
def _integrate(
    volume: Tensor,
    lines: Tensor,
    pixels: Tensor | None,
    height: int,
    width: int,
    labels: Tensor | None,
    channel_of_label: Tensor | None,
    weight_of_label: Tensor | None,
    n_channels: int,
    renderer: str,
    reduction: str,
    n_points: int,
    backend: str,
) -> Tensor:
    volume, shape = volume.contiguous(), (height, width)
    tables = (labels, channel_of_label, weight_of_label, n_channels)
    if backend == "cuda":
        return cuda.forward(volume, lines, pixels, shape, *tables, renderer, reduction, n_points)
    settings = _settings(renderer, reduction, n_points, _progress.get())
    return cpu.forward(volume, RayBundle(lines, shape, pixels), settings, RayLookup(*tables))


@_integrate.register_fake
def _(
    volume: Tensor,
    lines: Tensor,
    pixels: Tensor | None,
    height: int,
    width: int,
    labels: Tensor | None,
    channel_of_label: Tensor | None,
    weight_of_label: Tensor | None,
    n_channels: int,
    renderer: str,
    reduction: str,
    n_points: int,
    backend: str,
) -> Tensor:
    n_rays = height * width if pixels is None else pixels.shape[-1]
    return volume.new_empty(lines.shape[0], n_channels, n_rays)


@torch.library.custom_op("napari_drr::integrate_backward", mutates_args=())
def _integrate_backward(
    gradient: Tensor,
    volume: Tensor,
    lines: Tensor,
    weight_of_label: Tensor | None,
    pixels: Tensor | None,
    height: int,
    width: int,
    labels: Tensor | None,
    channel_of_label: Tensor | None,
    n_channels: int,
    renderer: str,
    reduction: str,
    n_points: int,
    backend: str,
    by_volume: bool,
    by_lines: bool,
    by_weights: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients in volume, lines and weights; empty where they are not wanted."""
    volume, shape, wanted = volume.contiguous(), (height, width), (by_volume, by_lines, by_weights)
    tables = (labels, channel_of_label, weight_of_label, n_channels)
    if backend == "cuda":
        how = (renderer, reduction, n_points)
        found = cuda.backward(gradient, volume, lines, pixels, shape, *tables, *how, wanted)
    else:
        settings = _settings(renderer, reduction, n_points, None)
        rays, lookup = RayBundle(lines, shape, pixels), RayLookup(*tables)
        found = cpu.backward(gradient, volume, rays, settings, lookup, wanted)
    like = (volume, lines, lines if weight_of_label is None else weight_of_label)
    first, second, third = (
        tensor.new_empty(0) if g is None else g.to(tensor.dtype)
        for g, tensor in zip(found, like, strict=True)
    )
    return first, second, third


@_integrate_backward.register_fake
def _(
    gradient: Tensor,
    volume: Tensor,
    lines: Tensor,
    weight_of_label: Tensor | None,
    pixels: Tensor | None,
    height: int,
    width: int,
    labels: Tensor | None,
    channel_of_label: Tensor | None,
    n_channels: int,
    renderer: str,
    reduction: str,
    n_points: int,
    backend: str,
    by_volume: bool,
    by_lines: bool,
    by_weights: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    like = (volume, lines, lines if weight_of_label is None else weight_of_label)
    first, second, third = (
        torch.empty(t.shape, dtype=t.dtype, device=t.device) if wanted else t.new_empty(0)
        for t, wanted in zip(like, (by_volume, by_lines, by_weights), strict=True)
    )
    return first, second, third


def _settings(
    renderer: Any, reduction: Any, n_points: int, progress: Progress | None
) -> RaySettings:
    name: RendererName = renderer
    reduce: ReductionName = reduction
    return RaySettings(name, reduce, n_points, progress=progress)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    """Keep what the gradient needs: the inputs, nothing else."""
    volume, lines, pixels, height, width, labels, channels, weights, *settings = inputs
    ctx.save_for_backward(volume, lines, weights, pixels, labels, channels)
    ctx.settings = (height, width), tuple(settings)


def _differentiate(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    volume, lines, weights, pixels, labels, channels = ctx.saved_tensors
    shape, settings = ctx.settings
    needs = ctx.needs_input_grad
    wanted = (needs[0], needs[1], needs[7])
    tables = (pixels, *shape, labels, channels)
    operator: Callable[..., tuple[Tensor, ...]] = _integrate_backward
    found = operator(gradient, volume, lines, weights, *tables, *settings, *wanted)
    by_volume, by_lines, by_weights = (g if w else None for g, w in zip(found, wanted, strict=True))
    return (by_volume, by_lines, *(None,) * 5, by_weights, *(None,) * 5)


def _keep_again(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    gradient, volume, lines, weights, pixels, height, width, labels, channels, *rest = inputs
    ctx.save_for_backward(gradient, volume, lines, weights, pixels, labels, channels)
    *settings, by_volume, by_lines, by_weights = rest
    ctx.settings = (height, width), settings, (by_volume, by_lines, by_weights)


def _differentiate_again(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the gradient, through the reference: it is the same integral."""
    gradient, volume, lines, weights, pixels, labels, channels = ctx.saved_tensors
    shape, (n_channels, renderer, reduction, n_points, _), wanted = ctx.settings
    with torch.enable_grad():
        first, inner, way = (t.detach().requires_grad_() for t in (gradient, volume, lines))
        factors = None if weights is None else weights.detach().requires_grad_()
        image = reference.integrate_in_chunks(
            inner,
            RayBundle(way, shape, pixels),
            _settings(renderer, reduction, n_points, None),
            RayLookup(labels, channels, factors, n_channels),
        )
        inputs = (inner, way, factors)
        chosen = [t for t, w in zip(inputs, wanted, strict=True) if w and t is not None]
        steep = [s for s, w in zip(slopes, wanted, strict=True) if w]
        found = torch.autograd.grad(
            image, chosen, first, create_graph=True, allow_unused=True, materialize_grads=True
        )
        parts = [(f * s.to(f)).sum() for f, s in zip(found, steep, strict=True)]
        total = torch.stack([part.double() for part in parts]).sum()
        sought = [t for t in (first, *inputs) if t is not None]
        if not total.requires_grad:  # such as that of the largest voxel in the rays
            return (None,) * 17
        again = iter(torch.autograd.grad(total, sought, allow_unused=True))
    by = [None if t is None else next(again) for t in (first, *inputs)]
    return (*by, *(None,) * 13)


_integrate.register_autograd(_differentiate, setup_context=_keep)
_integrate_backward.register_autograd(_differentiate_again, setup_context=_keep_again)
