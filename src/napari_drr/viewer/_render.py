"""What a session computes off the main thread; no napari, no Qt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.recipe import CTReference, Recipe

if TYPE_CHECKING:
    import torch
    from pandas import DataFrame
    from torchio import Subject

    from napari_drr.rendering.drr import DRR


def warm_up() -> None:
    """Import and compile what renders, which a window should not wait for on its first render.

    Imports take two seconds; compiling takes some more, once on a machine.
    """
    import torchio  # noqa: F401 - imported ahead of its use

    from napari_drr.rendering import drr  # noqa: F401 - imported ahead of its use

    _render_a_voxel()


def warm_up_structures() -> None:
    """Compile what the first weight and the first masks need."""
    import torch

    labels = torch.zeros(1, 1, 1, dtype=torch.uint8)
    _render_a_voxel(labels=labels, weight_of_label=torch.ones(1, dtype=torch.float64))
    _render_a_voxel(labels=labels, channel_of_label=torch.zeros(1, dtype=torch.long))


def _render_a_voxel(**tables: torch.Tensor) -> None:
    import torch

    from napari_drr.geometry.detector import Detector
    from napari_drr.rendering.project import project

    volume, identity = torch.ones(1, 1, 1), torch.eye(4, dtype=torch.float64)
    detector = Detector(1.0, (1, 1), (1.0, 1.0))
    project(volume, identity, identity, detector, **tables)  # type: ignore[arg-type] # all tensors


class Cancelled(Exception):
    """A render that a newer one replaced."""


@dataclass(frozen=True)
class Inputs:
    """What was taken from the layers, on the main thread.

    Args:
        hounsfield: The CT's voxels (x, y, z).
        affine: World RAS mm from their indices.
        labels: The label map's voxels and affine, or None.
        structures: Names of the labels, or None.
        key: Equal as long as the layers hold the same.
    """

    hounsfield: torch.Tensor
    affine: Float[NDArray[np.float64], "4 4"]
    labels: tuple[torch.Tensor, Float[NDArray[np.float64], "4 4"]] | None
    structures: DataFrame | None
    key: tuple[Any, ...]


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
    """

    recipe: Recipe
    inputs: Inputs
    channels: tuple[int, ...]
    expected: CTReference | None
    cancel: threading.Event
    progress: Callable[[int, int], None]

    def report(self, done: int, total: int) -> None:
        """Pass progress on, unless the render was cancelled.

        Raises:
            Cancelled: If it was.
        """
        if self.cancel.is_set():
            raise Cancelled
        self.progress(done, total)


@dataclass(frozen=True)
class Result:
    """What was rendered.

    Args:
        image: Line integrals.
        channels: A line integral per structure asked for, or None.
        channel_ids: The channels' structures.
        recipe: What was rendered, with the CT's reference filled in.
        seconds: How long it took.
        backend: Which kernels rendered it.
        warnings: Sentences to show, such as that no ray meets the CT.
    """

    image: Float[NDArray[np.float32], "height width"]
    channels: Float[NDArray[np.float32], "channel height width"] | None
    channel_ids: tuple[int, ...]
    recipe: Recipe
    seconds: float
    backend: str
    warnings: tuple[str, ...]


class Renderer:
    """Renders requests, and keeps the subject and the `DRR` for the next one.

    One thread at a time may use it.
    """

    def __init__(self) -> None:
        self._subject: Subject | None = None
        self._subject_key: tuple[Any, ...] | None = None
        self._ct = CTReference()
        self._drr: DRR | None = None
        self._drr_key: tuple[Any, ...] | None = None

    def render(self, request: Request) -> Result:
        """Render one request.

        Raises:
            Cancelled: If the request was cancelled.
            ValueError: If CT, labels and recipe don't fit.
        """
        import torch

        from napari_drr.rendering._diagnosis import NO_HIT

        start = time.perf_counter()
        subject = self._read(request)
        recipe = replace(request.recipe, ct=self._ct)
        drr = self._renderer(recipe, subject)
        faults = drr.diagnose(recipe.pose.rigid_transform())
        with torch.inference_mode():
            if NO_HIT in faults:
                image = torch.zeros(recipe.detector.height, recipe.detector.width)
            else:
                image = recipe.render(subject, drr, progress=request.report)[0, 0]
            channels, channel_ids = self._channels(request, recipe, drr)
        return Result(
            image.cpu().numpy(),
            channels,
            channel_ids,
            recipe,
            time.perf_counter() - start,
            drr.backend_in_use,
            (*self._other_ct(request, subject), *faults),
        )

    def _other_ct(self, request: Request, subject: Subject) -> list[str]:
        difference = request.expected.difference(subject) if request.expected else None
        return [f"The recipe was made of another CT: {difference}."] if difference else []

    def _channels(
        self, request: Request, recipe: Recipe, drr: DRR
    ) -> tuple[NDArray[np.float32] | None, tuple[int, ...]]:
        """Render what is asked for and there; the user may have painted a structure away."""
        present = set() if drr.structures is None else set(drr.structures["id"])
        chosen = tuple(label for label in request.channels if label in present)
        if not chosen:
            return None, ()
        # Channels are what each structure would add: visibility and weights stay out of them.
        plain = replace(recipe, structures=())
        image, _ = plain.channels(self._subject, chosen, drr, progress=request.report)
        return image[0].cpu().numpy(), chosen

    def _renderer(self, recipe: Recipe, subject: Subject) -> DRR:
        """Return the last `DRR`, or another where more than its call or its detector differs."""
        key = (
            self._subject_key,
            recipe.isocenter,
            recipe.renderer.renderer,
            recipe.renderer.reduction,
            recipe.renderer.backend,
            replace(recipe.attenuation, bone_weight=1.0),
        )
        if self._drr is None or self._drr_key != key:
            self._drr = recipe.drr(subject)
            self._drr_key = key
        drr = self._drr
        drr.detector = recipe.detector.detector(recipe.orientation)
        return drr

    def _read(self, request: Request) -> Subject:
        from napari_drr.io.read import read

        inputs, attenuation = request.inputs, request.recipe.attenuation
        if self._subject is None or self._subject_key != inputs.key:
            self._subject = read(
                (inputs.hounsfield, inputs.affine),
                inputs.labels,
                structures=inputs.structures,
                attenuation=attenuation.kind,
                energy_kev=attenuation.energy_kev,
                bone_attenuation_multiplier=attenuation.bone_attenuation_multiplier,
            )
            self._subject_key = inputs.key
            self._ct = CTReference.of(self._subject)
            self._drr = None
        return self._subject
