"""Weights without new rays: a sum of line integrals is linear in the density of every structure.

Whoever moves a structure's weight at one pose is given the layers of that pose, each times its
weight, instead of a new render. Layers are rendered when a weight changes for the first time at a
pose: who renders each pose once never pays for them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.rendering.kernels._rays import RayBundle

LAYERS_PER_BUDGET = 4
"""How many times the memory budget the layers of a pose may take."""


@dataclass(frozen=True)
class View:
    """What a render depends on, but for its weights.

    Args:
        rays: Where they run.
        n_points: Samples per ray.
        volumes: Density and labels; held, so that nothing else comes to lie where they do.
        versions: Of those tensors, which torch counts up with every change.
    """

    rays: RayBundle
    n_points: int | None
    volumes: tuple[Tensor | None, ...]
    versions: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, rays: RayBundle, n_points: int | None, *volumes: Tensor | None) -> "View":
        """Take note of rays and volumes as they are now."""
        versions = tuple((t.data_ptr(), t._version) for t in volumes if t is not None)
        still = RayBundle(rays.lines.detach().clone(), rays.shape, rays.pixels)
        return cls(still, n_points, volumes, versions)

    def matches(self, other: "View") -> bool:
        """Tell whether another view shows the same."""
        mine, others = self.rays, other.rays
        same = (mine.shape, self.n_points, self.versions) == (
            others.shape,
            other.n_points,
            other.versions,
        )
        return same and _equal(mine.lines, others.lines) and _equal(mine.pixels, others.pixels)


@dataclass(frozen=True)
class Factors:
    """What layers are multiplied by.

    Args:
        weight_of_label: A factor for every label; None for no difference between labels.
        bone_weight: A factor on bone; None for no difference between bone and the rest.
    """

    weight_of_label: Float[Tensor, " label"] | None
    bone_weight: float | None

    def matches(self, other: "Factors") -> bool:
        """Tell whether other factors are the same."""
        return self.bone_weight == other.bone_weight and _equal(
            self.weight_of_label, other.weight_of_label
        )


@dataclass(frozen=True)
class Layers:
    """Line integrals of one view, apart by label and by bone as far as they are asked to be.

    Args:
        labels: The label of each layer; None where one layer holds all.
        soft: What is no bone, or all where bone is not apart.
        bone: Bone, or None where it is not apart.
    """

    labels: list[int] | None
    soft: Float[Tensor, "pose layer ray"]
    bone: Float[Tensor, "pose layer ray"] | None

    def serve(self, factors: Factors) -> bool:
        """Tell whether these layers are as far apart as the factors want."""
        by_label = self.labels is not None or factors.weight_of_label is None
        return by_label and (self.bone is not None or factors.bone_weight is None)

    def combine(self, factors: Factors) -> Float[Tensor, "pose 1 ray"]:
        """Return the image with these factors."""
        weights = torch.ones(self.soft.shape[1], dtype=torch.float64, device=self.soft.device)
        if factors.weight_of_label is not None and self.labels is not None:
            weights = factors.weight_of_label[self.labels]
        weights = weights.to(self.soft.dtype)
        image = _weighted_sum(weights, self.soft)
        if self.bone is not None:
            bone_weight = 1.0 if factors.bone_weight is None else factors.bone_weight
            image = image + bone_weight * _weighted_sum(weights, self.bone)
        return image[:, None]


class Recombination:
    """What was rendered last, and its layers once only its weights have changed.

    One object may serve several threads: what it knows is replaced as a whole.
    """

    def __init__(self) -> None:
        self._last: tuple[View, Factors, Layers | None] | None = None

    def image(
        self, view: View, factors: Factors, build: Callable[[Factors], Layers | None]
    ) -> Tensor | None:
        """Return the image from layers, or None where it has to be rendered.

        Args:
            view: What is to be seen.
            factors: The weights.
            build: Renders layers that serve some factors, or returns None if they take too much
                memory.
        """
        last = self._last
        if last is None or not last[0].matches(view):
            self._last = (view, factors, None)
            return None
        layers = last[2]
        if layers is None or not layers.serve(factors):
            # The same call again returns the same bits.
            layers = None if factors.matches(last[1]) else build(factors)
        self._last = (last[0], factors, layers)
        return None if layers is None else layers.combine(factors)

    def layers(
        self, view: View, factors: Factors, build: Callable[[Factors], Layers | None]
    ) -> Layers | None:
        """Return the layers of a view, and keep them for the weights that will be asked for.

        Args:
            view: What is to be seen.
            factors: What the layers must serve.
            build: As in `image`.
        """
        last = self._last
        if last is not None and last[0].matches(view):
            if last[2] is not None and last[2].serve(factors):
                return last[2]
            # The call that rendered this view returns the same bits again, as long as no other
            # weights are asked for.
            factors_before = last[1]
        else:
            factors_before = factors
        layers = build(factors)
        if layers is not None:
            self._last = (view, factors_before, layers)
        return layers

    def forget(self) -> None:
        """Let go of what was rendered last."""
        self._last = None


def _weighted_sum(
    weights: Float[Tensor, " layer"], layers: Float[Tensor, "pose layer ray"]
) -> Float[Tensor, "pose ray"]:
    if layers.is_cpu:
        # NumPy's product takes a quarter of the time of the sum below.
        return torch.from_numpy(np.matmul(weights.numpy(), layers.numpy()))
    # No matrix product of torch: autocast and TF32 would round it.
    return (weights[:, None] * layers).sum(-2)


def _equal(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return one.device == other.device and torch.equal(one, other)
