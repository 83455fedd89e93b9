"""The fused CPU kernels: float32 volumes, named reductions.

The forward pass is compiled; gradients are the reference's, of the same integral at the same rays,
so they are exact and can be differentiated again.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.rendering.kernels import reference
from napari_drr.rendering.kernels._settings import RayLookup, RaySettings
from napari_drr.rendering.kernels._threads import run_tiles


def reason_not_to_serve(volume: Tensor, settings: RaySettings) -> str | None:
    """Say why these kernels can't render, or None if they can."""
    if volume.device.type != "cpu":
        return f"the volume lies on {volume.device.type!r}"
    if volume.dtype != torch.float32:
        return f"they take float32 volumes, and this one is {str(volume.dtype).split('.')[-1]}"
    if callable(settings.reduction):
        return "a callable reduction needs every sample"
    return None


def integrate(
    volume: Float[Tensor, "z y x"],
    source: Float[Tensor, "ray 3"],
    target: Float[Tensor, "ray 3"],
    length: Float[Tensor, " ray"],
    settings: RaySettings,
    lookup: RayLookup,
) -> Float[Tensor, "channel ray"]:
    """Integrate a volume along rays; see `reference.integrate` for arguments and result."""
    loop, before = _loop(volume, settings, lookup)
    n_rays = len(target)
    out = np.empty((n_rays, lookup.n_channels), dtype=np.float32)
    rays = tuple(_array(t) for t in (source, target, length))

    def tile(start: int, stop: int) -> None:
        loop(*before, *rays, out, start, stop)

    run_tiles(tile, n_rays, settings.progress)
    return torch.from_numpy(out).T


def _loop(volume: Tensor, settings: RaySettings, lookup: RayLookup) -> tuple[Any, tuple[Any, ...]]:
    """Return the compiled loop for a render, and its arguments before the rays."""
    # Importing numba and what it compiled takes a second: not for those who render elsewhere.
    from napari_drr.rendering.kernels._traversal import make_siddon, make_trilinear

    channelled = lookup.channel_of_label is not None
    mode = "channels" if channelled else str(settings.reduction)
    weighed = lookup.weight_of_label is not None
    shape = tuple(reversed(volume.shape))
    arguments = (_array(volume).reshape(-1), *_tables(lookup), shape)
    if settings.renderer == "trilinear":
        return make_trilinear(mode, weighed), (*arguments, settings.n_points)
    low, high = (-0.5,) * 3, tuple(n - 0.5 for n in shape)
    return make_siddon(mode, weighed), (*arguments, low, high)


def _tables(lookup: RayLookup) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, weights and channels as arrays of few types: each combination is compiled."""
    labels, weights, channels = lookup.labels, lookup.weight_of_label, lookup.channel_of_label
    if labels is not None and labels.dtype != torch.uint8:
        labels = labels.to(torch.int32)
    return (
        np.empty(0, np.uint8) if labels is None else _array(labels).reshape(-1),
        np.empty(0, np.float64) if weights is None else _array(weights).astype(np.float64),
        np.empty(0, np.int64) if channels is None else _array(channels).astype(np.int64),
    )


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy())


def fused(
    volume: Float[Tensor, "z y x"],
    source: Float[Tensor, "ray 3"],
    target: Float[Tensor, "ray 3"],
    length: Float[Tensor, " ray"],
    settings: RaySettings,
    lookup: RayLookup,
) -> Float[Tensor, "channel ray"]:
    """Integrate as `integrate` does, differentiable as `reference.integrate` is."""
    weights = lookup.weight_of_label
    apply: Callable[..., Tensor] = _Fused.apply
    return apply(volume, source, target, length, weights, settings, lookup)


class _Fused(torch.autograd.Function):
    """The compiled integral with the reference's gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        volume: Tensor,
        source: Tensor,
        target: Tensor,
        length: Tensor,
        weights: Tensor | None,
        settings: RaySettings,
        lookup: RayLookup,
    ) -> Tensor:
        """Integrate; keep what the reference needs to do it again."""
        ctx.save_for_backward(volume, source, target, length, weights)
        ctx.settings, ctx.lookup = settings, lookup
        return integrate(volume, source, target, length, settings, lookup)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Differentiate the reference at the same rays."""
        saved = ctx.saved_tensors
        wanted = [i for i in range(5) if ctx.needs_input_grad[i]]
        again = torch.is_grad_enabled()
        with torch.enable_grad():
            inputs = [
                t if again or i not in wanted else t.detach().requires_grad_()
                for i, t in enumerate(saved)
            ]
            volume, source, target, length, weights = inputs
            image = reference.integrate_in_chunks(
                volume,
                source,
                target,
                length,
                replace(ctx.settings, progress=None),
                replace(ctx.lookup, weight_of_label=weights),
            )
            found = torch.autograd.grad(
                image,
                [inputs[i] for i in wanted],
                gradients[0],
                create_graph=again,
                allow_unused=True,
            )
        result: list[Tensor | None] = [None] * 7
        for i, gradient in zip(wanted, found, strict=True):
            result[i] = gradient
        return tuple(result)
