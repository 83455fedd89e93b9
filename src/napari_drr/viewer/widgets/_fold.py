"""Sections that can be folded away, each with a header that then says what it holds."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_drr.viewer.widgets._rows import STYLE

SPACING = 2  # pixels between what stands above one another
OPEN, CLOSED = "\N{BLACK DOWN-POINTING SMALL TRIANGLE}", "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}"
LABEL_PADDING = 4  # of any label in napari
LEAST_WIDTH = 150  # a summary that is cut off should still tell something
# What any section needs in its width, in letters; it is asked for before all of them are made.
SECTION_LETTERS = 51
HEADER = """
QPushButton#fold { background: none; border: none; font-weight: bold; text-align: left; }
QPushButton#fold { min-height: 15px; }
"""


class Fold(QWidget):
    """A header with a section below it, and no animation.

    Args:
        title: On the header.
        section: What is folded away, or what makes it: then it is made when it is first opened.
        summary: Tells what it holds.
        corner: Stands at the header's end, also when folded.
        is_open: Whether the section is seen at first.
    """

    toggled = Signal(bool)
    """It was opened or closed."""

    def __init__(
        self,
        title: str,
        section: QWidget | Callable[[], QWidget],
        *,
        summary: Callable[[], str] | None = None,
        corner: QWidget | None = None,
        is_open: bool = False,
    ) -> None:
        super().__init__()
        self._title, self._summary = title, summary
        self._section: QWidget | None = None
        self._make: Callable[[], QWidget] | None = None
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
        if isinstance(section, QWidget):
            self._take(section)
        else:
            self._make = section
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
        header = int(self.header.minimumSizeHint().width())
        if self._section is None:
            return max(header, SECTION_LETTERS * int(self.fontMetrics().averageCharWidth()))
        return max(header, int(self._section.minimumSizeHint().width()))

    def build(self) -> None:
        """Make the section, if that was left for later."""
        if self._make is not None:
            make, self._make = self._make, None
            section = make()
            self._take(section)
            # Made after all others, it would come last in the Tab key's order.
            before: QWidget = self.toggle
            for part in _in_focus_order(section):
                QWidget.setTabOrder(before, part)
                before = part

    def renew(self) -> None:
        """Tell anew what a closed section holds."""
        text = "" if self._summary is None or self.is_open else self._summary()
        if text != self.summary.text():
            self.summary.setText(text)
            self.summary.setToolTip(text)

    def _take(self, section: QWidget) -> None:
        """Put the section below the header."""
        self._section = section
        self.layout().addWidget(section)
        section.setVisible(self.is_open)

    def _show(self, is_open: bool) -> None:
        if is_open:
            self.build()
        self.toggle.setText(f"{OPEN if is_open else CLOSED} {self._title}")
        if self._section is not None:
            self._section.setVisible(is_open)
        self.renew()
        self.toggled.emit(is_open)


class Group(QWidget):
    """Sections that stand above one another, wherever the group stands."""

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        self._folds = [widget for widget in widgets if isinstance(widget, Fold)]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.setAlignment(Qt.AlignmentFlag.AlignTop)
        for widget in widgets:
            layout.addWidget(widget)

    @property
    def is_folded(self) -> bool:
        """Whether all that it holds can be folded away, and is."""
        return bool(self._folds) and not any(fold.is_open for fold in self._folds)

    @property
    def open_width(self) -> int:
        """What its sections need where they are open."""
        return max((fold.least_width for fold in self._folds), default=0)


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


def _in_focus_order(section: QWidget) -> list[QWidget]:
    """Return what the Tab key visits within a section, in that order."""
    found, part = [], section.nextInFocusChain()
    while section.isAncestorOf(part):
        if part.focusPolicy() & Qt.FocusPolicy.TabFocus:
            found.append(part)
        part = part.nextInFocusChain()
    return found
