"""What is computed along each ray, told in plain values and tensors."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Literal, get_args

from jaxtyping import Float, Int
from torch import Tensor

from napari_drr.rendering.reduce import Reduction, check_reduction

RendererName = Literal["siddon", "trilinear"]
Progress = Callable[[int, int], None]

DEFAULT_N_POINTS = 500
DEFAULT_MEMORY_BUDGET = 32 * 2**20  # bytes; larger chunks leave the cache and take twice as long


@dataclass(frozen=True)
class RaySettings:
    """How rays are integrated.

    Args:
        renderer: `"siddon"` (exact through constant voxels) or `"trilinear"`.
        reduction: What becomes of the samples of a ray.
        n_points: Samples per ray (trilinear).
        memory_budget: Bytes that may be used beside volume and result.
        rays_per_chunk: Rays taken at once; None follows from the budget.
        progress: Called with (rays done, rays in all); what it raises ends the render.

    Raises:
        ValueError: If a value is not one that can be rendered.
    """

    renderer: RendererName = "siddon"
    reduction: Reduction = "sum"
    n_points: int = DEFAULT_N_POINTS
    memory_budget: int = DEFAULT_MEMORY_BUDGET
    rays_per_chunk: int | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.renderer not in get_args(RendererName):
            raise ValueError(f"`renderer` must be 'siddon' or 'trilinear', got {self.renderer!r}.")
        check_reduction(self.reduction)
        if not isinstance(self.n_points, Integral):
            raise TypeError(f"`n_points` must be a whole number, got {self.n_points!r}.")
        if self.n_points < 2:
            raise ValueError(f"`n_points` must be at least 2, got {self.n_points}.")
        if self.memory_budget <= 0:
            raise ValueError(
                f"`memory_budget` must be a positive number of bytes, got {self.memory_budget}."
            )


@dataclass(frozen=True)
class RayLookup:
    """What becomes of each label along a ray.

    Args:
        labels: The label of each voxel, on the volume's grid.
        channel_of_label: The channel of every label from 0 to the largest; negative drops it. None
            renders a single channel.
        weight_of_label: A factor for every label from 0 to the largest.
        n_channels: Number of channels.
    """

    labels: Int[Tensor, "z y x"] | None = None
    channel_of_label: Int[Tensor, " label"] | None = None
    weight_of_label: Float[Tensor, " label"] | None = None
    n_channels: int = 1
