"""`diffdrr.drr`: the renderer."""

from napari_drr.rendering.drr import DRR

__all__ = ["DRR"]
