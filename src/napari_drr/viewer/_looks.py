"""A recipe's display as napari colormaps; the layer's data stay line integrals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_drr.recipe import Display
from napari_drr.viewer._colors import Color

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.utils import Colormap

TRANSMISSION = "transmission"
TRANSMISSION_INVERTED = "transmission_r"

# Enough that a straight line between two of them is off by less than an 8-bit gray value.
STEPS = 256


def apply_display(layer: Image, display: Display) -> None:
    """Make a radiograph's layer look as its display says; contrast limits are set apart.

    Args:
        layer: A layer of line integrals.
        display: Mode, inversion and gamma.
    """
    from napari.utils.colormaps import AVAILABLE_COLORMAPS

    low, high = layer.contrast_limits
    wanted, before = looks(display, (low, high)), layer.colormap.name
    if layer.gamma != wanted["gamma"]:
        layer.gamma = wanted["gamma"]
    layer.colormap = wanted["colormap"]
    # napari offers every colormap that it was ever given, to all layers. A slider of gamma makes
    # hundreds, which nobody wants back.
    if before != layer.colormap.name and _is_transmission(before):
        AVAILABLE_COLORMAPS.pop(before, None)


def looks(display: Display, limits: tuple[float, float]) -> dict[str, Any]:
    """Return the napari layer arguments that show line integrals as a display says.

    Args:
        display: Mode, inversion and gamma.
        limits: The layer's contrast limits.

    Returns:
        `gamma` and `colormap`.
    """
    if display.mode == "line_integral":
        return {"gamma": display.gamma, "colormap": "gray_r" if display.invert else "gray"}
    # In transmission gamma comes after the exponential, so it is part of the colormap.
    return {"gamma": 1.0, "colormap": _transmission(display, *limits)}


def ramp(name: str, color: Color) -> Colormap:
    """Return a colormap from black to a color."""
    from napari.utils import Colormap

    colormap: Any = Colormap([[0, 0, 0, 1], [*color[:3], 1]], name=name)
    return colormap


def displayed(layer: Image, display: Display) -> Display | None:
    """Tell how a radiograph's layer looks now, after all that was done by hand.

    Args:
        layer: A layer of ours.
        display: The display that was applied to it.

    Returns:
        The display that gives these gray values, or None if the layer's colormap is not gray.
    """
    low, high = layer.contrast_limits
    limits = (float(low), float(high))
    names = {"gray": False, "gray_r": True}
    if layer.colormap.name in names:
        return Display("line_integral", names[layer.colormap.name], float(layer.gamma), limits)
    if _is_transmission(layer.colormap.name):
        return replace(display, contrast_limits=limits)
    return None


def _is_transmission(name: str) -> bool:
    # napari numbers colormaps of one name: "transmission [1]" has other limits.
    return name.split(" ")[0] in (TRANSMISSION, TRANSMISSION_INVERTED)


def _transmission(display: Display, low: float, high: float) -> Colormap:
    """Return the colormap that turns line integrals from `low` to `high` into `display`'s gray."""
    from napari.utils import Colormap

    integrals = np.linspace(low, high, STEPS)
    gray = replace(display, contrast_limits=(float(low), float(high))).gray(integrals)
    colors = np.column_stack([gray, gray, gray, np.ones(STEPS)])
    name = TRANSMISSION_INVERTED if display.invert else TRANSMISSION
    colormap: Any = Colormap(colors, name=name)
    return colormap
