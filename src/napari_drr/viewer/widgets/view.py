"""Named views, and the ways to fit the CT and to the C-arm in 3-D."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

from magicgui.widgets import Container

from napari_drr.recipe import Orientation, Pose, Recipe, view
from napari_drr.viewer.widgets._binding import attempt, follow
from napari_drr.viewer.widgets._gesture import Gesture
from napari_drr.viewer.widgets._open_c_arm import open_c_arm
from napari_drr.viewer.widgets._rows import CHOOSE_CT, allow, button, compact, row
from napari_drr.viewer.widgets._slider import NumberRow

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
FIT = "Choose the pixel spacing such that the whole CT is on the detector."
C_ARM = "Show the C-arm about the patient in 3-D, in a view of its own."
NO_WINDOW = "This viewer has no window."

# Degrees and mm by which a pose may miss a view.
NEAR = 1e-3


class ViewSection(Container):
    """Set the C-arm to a named view; the view that it shows is marked.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.angle = NumberRow(
            "\N{DEGREE SIGN}", 0.0, 90.0, tooltip="Angle of LAO, RAO, CRA and CAU."
        )
        self.angle.value = 30.0
        tips = {text: tip for text, (_, tip) in PLAIN_VIEWS.items()} | ANGLED_VIEWS
        self.buttons = {text: button(text, tip, checkable=True) for text, tip in tips.items()}
        self.fit_button = button("fit", FIT)
        self.c_arm_button = button("3-D", C_ARM)
        plain = [self.buttons[text] for text in PLAIN_VIEWS]
        angled = [self.buttons[text] for text in ANGLED_VIEWS]
        super().__init__(
            widgets=[
                row(
                    *plain,
                    self.fit_button,
                    self.c_arm_button,
                    label="view",
                    tooltip="Named positions of the C-arm.",
                ),
                row(*angled, self.angle, label="", tooltip=self.angle.tooltip),
            ],
            labels=False,
        )
        compact(self)
        for text, each in self.buttons.items():
            each.changed.connect(partial(self._set, text))
        self.angle.changed.connect(self._on_angle)
        self.angle.bind_gesture(Gesture(session, self.angle.native))
        self.fit_button.changed.connect(self._fit)
        self.c_arm_button.changed.connect(self._open_c_arm)
        events = session.events
        follow(self, (events.recipe, self._on_recipe), (events.inputs, self._on_inputs))
        self._mark()
        self._on_inputs()

    def _set(self, text: str) -> None:
        name = PLAIN_VIEWS[text][0] if text in PLAIN_VIEWS else text
        attempt(self._session, lambda: self._session.view(name, self.angle.value))
        # A click has turned the button over, whatever the view is.
        self._mark()

    def _on_angle(self) -> None:
        """Take the view that is marked to its new angle."""
        marked = [text for text in ANGLED_VIEWS if self.buttons[text].value]
        if marked:
            self._set(marked[0])
        self._mark()

    def _fit(self) -> None:
        attempt(self._session, self._session.detector.fit)

    def _open_c_arm(self) -> None:
        attempt(self._session, lambda: open_c_arm(self._session.viewer))

    def _on_recipe(self, changed: set[str]) -> None:
        if changed & {"pose", "orientation"}:
            self._mark()

    def _mark(self) -> None:
        shown = shown_view(self._session.recipe, self.angle.value)
        for text, each in self.buttons.items():
            each.native.setChecked(text == shown)

    def _on_inputs(self) -> None:
        allow(self.fit_button, FIT, "" if self._session.ct is not None else CHOOSE_CT)
        has_window = getattr(self._session.viewer, "window", None) is not None
        allow(self.c_arm_button, C_ARM, "" if has_window else NO_WINDOW)


def shown_view(recipe: Recipe, angle_deg: float) -> str:
    """Return the button of the view that a recipe shows, or an empty text.

    Args:
        recipe: The recipe.
        angle_deg: Of LAO, RAO, CRA and CAU.
    """
    pose = recipe.pose
    if pose.convention != "ZXY":
        pose = Pose.from_matrix(pose.rigid_transform().matrix[0].numpy())
    for text, (orientation, there) in _views(abs(pose.y), angle_deg).items():
        if orientation == recipe.orientation and _is_near(pose, there):
            return text
    return ""


@lru_cache(maxsize=4)  # a slider that turns the C-arm asks for the same ones at each step
def _views(distance: float, angle_deg: float) -> dict[str, tuple[Orientation, Pose]]:
    """Return what each button stands for."""
    names = {text: name for text, (name, _) in PLAIN_VIEWS.items()}
    names |= {text: text for text in ANGLED_VIEWS}
    return {text: view(name, distance, angle_deg) for text, name in names.items()}


def _is_near(pose: Pose, other: Pose) -> bool:
    angles = (
        pose.alpha_deg - other.alpha_deg,
        pose.beta_deg - other.beta_deg,
        pose.gamma_deg - other.gamma_deg,
    )
    turns = [abs((angle + 180) % 360 - 180) for angle in angles]
    shifts = [abs(pose.x - other.x), abs(pose.y - other.y), abs(pose.z - other.z)]
    return max(*turns, *shifts) <= NEAR
