"""The detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox, FloatSpinBox, SpinBox

from napari_drr.viewer.widgets._binding import RecipeContainer, number

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session


class DetectorSection(RecipeContainer):
    """Distance, pixels and offsets of the detector.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(
            session,
            {
                "detector.source_to_detector": number(
                    "SDD", " mm", -10000, 10000, step=10, tooltip="From source to detector."
                ),
                "detector.height": SpinBox(label="rows", min=1, max=4096),
                "detector.width": SpinBox(label="columns", min=1, max=4096),
                "detector.pixel_spacing_x": _spacing("pixel width"),
                "detector.pixel_spacing_y": _spacing("pixel height"),
                "detector.x0": number(
                    "x offset", " mm", -1000, 1000, tooltip="Of the principal point, along a row."
                ),
                "detector.y0": number(
                    "y offset",
                    " mm",
                    -1000,
                    1000,
                    tooltip="Of the principal point, along a column.",
                ),
                "detector.mirror": CheckBox(
                    text="radiological (the patient's right on the left)",
                    tooltip="Off: as seen from the source.",
                ),
            },
        )


def _spacing(label: str) -> FloatSpinBox:
    return number(label, " mm", 0.01, 100.0, step=0.1, decimals=3)
