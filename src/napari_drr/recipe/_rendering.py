"""From a recipe to the renderer it describes."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

from napari_drr.recipe._ct import world_affine
from napari_drr.recipe._parts import DetectorSettings

if TYPE_CHECKING:
    from torchio import Subject

    from napari_drr.recipe._recipe import Recipe
    from napari_drr.rendering.drr import DRR

# Isocenters closer than this, in mm, are one: the grid's center computed along two ways.
SAME_POINT_MM = 1e-6


# A recipe's sparse pixels are the same ones every time.
SEED = 0


class RecipeWarning(UserWarning):
    """A recipe is rendered with something other than it names, such as another CT."""


def make_drr(recipe: Recipe, subject: Subject, options: dict[str, Any]) -> DRR:
    """Return the `DRR` of a recipe and a subject."""
    from napari_drr.rendering.drr import DRR

    _check_ct(recipe, subject)
    detector, renderer = recipe.detector, recipe.renderer
    settings: dict[str, Any] = {
        "sdd": detector.source_to_detector,
        "height": detector.height,
        "width": detector.width,
        "delx": detector.pixel_spacing_x,
        "dely": detector.pixel_spacing_y,
        "x0": detector.x0,
        "y0": detector.y0,
        "reverse_x_axis": detector.mirror,
        "renderer": renderer.renderer,
        "reducefn": renderer.reduction,
        "backend": renderer.backend,
        "isocenter": _isocenter(recipe, subject),
    }
    return aimed(recipe, DRR(_with_attenuation(recipe, subject), **{**settings, **options}))


def aimed(recipe: Recipe, drr: DRR) -> DRR:
    """Set a renderer's detector, and which pixels are rendered, to the recipe's; return it."""
    detector = recipe.detector.detector(recipe.orientation)
    if drr.detector != detector:
        drr.detector = detector
    share = recipe.renderer.sparse_share
    if share < 1 or drr.draws_by_seed:  # else it is the caller's own share, if any
        drr.draw_pixels_(share if share < 1 else None, SEED)
    return drr


def rendered_pixels(recipe: Recipe) -> Bool[NDArray[np.bool_], "height width"]:
    """Return which pixels a recipe renders; not to be written into."""
    return _rendered_pixels(recipe.renderer.sparse_share, recipe.detector)


@lru_cache(maxsize=2)  # previews ask at each step of a slider
def _rendered_pixels(share: float, settings: DetectorSettings) -> NDArray[np.bool_]:
    from napari_drr.rendering._pixels import PixelSubset

    detector, subset = settings.detector(), PixelSubset(None)
    subset.draw_by_seed(detector, share if share < 1 else None, SEED)
    pixels, mask = subset.current(detector), np.ones(detector.shape, bool)
    if pixels is not None:
        mask[:] = False
        mask.flat[pixels.numpy()] = True
    return mask


def call_options(recipe: Recipe) -> dict[str, Any]:
    """Return the arguments with which a recipe calls its renderer."""
    attenuation, renderer = recipe.attenuation, recipe.renderer
    weighs_bone = attenuation.kind == "physical" and attenuation.bone_weight != 1.0
    return {
        "weights": recipe.weights() or None,
        "bone_weight": attenuation.bone_weight if weighs_bone else None,
        "n_points": renderer.n_points if renderer.renderer == "trilinear" else None,
    }


def _check_ct(recipe: Recipe, subject: Subject) -> None:
    difference = recipe.ct.difference(subject)
    if difference is not None:
        name = f" ({recipe.ct.name})" if recipe.ct.name else ""
        warnings.warn(
            f"This is not the CT that the recipe names{name}: {difference}. The image will differ; "
            "read that CT, or give the recipe this one's `CTReference.of(subject)`.",
            RecipeWarning,
            stacklevel=4,
        )


def _isocenter(recipe: Recipe, subject: Subject) -> tuple[float, ...] | None:
    """Return the isocenter in world mm, or None where the subject's own will do."""
    if recipe.isocenter is not None:
        return recipe.isocenter
    from napari_drr.volume.grid import grid_center

    center = grid_center(world_affine(subject), subject["volume"].spatial_shape)
    if np.allclose(center, subject["isocenter"], rtol=0.0, atol=SAME_POINT_MM):
        return None
    return tuple(center.tolist())


def _with_attenuation(recipe: Recipe, subject: Subject) -> Subject:
    """Return the subject, or one with its density mapped as the recipe says."""
    from napari_drr.volume.subject import remap

    wanted = recipe.attenuation
    setting = "energy_kev" if wanted.kind == "physical" else "bone_attenuation_multiplier"
    if subject["attenuation"] == wanted.kind and subject[setting] == getattr(wanted, setting):
        return subject
    return remap(
        subject,
        attenuation=wanted.kind,
        energy_kev=wanted.energy_kev,
        bone_attenuation_multiplier=wanted.bone_attenuation_multiplier,
    )
