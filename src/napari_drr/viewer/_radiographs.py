"""Radiographs as 2-D layers of a viewer."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from dataclasses import asdict, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray

from napari_drr.recipe import Display, Recipe
from napari_drr.viewer._colors import structure_color
from napari_drr.viewer._looks import apply_display, looks, ramp
from napari_drr.viewer._screen import LightBox, unwrap
from napari_drr.viewer._volumes import KEY, LayerData

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

CHANNEL_KEY = "napari-drr-structure"
"""Where a structure's own image keeps its name in `layer.metadata`, beside the recipe."""

GRAY_KEY = "napari-drr-gray"
"""In `layer.metadata` of an image that holds gray values, from a PNG, and no line integrals."""

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
    values = pixels(image)
    found = living(viewer, layer)
    if found is None:
        found = add_image(viewer, values, recipe, name=name)
        apply_display(found, recipe.display)
    else:
        set_pixels(found, values, preview=preview)
        if set_limits(found, recipe, values) or _is_new_display(found, recipe):
            apply_display(found, recipe.display)
        same_scale = tuple(found.scale) == frame(recipe, values.shape)["scale"]
        if preview and same_scale and shows_same_detector(found, recipe):
            # Where it stands has not changed, and looking costs more than writing the pixels.
            write_recipe(found, recipe)
            return found
    hang(viewer, found, recipe, beside)
    return found


def settle_radiograph(
    viewer: ViewerModel, layer: Image, recipe: Recipe, beside: Layer | None
) -> None:
    """Do what `add_or_update_radiograph` leaves out of a preview: place and thumbnail.

    Args:
        viewer: The viewer, or napari's proxy of it.
        layer: A radiograph's layer in it.
        recipe: What it was made with.
        beside: The CT's layer.
    """
    hang(viewer, layer, recipe, beside)
    layer.refresh(extent=False, highlight=False, data_displayed=False)


def restyle_radiograph(layer: Image, display: Display) -> None:
    """Show a radiograph's line integrals in another way; they stay what they are.

    Args:
        layer: A radiograph's layer.
        display: How to show them.
    """
    known = layer.metadata.get(KEY, {})
    if known.get("display") == _as_json(display):
        return
    if display.contrast_limits is not None:
        layer.contrast_limits = display.contrast_limits
        _note_limits(layer, display)
    elif (known.get("display") or {}).get("contrast_limits") is not None:
        layer.contrast_limits = _range(layer.data)
        _note_limits(layer, display)
    apply_display(layer, display)
    layer.metadata = {**layer.metadata, KEY: {**known, "display": _as_json(display)}}


def shows_same_geometry(layer: Layer, recipe: Recipe) -> bool:
    """Tell whether a layer of ours was made at a recipe's pose, with its detector."""
    known = layer.metadata.get(KEY, {})
    parts = ("isocenter", "pose", "orientation", "detector")
    return all(known.get(part) == _as_json(getattr(recipe, part)) for part in parts)


def shows_same_detector(layer: Layer, recipe: Recipe) -> bool:
    """Tell whether a layer of ours covers a recipe's detector, so that it stands where it should.

    Args:
        layer: A radiograph's layer, or a mask's.
        recipe: The recipe.
    """
    known = layer.metadata.get(KEY, {})
    return bool(known.get("detector") == _as_json(recipe.detector))


def radiograph_layer_data(
    image: Float[ArrayLike, "*channels height width"],
    recipe: Recipe,
    names: Sequence[str] | None = None,
    *,
    name: str = "DRR",
    is_gray: bool = False,
) -> list[LayerData]:
    """Turn a radiograph from a file into napari layers; `keep_upright` then hangs them.

    Args:
        image: Line integrals, or channels of them.
        recipe: What it was made with.
        names: The channels' names.
        name: Name of the layer, or what the names of the channels' layers begin with.
        is_gray: Whether the image holds gray values (0..1) as displayed instead.

    Returns:
        Array, layer arguments and `"image"`, as napari's readers return them; one per channel.
    """
    values = np.asarray(image, dtype=np.float32)
    if names is None:
        more = {GRAY_KEY: True} if is_gray else {}
        shown = Display(contrast_limits=(0.0, 1.0)) if is_gray else recipe.display
        return [_layer_data(values, recipe, shown, name, more)]
    own = replace(recipe, display=Display())
    layers = []
    for number, (pixels, structure) in enumerate(zip(values, names, strict=True), 1):
        data = _layer_data(
            pixels, own, own.display, f"{name} {structure}", {CHANNEL_KEY: structure}
        )
        colormap = ramp(structure, structure_color(number))
        layers.append((data[0], {**data[1], "colormap": colormap, "blending": "additive"}, data[2]))
    return layers


def keep_upright(viewer: ViewerModel) -> None:
    """Hang radiographs that others add to the viewer (readers, napari's Duplicate) as our own.

    Args:
        viewer: The viewer, or napari's proxy of it.
    """
    LightBox.of(unwrap(viewer))


def add_image(
    viewer: ViewerModel, values: NDArray[np.float32], recipe: Recipe, *, name: str
) -> Image:
    """Add an image layer with a buffer of its own; `hang` puts it in its place."""
    limits = _limits(recipe, values)
    layer: Image = unwrap(viewer).add_image(
        values.copy(), name=name, rgb=False, contrast_limits=limits, **frame(recipe, values.shape)
    )
    _note_limits(layer, recipe.display)
    return layer


def pixels(image: ArrayLike) -> NDArray[np.float32]:
    """Return an image as float32, or raise."""
    values = np.asarray(image, dtype=np.float32)
    if values.ndim != 2:
        raise ValueError(f"`image` must be (height, width), got shape {values.shape}.")
    return values


def living(viewer: ViewerModel, layer: Any) -> Any:
    """Return the layer itself if it is still in the viewer, else None."""
    layer = unwrap(layer)
    return layer if layer is not None and layer in unwrap(viewer).layers else None


def frame(recipe: Recipe, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the layer arguments for an image that covers the recipe's detector."""
    detector = recipe.detector
    # A preview covers the detector with fewer pixels.
    height = detector.pixel_spacing_y * detector.height / shape[0]
    width = detector.pixel_spacing_x * detector.width / shape[1]
    # (v, u): a radiograph's axes are its detector's, not the patient's.
    return {"scale": (height, width), "units": ("mm", "mm"), "axis_labels": ("v", "u")}


def hang(
    viewer: ViewerModel, layer: Image | Labels, recipe: Recipe, beside: Layer | None, **more: Any
) -> None:
    """Put a layer in its place, and write on it what it was made with.

    Args:
        viewer: The viewer, or napari's proxy of it.
        layer: A 2-D layer in it.
        recipe: What it was made with.
        beside: The CT's layer.
        **more: Further keys of `layer.metadata`.
    """
    write_recipe(layer, recipe, **more)
    scale = frame(recipe, layer.data.shape)["scale"]
    if tuple(layer.scale) != scale:
        layer.scale = scale
    LightBox.of(unwrap(viewer)).hang(layer, unwrap(beside))


def write_recipe(layer: Image | Labels, recipe: Recipe, **more: Any) -> None:
    """Write on a layer what it was made with.

    Args:
        layer: A layer of ours.
        recipe: The recipe.
        **more: Further keys of `layer.metadata`.
    """
    layer.metadata = {**layer.metadata, **more, KEY: _as_metadata(recipe)}


def set_pixels(layer: Image, values: NDArray[np.float32], *, preview: bool = False) -> None:
    """Write into the layer's buffer; napari's setter costs ten times as much."""
    buffer = layer.data
    ours = isinstance(buffer, np.ndarray) and buffer.dtype == np.float32 and buffer.flags.writeable
    if not ours or buffer.shape != values.shape:
        layer.data = values.copy()
        return
    np.copyto(buffer, values)
    layer.refresh(extent=False, highlight=False, thumbnail=not preview)


def _layer_data(
    pixels: NDArray[np.float32],
    recipe: Recipe,
    display: Display,
    name: str,
    metadata: dict[str, Any],
) -> LayerData:
    limits = display.contrast_limits or (0.0, float(pixels.max(initial=0.0)) or 1.0)
    arguments = {
        "name": name,
        "rgb": False,
        "contrast_limits": limits,
        "metadata": {**metadata, KEY: _as_metadata(recipe)},
        **looks(display, limits),
        **frame(recipe, pixels.shape),
    }
    return pixels, arguments, "image"


def _as_metadata(recipe: Recipe) -> dict[str, Any]:
    """Return what the recipe's JSON says, part by part: between two frames few parts change."""
    return {field.name: _as_json(getattr(recipe, field.name)) for field in fields(recipe)}


def _as_json(part: Hashable) -> Any:
    # Structures one by one: of a hundred, one changes.
    if isinstance(part, tuple):
        return [_as_json(item) for item in part]
    return _part_as_json(part)


@lru_cache(maxsize=1024)
def _part_as_json(part: Hashable) -> Any:
    return json.loads(json.dumps(part, default=asdict, allow_nan=False))


def _is_new_display(layer: Image, recipe: Recipe) -> bool:
    return bool(layer.metadata.get(KEY, {}).get("display") != _as_json(recipe.display))


def _limits(recipe: Recipe, values: NDArray[np.float32]) -> tuple[float, float]:
    return recipe.display.contrast_limits or _range(values)


def _range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return 0 and the largest line integral, or 1 where all is 0."""
    return 0.0, float(values.max(initial=0.0)) or 1.0


def set_limits(layer: Image, recipe: Recipe, values: NDArray[np.float32]) -> bool:
    """Change the contrast limits if they have to, since each time costs a repaint.

    What was set by hand stays, until the recipe's display or the kind of its values changes.

    Returns:
        Whether they changed.
    """
    current, wanted = tuple(layer.contrast_limits), _limits(recipe, values)
    is_by_hand = recipe.display.contrast_limits is not None or not has_automatic_limits(layer)
    is_steady = STEADY[0] * current[1] <= wanted[1] <= STEADY[1] * current[1]
    is_new = _is_new_display(layer, recipe) or _is_new_kind(layer, recipe)
    if current == wanted or not (is_new or not (is_by_hand or is_steady)):
        return False
    layer.contrast_limits = wanted
    _note_limits(layer, recipe.display)
    return True


# The limits that a layer was given without being asked for any.
_automatic: WeakKeyDictionary[Image, tuple[float, ...]] = WeakKeyDictionary()


def _note_limits(layer: Image, display: Display) -> None:
    if display.contrast_limits is None:
        _automatic[layer] = tuple(layer.contrast_limits)
    else:
        _automatic.pop(layer, None)


def has_automatic_limits(layer: Image) -> bool:
    """Tell whether nobody has set a radiograph's contrast limits.

    Args:
        layer: The radiograph's layer.
    """
    return tuple(layer.contrast_limits) == _automatic.get(layer)


def _is_new_kind(layer: Image, recipe: Recipe) -> bool:
    """Tell whether the recipe's values have another unit than those of the layer."""
    before = layer.metadata.get(KEY, {})
    attenuation, renderer = before.get("attenuation", {}), before.get("renderer", {})
    kind = (attenuation.get("kind"), renderer.get("reduction"))
    return kind != (recipe.attenuation.kind, recipe.renderer.reduction)
