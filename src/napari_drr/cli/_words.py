"""The library's messages in the command line's words."""

import re

_FLAGS = {
    "backend": "--backend",
    "bone_attenuation_multiplier": "--bone-attenuation-multiplier",
    "bone_weight": "--bone-weight",
    "contrast_limits": "--contrast",
    "energy_kev": "--energy",
    "gamma": "--gamma",
    "height": "--height",
    "hu_offset": "--hu-offset",
    "labelmap": "--labels",
    "memory_budget": "--memory-budget",
    "n_points": "--n-points",
    "pixel_spacing_x": "--delx",
    "pixel_spacing_y": "--dely",
    "reducefn": "--reduction",
    "renderer": "--renderer",
    "sdd": "--sdd",
    "series": "--series",
    "source_to_detector": "--sdd",
    "sparse_share": "--sparse-share",
    "spacing": "--spacing",
    "view": "--view",
    "volume": "CT",
    "width": "--width",
    "x0": "--x0",
    "y0": "--y0",
}

_QUOTES = "'\""
_ARGUMENT = re.compile(r"`(\w+)(?:=([^`]*))?`")


def in_flags(message: str) -> str:
    """Return a message with the flags in place of the arguments of Python that they stand for.

    Examples:
        >>> in_flags("`volume` is stored from 0 to 4095: pass `hu_offset=-1024`.")
        'CT is stored from 0 to 4095: pass --hu-offset -1024.'
    """
    return _ARGUMENT.sub(_flag, message)


def _flag(found: re.Match[str]) -> str:
    name, value = found.groups()
    if name not in _FLAGS:
        return found[0]
    return _FLAGS[name] if value is None else f"{_FLAGS[name]} {value.strip(_QUOTES)}"
