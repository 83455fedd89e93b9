"""Named views and the pose."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from magicgui.widgets import Container, FloatSpinBox, PushButton

from napari_drr.viewer.widgets._binding import RecipeContainer, number, row

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session

PLAIN_VIEWS = {
    "AP": ("AP", "Beam from front to back: the detector is behind the patient."),
    "PA": ("PA", "Beam from back to front: the detector is before the patient."),
    "L lat": ("left lateral", "The patient's left side is at the detector."),
    "R lat": ("right lateral", "The patient's right side is at the detector."),
}
ANGLED_VIEWS = {
    "LAO": "Detector turned to the patient's left front.",
    "RAO": "Detector turned to the patient's right front.",
    "CRA": "Detector tilted toward the head.",
    "CAU": "Detector tilted toward the feet.",
}

BUTTON_WIDTH = 46  # the longest word in napari's font, so that four stand in a narrow dock


class ViewSection(Container):
    """Set the C-arm to a named view.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.angle: FloatSpinBox = number(
            "angle", "\N{DEGREE SIGN}", 0.0, 90.0, tooltip="Of LAO to CAU."
        )
        self.angle.value = 30.0
        self.buttons = {
            text: PushButton(text=text, tooltip=tip) for text, (_, tip) in PLAIN_VIEWS.items()
        } | {text: PushButton(text=text, tooltip=tip) for text, tip in ANGLED_VIEWS.items()}
        plain = [self.buttons[text] for text in PLAIN_VIEWS]
        angled = [self.buttons[text] for text in ANGLED_VIEWS]
        super().__init__(widgets=[row(*plain, label="View"), row(*angled, self.angle)])
        for text, button in self.buttons.items():
            button.min_width = BUTTON_WIDTH
            button.changed.connect(partial(self._set, text))

    def _set(self, text: str) -> None:
        name = PLAIN_VIEWS[text][0] if text in PLAIN_VIEWS else text
        self._session.view(name, self.angle.value)


class PoseSection(RecipeContainer):
    """The pose: three angles about the isocenter, and where the source is.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        degrees = "\N{DEGREE SIGN}"
        super().__init__(
            session,
            {
                "pose.alpha_deg": number(
                    "alpha", degrees, -180, 180, tooltip="Turn about the body's long axis."
                ),
                "pose.beta_deg": number(
                    "beta", degrees, -180, 180, tooltip="Tilt to head or feet."
                ),
                "pose.gamma_deg": number(
                    "gamma", degrees, -180, 180, tooltip="Roll about the beam."
                ),
                "pose.x": number("x", " mm", -5000, 5000, tooltip="Shift of the C-arm sideways."),
                "pose.y": number(
                    "y",
                    " mm",
                    -5000,
                    5000,
                    step=10,
                    tooltip="Source to isocenter: positive for AP, negative for PA.",
                ),
                "pose.z": number("z", " mm", -5000, 5000, tooltip="Shift of the C-arm up or down."),
            },
        )
