"""What is wrong with a viewer's layers: as a CT, as its labels, or that none is offered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_drr.viewer import layers
from napari_drr.viewer._carm import Box
from napari_drr.viewer._grids import full_resolution
from napari_drr.viewer._lazy import is_lazy, too_large
from napari_drr.viewer._problems import Problem
from napari_drr.viewer._scan import Scan

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels

    from napari_drr.recipe import Structure
    from napari_drr.viewer._grids import LayerGrid

NO_CT = (
    "There is no CT: drop a file or a DICOM folder on the window, or open the phantom: File > Open "
    "Sample > napari DRR."
)

# Relative to cubes: below, a grid's axes lie in one plane.
FLAT = 1e-6


def without_ct(viewer: ViewerModel) -> Iterator[Problem]:
    """Tell that there is no CT, and why the image layers that are there are none.

    Args:
        viewer: The viewer.
    """
    yield Problem(NO_CT)
    for layer in layers.not_offered(viewer):
        name = repr(layer.name)
        if layer.rgb:
            yield Problem(
                f"{name} is an RGB picture and can't be the CT: open the CT itself, whose values "
                "are HU.",
                "warning",
            )
        elif layer.ndim < 3:
            yield Problem(
                f"{name} is a single 2-D image and can't be the CT: open the whole series, such as "
                "its DICOM folder.",
                "warning",
            )
        else:
            yield Problem(
                f"{name} is {layer.ndim}-D and can't be the CT: take the volume that is shown now.",
                "warning",
                "take_volume",
            )


def checked_grid(
    layer: Image | Labels, frame: layers.Frame
) -> tuple[LayerGrid | None, list[Problem]]:
    """Tell what is wrong with where a layer's voxels lie, and with its array.

    Args:
        layer: The CT's layer, or its labels'.
        frame: Its world axes.

    Returns:
        Its grid, or None if nothing can be rendered from it; and what is wrong.
    """
    try:
        grid = layers.grid_of(layer, frame)
    except ValueError:
        return None, [_no_grid(layer)]
    found = [*_of_place(layer, grid), *_of_array(layer)]
    return (None if any(problem.severity == "error" for problem in found) else grid), found


def _no_grid(layer: Image | Labels) -> Problem:
    """Tell why a layer has no grid of voxels in the world."""
    name = repr(layer.name)
    if layers.no_volume(layer) is not None:
        is_rgb = getattr(layer, "rgb", False)
        kind = "RGB" if is_rgb else f"{layer.ndim}-D"
        if is_rgb or layer.ndim < 3:
            return Problem(f"{name} is {kind} by now: choose a gray-valued volume.")
        way_out = "take the volume that is shown now"
        return Problem(f"{name} is {kind} by now: {way_out}.", "error", "take_volume")
    units = ", ".join(map(str, layer.units))
    return Problem(
        f"{name} is measured in {units}, which are not all lengths: set its units to mm.",
        "error",
        "use_millimeters",
    )


def _of_place(layer: Image | Labels, grid: LayerGrid) -> Iterator[Problem]:
    name = repr(layer.name)
    if not layers.has_unit(layer):
        yield Problem(
            f"{name} has no unit of length: its numbers are taken as mm.",
            "warning",
            "use_millimeters",
        )
    yield from _of_affine(name, grid)
    if min(grid.shape) < 2:
        size = " x ".join(map(str, grid.shape))
        yield Problem(f"{name} has {size} voxels: open the whole series, a slice is no volume.")


def of_values(layer: Image, scan: Scan) -> Iterator[Problem]:
    """Tell what is wrong with a CT's values.

    Args:
        layer: The CT's layer.
        scan: What was seen of them.
    """
    name = repr(layer.name)
    if scan.not_finite:
        counted = "one voxel" if scan.not_finite == 1 else f"{scan.not_finite} voxels"
        number = counted if scan.is_whole else "some voxels"
        yield Problem(f"{name} has NaN or infinity for {number}.", "error", "fill_ct")
    elif scan.is_flat:
        yield Problem(
            f"Every voxel of {name} is {scan.low:g}: there is nothing to see. Check that the file "
            "was exported with its pixel data."
        )
    if not scan.is_flat and not scan.is_hounsfield:
        may_shift = scan.is_stored_with_offset
        way_out = (
            "they look stored with an offset of 1024"
            if may_shift
            else "air is -1000 in HU; choose the CT itself, or convert it"
        )
        yield Problem(
            f"{name} does not look like HU, from {scan.low:g} to {scan.high:g}: {way_out}.",
            "warning",
            "shift_ct" if may_shift else None,
        )


def of_overlap(labels: tuple[str, LayerGrid], ct: tuple[str, LayerGrid]) -> Iterator[Problem]:
    """Tell whether labels and CT lie in different places.

    Args:
        labels: Name and grid of the labels' layer.
        ct: The same of the CT's.
    """
    spans = [_span(grid) for _, grid in (labels, ct)]
    (low, high), (ct_low, ct_high) = spans
    if not (np.all(low < ct_high) and np.all(ct_low < high)):
        yield Problem(
            f"{labels[0]!r} and {ct[0]!r} do not overlap: the labels span {_told(spans[0])}, "
            f"the CT {_told(spans[1])} (world mm, RAS). Choose the labels made from this CT."
        )


def of_names(labels: Labels, structures: Sequence[Structure]) -> Iterator[Problem]:
    """Tell of names that are assumed, or missing.

    Args:
        labels: The labels' layer.
        structures: As they are named now.
    """
    source = layers.named_by(labels)
    if source == "its file" or not structures:
        return
    if all(s.name == f"label {s.id}" for s in structures):
        yield Problem(
            f"The labels of {labels.name!r} have no names: put a structures.csv (id, structure, "
            "group) beside their file and open it again.",
            "note",
        )
    else:
        yield Problem(
            f"The names of {labels.name!r} are assumed to be TotalSegmentator's: put a "
            "structures.csv (id, structure, group) beside its file if they are others.",
            "note",
        )


def labels_that_are_images(viewer: ViewerModel, ct: Image) -> Iterator[Problem]:
    """Tell of an image layer that is called as labels are.

    Args:
        viewer: The viewer.
        ct: The CT's layer.
    """
    if (layer := layers.image_of_labels(viewer, ct)) is not None:
        yield Problem(
            f"{layer.name!r} is an image layer: to be the labels, it has to be a labels layer.",
            "note",
            "convert_labels",
        )


def _of_affine(name: str, grid: LayerGrid) -> Iterator[Problem]:
    linear = grid.affine[:3, :3]
    spacing = np.linalg.norm(linear, axis=0)
    if not np.isfinite(grid.affine).all() or not spacing.all():
        yield Problem(f"{name} has an affine that is not finite, or flat: correct it.")
    elif abs(np.linalg.det(linear / spacing)) < FLAT:
        yield Problem(f"{name} has an affine whose axes lie in one plane: correct it.")
    elif layers.is_askew(grid):
        yield Problem(
            f"{name} lies askew to the world: 2-D slices drop its tilt, the radiograph heeds it.",
            "warning",
            "resample_ct",
        )


def _of_array(layer: Image | Labels) -> Iterator[Problem]:
    name = repr(layer.name)
    data = full_resolution(layer)
    if layer.multiscale:
        yield Problem(f"{name} is multiscale: its full resolution is rendered.", "note")
    if not is_lazy(data):
        return
    if (fault := too_large(data)) is not None:
        yield Problem(f"{name}: {fault}")
    else:
        size = np.prod(data.shape, dtype=np.float64) * np.dtype(data.dtype).itemsize / 2**20
        yield Problem(f"{name} is loaded into memory to be rendered: {size:.0f} MiB.", "note")


def _span(grid: LayerGrid) -> Any:
    corners = Box(grid.affine, grid.shape).corners
    return corners.min(axis=0), corners.max(axis=0)


def _told(span: Any) -> str:
    axes = zip("xyz", *span, strict=True)
    return ", ".join(f"{axis} {low:.0f} to {high:.0f}" for axis, low, high in axes)
