"""Numbers with a unit, as magicgui widgets: with a slider, or without."""

from __future__ import annotations

from typing import Any

from magicgui.widgets.bases import ValuedContainerWidget
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QPushButton

from napari_drr.viewer.widgets._gesture import Gesture
from napari_drr.viewer.widgets._numbers import NumberBox, StepSlider

# What fits beside a slider.
WIDEST = "-1000.0 mm"
RESET = "\N{ANTICLOCKWISE OPEN CIRCLE ARROW}"


class NumberRow(ValuedContainerWidget[float]):
    """A number with its unit.

    `value` keeps every digit, also where fewer are shown.

    Args:
        suffix: The unit, such as `" mm"`.
        low: Smallest value.
        high: Largest value.
        step: Of the arrow keys and the wheel.
        decimals: Digits shown; with 0 of them the values are whole numbers.
        prefix: Stands before the number.
        tooltip: What it does.
        name: For magicgui.
    """

    def __init__(
        self,
        suffix: str,
        low: float,
        high: float,
        *,
        step: float = 1.0,
        decimals: int = 1,
        prefix: str = "",
        tooltip: str = "",
        name: str = "",
    ) -> None:
        super().__init__(layout="horizontal", labels=False, tooltip=tooltip, name=name)
        self.gesture: Gesture | None = None
        """What makes one step to undo of several changes; None where nothing is undone."""
        self.margins = (0, 0, 0, 0)
        # Qt rounds the ends of a spin box to its digits.
        self._low, self._high = low, high
        self.box = NumberBox(decimals, suffix, prefix)
        self.box.setRange(low, high)
        ends = (self.box.prefix() + self.box.textFromValue(end) + suffix for end in (low, high))
        self.box.widest = max(ends, key=len)
        self.box.setSingleStep(step)
        self._value = self._typed(min(max(0.0, low), high))
        self.box.valueChanged.connect(self._on_box)
        self.box.stepped.connect(self._on_step)
        layout = self.native.layout()
        layout.setSpacing(4)
        layout.addWidget(self.box)

    # magicgui's side

    def get_value(self) -> float:
        """Return the number."""
        return self._value

    def set_value(self, value: Any) -> None:
        """Show a number, and tell if it is another.

        Raises:
            ValueError: If it is outside `min` to `max`.
        """
        if not self.min <= value <= self.max:
            raise ValueError(f"`value` must be from {self.min:g} to {self.max:g}, got {value:g}.")
        value = self._typed(value)
        if value != self._value:
            self._value = value
            self._display()
            self.changed.emit(value)

    def _get_min(self) -> float:
        return self._low

    def _set_min(self, low: float) -> None:
        self._low = low
        with QSignalBlocker(self.box):
            self.box.setMinimum(low)

    def _get_max(self) -> float:
        return self._high

    def _set_max(self, high: float) -> None:
        self._high = high
        with QSignalBlocker(self.box):
            self.box.setMaximum(high)

    min = property(_get_min, _set_min, doc="Smallest value.")
    max = property(_get_max, _set_max, doc="Largest value.")

    @property
    def step(self) -> float:
        """Of the arrow keys and the wheel."""
        return float(self.box.singleStep())

    # The user's side

    def bind_gesture(self, gesture: Gesture) -> None:
        """Make one step to undo of what the user does in one go."""
        self.gesture = gesture
        gesture.watch(self.box)

    def _on_box(self, value: float) -> None:
        self.value = value

    def _on_step(self) -> None:
        if self.gesture is not None:
            self.gesture.step()

    def _display(self) -> None:
        with QSignalBlocker(self.box):
            self.box.setValue(self._value)

    def _typed(self, value: float) -> float:
        return int(value) if self.box.decimals() == 0 else float(value)


class SliderRow(NumberRow):
    """A number with its unit and a slider, and a button that resets it.

    Args:
        suffix: The unit, such as `" mm"`.
        low: Smallest value.
        high: Largest value.
        slider: Ends of the slider, which may be nearer than those of the number; None for the same.
        default: What the reset button sets.
        **options: As for `NumberRow`.
    """

    def __init__(
        self,
        suffix: str,
        low: float,
        high: float,
        *,
        slider: tuple[float, float] | None = None,
        default: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(suffix, low, high, **options)
        self._default = default
        # Those below one another are alike.
        self.box.widest = WIDEST
        self.slider = StepSlider(self.step)
        self.slider.setRange(*(slider or (low, high)))
        self.slider.valueChanged.connect(self._on_slider)
        self.slider.sliderPressed.connect(self._on_press)
        self.slider.sliderReleased.connect(self._on_release)
        self.reset_button = QPushButton(RESET)
        self.reset_button.setObjectName("reset")
        self.reset_button.clicked.connect(self.reset)
        layout = self.native.layout()
        layout.insertWidget(0, self.slider, stretch=1)
        layout.addWidget(self.reset_button)
        self._display()

    @property
    def default(self) -> float:
        """What the reset button sets."""
        return self._default

    @default.setter
    def default(self, default: float) -> None:
        if default != self._default:
            self._default = default
            self._display()

    @property
    def slider_range(self) -> tuple[float, float]:
        """Ends of the slider."""
        return float(self.slider.minimum()), float(self.slider.maximum())

    @slider_range.setter
    def slider_range(self, ends: tuple[float, float]) -> None:
        if ends != self.slider_range:
            with QSignalBlocker(self.slider):
                self.slider.setRange(*ends)
            self._display()

    def reset(self, *_: object) -> None:
        """Set the default."""
        self.value = self._default

    def bind_gesture(self, gesture: Gesture) -> None:
        """Make one step to undo of what the user does in one go."""
        super().bind_gesture(gesture)
        gesture.watch(self.slider)

    def _on_press(self) -> None:
        if self.gesture is not None:
            self.gesture.hold()

    def _on_release(self) -> None:
        if self.gesture is not None:
            self.gesture.end()

    def _on_slider(self, value: float) -> None:
        # No more digits than are shown: nobody aims at others.
        value = round(value, self.box.decimals())
        if value != self._value:
            self._on_step()
            self.value = value

    def _display(self) -> None:
        super()._display()
        with QSignalBlocker(self.slider):
            self.slider.setValue(self._value)
        is_default = self._value == self._default
        self.reset_button.setEnabled(not is_default)
        shown = self.box.textFromValue(self._default) + self.box.suffix()
        self.reset_button.setToolTip(f"It is {shown}." if is_default else f"Reset to {shown}.")
