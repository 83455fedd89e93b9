"""The recipe: all that is needed to render an image again, as plain values, in JSON."""

from napari_drr.recipe._ct import CTReference, ct_hash
from napari_drr.recipe._display import Display
from napari_drr.recipe._fit import fitted
from napari_drr.recipe._intrinsics import intrinsics, with_intrinsics
from napari_drr.recipe._parts import (
    Attenuation,
    DetectorSettings,
    EulerConvention,
    Orientation,
    Pose,
    RendererSettings,
    Structure,
)
from napari_drr.recipe._paste import intrinsics_text, pasted, pose_text
from napari_drr.recipe._presets import PRESETS, preset
from napari_drr.recipe._recipe import VERSION, Recipe
from napari_drr.recipe._rendering import RecipeWarning
from napari_drr.recipe._script import script
from napari_drr.recipe._views import VIEWS, view

__all__ = [
    "PRESETS",
    "VERSION",
    "VIEWS",
    "Attenuation",
    "CTReference",
    "DetectorSettings",
    "Display",
    "EulerConvention",
    "Orientation",
    "Pose",
    "Recipe",
    "RecipeWarning",
    "RendererSettings",
    "Structure",
    "ct_hash",
    "fitted",
    "intrinsics",
    "intrinsics_text",
    "pasted",
    "pose_text",
    "preset",
    "script",
    "view",
    "with_intrinsics",
]
