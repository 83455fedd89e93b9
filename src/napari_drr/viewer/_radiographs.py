"""Radiographs and their masks as 2-D layers of a viewer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray

from napari_drr.viewer._colors import Color, structure_color, structure_colormap
from napari_drr.viewer._screen import LightBox, unwrap
from napari_drr.viewer._volumes import KEY, features

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

    from napari_drr.recipe import Recipe

CHANNEL_KEY = "napari-drr-structure"
"""Where a structure's own image keeps its name in `layer.metadata`, beside the recipe."""

# Automatic limits follow the image's largest value only when it leaves this range of the white
# level: turning the C-arm does not make the picture flicker, another attenuation map shows at once.
STEADY = (0.5, 1.25)


def add_or_update_radiograph(
    viewer: ViewerModel,
    image: Float[ArrayLike, "height width"],
    recipe: Recipe,
    *,
    name: str = "DRR",
    beside: Layer | None = None,
    layer: Image | None = None,
    preview: bool = False,
) -> Image:
    """Show a radiograph beside its CT, sized in mm at the detector, upright in every view.

    Args:
        viewer: The viewer, or napari's proxy of it. Main thread only.
        image: Line integrals; row 0 is shown on top, column 0 on the left.
        recipe: What it was made with; kept in `layer.metadata["napari-drr"]`.
        name: Name of a new layer.
        beside: The CT's layer.
        layer: The layer of an earlier call, to be reused. One that was deleted, or that is not in
            this viewer, is replaced by a new one.
        preview: Whether a better image follows at once: the thumbnail then waits for it.

    Returns:
        The layer. Its array is a float32 buffer of its own, which later calls write into.

    Raises:
        ValueError: If `image` is not 2-D.
    """
    values = _pixels(image)
    spacing = _spacing(recipe, values.shape)
    found = _living(viewer, layer)
    if found is None:
        found = _add_image(viewer, values.copy(), spacing, name, _limits(recipe, values))
        found.metadata = {KEY: _as_metadata(recipe)}
        LightBox.of(unwrap(viewer)).hang(found, unwrap(beside))
        return found
    _set_pixels(found, values, preview=preview)
    _set_limits(found, recipe, values)
    found.metadata = {**found.metadata, KEY: _as_metadata(recipe)}
    _rehang(viewer, found, spacing, beside)
    return found


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
    metadata = {KEY: _as_metadata(recipe)}
    looks = {
        "features": features([{"id": i, "structure": named[i], "group": ""} for i in named]),
        "colormap": structure_colormap(named, colors),
    }
    spacing = _spacing(recipe, winners.shape)
    found = _living(viewer, layer)
    if found is None:
        arguments = {**_frame(spacing), **looks, "name": name, "metadata": metadata}
        found = unwrap(viewer).add_labels(winners, opacity=0.5, **arguments)
        LightBox.of(unwrap(viewer)).hang(found, unwrap(beside))
        return found
    found.data = winners
    found.features, found.colormap = looks["features"], looks["colormap"]
    found.metadata = {**found.metadata, **metadata}
    _rehang(viewer, found, spacing, beside)
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
    # napari's proxies are unwrapped, or `in` and weak references would miss.
    old = {found.metadata.get(CHANNEL_KEY): found for found in map(unwrap, layers)}
    shown = []
    with unwrap(viewer).layers.batched_update():
        for pixels, label, structure in zip(values, labels, names, strict=True):
            layer = add_or_update_radiograph(
                viewer,
                pixels,
                recipe,
                name=prefix + structure,
                beside=beside,
                layer=old.get(structure),
            )
            if layer.metadata.get(CHANNEL_KEY) != structure:
                layer.metadata = {**layer.metadata, CHANNEL_KEY: structure}
                layer.colormap = _ramp(structure, (colors or {}).get(label, structure_color(label)))
                layer.blending = "additive"
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


def _pixels(image: ArrayLike) -> NDArray[np.float32]:
    values = np.asarray(image, dtype=np.float32)
    if values.ndim != 2:
        raise ValueError(f"`image` must be (height, width), got shape {values.shape}.")
    return values


def _channels(channels: ArrayLike, ids: Sequence[int], names: Sequence[str]) -> NDArray[np.float32]:
    values = np.asarray(channels, dtype=np.float32)
    if values.ndim != 3 or not len(values) == len(ids) == len(names):
        raise ValueError(
            "`channels` must be (channels, height, width) with one id and one name per channel, "
            f"got shape {values.shape}, {len(ids)} ids and {len(names)} names."
        )
    return values


def _spacing(recipe: Recipe, shape: tuple[int, ...]) -> tuple[float, float]:
    """Return the pixels' height and width in mm; a preview covers the detector with fewer."""
    detector = recipe.detector
    return (
        detector.pixel_spacing_y * detector.height / shape[0],
        detector.pixel_spacing_x * detector.width / shape[1],
    )


def _living(viewer: ViewerModel, layer: Any) -> Any:
    """Return the layer itself if it is still in the viewer."""
    layer = unwrap(layer)
    return layer if layer is not None and layer in unwrap(viewer).layers else None


def _frame(spacing: tuple[float, float]) -> dict[str, Any]:
    # (v, u): a radiograph's axes are its detector's, not the patient's.
    return {"scale": spacing, "units": ("mm", "mm"), "axis_labels": ("v", "u")}


def _as_metadata(recipe: Recipe) -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads(recipe.to_json())
    return metadata


def _add_image(
    viewer: ViewerModel,
    pixels: NDArray[np.float32],
    spacing: tuple[float, float],
    name: str,
    limits: tuple[float, float],
) -> Image:
    return unwrap(viewer).add_image(
        pixels, name=name, rgb=False, colormap="gray", contrast_limits=limits, **_frame(spacing)
    )


def _set_pixels(layer: Image, values: NDArray[np.float32], *, preview: bool) -> None:
    """Write into the layer's buffer; napari's setter costs ten times as much."""
    buffer = layer.data
    ours = isinstance(buffer, np.ndarray) and buffer.dtype == np.float32 and buffer.flags.writeable
    if not ours or buffer.shape != values.shape:
        layer.data = values.copy()
        return
    np.copyto(buffer, values)
    layer.refresh(extent=False, highlight=False, thumbnail=not preview)


def _limits(recipe: Recipe, values: NDArray[np.float32]) -> tuple[float, float]:
    top = float(values.max(initial=0.0))
    return recipe.display.contrast_limits or (0.0, top if top > 0 else 1.0)


def _set_limits(layer: Image, recipe: Recipe, values: NDArray[np.float32]) -> None:
    """Set contrast limits if they change: each time costs a repaint."""
    wanted = _limits(recipe, values)
    low, high = layer.contrast_limits
    if recipe.display.contrast_limits is None and STEADY[0] * high <= wanted[1] <= STEADY[1] * high:
        return
    if (low, high) != wanted:
        layer.contrast_limits = wanted


def _rehang(
    viewer: ViewerModel, layer: Image | Labels, spacing: tuple[float, float], beside: Layer | None
) -> None:
    if tuple(layer.scale) != spacing:
        layer.scale = spacing
    LightBox.of(unwrap(viewer)).hang(layer, unwrap(beside))


def _ramp(name: str, color: Color) -> Any:
    """Return a colormap from black to a color."""
    from napari.utils import Colormap

    return Colormap([[0, 0, 0, 1], [*color[:3], 1]], name=name)
