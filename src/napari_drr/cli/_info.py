"""`napari-drr info`."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from napari_drr.cli._ct import read_subject, with_ct
from napari_drr.recipe import Recipe
from napari_drr.recipe._ct import world_affine

if TYPE_CHECKING:
    from torchio import Subject


def info(options: Namespace) -> None:
    """Print what a CT and its labels hold.

    Raises:
        OSError: If a file can't be read.
        ValueError: If it is no CT, or no label map of it.
    """
    options = with_ct(options, Recipe())
    subject = read_subject(options, Recipe())
    lines = [f"{name:<12} {value}" for name, value in _about(options.ct, subject)]
    sys.stdout.write("\n".join([*lines, *_labels(subject)]) + "\n")


def _about(name: str, subject: "Subject") -> Iterator[tuple[str, str]]:
    from nibabel.orientations import aff2axcodes

    image, affine = subject["volume"], world_affine(subject)
    yield "CT", name
    yield "size", " x ".join(map(str, image.spatial_shape)) + " voxels"
    yield "spacing", " x ".join(f"{mm:.6g}" for mm in image.spacing) + " mm"
    yield "axes run to", ", ".join(_DIRECTIONS[code] for code in aff2axcodes(affine))
    yield "center", ", ".join(f"{mm:.6g}" for mm in _center(subject)) + " mm (scanner, RAS)"
    low, high = (float(value) for value in image.data.aminmax())
    yield "values", f"{low:g} to {high:g} HU"


_DIRECTIONS = {
    "R": "right",
    "L": "left",
    "A": "anterior",
    "P": "posterior",
    "S": "superior",
    "I": "inferior",
}


def _center(subject: "Subject") -> list[float]:
    center: list[float] = subject["isocenter"].tolist()
    return center


def _labels(subject: "Subject") -> Iterator[str]:
    table, mask = subject["structures"], subject["mask"]
    if table is None or mask is None:
        return
    counts = np.bincount(mask.numpy().ravel())
    voxel_cm3 = float(np.prod(mask.spacing)) / 1000
    assumed = " (TotalSegmentator's names, assumed)" if table.attrs.get("assumed") else ""
    yield f"{'labels':<12} {len(table)}{assumed}"
    width = max(map(len, table["structure"]), default=0)
    for row in table.itertuples():
        volume = counts[row.id] * voxel_cm3
        yield f"{row.id:6d}  {row.structure:<{width}}  {volume:10.1f} cm3  {row.group}".rstrip()
