"""Masks as 2-D layers of a viewer: which structures a radiograph's pixels show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray

from napari_drr.recipe import Display, Recipe
from napari_drr.viewer._colors import Color, structure_color, structure_colormap
from napari_drr.viewer._looks import ramp
from napari_drr.viewer._radiographs import (
    CHANNEL_KEY,
    add_image,
    frame,
    hang,
    living,
    set_limits,
    set_pixels,
)
from napari_drr.viewer._screen import unwrap
from napari_drr.viewer._volumes import features

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer
    from napari.utils import DirectLabelColormap

# So that a structure's color still shows where it is added to a bright radiograph.
OPACITY = 0.6


def add_or_update_mask_labels(
    viewer: ViewerModel,
    channels: Float[ArrayLike, "channels height width"],
    ids: Sequence[int],
    names: Sequence[str],
    recipe: Recipe,
    *,
    colors: Mapping[int, Color] | None = None,
    name: str = "DRR structures",
    beside: Layer | None = None,
    layer: Labels | None = None,
) -> Labels:
    """Show which structure takes most of each pixel's line integral, as one labels layer.

    Args:
        viewer: The viewer, or napari's proxy of it. Main thread only.
        channels: Line integrals, one channel per structure.
        ids: The structures' labels; a channel of 0 (no structure) is left out.
        names: The structures' names, for napari's status bar.
        recipe: What it was made with; kept in `layer.metadata["napari-drr"]`.
        colors: Colors (RGB or RGBA, 0..1) by id; the others are `structure_color`'s.
        name: Name of a new layer.
        beside: The CT's layer; the labels lie exactly on the radiograph beside it.
        layer: The layer of an earlier call, to be reused.

    Returns:
        The layer; 0 where no ray meets a structure.

    Raises:
        ValueError: If `channels` is not 3-D, or `ids` and `names` don't fit it.
    """
    values = _channels(channels, ids, names)
    winners = largest_structure(values, ids)
    named = {label: structure for label, structure in zip(ids, names, strict=True) if label}
    table = features([{"id": i, "structure": named[i], "group": ""} for i in named])
    colormap = structure_colormap(named, colors)
    found: Labels | None = living(viewer, layer)
    if found is None:
        found = unwrap(viewer).add_labels(
            winners,
            name=name,
            opacity=0.5,
            features=table,
            colormap=colormap,
            **frame(recipe, winners.shape),
        )
    else:
        _write_labels(found, winners)
        if not found.features.equals(table):
            found.features = table
        if not _is_same_colormap(found.colormap, colormap):
            found.colormap = colormap
    hang(viewer, found, recipe, beside)
    return found


def add_structure_images(
    viewer: ViewerModel,
    channels: Float[ArrayLike, "channels height width"],
    names: Sequence[str],
    recipe: Recipe,
    *,
    ids: Sequence[int] | None = None,
    colors: Mapping[int, Color] | None = None,
    prefix: str = "DRR ",
    beside: Layer | None = None,
    layers: Sequence[Image] = (),
) -> list[Image]:
    """Show the line integral of each structure as an image layer of its own color.

    Args:
        viewer: The viewer, or napari's proxy of it. Main thread only.
        channels: Line integrals, one channel per structure; few of them, since every layer costs
            napari some hundredths of a second.
        names: The structures' names.
        recipe: What they were made with; kept in `layer.metadata["napari-drr"]`.
        ids: The structures' labels, for their colors; the default counts from 1.
        colors: Colors (RGB or RGBA, 0..1) by id; the others are `structure_color`'s.
        prefix: Put before a structure's name to name its layer.
        beside: The CT's layer; the images lie exactly on the radiograph beside it.
        layers: Layers of an earlier call; those of the same structures are reused.

    Returns:
        One layer per channel, in order.

    Raises:
        ValueError: If `channels` is not 3-D, or `ids` and `names` don't fit it.
    """
    labels = list(range(1, len(names) + 1)) if ids is None else list(ids)
    values = _channels(channels, labels, names)
    # They are shown as they are, each with limits of its own.
    own = replace(recipe, display=Display())
    # napari's proxies are unwrapped, or `in` and weak references would miss.
    old = {found.metadata.get(CHANNEL_KEY): found for found in map(unwrap, layers)}
    shown = []
    # One by one, not in napari's `batched_update`: if a labels layer has changed its size and its
    # colormap since the last paint, the whole batch is drawn with a texture that is gone, and Qt
    # aborts the program. It would save no time either.
    for pixels, label, structure in zip(values, labels, names, strict=True):
        layer: Image | None = living(viewer, old.get(structure))
        if layer is None:
            layer = add_image(viewer, pixels, own, name=prefix + structure)
            layer.blending, layer.opacity = "additive", OPACITY
        else:
            set_pixels(layer, pixels)
            set_limits(layer, own, pixels)
        colormap = ramp(structure, (colors or {}).get(label, structure_color(label)))
        if layer.colormap != colormap:
            layer.colormap = colormap
        hang(viewer, layer, own, beside, **{CHANNEL_KEY: structure})
        shown.append(layer)
    return shown


def largest_structure(
    channels: Float[NDArray[np.float32], "channels height width"], ids: Sequence[int]
) -> NDArray[np.unsignedinteger[Any]]:
    """Return the structure with the largest line integral of each pixel.

    Args:
        channels: Line integrals, one channel per structure.
        ids: The structures' labels; a channel of 0 is left out.

    Returns:
        Labels (height, width), uint8 where they fit; 0 where all integrals are 0.

    Examples:
        >>> largest_structure(np.array([[[3, 0, 1]], [[2, 0, 5]]], np.float32), [7, 9]).tolist()
        [[7, 0, 9]]
    """
    kept = [index for index, label in enumerate(ids) if label]
    labels = np.array([0, *(ids[index] for index in kept)])
    dtype = np.result_type(np.uint8, np.min_scalar_type(int(labels.max())))
    # Nothing at all goes first: argmax takes the first of equals.
    nothing = np.zeros((1, *channels.shape[1:]), channels.dtype)
    winner = np.concatenate([nothing, channels[kept]]).argmax(axis=0)
    winners: NDArray[np.unsignedinteger[Any]] = labels.astype(dtype)[winner]
    return winners


def _write_labels(layer: Labels, winners: NDArray[np.unsignedinteger[Any]]) -> None:
    """Write into the layer's array where they fit, so that napari keeps its textures."""
    buffer = layer.data
    fits = (
        isinstance(buffer, np.ndarray)
        and buffer.flags.writeable
        and buffer.shape == winners.shape
        and np.can_cast(winners.dtype, buffer.dtype)
    )
    if not fits:
        layer.data = winners
        return
    np.copyto(buffer, winners)
    layer.refresh(extent=False, highlight=False)


def _is_same_colormap(current: Any, wanted: DirectLabelColormap) -> bool:
    # What the user chose instead may be one without a table.
    colors, others = getattr(current, "color_dict", {}), wanted.color_dict
    return colors.keys() == others.keys() and all(
        np.array_equal(colors[label], others[label]) for label in others
    )


def _channels(channels: ArrayLike, ids: Sequence[int], names: Sequence[str]) -> NDArray[np.float32]:
    values = np.asarray(channels, dtype=np.float32)
    if values.ndim != 3 or not len(values) == len(ids) == len(names):
        raise ValueError(
            "`channels` must be (channels, height, width) with one id and one name per channel, "
            f"got shape {values.shape}, {len(ids)} ids and {len(names)} names."
        )
    return values
