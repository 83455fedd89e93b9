"""What a session asks to be rendered, and what comes of it; no napari, no Qt."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.recipe import CTReference, Recipe
from napari_drr.rendering._devices import AUTO
from napari_drr.viewer._lazy import Deferred

if TYPE_CHECKING:
    import torch
    from pandas import DataFrame


class Cancelled(Exception):
    """A render that a newer one replaced."""


@dataclass(frozen=True)
class Inputs:
    """What was taken from the layers, on the main thread.

    Args:
        voxels: The CT's (x, y, z), in HU; deferred where reading them takes long.
        affine: World RAS mm from their indices.
        mask: The label map's voxels and affine, or None.
        structures: Names of the labels, or None.
        key: Equal as long as the layers hold the same; its first part tells the CT's voxels.
    """

    voxels: torch.Tensor | Deferred
    affine: Float[NDArray[np.float64], "4 4"]
    mask: tuple[torch.Tensor | Deferred, Float[NDArray[np.float64], "4 4"]] | None
    structures: DataFrame | None
    key: tuple[Any, ...]

    @property
    def hounsfield(self) -> torch.Tensor:
        """The CT's voxels; the first to ask for deferred ones waits for them."""
        return self.voxels.tensor() if isinstance(self.voxels, Deferred) else self.voxels

    @property
    def labels(self) -> tuple[torch.Tensor, Float[NDArray[np.float64], "4 4"]] | None:
        """The label map's voxels and affine, or None; as `hounsfield`."""
        if self.mask is None:
            return None
        voxels, affine = self.mask
        return (voxels.tensor() if isinstance(voxels, Deferred) else voxels), affine

    @property
    def shape(self) -> tuple[int, ...]:
        """The CT's number of voxels (x, y, z)."""
        return tuple(self.voxels.shape)


@dataclass(frozen=True)
class Request:
    """One image to render.

    Args:
        recipe: What to render.
        inputs: From which CT and labels.
        channels: Structures (ids) to render into channels too; none if empty.
        expected: The CT that a loaded recipe names, if it is to be compared.
        cancel: Set to end the render.
        progress: Called with (rays done, rays in all), off the main thread.
        prepares: Whether to get ready, after the image, for what may be asked for next.
        device: Where to render, by name; `"auto"` takes a GPU where there is one.
    """

    recipe: Recipe
    inputs: Inputs
    channels: tuple[int, ...]
    expected: CTReference | None
    cancel: threading.Event
    progress: Callable[[int, int], None]
    prepares: bool = False
    device: str = AUTO

    def report(self, done: int, total: int) -> None:
        """Pass progress on, unless the render was cancelled.

        Raises:
            Cancelled: If it was.
        """
        self.check()
        self.progress(done, total)

    def check(self, *_: int) -> None:
        """Raise if the render was cancelled.

        Raises:
            Cancelled: If it was.
        """
        if self.cancel.is_set():
            raise Cancelled


@dataclass(frozen=True)
class Result:
    """What was rendered.

    Args:
        image: Line integrals, one for each pixel of the detector.
        channels: A line integral per structure asked for, or None.
        channel_ids: The channels' structures.
        recipe: What was rendered, with the CT's reference filled in.
        seconds: How long it took.
        backend: Which kernels rendered it.
        device: On which device.
        shape: Rows and columns that were rendered; in a preview, often fewer than the image's.
        warnings: Sentences to show, such as that no ray meets the CT.
        awaits_channels: Whether the same image comes again, with channels.
        inputs_key: Of what it was rendered from.
        is_preview: Whether it was rendered from larger voxels or with fewer pixels, and a better
            one follows. A small detector's has all its pixels.
    """

    image: Float[NDArray[np.float32], "height width"]
    channels: Float[NDArray[np.float32], "channel height width"] | None
    channel_ids: tuple[int, ...]
    recipe: Recipe
    seconds: float
    backend: str
    device: str
    shape: tuple[int, int]
    warnings: tuple[str, ...] = ()
    awaits_channels: bool = False
    inputs_key: tuple[Any, ...] = ()
    is_preview: bool = False


class Settled:
    """Delivered when all is done for a job, and no newer one is there."""


@dataclass(frozen=True)
class Apart:
    """Line integrals of every label at one pose.

    Args:
        key: Of the render they belong to.
        ids: The labels, 0 (no structure) first.
        images: One for each label.
    """

    key: tuple[Any, ...]
    ids: tuple[int, ...]
    images: Float[NDArray[np.float32], "label height width"]
