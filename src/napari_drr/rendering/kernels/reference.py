"""The definition of correct: ray integrals in plain vectorised torch.

Any device, any float dtype, autograd and double backward with respect to volume and ray ends, any
reduction. The arithmetic is float64 wherever the device has it, whatever the volume's dtype, so
that the result is exact to the rounding of its last step.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from napari_drr.rendering.kernels._rays import RayBundle
from napari_drr.rendering.kernels._settings import RayLookup, RaySettings
from napari_drr.rendering.reduce import reduce_samples, sum_by_channel

# The live tensors per sample of each path, in float64 numbers; measured, with room to spare.
_NUMBERS_PER_SAMPLE = {"siddon": 14, "trilinear": 30}


def integrate(
    volume: Float[Tensor, "z y x"],
    source: Float[Tensor, "ray 3"],
    direction: Float[Tensor, "ray 3"],
    length: Float[Tensor, " ray"],
    settings: RaySettings,
    lookup: RayLookup,
) -> Float[Tensor, "channel ray"]:
    """Integrate a volume along rays.

    Args:
        volume: Attenuation at voxel centers.
        source: Where each ray starts, in voxels (x, y, z); voxel i has its center at i.
        direction: From there to where the ray ends, in voxels (x, y, z).
        length: Distance from source to end in mm.
        settings: Renderer, reduction and number of samples.
        lookup: Labels, and what becomes of each label.

    Returns:
        One number per channel and ray. Differentiable in `volume`, `source`, `direction`, `length`
        and `lookup.weight_of_label`, any number of times.
    """
    if settings.renderer == "siddon":
        points, share = _siddon_samples(volume, source, direction)
        index = _nearest_index(points, volume)
        values = volume.reshape(-1)[index].to(share.dtype)
    else:
        points, share = _trilinear_samples(volume, source, direction, settings.n_points)
        index = None
        values = _interpolate(volume, points).to(share.dtype)
    values = torch.where(share > 0, values, 0.0)
    # A ray that is no number has no length anywhere: without this it would seem to miss.
    is_number = (source.isfinite() & direction.isfinite()).all(-1)
    fault = torch.where(is_number, 0.0, torch.nan).to(volume.dtype)
    lengths = share * length[:, None]
    labels = _labels_at(points, index, lookup)
    if lookup.weight_of_label is not None and labels is not None:
        values = values * lookup.weight_of_label.to(values)[labels]
    if lookup.channel_of_label is not None and labels is not None:
        channel = lookup.channel_of_label[labels]
        return sum_by_channel(values * lengths, channel, lookup.n_channels) + fault
    return reduce_samples(values, lengths, settings.reduction, volume.dtype)[None] + fault


def integrate_in_chunks(
    volume: Float[Tensor, "z y x"],
    rays: RayBundle,
    settings: RaySettings,
    lookup: RayLookup,
) -> Float[Tensor, "pose channel ray"]:
    """Integrate as `integrate` does, as many rays at once as the memory budget allows.

    Returns:
        One number per pose, channel and ray, in the volume's dtype, the same bits whatever the
        chunks. Differentiable in `volume`, `rays.lines` and `lookup.weight_of_label`.
    """
    n_rays = rays.n_poses * rays.n_rays
    chunk = settings.rays_per_chunk or max(
        1, settings.memory_budget // bytes_per_ray(volume.shape, settings)
    )
    starts = range(0, n_rays, chunk)
    # Storing what several chunks need for backward would undo them: it is computed again instead.
    recompute = len(starts) > 1 and _needs_grad(volume, rays.lines, lookup)

    def integrate_chunk(volume: Tensor, start: int, stop: int) -> Tensor:
        return integrate(volume, *rays.expand(start, stop), settings, lookup).to(volume.dtype)

    parts = []
    for start in starts:
        stop = min(start + chunk, n_rays)
        if recompute:
            part = checkpoint(integrate_chunk, volume, start, stop, use_reentrant=False)
        else:
            part = integrate_chunk(volume, start, stop)
        parts.append(part)
        if settings.progress is not None:
            settings.progress(stop, n_rays)
    image = torch.cat(parts, -1)
    return image.reshape(len(image), rays.n_poses, rays.n_rays).transpose(0, 1)


def _needs_grad(volume: Tensor, lines: Tensor, lookup: RayLookup) -> bool:
    tensors = (volume, lines, lookup.weight_of_label)
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


def bytes_per_ray(volume_shape: torch.Size, settings: RaySettings) -> int:
    """Estimate the memory that one ray takes while it is integrated."""
    n_samples = sum(volume_shape) + 3 if settings.renderer == "siddon" else settings.n_points
    return n_samples * _NUMBERS_PER_SAMPLE[settings.renderer] * 8


def _interval(
    source: Float[Tensor, "ray 3"],
    direction: Float[Tensor, "ray 3"],
    low: Float[Tensor, "3"],
    high: Float[Tensor, "3"],
) -> tuple[Float[Tensor, "ray 1"], Float[Tensor, "ray 1"]]:
    """Return where each ray enters and leaves the box [low, high), between source and target.

    The positions are fractions of the way from source to target. A ray that misses has both equal.
    """
    # A ray parallel to an axis' faces never crosses them: it is inside them all along, or never.
    parallel = direction == 0
    safe_direction = torch.where(parallel, 1.0, direction)
    at_low, at_high = (low - source) / safe_direction, (high - source) / safe_direction
    inside = (low <= source) & (source < high)
    always, never = torch.full_like(source, torch.inf), torch.full_like(source, -torch.inf)
    enter = torch.where(inside, never, always).where(parallel, torch.minimum(at_low, at_high))
    leave = torch.where(inside, always, never).where(parallel, torch.maximum(at_low, at_high))
    first = enter.amax(-1, keepdim=True).clamp_min(0)
    last = leave.amin(-1, keepdim=True).clamp_max(1)
    miss = first >= last
    return torch.where(miss, 0.0, first), torch.where(miss, 0.0, last)


def hits(
    rays: RayBundle, volume_shape: torch.Size, start: int = 0, stop: int | None = None
) -> Tensor:
    """Tell which rays meet the volume between source and end; ranges are those of `expand`."""
    source, direction, _ = rays.expand(start, stop)
    size = source.new_tensor(volume_shape[::-1])
    first, last = _interval(source, direction, torch.full_like(size, -0.5), size - 0.5)
    return (last > first)[:, 0]


def _siddon_samples(
    volume: Tensor, source: Float[Tensor, "ray 3"], direction: Float[Tensor, "ray 3"]
) -> tuple[Float[Tensor, "ray sample 3"], Float[Tensor, "ray sample"]]:
    """Cut each ray at every voxel plane (Siddon 1985); return segment midpoints and lengths.

    Lengths are fractions of the way from source to target.
    """
    size = source.new_tensor(volume.shape[::-1])
    first, last = _interval(source, direction, torch.full_like(size, -0.5), size - 0.5)
    parallel = direction == 0
    safe_direction = torch.where(parallel, 1.0, direction)
    crossings = [
        torch.where(
            parallel[:, axis, None],
            0.0,
            (_planes(n, source) - source[:, axis, None]) / safe_direction[:, axis, None],
        )
        for axis, n in enumerate(volume.shape[::-1])
    ]
    # Planes outside the ray's own interval collapse onto its ends, as segments of length zero.
    cuts = torch.maximum(torch.cat(crossings, -1), first)
    cuts = torch.sort(torch.minimum(cuts, last), -1).values
    middle = (cuts[:, 1:] + cuts[:, :-1]) / 2
    points = source[:, None] + middle[..., None] * direction[:, None]
    return points, torch.diff(cuts, dim=-1)


def _planes(n: int, like: Tensor) -> Float[Tensor, " plane"]:
    return torch.arange(n + 1, dtype=like.dtype, device=like.device) - 0.5


def _nearest_index(
    points: Float[Tensor, "ray sample 3"], volume: Tensor
) -> Int[Tensor, "ray sample"]:
    """Return the flat index of the voxel that owns each point: voxel i owns [i - 1/2, i + 1/2)."""
    depth, height, width = volume.shape
    nearest = torch.floor(points.detach() + 0.5).long()
    x = nearest[..., 0].clamp(0, width - 1)
    y = nearest[..., 1].clamp(0, height - 1)
    z = nearest[..., 2].clamp(0, depth - 1)
    return (z * height + y) * width + x


def _trilinear_samples(
    volume: Tensor,
    source: Float[Tensor, "ray 3"],
    direction: Float[Tensor, "ray 3"],
    n_points: int,
) -> tuple[Float[Tensor, "ray sample 3"], Float[Tensor, "ray sample"]]:
    """Cut each ray's own way through the zero-padded volume in equal parts.

    The volume reaches to -1 and n, where its zero padding ends, so that no mass is lost. Returns
    the parts' midpoints and lengths, as fractions of the way from source to target.
    """
    size = source.new_tensor(volume.shape[::-1])
    first, last = _interval(source, direction, torch.full_like(size, -1.0), size)
    step = (last - first) / n_points
    part = torch.arange(n_points, dtype=source.dtype, device=source.device) + 0.5
    middle = first + step * part
    points = source[:, None] + middle[..., None] * direction[:, None]
    return points, step.expand_as(middle)


def _interpolate(
    volume: Float[Tensor, "z y x"], points: Float[Tensor, "ray sample 3"]
) -> Float[Tensor, "ray sample"]:
    """Interpolate the zero-padded volume at points of [-1, n]."""
    padded = torch.nn.functional.pad(volume, (1, 1, 1, 1, 1, 1))
    height, width = padded.shape[1:]
    size = points.new_tensor(volume.shape[::-1])
    # The last cell is [n - 1, n]: a point on its far face belongs to it.
    corner = torch.floor(points.detach()).clamp_min(-1).minimum(size - 1)
    fraction = points - corner
    # A ray that is no number looks anywhere; its fractions make its samples none either.
    x, y, z = (corner.nan_to_num(0.0).long() + 1).unbind(-1)
    base = (z * height + y) * width + x
    fx, fy, fz = fraction.unbind(-1)
    flat = padded.reshape(-1)

    def along_x(offset: int) -> Tensor:
        left, right = flat[base + offset].to(fx.dtype), flat[base + offset + 1].to(fx.dtype)
        return left + fx * (right - left)

    def along_y(offset: int) -> Tensor:
        front, back = along_x(offset), along_x(offset + width)
        return front + fy * (back - front)

    bottom, top = along_y(0), along_y(width * height)
    return bottom + fz * (top - bottom)


def _labels_at(
    points: Float[Tensor, "ray sample 3"], index: Tensor | None, lookup: RayLookup
) -> Int[Tensor, "ray sample"] | None:
    """Return the label of the voxel that owns each sample; 0 outside the grid."""
    if lookup.labels is None:
        return None
    if index is not None:
        return lookup.labels.reshape(-1)[index].long()
    index = _nearest_index(points, lookup.labels)
    size = points.new_tensor(lookup.labels.shape[::-1])
    inside = ((points >= -0.5) & (points < size - 0.5)).all(-1)
    return torch.where(inside, lookup.labels.reshape(-1)[index].long(), 0)
