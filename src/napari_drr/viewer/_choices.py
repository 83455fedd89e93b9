"""Which layers of a viewer can be a CT or its labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_drr.viewer._screen import unwrap
from napari_drr.viewer._volumes import structures_from_layer

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer


def volumes(viewer: ViewerModel) -> list[Image]:
    """Return the layers that can be a CT: image layers of three dimensions, in the viewer's order.

    Args:
        viewer: The viewer, or napari's proxy of it.
    """
    from napari.layers import Image

    return [
        layer
        for layer in unwrap(viewer).layers
        if isinstance(layer, Image) and layer.ndim == 3 and not layer.rgb
    ]


def label_volumes(viewer: ViewerModel) -> list[Labels]:
    """Return the layers that can be a CT's labels: labels layers of three dimensions.

    Args:
        viewer: The viewer, or napari's proxy of it.
    """
    from napari.layers import Labels

    return [
        layer for layer in unwrap(viewer).layers if isinstance(layer, Labels) and layer.ndim == 3
    ]


def first_volume(viewer: ViewerModel) -> Image | None:
    """Return the first layer that can be a CT, or None."""
    return next(iter(volumes(viewer)), None)


def first_labels(viewer: ViewerModel) -> Labels | None:
    """Return the first layer that can be a CT's labels, or None."""
    return next(iter(label_volumes(viewer)), None)


def shown(viewer: ViewerModel, layer: Layer | None) -> bool:
    """Tell whether a layer is in the viewer."""
    return layer is not None and unwrap(layer) in unwrap(viewer).layers


def file_of(layer: Layer | None) -> str | None:
    """Return the path of the file or folder that a layer was read from, or None."""
    path = None if layer is None else layer.source.path
    return None if path is None else str(path)


def on_removed(viewer: ViewerModel, callback: Callable[[Any], None]) -> None:
    """Call a method with `event.value` whenever a layer leaves the viewer; it is held weakly."""
    unwrap(viewer).layers.events.removed.connect(callback)


def named_structures(layer: Labels) -> list[tuple[int, str, str]]:
    """Return (id, name, group) of the structures that a labels layer holds.

    Names come from the layer where it tells them, else as `read` would name its labels.

    Args:
        layer: A labels layer.
    """
    import numpy as np

    from napari_drr.volume.structures import name_labels

    table = structures_from_layer(layer)
    if table is None:
        present = np.unique(np.asarray(layer.data[0] if layer.multiscale else layer.data))
        table = name_labels([int(label) for label in present if label > 0])
    rows = zip(table["id"], table["structure"], table["group"], strict=True)
    return [(int(label), str(name), str(group)) for label, name, group in rows]
