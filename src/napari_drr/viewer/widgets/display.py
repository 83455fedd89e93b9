"""How the radiograph looks; its values stay what they are, so nothing is rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, Container
from qtpy.QtCore import QSignalBlocker, Qt
from superqt import QDoubleRangeSlider

from napari_drr.recipe import Display
from napari_drr.viewer.widgets._binding import RecipeContainer, attempt, follow, show
from napari_drr.viewer.widgets._gesture import Gesture
from napari_drr.viewer.widgets._rows import choice, row
from napari_drr.viewer.widgets._slider import NumberRow, SliderRow

if TYPE_CHECKING:
    from napari_drr.viewer._requests import Result
    from napari_drr.viewer._session import Session

MODES = [("line integral", "line_integral"), ("transmission", "transmission")]
LARGEST = 9999.0


class DisplaySection(RecipeContainer):
    """Mode, inversion, gamma and contrast limits.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        mode = choice(
            MODES, "line integral: p, bone is bright. transmission: exp(-p), as a detector counts."
        )
        invert = CheckBox(text="invert", tooltip="Exchange black and white.")
        gamma = SliderRow(
            "",
            0.05,
            20,
            slider=(0.2, 3),
            default=Display().gamma,
            step=0.05,
            decimals=2,
            tooltip="Exponent on the gray value; 1 is linear.",
        )
        self.auto = CheckBox(text="auto", tooltip="From 0 to the image's largest line integral.")
        self.low = _limit("Line integral at this end of the gray scale.")
        self.high = _limit("Line integral at the other end of the gray scale.")
        limits = row(self.auto, self.low, self.high, label="limits", tooltip="Of line integrals.")
        slider = row(label="", tooltip="Limits, as line integrals.")
        self._make_slider(slider)
        super().__init__(
            session,
            {"display.mode": mode, "display.invert": invert, "display.gamma": gamma},
            [row(mode, invert, label="show"), row(gamma, label="gamma"), limits, slider],
        )
        self._connect()

    def _make_slider(self, place: Container[Any]) -> None:
        self.slider = QDoubleRangeSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0.0, 1.0)
        self.slider.setSingleStep(0.05)
        self.slider.setPageStep(0.5)
        self.slider.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        place.native.layout().addWidget(self.slider)

    def _connect(self) -> None:
        self._gesture = Gesture(self._session, self.native)
        self._gesture.watch(self.slider)
        for box in (self.low, self.high):
            box.bind_gesture(Gesture(self._session, box.native))
            box.changed.connect(self._on_boxes)
        self.auto.changed.connect(self._on_auto)
        self.slider.valueChanged.connect(self._on_slider)
        self.slider.sliderPressed.connect(self._gesture.hold)
        self.slider.sliderReleased.connect(self._gesture.end)
        follow(self, (self._session.events.rendered, self._on_rendered))

    # What the user asks for

    def _on_auto(self, is_auto: bool) -> None:
        self._set_limits(None if is_auto else self._shown_limits())

    def _on_boxes(self) -> None:
        self._set_limits((self.low.value, self.high.value))

    def _on_slider(self, ends: tuple[float, float]) -> None:
        self._gesture.step()
        self._set_limits((round(ends[0], 3), round(ends[1], 3)))

    def _set_limits(self, limits: tuple[float, float] | None) -> None:
        attempt(self._session, lambda: self._session.display.update(contrast_limits=limits))
        self._show_limits()

    # What the session says

    def _show(self, changed: set[str]) -> None:
        super()._show(changed)
        if "display" in changed:
            self._show_limits()

    def _on_rendered(self, result: Result) -> None:
        if not result.is_preview:
            self._show_limits()

    def _show_limits(self) -> None:
        limits = self._shown_limits()
        show(self.auto, self._session.recipe.display.contrast_limits is None)
        for box, value in zip((self.low, self.high), limits, strict=True):
            show(box, value)
        with QSignalBlocker(self.slider):
            low, high = limits
            self.slider.setRange(min(0.0, low), max(high, self._largest()))
            self.slider.setValue(limits)

    def _shown_limits(self) -> tuple[float, float]:
        """Return the limits that are set, or else those that the layer has."""
        limits = self._session.recipe.display.contrast_limits
        if limits is None:
            layer = self._session.output()
            limits = (0.0, 1.0) if layer is None else layer.contrast_limits
        low, high = limits
        return float(low), float(high)

    def _largest(self) -> float:
        layer = self._session.output()
        return 1.0 if layer is None else float(layer.data.max())


def display_summary(session: Session) -> str:
    """Return what the section holds, in a few words.

    Args:
        session: The session, also of a section that is not made yet.
    """
    display = session.recipe.display
    name = next(text for text, mode in MODES if mode == display.mode)
    limits = display.contrast_limits
    span = "auto" if limits is None else f"{limits[0]:.2f} to {limits[1]:.2f}"
    return f"{name}{', inverted' if display.invert else ''}, {span}"


def _limit(tooltip: str) -> NumberRow:
    return NumberRow("", -LARGEST, LARGEST, step=0.1, decimals=2, tooltip=tooltip)
