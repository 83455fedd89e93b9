"""Layers made of others, which stay as they are: a series' volume, a mended or straight copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_drr.viewer._frames import Affine, placement
from napari_drr.viewer._grids import full_resolution
from napari_drr.viewer._screen import unwrap
from napari_drr.viewer._volumes import KEY

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

PLACED_BY = ("scale", "translate", "rotate", "shear", "affine")


def add_copy(
    viewer: ViewerModel,
    layer: Image | Labels,
    voxels: NDArray[Any],
    name: str,
    affine: Affine | None = None,
    **changes: Any,
) -> Any:
    """Add a layer that looks like another, above it, and hide that one.

    Args:
        viewer: The viewer, or napari's proxy of it.
        layer: A 3-D layer in it.
        voxels: What the new one holds (z, y, x).
        name: Its name.
        affine: World mm from its indices (z, y, x); None puts it where the other one is.
        **changes: Further layer arguments that differ.

    Returns:
        The new layer, of the same kind.
    """
    from napari.layers import Layer

    _, how, kind = unwrap(layer).as_layer_data_tuple()
    how |= {"name": name, "metadata": dict(layer.metadata), "visible": True, **changes}
    how.pop("multiscale", None)
    if affine is not None:
        how = {key: value for key, value in how.items() if key not in PLACED_BY}
        how |= {"units": ("mm", "mm", "mm"), **placement(affine, voxels.shape)}
        how["metadata"][KEY] = _without_order(layer)
    copy = Layer.create(voxels, how, kind)
    _put_above(viewer, copy, layer)
    layer.visible = False
    return copy


def volume_shown(viewer: ViewerModel, layer: Image) -> Image:
    """Add the volume of a series that the viewer's sliders show, as a layer of its own.

    Args:
        viewer: The viewer, or napari's proxy of it.
        layer: A gray-valued image layer of four or more dimensions, the last three (z, y, x).

    Returns:
        The new layer; it shares the array's memory.

    Raises:
        ValueError: If the layer is no such series.
    """
    from napari.layers import Image

    if layer.rgb or layer.ndim < 4:
        raise ValueError(f"{layer.name!r} is no series of volumes: choose a layer of 4 dimensions.")
    layer = unwrap(layer)
    data = full_resolution(layer)
    before = layer.ndim - 3
    point = unwrap(viewer).dims.point[-layer.ndim :]
    seen = np.rint(layer.world_to_data(point))[:before].astype(int)
    index = tuple(np.clip(seen, 0, np.array(data.shape[:before]) - 1).tolist())
    copy = Image(
        data[index],
        name=f"{layer.name} at {', '.join(map(str, index))}",
        affine=_affine_at(layer, index),
        units=layer.units[-3:],
        axis_labels=layer.axis_labels[-3:],
        colormap=layer.colormap,
        contrast_limits=layer.contrast_limits,
        gamma=layer.gamma,
    )
    _put_above(viewer, copy, layer)
    layer.visible = False
    return copy


def add_labels_of(viewer: ViewerModel, layer: Image, labels: NDArray[Any]) -> Labels:
    """Add the labels that an image layer holds as a labels layer, and hide the image.

    Args:
        viewer: The viewer, or napari's proxy of it.
        layer: The image layer.
        labels: Its values as integers.

    Returns:
        The new layer, where the image is.
    """
    from napari.layers import Labels

    layer = unwrap(layer)
    placed = {key: getattr(layer, key) for key in (*PLACED_BY, "units", "axis_labels")}
    copy = Labels(labels, name=f"{layer.name} labels", opacity=0.5, **placed)
    _put_above(viewer, copy, layer)
    layer.visible = False
    return copy


def _affine_at(layer: Image, index: tuple[int, ...]) -> Affine:
    """Return where one volume of a series lies: world (z, y, x), in the layer's units."""
    points = np.vstack([np.zeros(3), np.eye(3)])
    placed = [np.array(layer.data_to_world((*index, *point)))[-3:] for point in points]
    affine: Affine = np.eye(4)
    affine[:3, :3] = np.column_stack([end - placed[0] for end in placed[1:]])
    affine[:3, 3] = placed[0]
    return affine


def _without_order(layer: Layer) -> dict[str, Any]:
    """Return what a layer of ours knows, but for its file's order of voxels."""
    known = layer.metadata.get(KEY, {})
    return {key: value for key, value in known.items() if key != "voxel_order"}


def _put_above(viewer: ViewerModel, copy: Layer, layer: Layer) -> None:
    shown, layer = unwrap(viewer).layers, unwrap(layer)
    # It need not be in the viewer: one may be named that never was.
    shown.insert(shown.index(layer) + 1 if layer in shown else len(shown), copy)
