"""Which layers of a viewer can be a CT or its labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_drr.viewer._grids import full_resolution
from napari_drr.viewer._screen import is_radiograph, unwrap
from napari_drr.viewer._volumes import KEY, structures_from_layer

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

_CALLED_LABELS = re.compile("mask|label|seg", re.IGNORECASE)

# Labels below this are counted: a table of them costs nothing.
MOST_COUNTED = 65_536


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


def not_offered(viewer: ViewerModel) -> list[Image]:
    """Return the image layers that can't be a CT, and are no radiographs either.

    Args:
        viewer: The viewer, or napari's proxy of it.
    """
    from napari.layers import Image

    offered = volumes(viewer)
    return [
        layer
        for layer in unwrap(viewer).layers
        if isinstance(layer, Image) and layer not in offered and not is_radiograph(layer)
    ]


def image_of_labels(viewer: ViewerModel, ct: Image | None) -> Image | None:
    """Return the first image layer that is called as labels are, or None.

    Args:
        viewer: The viewer, or napari's proxy of it.
        ct: The CT's layer, which is none.
    """
    others = (layer for layer in volumes(viewer) if layer is not ct)
    return next((layer for layer in others if _CALLED_LABELS.search(layer.name)), None)


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


def first_labels(viewer: ViewerModel, without: Container[Labels] = ()) -> Labels | None:
    """Return the first layer that can be a CT's labels, or None; some are left out."""
    return next((layer for layer in label_volumes(viewer) if layer not in without), None)


def shown(viewer: ViewerModel, layer: Layer | None) -> bool:
    """Tell whether a layer is in the viewer."""
    return layer is not None and unwrap(layer) in unwrap(viewer).layers


def file_of(layer: Layer | None) -> str | None:
    """Return the path of the file or folder that a layer was read from, or None."""
    path = None if layer is None else layer.source.path
    return None if path is None else str(path)


def selected(viewer: ViewerModel) -> list[Layer]:
    """Return the layers that are selected."""
    return list(unwrap(viewer).layers.selection)


def select(viewer: ViewerModel, chosen: list[Layer]) -> None:
    """Select layers, and no others.

    Args:
        viewer: The viewer, or napari's proxy of it.
        chosen: The layers; those that are not in the viewer are left out.
    """
    all_layers = unwrap(viewer).layers
    wanted = {layer for layer in chosen if layer in all_layers}
    if wanted != set(all_layers.selection):
        all_layers.selection = wanted


def on_removing(viewer: ViewerModel, callback: Callable[[Any], None]) -> None:
    """Call a function whenever a layer is about to leave the viewer.

    Args:
        viewer: The viewer, or napari's proxy of it.
        callback: The function; a method is held weakly.
    """
    unwrap(viewer).layers.events.removing.connect(callback)


def on_removed(viewer: ViewerModel, callback: Callable[[Any], None]) -> None:
    """Call a method with `event.value` whenever a layer leaves the viewer; it is held weakly."""
    unwrap(viewer).layers.events.removed.connect(callback)


def named_structures(layer: Labels) -> list[tuple[int, str, str]]:
    """Return (id, name, group) of the structures that a labels layer holds.

    Names come from the layer where it tells them, else as `read` would name its labels.

    Args:
        layer: A labels layer.
    """
    from napari_drr.volume.structures import name_labels

    table = structures_from_layer(layer)
    if table is None:
        table = name_labels(labels_present(full_resolution(layer)))
    rows = zip(table["id"], table["structure"], table["group"], strict=True)
    return [(int(label), str(name), str(group)) for label, name, group in rows]


def named_by(layer: Labels) -> Literal["its file", "assumption", "nobody"]:
    """Tell where a labels layer's names come from.

    Args:
        layer: A labels layer.
    """
    known = layer.metadata.get(KEY, {})
    if "structures" not in known:
        return "nobody"
    return "assumption" if known.get("assumed") else "its file"


def labels_present(labels: Any) -> list[int]:
    """Return the labels that occur, without 0, in ascending order.

    Args:
        labels: An array of integers of at least 0; of one that has yet to be read, a slice at a
            time is.
    """
    found: set[int] = set()
    for part in labels:
        values = np.asarray(part).ravel()
        # Counting takes a tenth of the time that sorting does.
        if values.size and values.min() >= 0 and values.max() < MOST_COUNTED:
            found.update(np.flatnonzero(np.bincount(values)).tolist())
        else:
            found.update(np.unique(values).tolist())
    return sorted(label for label in found if label > 0)
