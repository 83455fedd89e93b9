"""Layers and volumes, layers and the screen: the only code that touches them.

Every layer of ours is in world RAS mm; volumes have their axes in (z, y, x) order. With the
camera's orientation that `set_radiological` sets, slices are shown as radiologists read them.
"""

from napari_drr.viewer._choices import (
    file_of,
    first_labels,
    first_volume,
    image_of_labels,
    label_volumes,
    named_by,
    named_structures,
    not_offered,
    on_removed,
    on_removing,
    select,
    selected,
    shown,
    volumes,
)
from napari_drr.viewer._colors import structure_color, structure_colormap
from napari_drr.viewer._copies import add_copy, add_labels_of, volume_shown
from napari_drr.viewer._grids import (
    Frame,
    LayerGrid,
    grid_of,
    has_length,
    has_unit,
    is_askew,
    no_volume,
)
from napari_drr.viewer._looks import apply_display, displayed
from napari_drr.viewer._masks import (
    add_or_update_mask_labels,
    add_structure_images,
    largest_structure,
)
from napari_drr.viewer._radiographs import (
    CHANNEL_KEY,
    GRAY_KEY,
    add_or_update_radiograph,
    has_automatic_limits,
    keep_upright,
    radiograph_layer_data,
    restyle_radiograph,
    settle_radiograph,
    shows_same_geometry,
)
from napari_drr.viewer._screen import (
    RADIOLOGICAL,
    is_radiograph,
    is_radiological,
    set_radiological,
    unwrap,
)
from napari_drr.viewer._volumes import (
    KEY,
    LayerData,
    image_layer_data,
    labels_layer_data,
    structures_from_layer,
    volume_from_layer,
    voxels_of,
)

__all__ = [
    "CHANNEL_KEY",
    "GRAY_KEY",
    "KEY",
    "RADIOLOGICAL",
    "Frame",
    "LayerData",
    "LayerGrid",
    "add_copy",
    "add_labels_of",
    "add_or_update_mask_labels",
    "add_or_update_radiograph",
    "add_structure_images",
    "apply_display",
    "displayed",
    "file_of",
    "first_labels",
    "first_volume",
    "grid_of",
    "has_automatic_limits",
    "has_length",
    "has_unit",
    "image_layer_data",
    "image_of_labels",
    "is_askew",
    "is_radiograph",
    "is_radiological",
    "keep_upright",
    "label_volumes",
    "labels_layer_data",
    "largest_structure",
    "named_by",
    "named_structures",
    "no_volume",
    "not_offered",
    "on_removed",
    "on_removing",
    "radiograph_layer_data",
    "restyle_radiograph",
    "select",
    "selected",
    "set_radiological",
    "settle_radiograph",
    "shown",
    "shows_same_geometry",
    "structure_color",
    "structure_colormap",
    "structures_from_layer",
    "unwrap",
    "volume_from_layer",
    "volume_shown",
    "volumes",
    "voxels_of",
]
