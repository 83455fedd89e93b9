"""Digitally reconstructed radiographs (DRRs) from a CT and its labels, in napari and in Python.

The public names are loaded on first use, so that `import napari_drr` costs next to nothing: it
loads neither torch, nor Qt, nor napari.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_drr import metrics as metrics
    from napari_drr.geometry.camera import get_pinhole_camera as get_pinhole_camera
    from napari_drr.geometry.detector import Detector as Detector
    from napari_drr.geometry.pose import RigidTransform as RigidTransform
    from napari_drr.geometry.pose import convert as convert
    from napari_drr.io.example import load_example_ct as load_example_ct
    from napari_drr.io.read import read as read
    from napari_drr.recipe import Recipe as Recipe
    from napari_drr.rendering.drr import DRR as DRR
    from napari_drr.rendering.project import project as project
    from napari_drr.viewer._session import session as session
    from napari_drr.volume.phantom import load_phantom as load_phantom

_HOME = {
    "DRR": "rendering.drr",
    "Detector": "geometry.detector",
    "Recipe": "recipe",
    "RigidTransform": "geometry.pose",
    "convert": "geometry.pose",
    "get_pinhole_camera": "geometry.camera",
    "load_example_ct": "io.example",
    "load_phantom": "volume.phantom",
    "metrics": "metrics",
    "project": "rendering.project",
    "read": "io.read",
    "session": "viewer._session",
}

__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> Any:
    """Load a public name from the module that defines it (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version  # a tenth of a second, which few need

        return version("napari-drr")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_HOME[name]}")
    return module if name == "metrics" else getattr(module, name)


def __dir__() -> list[str]:
    """List the public names, also those not yet loaded."""
    return __all__
