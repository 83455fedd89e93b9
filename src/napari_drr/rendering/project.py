"""Free functions: tensors in, tensors out. The `DRR` module is a thin layer over them."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from napari_drr.geometry.detector import Detector
from napari_drr.geometry.pose import RigidTransform
from napari_drr.rendering._arguments import rays_of_patch
from napari_drr.rendering.kernels import _ops, reference
from napari_drr.rendering.kernels._rays import RayBundle, bundle_of_plane
from napari_drr.rendering.kernels._settings import (
    DEFAULT_MEMORY_BUDGET,
    DEFAULT_N_POINTS,
    Progress,
    RayLookup,
    RaySettings,
    RendererName,
)
from napari_drr.rendering.reduce import Reduction

# Half of how many rays are asked first whether any of all meets the volume.
FEW_RAYS = 400


def project(
    density: Float[Tensor, "x y z"],
    voxel_from_iso: Float[Tensor, "4 4"] | RigidTransform,
    iso_from_camera: Float[Tensor, "batch 4 4"] | RigidTransform,
    detector: Detector,
    *,
    labels: Int[Tensor, "x y z"] | None = None,
    channel_of_label: Int[Tensor, " label"] | None = None,
    weight_of_label: Float[Tensor, " label"] | None = None,
    n_channels: int = 1,
    calibration: Tensor | RigidTransform | None = None,
    pixels: Int[Tensor, " pixel"] | None = None,
    renderer: RendererName = "siddon",
    reduction: Reduction = "sum",
    n_points: int = DEFAULT_N_POINTS,
    memory_budget: int = DEFAULT_MEMORY_BUDGET,
    patch_size: int | None = None,
    backend: _ops.BackendName = "auto",
    progress: Progress | None = None,
) -> Float[Tensor, "batch channel height width"]:
    r"""Render radiographs of a volume: for every pixel, $p = \int \mu \, \mathrm{d}s$.

    Args:
        density: Attenuation at voxel centers, indexed as torchio does; per mm for a `p` without
            unit.
        voxel_from_iso: From iso mm to voxel indices; voxel i has its center at i.
        iso_from_camera: The pose: camera to iso, applied after `detector.orientation` (pass a
            detector with `orientation=None` where the matrix holds everything).
        detector: Distance, pixels and offsets, in mm; its numbers may be tensors.
        labels: The label of each voxel, on the grid of `density`.
        channel_of_label: The channel of each label from 0 to the largest; negative drops it.
        weight_of_label: A factor on the density of each label from 0 to the largest.
        n_channels: Number of channels that `channel_of_label` speaks of.
        calibration: Replaces the detector's scale and offsets, see `Detector.rays`.
        pixels: Flat row-major indices of the pixels to render; None renders all.
        renderer: `"siddon"`, exact through constant voxels, or `"trilinear"`.
        reduction: `"sum"`, `"max"`, `"mip"` or a callable over the last axis; channels need a sum.
        n_points: Samples of a ray's own way through the volume (trilinear).
        memory_budget: Bytes to use beside volume and result.
        patch_size: Render `patch_size ** 2` rays at once, instead of what the budget allows.
        backend: Which kernels; `"auto"` takes the fastest that serve.
        progress: Called with (rays done, rays in all).

    Returns:
        Images in the dtype of `density`; `(batch, channel, pixel)` where `pixels` is given.
        Differentiable in `density`, `iso_from_camera`, `voxel_from_iso`, `calibration`,
        `weight_of_label` and the detector's numbers.

    Raises:
        ValueError: If shapes don't agree or a setting can't be rendered.

    Example:
        >>> import torch
        >>> from napari_drr import Detector, convert, project
        >>> density = torch.full((4, 4, 4), 0.02)
        >>> voxel_from_iso = torch.eye(4, dtype=torch.float64)
        >>> voxel_from_iso[:3, 3] = 1.5  # the iso origin is the center of the grid
        >>> pose = convert(
        ...     [[0.0, 0, 0]], [[0.0, 50, 0]], parameterization="euler_angles", convention="ZXY"
        ... )
        >>> detector = Detector(100.0, (5, 5), (1.0, 1.0))
        >>> image = project(density, voxel_from_iso, pose.matrix, detector)
        >>> image.shape, round(image[0, 0, 2, 2].item(), 6)  # 4 mm of 0.02 per mm
        (torch.Size([1, 1, 5, 5]), 0.08)
    """
    settings = RaySettings(
        renderer=renderer,
        reduction=reduction,
        n_points=n_points,
        memory_budget=memory_budget,
        rays_per_chunk=rays_of_patch(patch_size),
        progress=progress,
    )
    _check_tables(labels, channel_of_label, weight_of_label, n_channels)
    _check_pixels(pixels, detector)
    density = density if density.is_floating_point() else density.float()
    plane = detector.plane(_as_transform(iso_from_camera), calibration)
    rays = integrate_rays(
        density,
        bundle_of_plane(_as_transform(voxel_from_iso), plane, detector.shape, pixels),
        settings=settings,
        lookup=make_lookup(density, labels, channel_of_label, weight_of_label, n_channels),
        backend=_ops.resolve_backend(backend, density, settings),
    )
    return rays if pixels is not None else rays.reshape(*rays.shape[:2], *detector.shape)


def _check_tables(
    labels: Tensor | None, channels: Tensor | None, weights: Tensor | None, n_channels: int
) -> None:
    """Raise where a kernel would look beyond the end of a table."""
    if labels is None or not labels.numel():
        return
    low, high = int(labels.amin()), int(labels.amax())
    if low < 0:
        raise ValueError(f"`labels` must be 0 or more, got {low}.")
    for name, table in (("channel_of_label", channels), ("weight_of_label", weights)):
        if table is not None and (table.ndim != 1 or len(table) <= high):
            raise ValueError(
                f"`{name}` must have an entry for each label from 0 to {high}, got shape "
                f"{tuple(table.shape)}."
            )
    if channels is not None and int(channels.max()) >= n_channels:
        raise ValueError(
            f"`n_channels` must exceed the largest channel, {int(channels.max())}, "
            f"got {n_channels}."
        )


def _check_pixels(pixels: Tensor | None, detector: Detector) -> None:
    if pixels is None or not pixels.numel():
        return
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high >= detector.n_pixels:
        raise ValueError(f"`pixels` must lie in 0 to {detector.n_pixels - 1}, got {low} to {high}.")


def make_lookup(
    density: Tensor,
    labels: Tensor | None,
    channel_of_label: Tensor | None = None,
    weight_of_label: Tensor | None = None,
    n_channels: int = 1,
) -> RayLookup:
    """Check labels and what becomes of them; see `project` for the arguments.

    Raises:
        ValueError: If labels are missing or lie on another grid than the density.
    """
    if labels is None:
        if channel_of_label is not None or weight_of_label is not None:
            raise ValueError(
                "Channels and weights need `labels`, got None: read the CT with a label map."
            )
        return RayLookup()
    if labels.dtype == torch.bool:
        labels = labels.to(torch.uint8)
    if labels.is_floating_point() or labels.is_complex():
        raise TypeError(f"`labels` must be integers, got {labels.dtype}.")
    if labels.shape != density.shape:
        raise ValueError(
            f"`labels` must have the shape of `density`, {tuple(density.shape)}, got "
            f"{tuple(labels.shape)}: resample them to the CT, as `read` does."
        )
    return RayLookup(labels.permute(2, 1, 0), channel_of_label, weight_of_label, n_channels)


def integrate_rays(
    density: Float[Tensor, "x y z"],
    rays: RayBundle,
    *,
    settings: RaySettings,
    lookup: RayLookup,
    backend: str = "reference",
) -> Float[Tensor, "pose channel ray"]:
    """Integrate a volume along rays; see `project`.

    Raises:
        ValueError: If the volume is not 3-D or channels meet another reduction than a sum.
    """
    if density.ndim != 3:
        raise ValueError(f"`density` must be 3-D (x, y, z), got shape {tuple(density.shape)}.")
    if lookup.channel_of_label is not None and settings.reduction != "sum":
        raise ValueError(
            f"Channels need `reducefn` 'sum', got {settings.reduction!r}: only sums can be told "
            "apart by structure."
        )
    if not rays.n_poses or not rays.n_rays:
        return density.new_zeros(rays.n_poses, lookup.n_channels, rays.n_rays)
    return _ops.integrate(
        density.permute(2, 1, 0).contiguous(),  # kernels index [z, y, x], x fastest
        rays,
        settings=settings,
        lookup=lookup,
        backend=backend,
    )


def any_ray_hits(rays: RayBundle, shape: torch.Size) -> bool:
    """Tell whether any ray meets the volume (`shape` is (x, y, z)) between source and target."""
    rays, volume_shape = rays.detach(), torch.Size(shape[::-1])
    count = rays.n_poses * rays.n_rays
    middle = count // 2
    # Those in the middle of the image nearly always do, and are soon asked.
    some = (max(0, middle - FEW_RAYS), min(count, middle + FEW_RAYS))
    return any(bool(reference.hits(rays, volume_shape, *r).any()) for r in (some, (0, count)))


def _as_transform(matrix: Tensor | RigidTransform) -> RigidTransform:
    return matrix if isinstance(matrix, RigidTransform) else RigidTransform(matrix)
