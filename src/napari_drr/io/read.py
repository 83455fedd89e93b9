"""Reading a CT and its labels: the door through which every file comes in."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from napari_drr.volume.attenuation import CT_EFFECTIVE_KEV, AttenuationMap
from napari_drr.volume.structures import Selection
from napari_drr.volume.subject import Orientation, make_subject

if TYPE_CHECKING:
    from torchio import Image, LabelMap, ScalarImage, Subject

    from napari_drr.geometry.pose import RigidTransform


def read(
    volume: "str | Path | ScalarImage | tuple[Any, Any]",
    labelmap: "str | Path | LabelMap | tuple[Any, Any] | None" = None,
    labels: Selection | None = None,
    orientation: Orientation = "AP",
    bone_attenuation_multiplier: float = 1.0,
    fiducials: Tensor | None = None,
    transform: "RigidTransform | None" = None,
    center_volume: bool = True,
    resample_target: Any = None,
    structures: pd.DataFrame | str | Path | None = None,
    attenuation: AttenuationMap = "relative",
    energy_kev: float = CT_EFFECTIVE_KEV,
    **kwargs: Any,
) -> "Subject":
    """Read a CT and, optionally, its labels."""
    from torchio import LabelMap, ScalarImage

    ct = _image(volume, ScalarImage)
    mask = None if labelmap is None else _image(labelmap, LabelMap)
    if isinstance(structures, str | Path):
        structures = pd.read_csv(structures)
    return make_subject(
        ct,
        mask,
        labels=labels,
        orientation=orientation,
        bone_attenuation_multiplier=bone_attenuation_multiplier,
        structures=structures,
        attenuation=attenuation,
        energy_kev=energy_kev,
        fiducials=fiducials,
        transform=transform,
        center_volume=center_volume,
        resample_target=resample_target,
        **kwargs,
    )


def read_image(path: str | Path) -> "ScalarImage":
    """Read a CT file or folder as a torchio image."""
    from torchio import ScalarImage

    return _image(path, ScalarImage)


def _image(source: Any, kind: "type[Image]") -> Any:
    if isinstance(source, kind):
        return source
    if isinstance(source, tuple):
        array, affine = source
        return kind(tensor=torch.as_tensor(array)[None], affine=np.asarray(affine))
    return kind(source)
