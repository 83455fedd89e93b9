"""The subject: a CT with its density, labels and frame, as one `torchio.Subject`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from napari_drr.volume.attenuation import CT_EFFECTIVE_KEV, AttenuationMap, density_map
from napari_drr.volume.checks import checked_affine, checked_labels, checked_volume
from napari_drr.volume.grid import Affine, grid_center, labels_on_grid
from napari_drr.volume.structures import (
    Selection,
    as_structures,
    name_labels,
    select_structures,
)

if TYPE_CHECKING:
    from torchio import LabelMap, ScalarImage, Subject

    from napari_drr.geometry.pose import RigidTransform

Orientation = Literal["AP", "PA"] | None


class _Labels(NamedTuple):
    """Labels on the CT's grid (x, y, z), their table, and the ids that `labels=` chose."""

    data: Tensor
    structures: pd.DataFrame
    chosen: list[int] | None


def make_subject(
    volume: "ScalarImage",
    mask: "LabelMap | None" = None,
    *,
    labels: Selection | None = None,
    orientation: Orientation = "AP",
    bone_attenuation_multiplier: float = 1.0,
    structures: pd.DataFrame | None = None,
    attenuation: AttenuationMap = "relative",
    energy_kev: float = CT_EFFECTIVE_KEV,
    fiducials: Tensor | None = None,
    transform: "RigidTransform | None" = None,
    center_volume: bool = True,
    resample_target: Any = None,
    **kwargs: Any,
) -> "Subject":
    """Bind a CT and its labels into what `DRR` renders; the images passed in stay as they are.

    Args:
        volume: the CT in HU, one channel; its affine maps voxels to world mm (RAS).
        mask: labels (whole numbers) on any grid of the same world; brought to the CT's grid.
        labels: structures to keep, by id, name or group (`select_structures`). Density is 0
            elsewhere and the mask keeps these labels only; the HU stay whole.
        orientation: how the C-arm looks at the patient: `"AP"`, `"PA"` or None.
        bone_attenuation_multiplier: of the relative map.
        structures: names of the labels; None assumes TotalSegmentator v2's where all ids fit.
        attenuation: `"relative"` (unitless) or `"physical"` (1/mm).
        energy_kev: photon energy of the physical map.
        fiducials: points in world mm (after `transform`), shape (..., 3).
        transform: rigid motion of CT and labels in world mm.
        center_volume: move the origin to the center of the CT's grid, the isocenter.
        resample_target: passed on to `torchio.Resample`: a spacing in mm, for example.
        **kwargs: further attributes of the subject.

    Returns:
        A subject with `volume` (HU, float32), `mask` (on the CT's grid, or None), `density`,
        `structures` (a row per label present, or None), `labels` (the ids chosen, or None),
        `orientation`, `reorient` (4x4, float32), `fiducials`, `isocenter` (float64, shape (3,):
        world = iso + isocenter), `attenuation`, `bone_attenuation_multiplier`, `energy_kev`.

    Raises:
        ValueError: if the CT, the labels or an argument cannot be used; the message says why.
    """
    import torchio

    from napari_drr.geometry.pose import orientation_matrix
    from napari_drr.volume.linked import LinkedSubject

    hounsfield, affine = checked_volume(volume), checked_affine(volume.affine)
    _, *shape = hounsfield.shape
    found = _labels(mask, affine, (shape[0], shape[1], shape[2]), structures, labels)
    density = _density(hounsfield, found, attenuation, bone_attenuation_multiplier, energy_kev)
    affine, isocenter = _placed(affine, shape, transform, center_volume)
    subject = LinkedSubject(
        volume=torchio.ScalarImage(tensor=hounsfield, affine=affine),
        **_label_entries(found, affine),
        density=torchio.ScalarImage(tensor=density, affine=affine),
        orientation=orientation,
        reorient=orientation_matrix(orientation).to(torch.float32),
        fiducials=_centered(fiducials, isocenter),
        isocenter=torch.from_numpy(isocenter),
        attenuation=attenuation,
        bone_attenuation_multiplier=float(bone_attenuation_multiplier),
        energy_kev=float(energy_kev),
        **kwargs,
    )
    return subject if resample_target is None else torchio.Resample(resample_target)(subject)


def remap(
    subject: "Subject",
    *,
    bone_attenuation_multiplier: float | None = None,
    attenuation: AttenuationMap | None = None,
    energy_kev: float | None = None,
) -> "Subject":
    """Map a subject's HU to density anew; nothing is loaded again.

    Args:
        subject: what `read` or `make_subject` returned.
        bone_attenuation_multiplier: of the relative map; None keeps the subject's.
        attenuation: `"relative"` or `"physical"`; None keeps the subject's.
        energy_kev: of the physical map; None keeps the subject's.

    Returns:
        A new subject that shares everything with the old one except `density` and these three
        settings.
    """
    import torchio

    from napari_drr.volume.linked import LinkedSubject

    settings: dict[str, Any] = {
        "attenuation": subject["attenuation"] if attenuation is None else attenuation,
        "bone_attenuation_multiplier": subject["bone_attenuation_multiplier"]
        if bone_attenuation_multiplier is None
        else float(bone_attenuation_multiplier),
        "energy_kev": subject["energy_kev"] if energy_kev is None else float(energy_kev),
    }
    density = density_map(subject["volume"].data, **settings)
    if subject["labels"] is not None:
        density = density * (subject["mask"].data != 0)
    image = torchio.ScalarImage(tensor=density, affine=subject["volume"].affine)
    return LinkedSubject({**subject, **settings, "density": image})


def relocate(
    subject: "Subject",
    affine: Affine,
    mask: "LabelMap | None" = None,
    structures: pd.DataFrame | None = None,
) -> "Subject":
    """Put a subject's CT elsewhere, and give it other labels; its HU are not mapped again.

    Args:
        subject: What `make_subject` returned with neither `labels` nor `fiducials`.
        affine: World mm (RAS) from the CT's voxels.
        mask: Its labels, on any grid of the same world.
        structures: Their names; as for `make_subject`.

    Returns:
        What `make_subject` would make of the same CT, sharing the values of `volume` and `density`.

    Raises:
        ValueError: if the affine or the labels cannot be used; the message says why.
    """
    import torchio

    from napari_drr.volume.linked import LinkedSubject

    affine = checked_affine(affine)
    x, y, z = subject["volume"].spatial_shape
    found = _labels(mask, affine, (x, y, z), structures, None)
    isocenter = grid_center(affine, (x, y, z))
    affine[:3, 3] -= isocenter
    hounsfield, density = subject["volume"].data, subject["density"].data
    changed = {
        "volume": torchio.ScalarImage(tensor=hounsfield, affine=affine),
        "mask": None if found is None else torchio.LabelMap(tensor=found.data[None], affine=affine),
        "density": torchio.ScalarImage(tensor=density, affine=affine),
        "structures": None if found is None else found.structures,
        "isocenter": torch.from_numpy(isocenter),
    }
    return LinkedSubject({**subject, **changed})


def _labels(
    mask: "LabelMap | None",
    affine: Affine,
    shape: tuple[int, int, int],
    structures: pd.DataFrame | None,
    labels: Selection | None,
) -> _Labels | None:
    """Bring the labels to the CT's grid, name them, and keep those that were asked for."""
    if mask is None:
        if labels is not None:
            raise ValueError("`labels` selects structures of a label map: pass `labelmap` too.")
        return None
    source = checked_labels(mask)
    data = labels_on_grid(source, checked_affine(mask.affine, "labelmap"), affine, shape)
    if bool(source.any()) and not bool(data.any()):
        raise ValueError(
            "`labelmap` overlaps `volume`, but all its labels lie outside. Give the label map made "
            "from this CT, with the affine it was made with."
        )
    named = None if structures is None else as_structures(structures)
    table = name_labels(pd.unique(data.numpy().ravel(order="K")), named)
    if labels is None:
        return _Labels(data, table, None)
    chosen = _chosen(table, named, labels)
    kept = np.zeros(int(data.amax()) + 1, dtype=data.numpy().dtype)
    kept[chosen] = chosen
    data = torch.from_numpy(kept[data.numpy()])
    table = table[table["id"].isin(chosen)].reset_index(drop=True)
    return _Labels(data, table, chosen)


def _chosen(table: pd.DataFrame, named: pd.DataFrame | None, labels: Selection) -> list[int]:
    """Resolve `labels=` to the ids present; what is named but absent is passed over."""
    known = table if named is None else pd.concat([table, named]).drop_duplicates("id")
    present = set(table["id"])
    chosen = [label for label in select_structures(known, labels) if label in present]
    if not chosen:
        raise ValueError(
            f"`labels` must select a structure that the label map holds, got {labels!r}; it holds "
            f"{', '.join(table['structure'].head(10)) or 'none'}{', ...' * (len(table) > 10)}."
        )
    return chosen


def _density(
    hounsfield: Tensor, found: _Labels | None, kind: AttenuationMap, bone: float, kev: float
) -> Tensor:
    """Map HU to attenuation, 0 outside of the structures that were chosen."""
    density = density_map(hounsfield, kind, bone, kev)
    if found is None or found.chosen is None:
        return density
    return density * (found.data != 0)


def _label_entries(found: _Labels | None, affine: Affine) -> dict[str, Any]:
    if found is None:
        return {"mask": None, "structures": None, "labels": None}
    from torchio import LabelMap

    mask = LabelMap(tensor=found.data[None], affine=affine)
    return {"mask": mask, "structures": found.structures, "labels": found.chosen}


def _placed(
    affine: Affine, shape: Sequence[int], transform: "RigidTransform | None", is_centered: bool
) -> tuple[Affine, np.ndarray]:
    """Return the affine of a grid that was moved, and the point that is its origin now."""
    if transform is not None:
        affine = _motion(transform) @ affine
    isocenter = grid_center(affine, shape) if is_centered else np.zeros(3)
    affine[:3, 3] -= isocenter
    return affine, isocenter


def _motion(transform: "RigidTransform") -> Affine:
    """Return the transform's one 4x4 matrix as a float64 array."""
    if not hasattr(transform, "matrix"):
        raise TypeError(
            f"`transform` must be a RigidTransform, got {type(transform).__name__}: make one of a "
            "4x4 matrix, RigidTransform(torch.eye(4))."
        )
    matrix = transform.matrix.detach().cpu().to(torch.float64).numpy()
    if len(matrix) != 1:
        raise ValueError(f"`transform` must be a single transform, got a batch of {len(matrix)}.")
    motion: Affine = matrix[0]
    return motion


def _centered(fiducials: Tensor | None, isocenter: np.ndarray) -> Tensor | None:
    """Move points from world mm to iso mm, in a tensor of their own."""
    if fiducials is None:
        return None
    points = torch.as_tensor(fiducials)
    if points.ndim < 1 or points.shape[-1] != 3:
        raise ValueError(
            f"`fiducials` must be points of shape (..., 3), got {tuple(points.shape)}."
        )
    points = points if points.is_floating_point() else points.to(torch.float32)
    return (points.to(torch.float64) - torch.from_numpy(isocenter).to(points.device)).to(points)
