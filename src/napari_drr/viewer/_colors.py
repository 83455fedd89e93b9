"""Colors of structures."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.utils import DirectLabelColormap

Color = tuple[float, ...]

# Steps by the golden ratio never come close to a hue used shortly before.
GOLDEN_RATIO = 0.618033988749895


def structure_color(label: int) -> Color:
    """Return the color of a structure: the same for the same label everywhere.

    Args:
        label: The structure's id.

    Returns:
        Red, green and blue, 0..1.

    Examples:
        >>> [round(value, 2) for value in structure_color(1)]
        [0.12, 0.34, 0.88]
    """
    lightness = (0.62, 0.5, 0.74)[label % 3]
    return colorsys.hls_to_rgb(label * GOLDEN_RATIO % 1.0, lightness, 0.75)


def structure_colormap(
    labels: Iterable[int], colors: Mapping[int, Color] | None = None
) -> DirectLabelColormap:
    """Return a napari colormap with one color per structure.

    Args:
        labels: Ids of the structures.
        colors: Colors (RGB or RGBA, 0..1) that are given; the others are `structure_color`'s.

    Returns:
        A colormap in which 0 and unknown labels are transparent.
    """
    from napari.utils import DirectLabelColormap

    given = colors or {}
    table: dict[int | None, Color | str] = {None: "transparent", 0: "transparent"}
    table |= {label: given.get(label, structure_color(label)) for label in labels if label}
    return DirectLabelColormap(color_dict=table)
