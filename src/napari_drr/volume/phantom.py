"""A labelled thorax made by formula: a CT for tests, demos and machines without a network."""

from collections.abc import Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_drr.volume.anatomy import Thorax
from napari_drr.volume.attenuation import CT_EFFECTIVE_KEV, AttenuationMap
from napari_drr.volume.checks import refuse_misspelled
from napari_drr.volume.shapes import Canvas
from napari_drr.volume.structures import Selection, totalsegmentator_structures
from napari_drr.volume.subject import Orientation, make_subject

if TYPE_CHECKING:
    from torchio import Subject

FIELD_MM = (384.0, 264.0, 340.0)
"""Size of the phantom's grid along x, y and z."""

_CENTER_MM = (9.5, -173.0, -412.0)  # where a scanner might have put the chest's middle (world, RAS)


def load_phantom(
    spacing: float | Sequence[float] = 2.0,
    labels: Selection | None = None,
    orientation: Orientation = "AP",
    bone_attenuation_multiplier: float = 1.0,
    *,
    attenuation: AttenuationMap = "relative",
    energy_kev: float = CT_EFFECTIVE_KEV,
    **kwargs: Any,
) -> "Subject":
    """Make a labelled thorax: body, lungs, heart, vessels, spine, ribs, shoulder girdle, liver.

    Left and right differ plainly: the heart's tip, the aortic arch, the spleen and the stomach's
    gas lie on the left, the liver under a higher dome of the diaphragm on the right. Voxels run to
    the patient's left, back and head, as most scanners store them. The same arguments always give
    the same voxels.

    Args:
        spacing: voxel size in mm, one number or three (x, y, z).
        labels: structures to keep (`read`).
        orientation: `"AP"`, `"PA"` or None (`read`).
        bone_attenuation_multiplier: of the relative map (`read`).
        attenuation: `"relative"` or `"physical"` (`read`).
        energy_kev: photon energy of the physical map.
        **kwargs: further arguments of `make_subject`.

    Returns:
        The subject, with TotalSegmentator v2's ids and names.

    Raises:
        TypeError: if a further argument is a misspelled one.
        ValueError: if a spacing is not in (0, 20] mm.

    >>> subject = load_phantom(spacing=8.0)
    >>> subject.volume.spatial_shape
    (48, 33, 42)
    >>> "rib_left_1" in set(subject.structures["structure"])
    True
    """
    import torchio

    refuse_misspelled(kwargs, _arguments())
    hounsfield, mask, affine = thorax(_spacing(spacing))
    return make_subject(
        torchio.ScalarImage(tensor=torch.from_numpy(hounsfield)[None], affine=affine),
        torchio.LabelMap(tensor=torch.from_numpy(mask)[None], affine=affine),
        labels=labels,
        orientation=orientation,
        bone_attenuation_multiplier=bone_attenuation_multiplier,
        structures=totalsegmentator_structures(),
        attenuation=attenuation,
        energy_kev=energy_kev,
        **kwargs,
    )


def thorax(spacing: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the phantom's HU (float32), labels (uint8) and affine (world mm from voxels).

    Args:
        spacing: voxel size in mm along x, y, z.

    Returns:
        Arrays (X, Y, Z), indexed toward the patient's left, back and head, and the 4x4 affine.
    """
    sizes = [max(2, round(field / mm)) for field, mm in zip(FIELD_MM, spacing, strict=True)]
    signs = (-1.0, -1.0, 1.0)  # RAS axes along which the voxels run: to left, back, head
    axes = [
        sign * mm * (np.arange(size) - (size - 1) / 2.0)
        for sign, mm, size in zip(signs, spacing, sizes, strict=True)
    ]
    affine = np.diag([*(sign * mm for sign, mm in zip(signs, spacing, strict=True)), 1.0])
    affine[:3, 3] = [axis[0] + center for axis, center in zip(axes, _CENTER_MM, strict=True)]
    canvas = Canvas(axes, background=-1000.0)
    Thorax(canvas).paint()
    return canvas.hounsfield, canvas.labels, affine


def _arguments() -> set[str]:
    """Return the names of `load_phantom`'s own arguments, and of those it passes on."""
    return {name for door in (load_phantom, make_subject) for name in signature(door).parameters}


def _spacing(spacing: float | Sequence[float]) -> tuple[float, float, float]:
    """Return three voxel sizes, checked."""
    try:
        values = np.atleast_1d(np.asarray(spacing, dtype=np.float64)).tolist()
    except (TypeError, ValueError):
        values = []
    values = values * 3 if len(values) == 1 else values
    if len(values) != 3 or not all(0.0 < mm <= 20.0 for mm in values):
        raise ValueError(f"`spacing` must be one or three numbers of 0 to 20 mm, got {spacing!r}.")
    return values[0], values[1], values[2]
