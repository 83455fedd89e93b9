"""A slider for the weight of what is selected."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_drr.viewer.widgets._numbers import StepSlider
from napari_drr.viewer.widgets._rows import SPACING, RowLabel
from napari_drr.viewer.widgets._slider import RESET
from napari_drr.viewer.widgets._structure_model import MIXED, weight_text

MOST = 3.0
STEP = 0.05

NOTHING = "Select structures in the list to weigh them together."


class WeightSlider(QWidget):
    """The weight of the selected structures: a slider, the number, and back to 1.

    Args:
        parent: The widget that it is shown in.
    """

    stepped = Signal()
    """It is about to tell of a weight: a drag, a key or the wheel."""
    moved = Signal(float)
    """The weight that was set."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider = _Slider(STEP)
        self.slider.setRange(0.0, MOST)
        self.number = QLabel()
        self.number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.number.setMinimumWidth(self.number.fontMetrics().horizontalAdvance(f"{MIXED} "))
        self.reset = QPushButton(RESET)
        self.reset.setObjectName("reset")
        self.reset.setAutoDefault(False)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(SPACING)
        line.addWidget(RowLabel("weight"))
        line.addWidget(self.slider, stretch=1)
        line.addWidget(self.number)
        line.addWidget(self.reset)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.slider.valueChanged.connect(self._on_moved)
        self.reset.clicked.connect(self._on_reset)
        self._shown = ""
        self.show_weights([])

    def show_weights(self, weights: Sequence[float]) -> None:
        """Show what the selected structures weigh.

        Args:
            weights: Their weights; none disables the slider.
        """
        self._shown = weight_text(weights)
        self.number.setText(self._shown)
        mean = sum(weights) / len(weights) if weights else 1.0
        # Under the user's hand the handle stays where it is held.
        if not self.slider.isSliderDown():
            blocker = QSignalBlocker(self.slider)
            self.slider.setValue(min(max(mean, 0.0), MOST))
            blocker.unblock()
        self.slider.setEnabled(bool(weights))
        self.slider.setToolTip("Weight of what is selected." if weights else NOTHING)
        self.setToolTip("" if weights else NOTHING)
        is_plain = all(weight == 1.0 for weight in weights)
        self.reset.setEnabled(not is_plain)
        self.reset.setToolTip("It is 1." if is_plain else "Reset to 1.")

    def _on_moved(self, value: float) -> None:
        weight = round(round(value / STEP) * STEP, 2)
        # As texts, since several weights have no common one.
        if weight_text([weight]) != self._shown:
            self.stepped.emit()
            self.moved.emit(weight)

    def _on_reset(self) -> None:
        self.moved.emit(1.0)


class _Slider(StepSlider):
    """A slider that a wheel moves only after a click: else it scrolls what is around."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Move, or leave the wheel to the surrounding scroll area."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
