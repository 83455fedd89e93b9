"""The pose, and what is done with it as a whole."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, get_args

from magicgui.widgets import Container, Label
from qtpy.QtWidgets import QSizePolicy

from napari_drr.recipe import EulerConvention, Pose
from napari_drr.viewer.widgets import _clipboard
from napari_drr.viewer.widgets._binding import RecipeContainer, attempt, follow, show
from napari_drr.viewer.widgets._gesture import Gesture
from napari_drr.viewer.widgets._rows import (
    CHOOSE_CT,
    allow,
    button,
    choice,
    compact,
    menu_button,
    row,
)
from napari_drr.viewer.widgets._slider import SliderRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_drr.viewer._session import Session, Tool
    from napari_drr.viewer.widgets._clipboard import Copied

DEGREES = "\N{DEGREE SIGN}"
UNDO, REDO = "\N{ANTICLOCKWISE TOP SEMICIRCLE ARROW}", "\N{CLOCKWISE TOP SEMICIRCLE ARROW}"
UNDO_TIP, REDO_TIP = "Undo the last change (Ctrl+Z).", "Redo what was undone (Ctrl+Shift+Z)."

# Of the sliders, in mm; numbers may be larger.
SHIFT, DISTANCE = 300.0, 2000.0
FARTHEST = 5000.0

TOOLS: dict[Tool, tuple[str, str]] = {
    "none": ("off", "The mouse does in the canvas what it always does."),
    "turn": ("turn", "Drag on the radiograph to turn the C-arm."),
    "link": ("link", "Click in the radiograph to see the ray in the CT, and the other way round."),
}
CENTER_TIP = "Turn about the center of the CT's grid again."
PICK_TIP = "Click in the CT to set what the C-arm turns about."


class PoseSection(RecipeContainer):
    """The pose: three angles about the isocenter, and where the source is.

    `toolbar` holds what is done with the pose as a whole, `others` what is no number of it: both
    may be taken to another place.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        rows = _numbers()
        self.distance = SliderRow(
            " mm",
            0.1,
            2 * FARTHEST,
            slider=(100.0, DISTANCE),
            default=Pose().y,
            step=10.0,
            tooltip="From source to isocenter; x and z stay.",
        )
        self.convention = choice(
            list(get_args(EulerConvention)),
            "Axes of the three angles. Another convention converts them: the C-arm stays.",
        )
        self.convention.native.setMinimumContentsLength(3)
        self._make_others()
        self._make_toolbar(session)
        labels = {path: path.split(".")[1].removesuffix("_deg") for path in rows}
        super().__init__(
            session,
            rows | {"pose.convention": self.convention},
            [
                self.toolbar,
                *(row(each, label=labels[path]) for path, each in rows.items()),
                row(self.distance, label="distance"),
                self.others,
            ],
        )
        self.distance.changed.connect(self._set_distance)
        self.distance.bind_gesture(Gesture(session, self.distance.native))
        self._connect()

    # What it is made of

    def _make_others(self) -> None:
        self.isocenter = Label(value="", tooltip="What the C-arm turns about, in world mm.")
        self.isocenter.native.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        )
        self.center_button = button("center", CENTER_TIP)
        self.pick_button = button("pick", PICK_TIP, checkable=True)

        self.tools = {name: button(*text, checkable=True) for name, text in TOOLS.items()}
        euler = Label(value="Euler", tooltip=self.convention.tooltip)
        tools = (*self.tools.values(), euler, self.convention)
        self.others: Container = Container(
            widgets=[
                row(*tools, label="mouse", tooltip="What it does in the canvas."),
                row(self.isocenter, self.center_button, self.pick_button, label="isocenter"),
            ],
            labels=False,
        )
        compact(self.others)
        self.others.margins = (0, 0, 0, 0)

    def _make_toolbar(self, session: Session) -> None:
        self.undo_button = button(UNDO, UNDO_TIP)
        self.redo_button = button(REDO, REDO_TIP)
        self.reset_button = button("reset", "Reset all angles and shifts; the distance stays.")
        self.copy_menu = menu_button(
            "copy",
            "Copy pose, camera or recipe as text.",
            {
                "Pose as 4x4 matrix": partial(_copy, session, "4x4"),
                "Camera matrix K": partial(_copy, session, "K"),
                "Python script": partial(_copy, session, "script"),
                "Recipe as JSON": partial(_copy, session, "recipe"),
            },
        )
        self.paste_button = button(
            "paste", "Take a 4x4 matrix, a K, a recipe or a script from the clipboard."
        )
        self.toolbar: Container = row(
            self.undo_button, self.redo_button, self.reset_button, self.copy_menu, self.paste_button
        )

    def _connect(self) -> None:
        session, events = self._session, self._session.events
        for each, action in (
            (self.undo_button, session.undo),
            (self.redo_button, session.redo),
            (self.reset_button, lambda: session.pose.reset()),
            (self.paste_button, partial(_clipboard.paste, session)),
            (self.center_button, partial(setattr, session, "isocenter", None)),
        ):
            each.changed.connect(partial(_do, session, action))
        for name, each in self.tools.items():
            each.changed.connect(partial(self._set_tool, name))
        self.pick_button.changed.connect(self._pick)
        follow(
            self,
            (events.history, self._show_history),
            (events.tool, self._show_tool),
            (events.inputs, self._show_isocenter),
        )
        self._show_history()
        self._show_tool(session.tool)
        self._show_isocenter()

    # What the user asks for

    def _set_distance(self, distance: float) -> None:
        if not attempt(self._session, lambda: setattr(self._session, "distance", distance)):
            self._show({"pose"})

    def _set_tool(self, tool: Tool) -> None:
        attempt(self._session, partial(setattr, self._session, "tool", tool))
        # A click has turned the button over, also where the tool stays.
        self._show_tool(self._session.tool)

    def _pick(self, picks: bool) -> None:
        self._set_tool("isocenter" if picks else "none")

    # What the session says

    def _show(self, changed: set[str]) -> None:
        super()._show(changed)
        if "pose" in changed or "orientation" in changed:
            self._show_distance()
        if "isocenter" in changed:
            self._show_isocenter()

    def _show_distance(self) -> None:
        pose, y = self._session.pose, self.rows["pose.y"]
        show(self.distance, pose.distance)
        # The source is on one side of the patient, in front or behind.
        side = math.copysign(1.0, pose.y)
        y.slider_range = (0.0, DISTANCE) if side > 0 else (-DISTANCE, 0.0)
        y.default = side * pose.distance

    def _show_isocenter(self) -> None:
        session = self._session
        point = session.isocenter
        self.isocenter.value = "CT center" if point is None else _written(point)
        allow(self.center_button, CENTER_TIP, "It is there." if point is None else "")
        allow(self.pick_button, PICK_TIP, "" if session.ct is not None else CHOOSE_CT)

    def _show_history(self) -> None:
        session = self._session
        allow(self.undo_button, UNDO_TIP, "" if session.can_undo else "Nothing to undo.")
        allow(self.redo_button, REDO_TIP, "" if session.can_redo else "Nothing to redo.")

    def _show_tool(self, tool: str) -> None:
        for name, each in self.tools.items():
            each.native.setChecked(name == tool)
        self.pick_button.native.setChecked(tool == "isocenter")


def _numbers() -> dict[str, SliderRow]:
    """Return a slider for each number of the pose, by its path in the recipe."""
    angles = {
        "alpha_deg": "Turn about the body's long axis.",
        "beta_deg": "Tilt to head or feet.",
        "gamma_deg": "Roll about the beam.",
    }
    shifts = {"x": "Shift of the C-arm sideways.", "z": "Shift of the C-arm up or down."}
    made = {name: SliderRow(DEGREES, -180, 180, tooltip=tip) for name, tip in angles.items()} | {
        name: SliderRow(" mm", -FARTHEST, FARTHEST, slider=(-SHIFT, SHIFT), tooltip=tip)
        for name, tip in shifts.items()
    }
    made["y"] = SliderRow(
        " mm",
        -FARTHEST,
        FARTHEST,
        slider=(0.0, DISTANCE),
        step=10.0,
        tooltip="Source to isocenter: positive for AP, negative for PA.",
    )
    return {f"pose.{name}": made[name] for name in (*angles, "x", "y", "z")}


def _written(point: tuple[float, float, float]) -> str:
    return ", ".join(f"{value:.1f}" for value in point) + " mm"


def _do(session: Session, action: Callable[[], object], *_: object) -> None:
    attempt(session, action)


def _copy(session: Session, what: Copied, *_: object) -> None:
    attempt(session, lambda: _clipboard.copy(session, what))
