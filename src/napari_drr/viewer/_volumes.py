"""Between torchio images (x, y, z) and napari layers (z, y, x); both in world RAS mm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_drr.viewer._colors import structure_colormap
from napari_drr.viewer._frames import REVERSE, AxisOrder, placement
from napari_drr.viewer._grids import Frame, full_resolution, grid_of, warn_if_unitless
from napari_drr.viewer._lazy import Deferred, is_lazy, loaded

if TYPE_CHECKING:
    import torch
    from napari.layers import Image, Labels
    from pandas import DataFrame
    from torchio import LabelMap, ScalarImage

KEY = "napari-drr"
"""Where our layers keep what they know in `layer.metadata`."""

LayerData = tuple[NDArray[Any], dict[str, Any], Literal["image", "labels"]]

# Air to dense bone, HU: soft tissue is mid-gray, lungs and bones are both told apart.
HU_WINDOW = (-1000.0, 1000.0)

# numpy types that torch computes with, and what stands in for the others.
_TORCH_TYPES = {"uint16": "int32", "uint32": "int64", "uint64": "int64", "bool": "uint8"}


def image_layer_data(
    image: ScalarImage,
    name: str = "CT",
    *,
    contrast_limits: tuple[float, float] | None = None,
    metadata: dict[str, Any] | None = None,
) -> LayerData:
    """Turn an image into a napari image layer in world RAS mm.

    The array is a view in (z, y, x) order, each axis running along its own world axis (the nearest
    one), so that napari slices it without dropping a rotation; an oblique rest stays in the affine.

    Args:
        image: One volume, in any voxel order.
        name: Name of the layer.
        contrast_limits: Values shown black and white; the default is -1000 to 1000 where the
            values look like HU, else their range.
        metadata: Also kept in `layer.metadata["napari-drr"]`.

    Returns:
        Array, layer arguments and `"image"`, as napari's readers return them.

    Raises:
        ValueError: If the image has several channels or time points, or is a single slice's grid
            with a singular affine.
    """
    voxels, arguments = _grid(image, name, metadata)
    limits = contrast_limits or _contrast_limits(voxels)
    return voxels, {**arguments, "contrast_limits": limits, "rgb": False}, "image"


def labels_layer_data(
    image: LabelMap,
    structures: DataFrame | None = None,
    name: str = "labels",
    *,
    metadata: dict[str, Any] | None = None,
) -> LayerData:
    """Turn a label map into a napari labels layer in world RAS mm, with names and colors.

    Args:
        image: One label map, whole numbers from 0, in any voxel order.
        structures: Columns `id`, `structure` and, if any, `group`, for napari's status bar; the
            default is `name_labels` of the labels that occur.
        name: Name of the layer.
        metadata: Also kept in `layer.metadata["napari-drr"]`.

    Returns:
        Array (uint8 where the labels fit), layer arguments and `"labels"`.

    Raises:
        ValueError: If values are negative or not whole, or the image has several channels.
    """
    voxels, arguments = _grid(image, name, metadata)
    whole = _smallest_integers(voxels)
    if structures is None:
        from napari_drr.volume.structures import name_labels

        structures = name_labels(_labels_present(whole))
    table = _table(structures)
    arguments["metadata"][KEY] |= {
        "structures": table,
        "assumed": bool(structures.attrs.get("assumed", False)),
    }
    arguments |= {
        "features": features(table),
        "colormap": structure_colormap(row["id"] for row in table),
        "opacity": 0.5,
    }
    return whole, arguments, "labels"


def volume_from_layer(
    layer: Image | Labels, frame: Frame = "RAS"
) -> tuple[torch.Tensor, NDArray[np.float64]]:
    """Take a volume from a layer, wherever it came from.

    All that places the layer is heeded: scale, translation, rotation, shear, affine and units. A
    layer of ours comes back in the voxel order of its file.

    Args:
        layer: A 3-D image or labels layer; of a multiscale one the full resolution is taken.
        frame: The layer's world axes; ours are RAS.

    Returns:
        Tensor (X, Y, Z) that shares the layer's memory where numpy and torch can, and the affine
        (4, 4), world RAS mm from voxel indices.

    Raises:
        ValueError: If the layer is not one 3-D gray-valued volume, its units are not lengths, or
            `frame` is unknown.
        MemoryError: If its array has yet to be loaded, and does not fit into memory.

    Warns:
        UserWarning: If the layer has no unit of length; its numbers are then taken as mm.
    """
    voxels, affine = voxels_of(layer, frame)
    warn_if_unitless(layer)
    return voxels.tensor(), affine


def voxels_of(layer: Image | Labels, frame: Frame = "RAS") -> tuple[Deferred, NDArray[np.float64]]:
    """Do what `volume_from_layer` does, but nothing that takes long, and without a warning.

    Args:
        layer: As there.
        frame: As there.

    Returns:
        The tensor, yet to be made: it may have to be read, computed or copied, and torch to be
        imported, which takes a second. And the affine.

    Raises:
        ValueError: As there.
    """
    affine, shape = grid_of(layer, frame)
    data = full_resolution(layer)
    if is_lazy(data):
        return Deferred(shape, lambda: _tensor(_torch_ready(loaded(data).T))), affine
    order = AxisOrder(**layer.metadata.get(KEY, {}).get("voxel_order", {}))
    voxels, affine = order.undo(data.transpose(2, 1, 0), affine)
    # torch knows no negative strides: run along such an axis forwards, which the affine tells.
    backwards = [stride < 0 for stride in voxels.strides]
    flips = (backwards[0], backwards[1], backwards[2])
    voxels, affine = AxisOrder(flips=flips).apply(voxels, affine)
    return Deferred(voxels.shape, lambda: _tensor(_torch_ready(voxels))), affine


def _tensor(voxels: NDArray[Any]) -> torch.Tensor:
    import torch

    return torch.from_numpy(voxels)


def structures_from_layer(layer: Labels) -> DataFrame | None:
    """Return the structure table of a labels layer of ours.

    Args:
        layer: A labels layer.

    Returns:
        Columns `id`, `structure` and `group`, or None where the layer brought no names.
        `attrs["assumed"]` tells whether the names are only assumed.
    """
    import pandas as pd

    known = layer.metadata.get(KEY, {})
    if "structures" not in known:
        return None
    table = pd.DataFrame(known["structures"], columns=["id", "structure", "group"])
    table.attrs["assumed"] = known.get("assumed", False)
    return table


def features(table: list[dict[str, Any]]) -> DataFrame:
    """Return the napari features that make the status bar name the structure under the pointer."""
    import pandas as pd

    rows: dict[str, list[Any]] = {
        "index": [0, *(row["id"] for row in table)],
        "structure": [None, *(row["structure"] for row in table)],
    }
    if any(row["group"] for row in table):
        rows["group"] = [None, *(row["group"] for row in table)]
    return pd.DataFrame(rows)


def _grid(
    image: Any, name: str, metadata: dict[str, Any] | None
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return the (z, y, x) view of an image and the layer arguments that place it."""
    if len(image.data) != 1:
        raise ValueError(
            f"{name!r} must be one volume, got {len(image.data)} channels or time points: "
            "save the one that is meant as a file of its own."
        )
    affine = np.array(image.affine, dtype=np.float64)
    order = AxisOrder.nearest(affine)
    voxels, affine = order.apply(_lean(image.data[0].numpy()), affine)
    voxels, affine = voxels.transpose(2, 1, 0), REVERSE @ affine @ REVERSE
    known = {"frame": "RAS", "voxel_order": {"axes": order.axes, "flips": order.flips}}
    return voxels, {
        "name": name,
        "units": ("mm", "mm", "mm"),
        "axis_labels": ("z", "y", "x"),
        "metadata": {KEY: {**known, **(metadata or {})}},
        **placement(affine, voxels.shape),
    }


def _lean(voxels: NDArray[Any]) -> NDArray[Any]:
    """Return float64 as float32: napari draws no more, and a CT holds no more."""
    return voxels.astype(np.float32) if voxels.dtype == np.float64 else voxels


def _contrast_limits(voxels: NDArray[Any]) -> tuple[float, float]:
    # Every fourth voxel along each axis: a 64th of the volume tells its range well enough.
    some = voxels[::4, ::4, ::4]
    finite = some[np.isfinite(some)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low < -200 and high > 0:
        return HU_WINDOW
    return (low, high) if high > low else (low, low + 1.0)


def _table(structures: DataFrame) -> list[dict[str, Any]]:
    groups = structures["group"] if "group" in structures else [""] * len(structures)
    rows = zip(structures["id"], structures["structure"], groups, strict=True)
    return [{"id": int(i), "structure": str(name), "group": str(group)} for i, name, group in rows]


def _smallest_integers(voxels: NDArray[Any]) -> NDArray[Any]:
    if voxels.dtype in (np.uint8, np.uint16):
        return voxels
    if voxels.dtype.kind == "f" and not np.array_equal(voxels, np.rint(voxels)):
        raise ValueError("Labels must be whole numbers: open this file as an image instead.")
    low, high = int(voxels.min()), int(voxels.max())
    if low < 0:
        raise ValueError(
            f"Labels must be 0 or more, got {low}: open this file as an image instead."
        )
    return voxels.astype(np.result_type(np.uint8, np.min_scalar_type(high)))


def _labels_present(labels: NDArray[Any]) -> list[int]:
    return [int(i) for i in np.unique(labels) if i]


def _torch_ready(voxels: NDArray[Any]) -> NDArray[Any]:
    """Return the array itself where torch can share it, else a copy that torch can."""
    native = voxels.dtype.newbyteorder("=")
    dtype = np.dtype(_TORCH_TYPES.get(native.name, native))
    # A read-only array (a memory map) is copied: torch can't promise not to write into it.
    return voxels.astype(dtype, copy=not voxels.flags.writeable)
