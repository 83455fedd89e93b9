"""The library's messages in the dock's words."""

import re

_LABELS = {
    "alpha_deg": "alpha",
    "beta_deg": "beta",
    "bone_attenuation_multiplier": "The multiplier",
    "bone_weight": "bone",
    "contrast_limits": "The limits",
    "energy_kev": "The energy",
    "gamma_deg": "gamma",
    "height": "The number of pixels in y",
    "labelmap": "The labels",
    "n_points": "The number of samples",
    "pixel_spacing_x": "The spacing in x",
    "pixel_spacing_y": "The spacing in y",
    "source_to_detector": "SDD",
    "sparse_share": "sparse",
    "volume": "the CT",
    "width": "The number of pixels in x",
    "x0": "The offset in x",
    "y0": "The offset in y",
}

_NAME = re.compile(r"`(?:\w+\.)?(\w+)`")


def in_labels(message: str) -> str:
    """Return a message with the dock's labels in place of Python's names.

    Args:
        message: From the library.

    Examples:
        >>> in_labels("`source_to_detector` must be other than 0, got 0.0.")
        'SDD must be other than 0, got 0.0.'
        >>> in_labels("`labelmap` and `volume` do not overlap.")
        'The labels and the CT do not overlap.'
    """
    return _NAME.sub(lambda found: _LABELS.get(found[1], found[1]), message)
