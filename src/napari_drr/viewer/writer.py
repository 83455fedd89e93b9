"""napari's writer for radiographs: each file holds the recipe that renders the image again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_drr.recipe import Display, Recipe
from napari_drr.viewer.layers import CHANNEL_KEY, GRAY_KEY, KEY, displayed, is_radiograph

if TYPE_CHECKING:
    from napari.layers import Image

MARK = ".drr"
"""Goes before the ending of our files, so that our reader claims no others."""

SUFFIXES = (".tif", ".png", ".nii.gz", ".npz")


def write_radiograph(path: str | Path, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a radiograph's layer and its recipe.

    Args:
        path: Where to. `.drr.tif`, `.drr.nii.gz` and `.drr.npz` hold line integrals in float32,
            `.drr.png` the picture as displayed, with the layer's colors, limits and gamma.
            `.drr` is put in, and `.tif` added, where they are missing.
        data: The layer's array.
        attributes: The layer's other attributes, as napari gives them to writers.

    Returns:
        The path that was written.

    Raises:
        OSError: If the file can't be written.
        ValueError: If the layer carries no recipe, holds gray values, or is a preview of fewer
            pixels than its detector has.
    """
    from napari.layers import Layer

    from napari_drr.io.export import save_radiograph

    layer = Layer.create(data, attributes, "image")
    target, recipe = marked(Path(path)), _recipe(layer)
    if target.suffix.lower() == ".png":
        return [str(_write_png(target, layer, recipe))]
    image = np.asarray(layer.data)
    channel = layer.metadata.get(CHANNEL_KEY)
    if channel is None:
        return [str(save_radiograph(target, image, recipe))]
    return [str(save_radiograph(target, image[None], recipe, [channel]))]


def marked(path: Path) -> Path:
    """Return the path with the ending that our reader claims.

    Args:
        path: Any path.

    Returns:
        The path itself, or one with `.drr` before its ending; `.drr.tif` where it has none.

    Examples:
        >>> marked(Path("chest.nii.gz")).name, marked(Path("chest")).name
        ('chest.drr.nii.gz', 'chest.drr.tif')
    """
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            stem, ending = path.name[: -len(suffix)], path.name[-len(suffix) :]
            return path if stem.lower().endswith(MARK) else path.with_name(stem + MARK + ending)
    return path.with_name(path.name + MARK + SUFFIXES[0])


def _recipe(layer: Image) -> Recipe:
    if not is_radiograph(layer):
        raise ValueError(
            f"Layer {layer.name!r} carries no recipe: only radiographs that napari-drr rendered "
            "are saved so. Choose another format for this layer."
        )
    if layer.metadata.get(GRAY_KEY):
        raise ValueError(
            f"Layer {layer.name!r} comes from a PNG, so it holds gray values and no line "
            "integrals: render its recipe again, and save that."
        )
    return Recipe.from_json(json.dumps(layer.metadata[KEY]))


def _write_png(path: Path, layer: Image, recipe: Recipe) -> Path:
    from napari_drr.io.export import save_radiograph

    display = displayed(layer, recipe.display)
    if display is not None:
        return save_radiograph(path, layer.data, replace(recipe, display=display))
    low, high = layer.contrast_limits
    linear = Display(gamma=float(layer.gamma), contrast_limits=(float(low), float(high)))
    save_radiograph(path, layer.data, replace(recipe, display=linear))
    _color(path, layer.colormap.map(np.linspace(0, 1, 256))[:, :3])
    return path


def _color(path: Path, colors: NDArray[np.float32]) -> None:
    """Give a gray PNG of ours a color for each of its 256 levels."""
    from PIL.Image import open as open_image
    from PIL.PngImagePlugin import PngInfo

    from napari_drr.io._atomic import replacing

    with open_image(path) as picture:
        picture.load()
        text = PngInfo()
        for keyword, value in picture.info.items():
            if isinstance(value, str):
                text.add_itxt(str(keyword), value)
        picture.putpalette(np.rint(colors * 255).astype(np.uint8).tobytes())
        with replacing(path) as part:
            picture.save(part, format="PNG", pnginfo=text, dpi=picture.info["dpi"])
