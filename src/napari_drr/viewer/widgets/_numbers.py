"""Qt's slider and spin box, with the steps that a user expects."""

from __future__ import annotations

import math
import re

from qtpy.QtCore import QEvent, QLocale, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent, QKeySequence, QValidator, QWheelEvent
from qtpy.QtWidgets import QAbstractSpinBox, QDoubleSpinBox, QSizePolicy, QWidget
from superqt import QDoubleSlider

# Of a wheel, in eighths of a degree, as Qt tells it.
NOTCH = 120
PAGE = 10  # steps


_STEPS = {
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Down: -1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_Up: 1,
    Qt.Key.Key_PageDown: -PAGE,
    Qt.Key.Key_PageUp: PAGE,
}
# A number that is being typed: swallowing its "e" or its last digits would make another one of it.
_BEGUN = re.compile(r"[-+.\dex]*", re.IGNORECASE)
_RESTYLED = (QEvent.Type.Polish, QEvent.Type.StyleChange, QEvent.Type.FontChange)
_UNDO = (QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo)


class StepSlider(QDoubleSlider):
    """A slider for floats: an arrow key and a notch of the wheel are one step, a page is ten.

    superqt leaves the keys to Qt, which knows nothing of the floats (superqt 0.9), and takes three
    steps a notch.

    Args:
        step: The step.
    """

    def __init__(self, step: float) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setSingleStep(step)
        self.setPageStep(PAGE * step)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._turned = 0

    def minimumSizeHint(self) -> QSize:
        """Return a width that can still be aimed at."""
        return QSize(50, int(super().minimumSizeHint().height()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step with arrows and pages, go to an end with Home and End."""
        key = event.key()
        if key in _STEPS:
            self._step(_STEPS[key])
        elif key == Qt.Key.Key_Home:
            self.setValue(self.minimum())
        elif key == Qt.Key.Key_End:
            self.setValue(self.maximum())
        else:
            event.ignore()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Step once a notch; finer wheels are summed up."""
        self._turned += event.angleDelta().y()
        notches = int(self._turned / NOTCH)
        self._turned -= notches * NOTCH
        self._step(notches)
        event.accept()

    def _step(self, steps: int) -> None:
        self.setValue(self.value() + steps * self.singleStep())


class TypedBox(QDoubleSpinBox):
    """A spin box in which no key is swallowed that would have made another number.

    Commas are points, and what lies out of range becomes the nearest number that is allowed.

    Args:
        parent: The widget that it is shown in, if any.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Numbers look alike everywhere, as they do in files and scripts.
        self.setLocale(QLocale.c())

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Take a comma for a point, and let what `fixup` can mend be typed."""
        state, text, position = super().validate(text.replace(",", "."), position)
        if state == QValidator.State.Invalid and _BEGUN.fullmatch(self._plain(text)):
            state = QValidator.State.Intermediate
        return state, text, position

    def fixup(self, text: str) -> str:
        """Return the nearest number that is allowed; Qt would take the last one again."""
        typed = self._typed(text)
        if typed is None:
            return text
        nearest = min(max(typed, self.minimum()), self.maximum())
        return f"{self.prefix()}{self.textFromValue(nearest)}{self.suffix()}"

    def _typed(self, text: str) -> float | None:
        """Return the number that a text says, or None."""
        try:
            number = float(self._plain(text))
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def _plain(self, text: str) -> str:
        return text.replace(",", ".").removeprefix(self.prefix()).removesuffix(self.suffix())


class NumberBox(TypedBox):
    """A spin box without buttons, for a number with its unit; typing counts when it is finished.

    The wheel turns it only where it has the focus: else it scrolls what the box stands in.

    Args:
        decimals: Digits shown.
        suffix: The unit, such as `" mm"`.
        prefix: Stands before the number.
    """

    stepped = Signal()
    """It is about to step."""

    def __init__(self, decimals: int, suffix: str, prefix: str = "") -> None:
        super().__init__()
        self.widest = f"{prefix}-1000{suffix}"
        """A text that fits in; longer ones can be scrolled."""
        self.setDecimals(decimals)
        self.setSuffix(suffix)
        self.setPrefix(prefix)
        self.setKeyboardTracking(False)
        self.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def sizeHint(self) -> QSize:
        """Return the size of the widest text."""
        font = self.fontMetrics()
        return QSize(font.horizontalAdvance(self.widest) + 14, font.height() + 6)

    def minimumSizeHint(self) -> QSize:
        """Return the size of the widest text."""
        return self.sizeHint()

    def event(self, event: QEvent) -> bool:
        """Leave undo and redo to the dock, unless it is the typing that can be undone.

        And keep room for the widest text: a style sheet's `min-width` goes before size hints.
        """
        if self._is_others(event):
            event.ignore()
            return True
        done = bool(super().event(event))
        if event.type() in _RESTYLED:
            self.setMinimumSize(self.sizeHint())
        return done

    def _is_others(self, event: QEvent) -> bool:
        """Tell whether it asks for an undo, and there is no typing to be undone."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.ShortcutOverride:
            return False
        return any(map(event.matches, _UNDO)) and not self.lineEdit().isUndoAvailable()

    def stepBy(self, steps: int) -> None:
        """Tell it, then step."""
        self.stepped.emit()
        super().stepBy(steps)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Step where it has the focus."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
