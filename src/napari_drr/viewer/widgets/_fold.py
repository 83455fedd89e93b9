"""A section that can be folded away; its header then says what it holds."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_drr.viewer.widgets._rows import STYLE

OPEN, CLOSED = "\N{BLACK DOWN-POINTING SMALL TRIANGLE}", "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}"
LABEL_PADDING = 4  # of any label in napari
LEAST_WIDTH = 150  # a summary that is cut off should still tell something
HEADER = """
QPushButton#fold { background: none; border: none; font-weight: bold; text-align: left; }
QPushButton#fold { min-height: 15px; }
"""


class Fold(QWidget):
    """A header with a section below it, and no animation.

    Args:
        title: On the header.
        section: What is folded away.
        summary: Tells what it holds.
        corner: Stands at the header's end, also when folded.
        is_open: Whether the section is seen at first.
    """

    toggled = Signal(bool)
    """It was opened or closed."""

    def __init__(
        self,
        title: str,
        section: QWidget,
        *,
        summary: Callable[[], str] | None = None,
        corner: QWidget | None = None,
        is_open: bool = False,
    ) -> None:
        super().__init__()
        self._title, self._section, self._summary = title, section, summary
        self.toggle = QPushButton()
        self.toggle.setObjectName("fold")
        self.toggle.setCheckable(True)
        self.toggle.setChecked(is_open)
        self.toggle.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.summary = QElidingLabel()
        self.summary.setEllipsesWidth(2 * LABEL_PADDING)
        self.summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.summary.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.header = self._make_header(corner)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(section)
        self.toggle.toggled.connect(self._show)
        self._show(is_open)

    def _make_header(self, corner: QWidget | None) -> QFrame:
        header = _Header(self.toggle, self.summary)
        header.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        header.setStyleSheet(STYLE + HEADER)
        # napari's style sheets know this property: a little lighter than the ground.
        header.setProperty("foreground", True)
        line = QHBoxLayout(header)
        line.setContentsMargins(2, 1, 4, 1)
        line.setSpacing(4)
        line.addWidget(self.toggle)
        line.addWidget(self.summary, stretch=1)
        if corner is not None:
            line.addWidget(corner)
        return header

    @property
    def is_open(self) -> bool:
        """Whether the section is seen."""
        return bool(self.toggle.isChecked())

    @property
    def least_width(self) -> int:
        """What it needs where it is open."""
        parts = (self.header, self._section)
        return max(int(part.minimumSizeHint().width()) for part in parts)

    def renew(self) -> None:
        """Tell anew what a closed section holds."""
        text = "" if self._summary is None or self.is_open else self._summary()
        if text != self.summary.text():
            self.summary.setText(text)
            self.summary.setToolTip(text)

    def _show(self, is_open: bool) -> None:
        self.toggle.setText(f"{OPEN if is_open else CLOSED} {self._title}")
        self._section.setVisible(is_open)
        self.renew()
        self.toggled.emit(is_open)


class _Header(QFrame):
    """Takes clicks beside the button, too."""

    def __init__(self, toggle: QPushButton, summary: QElidingLabel) -> None:
        super().__init__()
        self._toggle, self._summary = toggle, summary
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        """Return the size with which nothing of the summary is cut off."""
        hint = super().sizeHint()
        text = self._summary.fontMetrics().horizontalAdvance(self._summary.text())
        return QSize(hint.width() + text + 4 * LABEL_PADDING, hint.height()).expandedTo(
            self.minimumSizeHint()
        )

    def minimumSizeHint(self) -> QSize:
        least = super().minimumSizeHint()
        return QSize(max(LEAST_WIDTH, least.width()), least.height())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._toggle.toggle()
