"""napari's reader for CTs, label maps, and radiographs and recipes of ours."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_drr.io.dicom import Series, is_dicom, list_series

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import Tensor
    from torchio import Image

    from napari_drr.viewer.layers import LayerData

PathLike = str | os.PathLike[str]
Reader = Callable[[Any], list[Any]]

VOLUMES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
RADIOGRAPHS = (".drr.png", ".drr.tif", ".drr.tiff", ".drr.npz", ".drr.nii", ".drr.nii.gz")
RECIPE = ".drr.json"

KEY = "napari-drr"
"""Where a layer's metadata are ours."""

UID_KEY = "series_uid"

# Series of so few slices are localizers.
SCOUTS = 3

# Files that are looked into before a folder is taken for one without DICOM.
FIRST_FILES = 20

_LABEL_NAME = re.compile("mask|label|seg", re.IGNORECASE)


def get_reader(path: PathLike | list[PathLike]) -> Reader | None:
    """Return what reads a path, or None; cheap, and never an error.

    Args:
        path: A file or folder, or several that are to become one layer each.

    Returns:
        `read_layers`, if everything in `path` looks like ours by its name, or is a folder with
        DICOM files in it.
    """
    paths = path if isinstance(path, list) else [path]
    return read_layers if paths and all(_is_readable(Path(each)) for each in paths) else None


def read_layers(path: PathLike | list[PathLike]) -> list[Any]:
    """Read files or folders as napari layers in world RAS mm.

    A viewer that shows nothing yet is turned to the radiological view.

    Args:
        path: NIfTI, NRRD, MHA/MHD, a DICOM folder or one file of a series, or a file of ours.

    Returns:
        Layers as tuples; of a recipe only, napari's sign for "none".

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is none of these; the message says why, and the way out.
        MemoryError: If it would not fit into memory.
    """
    paths = path if isinstance(path, list) else [path]
    seen: set[str] = set()
    layers = [layer for each in paths for layer in _read(Path(each), seen)]
    return layers or [(None,)]


def read_volume(path: Path, series: str | None = None, name: str | None = None) -> LayerData:
    """Read one volume as an image layer, or as a labels layer if it looks like a label map.

    Args:
        path: A file, or a DICOM folder.
        series: SeriesInstanceUID, where a DICOM folder holds several.
        name: Name of the layer; the default is the file's.

    Returns:
        The layer's array, arguments and type.

    Raises:
        FileNotFoundError, ValueError, MemoryError: As `read_layers`.
    """
    from napari_drr.io.images import scalar_image
    from napari_drr.io.labels import find_structures
    from napari_drr.viewer.layers import image_layer_data
    from napari_drr.volume.checks import checked_affine, checked_volume

    name = _stem(path) if name is None else name
    image = scalar_image(path, series)
    called_labels = path.is_file() and _LABEL_NAME.search(path.name) is not None
    if path.is_file() and looks_like_labels(image.data[0], called_labels):
        return label_layer(image, find_structures(path), name)
    checked_volume(image)
    checked_affine(image.affine)
    return image_layer_data(image, name, metadata={} if series is None else {UID_KEY: series})


def label_layer(image: Image, named: DataFrame | None, name: str) -> LayerData:
    """Turn a label map into a labels layer with a name for every label in it.

    Args:
        image: Whole numbers from 0.
        named: The names that are known (`as_structures`); None assumes TotalSegmentator's where
            all labels fit.
        name: Name of the layer.

    Returns:
        The layer's array, arguments and type.

    Raises:
        ValueError: If the image is no label map.
    """
    import torch
    import torchio

    from napari_drr.viewer.layers import labels_layer_data
    from napari_drr.volume.checks import checked_affine, checked_labels
    from napari_drr.volume.structures import name_labels

    labels = checked_labels(image)
    affine = checked_affine(image.affine, "labelmap")
    table = name_labels(torch.unique(labels).tolist(), named)
    return labels_layer_data(torchio.LabelMap(tensor=labels[None], affine=affine), table, name)


def looks_like_labels(values: Tensor, is_called_so: bool = False) -> bool:
    """Tell whether a volume is a label map by its values.

    Args:
        values: Any volume.
        is_called_so: Whether its name says so; then floats will do, and any number of labels.

    Returns:
        Whether it holds whole numbers, 0 for nothing, mostly in patches of one value; and, unless
        it is called so, few of them.
    """
    numbers = values.numpy()
    if values.is_floating_point() and not (
        is_called_so and np.array_equal(numbers, np.rint(numbers))
    ):
        return False
    # No label map that we know of has more than a few hundred labels.
    if numbers.min() != 0 or not (is_called_so or len(np.unique(numbers)) <= 512):
        return False
    # Neighbors within a structure are equal; those of an 8-bit scan are not.
    here, there = numbers[:-1], numbers[1:]
    both = (here != 0) & (there != 0)
    return bool((here == there)[both].mean() > 0.5) if both.any() else is_called_so


def _is_readable(path: Path) -> bool:
    name = path.name.lower()
    if name.endswith((*VOLUMES, *RADIOGRAPHS, RECIPE, ".dcm")):
        return True
    try:
        return path.is_dir() and _holds_dicom(path)
    except OSError:
        return False


def _holds_dicom(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        files = islice((entry for entry in entries if entry.is_file()), FIRST_FILES)
        return any(is_dicom(Path(entry.path)) for entry in files)


def _read(path: Path, seen: set[str]) -> list[Any]:
    name = path.name.lower()
    if name.endswith(RECIPE):
        _take_recipe(path)
        return []
    if name.endswith(RADIOGRAPHS):
        return _read_radiograph(path)
    if path.is_dir():
        layers = _read_folder(path)
    elif name.endswith(".dcm"):
        layers = _read_series_of(path, seen)
    else:
        layers = [read_volume(path)]
    turn_empty_viewer()
    return layers


def _read_folder(folder: Path) -> list[LayerData]:
    """Read the CT series of a folder, a layer each."""
    from napari.utils.notifications import show_warning

    # Scouts and reports beside a CT are no reason to refuse it.
    found = [s for s in list_series(folder) if s.modality == "CT" and len(s.slices) > SCOUTS]
    if not found:
        return [read_volume(folder)]  # or it tells what the folder holds instead
    layers, problems = [], []
    for series in found:
        try:
            layers.append(read_volume(folder, series.uid, _name(series, folder)))
        except ValueError as error:
            problems.append(error)
    if not layers:
        raise problems[0]
    for problem in problems:
        show_warning(str(problem))
    return layers


def _read_series_of(path: Path, seen: set[str]) -> list[LayerData]:
    """Read the series that a DICOM file belongs to, once: its other files may be opened with it."""
    folder = path.parent
    series = next((s for s in _series_in(folder) if path in [f.path for f in s.slices]), None)
    if series is None:
        return [read_volume(folder)]  # or it tells what the folder holds instead
    viewer = _viewer()
    shown = [] if viewer is None else [layer.metadata.get(KEY, {}) for layer in viewer.layers]
    if series.uid in seen or any(known.get(UID_KEY) == series.uid for known in shown):
        return []
    seen.add(series.uid)
    return [read_volume(folder, series.uid, _name(series, folder))]


def _name(series: Series, folder: Path) -> str:
    return series.description or folder.name


def _series_in(folder: Path) -> list[Series]:
    return _listed(folder, folder.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _listed(folder: Path, changed: int) -> list[Series]:
    """Look through a folder once, though napari opens each dropped file by itself."""
    return list_series(folder)


def _read_radiograph(path: Path) -> list[LayerData]:
    from napari_drr.io.export import load_radiograph
    from napari_drr.viewer.layers import keep_upright, radiograph_layer_data

    image, recipe, names = load_radiograph(path)
    if (viewer := _viewer()) is not None:
        keep_upright(viewer)
    is_gray = path.suffix.lower() == ".png"
    return radiograph_layer_data(image, recipe, names, name=_stem(path), is_gray=is_gray)


def _take_recipe(path: Path) -> None:
    """Give the viewer's session a recipe."""
    from napari_drr.viewer._session import session

    viewer = _viewer()
    if viewer is None:
        raise ValueError(f'"{path}" is a recipe and no picture: open it in a napari window.')
    session(viewer).load(path)


def _viewer() -> Any:
    """Return napari's current viewer, if there is one and this is its thread."""
    from napari import current_viewer

    is_main = threading.current_thread() is threading.main_thread()
    return current_viewer() if is_main else None


def turn_empty_viewer() -> None:
    """Turn the current viewer to the radiological view, if it shows nothing yet."""
    from napari_drr.viewer.layers import set_radiological

    viewer = _viewer()
    if viewer is not None and not viewer.layers:
        set_radiological(viewer)


def _stem(path: Path) -> str:
    """Return a file's name without its endings."""
    name = path.name
    for suffix in (*RADIOGRAPHS, *sorted(VOLUMES, key=len, reverse=True)):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name
