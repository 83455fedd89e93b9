"""The detector."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox

from napari_drr.recipe import PRESETS, DetectorSettings, preset
from napari_drr.viewer.widgets._binding import RecipeContainer, attempt, show
from napari_drr.viewer.widgets._rows import choice, row
from napari_drr.viewer.widgets._slider import NumberRow, SliderRow

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session

CUSTOM = "custom"
PRESET_TIP = "Detectors of common equipment."


class DetectorSection(RecipeContainer):
    """Distance, pixels and offsets of the detector.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self.preset = choice([CUSTOM, *session.detector.presets], PRESET_TIP)
        distance = SliderRow(
            " mm",
            -10000,
            10000,
            slider=(500, 2000),
            default=DetectorSettings().source_to_detector,
            step=10,
            tooltip="SDD: from source to detector.",
        )
        rows = {
            "detector.source_to_detector": distance,
            "detector.width": _count(" columns", "Columns of pixels."),
            "detector.height": _count(" rows", "Rows of pixels."),
            "detector.pixel_spacing_x": _spacing("x ", "Distance of columns on the detector."),
            "detector.pixel_spacing_y": _spacing("y ", "Distance of rows on the detector."),
            "detector.x0": _offset("x ", "Offset of the principal point along a row."),
            "detector.y0": _offset("y ", "Offset of the principal point along a column."),
            "detector.mirror": CheckBox(
                text="patient's right on the left",
                tooltip="Radiological: as one faces the patient. Off: as seen from the source.",
            ),
        }
        distance, width, height, dx, dy, x0, y0, mirror = rows.values()
        super().__init__(
            session,
            rows,
            [
                row(self.preset, label="preset"),
                row(distance, label="SDD"),
                row(width, height, label="pixels", tooltip="How many there are."),
                row(dx, dy, label="spacing", tooltip="Distance of pixels on the detector."),
                row(x0, y0, label="offset", tooltip="Of the principal point."),
                row(mirror, label="mirror"),
            ],
        )
        self.preset.changed.connect(self._take_preset)

    def _take_preset(self, name: str) -> None:
        if name != CUSTOM:
            attempt(self._session, lambda: self._session.detector.preset(name))
        self._show({"detector"})

    def _show(self, changed: set[str]) -> None:
        super()._show(changed)
        if "detector" in changed:
            name = shown_preset(self._session.recipe.detector)
            show(self.preset, name)
            self.preset.tooltip = PRESET_TIP if name == CUSTOM else preset(name)[0]


def detector_summary(session: Session) -> str:
    """Return what the section holds, in a few words.

    Args:
        session: The session, also of a section that is not made yet.
    """
    detector = session.recipe.detector
    dx, dy = detector.pixel_spacing_x, detector.pixel_spacing_y
    spacing = f"{dx:.3g}" if dx == dy else f"{dx:.3g} x {dy:.3g}"
    distance = f"SDD {detector.source_to_detector:g} mm"
    return f"{detector.width} x {detector.height}, {spacing} mm, {distance}"


def shown_preset(detector: DetectorSettings) -> str:
    """Return the name of the preset that a detector is, or `CUSTOM`; `mirror` does not matter."""
    found = (
        name
        for name, settings in PRESETS.items()
        if replace(settings, mirror=detector.mirror) == detector
    )
    return next(found, CUSTOM)


def _count(suffix: str, tooltip: str) -> NumberRow:
    return NumberRow(suffix, 1, 4096, decimals=0, step=8, tooltip=tooltip)


def _spacing(prefix: str, tooltip: str) -> NumberRow:
    return NumberRow(" mm", 0.01, 100, step=0.1, decimals=3, prefix=prefix, tooltip=tooltip)


def _offset(prefix: str, tooltip: str) -> NumberRow:
    return NumberRow(" mm", -1000, 1000, prefix=prefix, tooltip=tooltip)
