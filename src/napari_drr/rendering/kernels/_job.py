"""A render as the compiled loops take it: plain arrays and numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_drr.rendering.kernels._rays import RayBundle
from napari_drr.rendering.kernels._settings import RayLookup, RaySettings
from napari_drr.rendering.kernels._skipping import Bricks, active_labels, find_bricks
from napari_drr.rendering.kernels._threads import RAYS_PER_UNIT, split

_BYTES = 256  # how many labels a uint8 can be


@dataclass(frozen=True)
class Job:
    """What all loops are given: plain arrays and numbers."""

    volume: NDArray[np.float32]
    labels: NDArray[Any]
    weights: NDArray[np.float64]
    channels: NDArray[np.int64]
    shape: tuple[int, int, int]
    bricks: Bricks
    box: tuple[float, ...]
    lines: NDArray[np.float64]
    pixels: NDArray[np.int64]
    detector: tuple[int, int]
    n_rays: int

    @classmethod
    def of(
        cls,
        volume: Tensor,
        rays: RayBundle,
        settings: RaySettings,
        lookup: RayLookup,
        seen: RayLookup | None = None,
    ) -> "Job":
        """Gather arrays; `seen` says what counts where empty space is skipped."""
        seen = lookup if seen is None else seen
        depth, height, width = volume.shape
        labels = None if lookup.labels is None else lookup.labels.contiguous()
        active = active_labels(seen.channel_of_label, seen.weight_of_label)
        trilinear = settings.renderer == "trilinear"
        bricks = find_bricks(volume.detach(), labels, active, reach=int(trilinear))
        return cls(
            volume.detach().numpy().reshape(-1),
            np.empty(0, np.uint8) if labels is None else labels.numpy().reshape(-1),
            _table(lookup.weight_of_label, np.float64, labels, beyond=0),
            _table(lookup.channel_of_label, np.int64, labels, beyond=-1),
            (width, height, depth),
            bricks,
            box_of(bricks, trilinear),
            np.ascontiguousarray(rays.lines.detach().numpy(), dtype=np.float64),
            _pixels(rays.pixels),
            rays.shape,
            rays.n_rays,
        )

    @property
    def labelled(self) -> bool:
        """Whether what a segment adds depends on its label."""
        return len(self.weights) > 0 or len(self.channels) > 0

    @property
    def head(self) -> tuple[Any, ...]:
        """The arguments that most loops begin with."""
        return (
            self.volume,
            self.labels,
            self.weights,
            self.channels,
            self.shape,
            self.bricks.full,
            self.bricks.stride,
            self.box,
            *self.tail,
        )

    @property
    def tail(self) -> tuple[Any, ...]:
        """The arguments that tell the rays."""
        return (self.lines, self.pixels, *self.detector, self.n_rays)

    def units(self) -> list[tuple[int, int, int]]:
        """Cut the rays into (part, start, stop), so that no two units share part and pose."""
        n_poses = len(self.lines)
        if self.n_rays <= RAYS_PER_UNIT:
            poses = max(1, RAYS_PER_UNIT // self.n_rays)
            return [(0, a * self.n_rays, b * self.n_rays) for a, b in split(n_poses, poses)]
        return [
            (part, pose * self.n_rays + a, pose * self.n_rays + b)
            for pose in range(n_poses)
            for part, (a, b) in enumerate(split(self.n_rays, RAYS_PER_UNIT))
        ]


def box_of(bricks: Bricks, trilinear: bool) -> tuple[float, ...]:
    """Return the corners, in voxels, of the box outside which nothing is."""
    if trilinear:
        # The first voxel is interpolated from the padding on.
        low = tuple(float(i) if i else -1.0 for i in bricks.low)
        return (*low, *(float(i) for i in bricks.high))
    return (*(i - 0.5 for i in bricks.low), *(i - 0.5 for i in bricks.high))


def _table(tensor: Tensor | None, dtype: Any, labels: Tensor | None, beyond: int) -> NDArray[Any]:
    """Return a table of labels; `beyond` stands for those that came after it was checked."""
    if tensor is None:
        return np.empty(0, dtype)
    table = np.ascontiguousarray(tensor.detach().numpy(), dtype=dtype)
    if labels is None or labels.dtype != torch.uint8 or len(table) >= _BYTES:
        return table
    # A mask edited behind torch's back leads nowhere else but here.
    return np.concatenate([table, np.full(_BYTES - len(table), beyond, dtype)])


def _pixels(pixels: Tensor | None) -> NDArray[np.int64]:
    if pixels is None:
        return np.empty((1, 0), np.int64)
    table = np.ascontiguousarray(pixels.numpy(), dtype=np.int64)
    return table.reshape(-1, table.shape[-1])
