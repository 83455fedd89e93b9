"""The one door to the integrators: choice of backend, chunks of rays, memory.

Whatever renders calls `integrate` here; backends stand behind it and can be added without a change
above it.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from napari_drr.rendering.kernels import reference
from napari_drr.rendering.kernels._settings import RayLookup, RaySettings

BackendName = Literal["auto", "reference", "cpu", "cuda"]
Integrator = Callable[[Tensor, Tensor, Tensor, Tensor, RaySettings, RayLookup], Tensor]

_log = logging.getLogger(__name__)

# What is installed. The fused CPU and CUDA kernels register here when they come.
_INTEGRATORS: dict[str, Integrator] = {"reference": reference.integrate}


def resolve_backend(backend: BackendName, device: torch.device) -> str:
    """Choose the backend that serves.

    Args:
        backend: `"auto"` for the fastest that serves, or one by name.
        device: Where the volume lies.

    Returns:
        The name of a backend that serves.

    Raises:
        ValueError: If there is no such backend, or the named one can't serve.
    """
    if backend not in get_args(BackendName):
        names = ", ".join(map(repr, get_args(BackendName)))
        raise ValueError(f"`backend` must be one of {names}, got {backend!r}.")
    if backend == "auto":
        _log.debug("backend 'auto' on %s: 'reference', the only one installed", device)
        return "reference"
    if backend not in _INTEGRATORS:
        raise ValueError(
            f"`backend` {backend!r} can't serve: this version has no fused {backend} kernels. "
            "Use 'auto' or 'reference'."
        )
    return backend


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
    """Integrate a volume along rays, in chunks that stay within the memory budget.

    Args:
        volume: Attenuation at voxel centers.
        source: Where each ray starts, in voxels (x, y, z).
        target: Where each ray ends, in voxels (x, y, z).
        length: Distance from source to target in mm.
        settings: Renderer, reduction, samples and memory budget.
        lookup: Labels, and what becomes of each label.
        backend: A name that `resolve_backend` returned.

    Returns:
        One number per channel and ray, in the volume's dtype, whatever the chunks.
    """
    function = _INTEGRATORS[backend]
    n_rays = len(target)
    chunk = settings.rays_per_chunk or max(
        1, settings.memory_budget // reference.bytes_per_ray(volume.shape, settings)
    )
    starts = range(0, n_rays, chunk)
    inner = replace(settings, progress=None)
    # Storing what several chunks need for backward would undo them: it is computed again instead.
    recompute = len(starts) > 1 and _needs_grad(volume, source, target, length, lookup)
    parts = []
    for start in starts:
        rays = slice(start, start + chunk)
        arguments = (volume, source[rays], target[rays], length[rays], inner, lookup)
        if recompute:
            part = checkpoint(function, *arguments, use_reentrant=False)
        else:
            part = function(*arguments)
        parts.append(part.to(volume.dtype))
        if settings.progress is not None:
            settings.progress(min(start + chunk, n_rays), n_rays)
    return torch.cat(parts, -1)


def _needs_grad(
    volume: Tensor, source: Tensor, target: Tensor, length: Tensor, lookup: RayLookup
) -> bool:
    tensors = (volume, source, target, length, lookup.weight_of_label)
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
