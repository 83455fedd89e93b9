"""What a session computes off the main thread; no napari, no Qt."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.recipe import (
    Attenuation,
    CTReference,
    DetectorSettings,
    Recipe,
    RendererSettings,
)
from napari_drr.recipe._ct import world_affine
from napari_drr.recipe._rendering import call_options, rendered_pixels
from napari_drr.rendering._devices import resolved
from napari_drr.rendering._memory import is_shortage
from napari_drr.rendering._sentences import NO_HIT
from napari_drr.viewer._coarse import VOXELS, coarse, enlarged
from napari_drr.viewer._requests import Apart, Request, Result
from napari_drr.viewer._subjects import Subjects

if TYPE_CHECKING:
    from torchio import Subject

    from napari_drr.rendering.drr import DRR


# Compared with no CT that is rendered.
NO_CT = CTReference()

# Twice the voxels of a coarse CT that a ray meets.
PREVIEW_POINTS = 2 * VOXELS


class Renderer:
    """Renders requests, and keeps what serves the next one: the subject, the `DRR`, the labels.

    One thread at a time may use it; `apart` may be read from any.
    """

    def __init__(self) -> None:
        self.apart: Apart | None = None
        self._subject: Subject | None = None
        self._subject_key: tuple[Any, ...] | None = None
        self._subjects = Subjects()
        self._fine, self._coarse = _Kept(), _Kept()
        self._coarse_subject: Subject | None = None
        self._has_coarse = False
        self._last: tuple[tuple[Any, ...], Result] | None = None
        self._faults: tuple[tuple[Any, ...], tuple[str, ...]] | None = None
        self._speed: tuple[tuple[Any, ...], float] | None = None

    def render(self, request: Request) -> Result:
        """Render one request.

        Raises:
            Cancelled: If the request was cancelled.
            ValueError: If CT, labels and recipe don't fit.
        """
        subject = self._read(request)
        start = time.perf_counter()
        recipe = replace(request.recipe, ct=self._subjects.ct)
        key, known = view_of(request), self._last
        is_known = known is not None and known[0] == key and request.expected is None
        if known is not None and is_known and not recipe.weights():
            # Structures were hidden and are shown again: the very image that was there before.
            return replace(known[1], recipe=recipe, seconds=time.perf_counter() - start)
        request.check()
        drr = self._fine.drr(recipe, subject, self._subject_key, request.device)
        faults = self._faults_of(key, drr, recipe)
        image = _image(drr, subject, request, recipe, faults)
        result = Result(
            image,
            None,
            (),
            recipe,
            time.perf_counter() - start,
            drr.backend_in_use,
            str(drr.device),
            image.shape,
            (*self._other_ct(request, subject), *faults),
            inputs_key=request.inputs.key,
        )
        self._speed = (_kind(request), result.seconds / image.size)
        if not recipe.weights():
            self._last = (key, replace(result, warnings=faults))
        return result

    def preview(self, request: Request, shape: tuple[int, int]) -> Result:
        """Render an image of fewer pixels from larger voxels, enlarged to the detector's size.

        Args:
            request: What to render.
            shape: Rows and columns to render.

        Raises:
            ValueError: If CT, labels and recipe don't fit.
        """
        import torch

        subject = self._read(request)
        full = request.recipe
        if full.ct != self._subjects.ct:
            full = replace(full, ct=self._subjects.ct)
        larger = subject
        if full.renderer.reduction == "sum":  # the largest sample of larger voxels is another one
            larger = self._larger_voxels(request, subject) or subject
        start = time.perf_counter()
        few = replace(
            full,
            ct=NO_CT,  # the coarse CT is another one
            detector=_with_shape(full.detector, shape),
            isocenter=_isocenter(full, subject),
            renderer=_for_few_pixels(full.renderer),
        )
        drr = self._coarse.drr(few, larger, self._subject_key, request.device)
        drr.warns = False  # the full image will tell
        with torch.inference_mode():
            image = few.render(larger, drr)[0, 0].cpu().numpy()
        image = enlarged(image, (full.detector.height, full.detector.width))
        if full.renderer.sparse_share < 1:
            image = np.where(rendered_pixels(full), image, np.float32(0))
        return Result(
            image,
            None,
            (),
            full,
            time.perf_counter() - start,
            drr.backend_in_use,
            str(drr.device),
            shape,
            is_preview=True,
        )

    def with_channels(self, request: Request, result: Result) -> Result:
        """Add the channels that are asked for to a result of the same request.

        Raises:
            Cancelled: If the request was cancelled.
        """
        start = time.perf_counter()
        is_sparse = request.recipe.renderer.sparse_share < 1
        apart = None if is_sparse else self._labels_apart(request)
        if apart is None:
            channels, chosen = self._channels(request)
        else:
            chosen = tuple(i for i in request.channels if i in apart.ids)
            channels = apart.images[[apart.ids.index(i) for i in chosen]] if chosen else None
        if channels is None:
            return result
        seconds = result.seconds + time.perf_counter() - start
        return replace(result, channels=channels, channel_ids=chosen, seconds=seconds)

    def prepare(self, request: Request) -> None:
        """Get ready for changes of weights at this pose, and for previews of others.

        Raises:
            Cancelled: If the request was cancelled.
        """
        self._larger_voxels(request, self._read(request))
        request.check()
        self._labels_apart(request)

    def is_quick(self, request: Request, seconds: float) -> bool:
        """Tell whether a render in full is to be expected within some seconds.

        Args:
            request: What would be rendered.
            seconds: The time that there is.
        """
        if self._subject is None or self._subject_key != request.inputs.key:
            return False  # the CT has yet to be read, which takes a while
        key = view_of(request)
        if self.apart is not None and self.apart.key == key:
            return True
        if self._speed is None or self._speed[0] != _kind(request):
            return False
        detector = request.recipe.detector
        return self._speed[1] * detector.height * detector.width <= seconds

    def _labels_apart(self, request: Request) -> Apart | None:
        """Render every label apart where sums allow it, once for each pose."""
        import torch

        subject, key = self._read(request), view_of(request)
        if self.apart is not None and self.apart.key == key:
            return self.apart
        recipe = replace(request.recipe, ct=self._subjects.ct)
        if recipe.renderer.reduction != "sum" or subject.get("mask") is None:
            return None
        # Of another pose, and no longer of use: not both are held at once.
        self.apart = None
        drr = self._fine.drr(recipe, subject, self._subject_key, request.device)
        options = call_options(recipe)
        pose = recipe.pose.rigid_transform()
        if not drr.meets(pose):
            return None
        with torch.inference_mode():
            separate = drr.separate(
                pose, options["bone_weight"], options["n_points"], request.check
            )
        if separate is None:
            return None
        images, labels = separate
        self.apart = Apart(key, tuple(labels), images[0].cpu().numpy())
        return self.apart

    def _faults_of(self, key: tuple[Any, ...], drr: DRR, recipe: Recipe) -> tuple[str, ...]:
        """Return what is wrong with the pose; weights make no difference to that."""
        if self._faults is None or self._faults[0] != key:
            self._faults = (key, tuple(drr.diagnose(recipe.pose.rigid_transform())))
        return self._faults[1]

    def _other_ct(self, request: Request, subject: Subject) -> list[str]:
        difference = request.expected.difference(subject) if request.expected else None
        return [f"The recipe was made of another CT: {difference}."] if difference else []

    def _channels(self, request: Request) -> tuple[NDArray[np.float32] | None, tuple[int, ...]]:
        """Render what is asked for and there; the user may have painted a structure away."""
        import torch

        subject = self._read(request)
        recipe = replace(request.recipe, ct=self._subjects.ct)
        drr = self._fine.drr(recipe, subject, self._subject_key, request.device)
        present = set() if drr.structures is None else set(drr.structures["id"])
        chosen = tuple(label for label in request.channels if label in present)
        if not chosen or not drr.meets(recipe.pose.rigid_transform()):
            return None, ()
        # Channels are what each structure would add: visibility and weights stay out of them.
        plain = replace(recipe, structures=())
        with torch.inference_mode():
            image, _ = plain.channels(subject, chosen, drr, progress=request.report)
        return image[0].cpu().numpy(), chosen

    def _larger_voxels(self, request: Request, subject: Subject) -> Subject | None:
        if not self._has_coarse:
            self._coarse_subject = coarse(subject, **_mapped(request.recipe.attenuation))
            self._has_coarse = True
        return self._coarse_subject

    def _read(self, request: Request) -> Subject:
        inputs = request.inputs
        if self._subject is None or self._subject_key != inputs.key:
            self.apart = self._last = self._faults = self._coarse_subject = None
            self._has_coarse = False
            self._fine, self._coarse = _Kept(), _Kept()
            self._subject_key = None
            self._subject = self._subjects.of(inputs, _mapped(request.recipe.attenuation))
            self._subject_key = inputs.key
        return self._subject


class _Kept:
    """A `DRR` that is made anew where more than its call or its detector differs."""

    def __init__(self) -> None:
        self._drr: DRR | None = None
        self._key: tuple[Any, ...] | None = None

    def drr(self, recipe: Recipe, subject: Subject, subject_key: Any, device: str) -> DRR:
        key = (
            subject_key,
            device,
            recipe.isocenter,
            recipe.renderer.renderer,
            recipe.renderer.reduction,
            recipe.renderer.backend,
            replace(recipe.attenuation, bone_weight=1.0),
        )
        if self._drr is None or self._key != key:
            # It is the very CT: hashing it once more would take as long as all the rest.
            drr = replace(recipe, ct=NO_CT).drr(subject)
            self._drr, self._key = drr.to(resolved(device, drr.backend)), key
        self._drr.detector = recipe.detector.detector(recipe.orientation)
        return self._drr


@contextmanager
def shortage_told(request: Request) -> Iterator[None]:
    """Raise `MemoryError` with a way out where torch finds no memory.

    Args:
        request: What is rendered.

    Raises:
        MemoryError: If memory does not suffice.
    """
    try:
        yield
    except (OverflowError, RuntimeError) as error:
        if not is_shortage(error):
            raise
        detector = request.recipe.detector
        raise MemoryError(
            f"The memory does not suffice for {detector.height} x {detector.width} pixels of this "
            "CT: take fewer pixels, or the device cpu if it is a GPU's."
        ) from error


def view_of(request: Request) -> tuple[Any, ...]:
    """Return all that an image depends on but the weights of structures."""
    r = request.recipe
    parts = (r.isocenter, r.pose, r.orientation, r.detector, r.renderer, r.attenuation)
    return (request.inputs.key, request.device, *parts)


def _image(
    drr: DRR, subject: Subject, request: Request, recipe: Recipe, faults: tuple[str, ...]
) -> Float[NDArray[np.float32], "height width"]:
    """Render in full."""
    import torch

    if NO_HIT in faults:
        return np.zeros((recipe.detector.height, recipe.detector.width), np.float32)
    with torch.inference_mode():
        image = recipe.render(subject, drr, progress=request.report)[0, 0]
    values: NDArray[np.float32] = image.cpu().numpy()
    return values


def _mapped(attenuation: Attenuation) -> dict[str, Any]:
    """Return the arguments of `read` that map HU to this attenuation."""
    return {
        "attenuation": attenuation.kind,
        "energy_kev": attenuation.energy_kev,
        "bone_attenuation_multiplier": attenuation.bone_attenuation_multiplier,
    }


def _kind(request: Request) -> tuple[Any, ...]:
    """Return what the time per pixel depends on, roughly."""
    recipe = request.recipe
    return (request.device, recipe.renderer, recipe.attenuation, bool(recipe.weights()))


def _for_few_pixels(renderer: RendererSettings) -> RendererSettings:
    """Return the same renderer for all pixels, with as many samples as larger voxels are worth."""
    renderer = replace(renderer, sparse_share=1.0)
    if renderer.renderer == "siddon" or renderer.reduction != "sum":
        return renderer
    return replace(renderer, n_points=min(renderer.n_points, PREVIEW_POINTS))


def _with_shape(detector: DetectorSettings, shape: tuple[int, int]) -> DetectorSettings:
    """Return the same detector with fewer, larger pixels."""
    return replace(
        detector,
        height=shape[0],
        width=shape[1],
        pixel_spacing_x=detector.pixel_spacing_x * detector.width / shape[1],
        pixel_spacing_y=detector.pixel_spacing_y * detector.height / shape[0],
    )


def _isocenter(recipe: Recipe, subject: Subject) -> tuple[float, float, float]:
    """Return the recipe's isocenter, world mm: larger voxels may have another center."""
    if recipe.isocenter is not None:
        return recipe.isocenter
    from napari_drr.volume.grid import grid_center

    x, y, z = grid_center(world_affine(subject), subject["volume"].spatial_shape).tolist()
    return (x, y, z)
