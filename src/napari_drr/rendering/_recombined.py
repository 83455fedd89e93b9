"""A posed volume whose structures are rendered apart, so that weights need no new rays."""

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.geometry.pose import RigidTransform
from napari_drr.rendering._posed import PosedVolume
from napari_drr.rendering._recombination import (
    LAYERS_PER_BUDGET,
    Factors,
    Layers,
    Recombination,
    View,
)
from napari_drr.rendering._structures import ChannelTable, Weights
from napari_drr.rendering.kernels._rays import RayBundle, bundle_of_plane
from napari_drr.rendering.kernels._settings import Progress, RayLookup, RaySettings
from napari_drr.rendering.reduce import Reduction


class RecombinedVolume(PosedVolume):
    """A subject's volume and a detector; keeps what was rendered last, structure by structure."""

    reducefn: Reduction
    _recombination: Recombination
    _settings: RaySettings

    @abstractmethod
    def _integrate(
        self,
        density: Tensor,
        rays: RayBundle,
        lookup: RayLookup,
        n_points: int | None,
        progress: Progress | None = None,
    ) -> Tensor: ...

    @abstractmethod
    def _lookup(self, channels: ChannelTable | None, weights: Weights | None) -> RayLookup: ...

    def separate(
        self,
        pose: RigidTransform,
        bone_weight: float | None = None,
        n_points: int | None = None,
        progress: Progress | None = None,
    ) -> tuple[Float[Tensor, "batch label height width"], list[int]] | None:
        """Render every label apart, and keep that: weights at this pose then need no new rays.

        Args:
            pose: The pose.
            bone_weight: As in `forward`; kept apart too unless None.
            n_points: As in `forward`.
            progress: As in `forward`.

        Returns:
            Line integrals and their labels, 0 (no structure) first; None if they take too much
            memory.

        Raises:
            ValueError: If there are no labels, or the reduction is no sum.
        """
        if self.reducefn != "sum":
            raise ValueError(f"`reducefn` must be 'sum' to add labels up, got {self.reducefn!r}.")
        self._check_bone_weight(bone_weight)
        plane = self.detector.plane(pose.to(self._affine.device))
        rays = bundle_of_plane(self._voxel_from_iso(), plane, self.detector.shape)
        ones = self._structures.weights({})

        def build(factors: Factors) -> Layers | None:
            return self._layers(factors, rays, n_points, progress)

        view = View.of(rays, n_points, self.density, self.mask)
        layers = self._recombination.layers(view, Factors(ones, bone_weight), build)
        if layers is None or layers.labels is None:
            return None
        image = layers.soft
        if layers.bone is not None:
            image = image + (1.0 if bone_weight is None else bone_weight) * layers.bone
        return image.reshape(*image.shape[:2], *self.detector.shape), layers.labels

    def _recombined(
        self,
        rays: RayBundle,
        weights: Weights | None,
        bone_weight: float | Tensor | None,
        n_points: int | None,
        progress: Progress | None,
    ) -> Tensor | None:
        """Return the image without new rays where only weights have changed, else None."""
        if not (weights or bone_weight is not None) or self.reducefn != "sum":
            return None
        if torch.compiler.is_compiling() or self.density.is_inference():
            return None
        if self.density.itemsize < 4:  # sums of rounded layers
            return None
        if isinstance(bone_weight, Tensor) and bone_weight.numel() != 1:
            return None
        table = self._structures.weights(weights) if weights else None
        # Their gradients are those of rays.
        sought = (rays.lines, self.density, table, bone_weight)
        if torch.is_grad_enabled() and any(
            isinstance(t, Tensor) and t.requires_grad for t in sought
        ):
            return None
        self._check_bone_weight(bone_weight)
        factors = Factors(table, None if bone_weight is None else float(bone_weight))

        def build(factors: Factors) -> Layers | None:
            return self._layers(factors, rays, n_points, progress)

        view = View.of(rays, n_points, self.density, self.mask)
        image = self._recombination.image(view, factors, build)
        if image is not None and progress is not None:
            progress(rays.n_poses * rays.n_rays, rays.n_poses * rays.n_rays)
        return image

    def _layers(
        self, factors: Factors, rays: RayBundle, n_points: int | None, progress: Progress | None
    ) -> Layers | None:
        """Render the layers that factors are applied to, if they fit into memory."""
        channels, labels = None, None
        if factors.weight_of_label is not None:
            channels, labels = self._structures.apart()
        parts = [self.density]
        if factors.bone_weight is not None:
            parts = [
                torch.where(self._bone, 0.0, self.density),
                torch.where(self._bone, self.density, 0.0),
            ]
        numbers = len(parts) * (1 if labels is None else len(labels)) * rays.n_poses * rays.n_rays
        if numbers * self.density.itemsize > LAYERS_PER_BUDGET * self._settings.memory_budget:
            return None
        lookup = self._lookup(channels, None)
        soft, *bone = (self._integrate(part, rays, lookup, n_points, progress) for part in parts)
        return Layers(labels, soft, bone[0] if bone else None)
