"""The one door to the integrators: the choice of backend.

Whatever renders calls `integrate` here; backends stand behind it and can be added without a change
above it.
"""

import logging
from collections.abc import Callable
from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor

from napari_drr.rendering.kernels import cpu, reference
from napari_drr.rendering.kernels._settings import RayLookup, RaySettings

BackendName = Literal["auto", "reference", "cpu", "cuda"]

_log = logging.getLogger(__name__)

# Why a backend can't render, by name; the fastest first.
_REASONS: dict[str, Callable[[Tensor, RaySettings], str | None]] = {
    "cpu": cpu.reason_not_to_serve,
    "cuda": lambda volume, settings: "this version has no fused CUDA kernels",
    "reference": lambda volume, settings: None,
}


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


def integrate(
    volume: Float[Tensor, "z y x"],
    source: Float[Tensor, "ray 3"],
    target: Float[Tensor, "ray 3"],
    length: Float[Tensor, " ray"],
    *,
    settings: RaySettings,
    lookup: RayLookup,
    backend: str = "reference",
) -> Float[Tensor, "channel ray"]:
    """Integrate a volume along rays.

    Args:
        volume: Attenuation at voxel centers.
        source: Where each ray starts, in voxels (x, y, z).
        target: Where each ray ends, in voxels (x, y, z).
        length: Distance from source to target in mm.
        settings: Renderer, reduction, samples and memory budget.
        lookup: Labels, and what becomes of each label.
        backend: A name that `resolve_backend` returned.

    Returns:
        One number per channel and ray, in the volume's dtype; a ray's bits depend on that ray only.
    """
    if backend == "cpu":
        return cpu.fused(volume, source, target, length, settings, lookup)
    return reference.integrate_in_chunks(volume, source, target, length, settings, lookup)
