"""The `DRR` module: a CT, a detector and a renderer; poses in, radiographs out."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.geometry.pose import RigidTransform
from napari_drr.rendering._arguments import make_detector, rays_of_patch
from napari_drr.rendering._diagnosis import missed_poses
from napari_drr.rendering._legacy import check_options
from napari_drr.rendering._pixels import PixelSubset
from napari_drr.rendering._recombination import Recombination
from napari_drr.rendering._recombined import RecombinedVolume
from napari_drr.rendering._sentences import NO_HIT
from napari_drr.rendering._structures import ChannelTable, Weights
from napari_drr.rendering._volume import Point
from napari_drr.rendering.kernels import _ops
from napari_drr.rendering.kernels._rays import RayBundle, bundle_of_plane, bundle_of_rays
from napari_drr.rendering.kernels._settings import (
    DEFAULT_MEMORY_BUDGET,
    Progress,
    RayLookup,
    RaySettings,
    RendererName,
)
from napari_drr.rendering.kernels._skipping import forget
from napari_drr.rendering.project import integrate_rays, make_lookup
from napari_drr.rendering.reduce import Reduction, check_reduction

if TYPE_CHECKING:
    import torchio as tio


class RenderWarning(UserWarning):
    """What was rendered is hardly what was wanted, such as rays that all miss the volume."""


class DRR(RecombinedVolume):
    """Render digitally reconstructed radiographs of a subject.

    Args:
        subject: What `read` returned; its `density` is rendered.
        sdd: Source-to-detector distance in mm; negative puts the detector at -z.
        height: Rows of the image.
        delx: Pixel spacing along a row in mm.
        width: Columns of the image; None for `height`.
        dely: Pixel spacing along a column in mm; None for `delx`.
        x0: Principal-point offset along a row in mm, DiffDRR's sign.
        y0: Principal-point offset along a column in mm, DiffDRR's sign.
        p_subsample: Share of the pixels to render, drawn at random; None renders all.
        reshape: Return images; False returns `(batch, channel, pixel)`.
        reverse_x_axis: Radiological display, the patient's right on the left of an AP or PA image.
        patch_size: Render `patch_size ** 2` rays at once, instead of what the budget allows.
        renderer: `"siddon"`, exact through constant voxels, or `"trilinear"`, whose gradients are
            smooth in the pose.
        reducefn: `"sum"`, `"max"`, `"mip"` or a callable over the last axis.
        backend: Which kernels; `"auto"` takes the fastest that serve.
        voxel_shift: 0.5 puts voxel centers at whole indices; 0 their corners.
        persistent: Whether `state_dict` holds density and mask.
        memory_budget: Bytes to use beside volume and result.
        redraw: Draw the pixels of `p_subsample` anew on every call.
        generator: Source of randomness for `p_subsample`.
        isocenter: Where poses turn about, in world mm; None for `subject.isocenter`.
        **options: DiffDRR's `compile_renderer` and `checkpoint_gradients` are accepted and do
            nothing; anything else raises.

    Attributes:
        detector: The `Detector`.
        density: What is rendered, `(x, y, z)`.
        mask: Labels on the same grid, or None.
        subject: The subject.
        warns: Whether a `RenderWarning` tells of rays that all miss the volume.

    Raises:
        TypeError: If an option is unknown.
        ValueError: If a value can't be rendered.

    Example:
        >>> import torch
        >>> from napari_drr import DRR, load_phantom
        >>> drr = DRR(load_phantom(spacing=8.0), sdd=1020, height=40, delx=10.0)
        >>> rotation, translation = torch.zeros(1, 3), torch.tensor([[0.0, 850.0, 0.0]])
        >>> drr(rotation, translation, parameterization="euler_angles", convention="ZXY").shape
        torch.Size([1, 1, 40, 40])
    """

    def __init__(
        self,
        subject: "tio.Subject",
        sdd: float,
        height: int,
        delx: float,
        width: int | None = None,
        dely: float | None = None,
        x0: float = 0.0,
        y0: float = 0.0,
        p_subsample: float | None = None,
        reshape: bool = True,
        reverse_x_axis: bool = True,
        patch_size: int | None = None,
        renderer: RendererName = "siddon",
        reducefn: Reduction = "sum",
        backend: _ops.BackendName = "auto",
        voxel_shift: float = 0.5,
        persistent: bool = True,
        memory_budget: int = DEFAULT_MEMORY_BUDGET,
        redraw: bool = False,
        generator: torch.Generator | None = None,
        isocenter: Point | None = None,
        **options: Any,
    ) -> None:
        check_options(options)
        super().__init__(subject, isocenter, voxel_shift, persistent)
        self._read_structures()  # so that no trace of `torch.compile` meets a table
        shape = height, height if width is None else width
        spacing = delx, delx if dely is None else dely
        self.detector = make_detector(
            sdd, shape, spacing, (x0, y0), mirror=reverse_x_axis, orientation=subject.orientation
        )
        self.reshape, self.warns, self.backend = reshape, True, backend
        self.reducefn = check_reduction(reducefn)
        rays = rays_of_patch(patch_size)
        self._settings = RaySettings(
            renderer=renderer, reduction=reducefn, memory_budget=memory_budget, rays_per_chunk=rays
        )
        self._begin(PixelSubset(p_subsample, redraw, generator))

    def _begin(self, pixels: PixelSubset) -> None:
        self._pixels = pixels
        self._pixels.draw(self.detector)
        self._recombination = Recombination()
        forget()  # a new module knows nothing of volumes that others have seen
        self._resolve_backend()

    def _resolve_backend(self) -> None:
        waits = _ops.serves_elsewhere(self.backend, self.density, self._settings)
        # `.to` may be about to bring the volume there; who renders before that is told.
        self._backend = None if waits else self._resolved_backend(self.density, self._settings)
        self._resolved_for = (self.dtype, self.device)

    def _resolved_backend(self, density: Tensor, settings: RaySettings) -> str:
        return _ops.resolve_backend(self.backend, density, settings)

    def _apply(self, fn: Any, recurse: bool = True) -> "DRR":
        super()._apply(fn, recurse)
        self._recombination.forget()
        self._resolve_backend()
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what was only kept for the next call."""
        return {**self.__dict__, "_recombination": Recombination(), "_weighed": None}

    @property
    def renderer(self) -> str:
        """The renderer's name."""
        return self._settings.renderer

    @property
    def backend_in_use(self) -> str:
        """The backend that `backend` resolved to."""
        return self._backend or self._resolved_backend(self.density, self._settings)

    def forward(
        self,
        *pose: RigidTransform | Tensor,
        parameterization: str | None = None,
        convention: str | None = None,
        calibration: Tensor | RigidTransform | None = None,
        mask_to_channels: bool = False,
        degrees: bool = False,
        weights: Weights | None = None,
        bone_weight: float | Tensor | None = None,
        n_points: int | None = None,
        progress: Progress | None = None,
    ) -> Float[Tensor, "batch channel height width"]:
        """Render radiographs.

        Args:
            *pose: A `RigidTransform`, or what `convert` takes with `parameterization`.
            parameterization: How `pose` is given, see `convert`.
            convention: Euler convention, such as `"ZXY"`.
            calibration: Replaces the detector's scale and offsets, see `Detector.rays`.
            mask_to_channels: Render every label from 0 to the largest into a channel of its own.
            degrees: Euler angles are in degrees.
            weights: A factor on the density of structures, by id, name or group; others keep 1.
                Where only weights change, sums need no new rays: within 1e-6 of the maximum.
            bone_weight: A factor on the attenuation of bone (physical attenuation only); 0 removes
                it.
            n_points: Samples per ray (trilinear), 500 if None.
            progress: Called with (rays done, rays in all).

        Returns:
            Images of line integrals; `(batch, channel, pixel)` with `reshape=False`.
            Differentiable in the pose, the calibration, the weights and `density`.

        Raises:
            ValueError: If labels are asked for and there are none, or arguments don't fit.
        """
        transform = self._pose(pose, parameterization, convention, degrees)
        channels = self._structures.dense() if mask_to_channels else None
        return self._render(
            transform, calibration, weights, bone_weight, n_points, progress, channels
        )

    def channels(
        self,
        *pose: RigidTransform | Tensor,
        structures: "Sequence[Any] | None" = None,
        parameterization: str | None = None,
        convention: str | None = None,
        degrees: bool = False,
        calibration: Tensor | RigidTransform | None = None,
        weights: Weights | None = None,
        bone_weight: float | Tensor | None = None,
        n_points: int | None = None,
        progress: Progress | None = None,
    ) -> tuple[Float[Tensor, "batch channel height width"], list[str]]:
        """Render chosen structures, each into a channel of its own.

        Args:
            *pose: As in `forward`.
            structures: Ids, names or groups (for all their structures); None for all structures
                that the labels hold.
            parameterization: As in `forward`.
            convention: As in `forward`.
            degrees: As in `forward`.
            calibration: As in `forward`.
            weights: As in `forward`.
            bone_weight: As in `forward`.
            n_points: As in `forward`.
            progress: As in `forward`.

        Returns:
            The images, and the structures' names in the order of the channels.

        Raises:
            ValueError: If a structure is unknown, or there are no labels.
        """
        transform = self._pose(pose, parameterization, convention, degrees)
        table = self._structures.compact(structures)
        image = self._render(
            transform, calibration, weights, bone_weight, n_points, progress, table
        )
        return image, table.names

    def render(
        self,
        density: Float[Tensor, "x y z"],
        source: Float[Tensor, "#batch #ray 3"],
        target: Float[Tensor, "batch ray 3"],
        mask_to_channels: bool = False,
        n_points: int | None = None,
    ) -> Float[Tensor, "batch channel ray"]:
        """Integrate any density on the subject's grid along rays given in iso mm.

        Returns:
            One number per channel and ray.
        """
        channels = self._structures.dense() if mask_to_channels else None
        lookup = self._lookup(channels, None)
        like = self._affine
        rays = bundle_of_rays(self._voxel_from_iso(), source.to(like), target.to(like))
        image = self._integrate(density, rays, lookup, n_points)
        return image.reshape(*target.shape[:2], lookup.n_channels).transpose(1, 2)

    def _render(
        self,
        pose: RigidTransform,
        calibration: Tensor | RigidTransform | None,
        weights: Weights | None,
        bone_weight: float | Tensor | None,
        n_points: int | None,
        progress: Progress | None,
        channels: ChannelTable | None,
    ) -> Tensor:
        pixels = self._pixels.current(self.detector)
        plane = self.detector.plane(pose.to(self._affine.device), calibration)
        rays = bundle_of_plane(self._voxel_from_iso(), plane, self.detector.shape, pixels)
        image = None
        if channels is None:
            image = self._recombined(rays, weights, bone_weight, n_points, progress)
        if image is None:
            density = self._density(bone_weight)
            lookup = self._lookup(channels, weights)
            image = self._integrate(density, rays, lookup, n_points, progress)
        self._warn_if_missed(image, rays)
        return self._pixels.reshape(image, pixels, self.detector) if self.reshape else image

    def _integrate(
        self,
        density: Tensor,
        rays: RayBundle,
        lookup: RayLookup,
        n_points: int | None,
        progress: Progress | None = None,
    ) -> Tensor:
        if n_points is not None and self.renderer == "siddon":
            raise ValueError(
                "`n_points` is for `renderer='trilinear'`: 'siddon' meets every voxel as it is."
            )
        settings = replace(
            self._settings,
            n_points=self._settings.n_points if n_points is None else n_points,
            progress=progress,
        )
        density = density if density.is_floating_point() else density.float()
        backend = self._backend
        if backend is None or (density.dtype, density.device) != self._resolved_for:
            backend = self._resolved_backend(density, settings)
        return integrate_rays(density, rays, settings=settings, lookup=lookup, backend=backend)

    def _lookup(self, channels: ChannelTable | None, weights: Weights | None) -> RayLookup:
        if channels is None and not weights:
            return RayLookup()
        return make_lookup(
            self.density,
            self.mask,
            None if channels is None else channels.channel_of_label,
            self._structures.weights(weights) if weights else None,
            1 if channels is None else channels.n_channels,
        )

    def _warn_if_missed(self, image: Tensor, rays: RayBundle) -> None:
        if torch.compiler.is_compiling() or not self.warns:
            return
        missed = missed_poses(image.detach(), rays, self.density.shape)
        if missed:
            which = f" (poses {', '.join(map(str, missed))} of the batch)" if len(image) > 1 else ""
            warnings.warn(NO_HIT + which, RenderWarning, stacklevel=4)
