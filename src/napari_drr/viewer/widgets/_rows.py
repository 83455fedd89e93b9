"""Rows of the dock: small, and with their labels in one column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from magicgui.widgets import ComboBox, Container, Label, PushButton
from magicgui.widgets.bases import Widget
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QComboBox, QLabel, QMenu, QSizePolicy

SPACING = 4

# The longest label: all others get its width, in whatever section they stand.
WIDEST = "attenuation"

# Why a control can't do anything, in several sections.
CHOOSE_CT = "Choose a CT first."

# napari's own controls are made for few of them; these are many. Colors stay those of the theme.
# It gives what is disabled a border, for which the padding makes room: else rows would move.
STYLE = """
QPushButton { padding: 2px 5px; min-height: 18px; }
QPushButton:disabled { padding: 1px 4px; }
QPushButton#reset { padding: 0px; min-width: 20px; max-width: 20px; }
QPushButton#reset:disabled { background: none; border: none; }
QPushButton::menu-indicator { width: 0px; }
QComboBox { padding: 1px 2px 1px 6px; min-height: 18px; }
QComboBox:disabled { padding: 0px 1px 0px 5px; }
QComboBox::drop-down { width: 18px; }
QComboBox::down-arrow { width: 10px; height: 10px; }
QAbstractSpinBox { padding: 1px 4px; min-width: 0px; min-height: 18px; }
QSlider { min-height: 18px; }
QSlider::handle:horizontal { width: 12px; margin-top: -4px; margin-bottom: -4px; border-radius: 6px;
}
QSlider::groove:horizontal { height: 4px; }
"""


class RowLabel(QLabel):
    """The label of a row: as wide as every other one."""

    def sizeHint(self) -> QSize:
        """Return the size of the longest label."""
        width = self.fontMetrics().horizontalAdvance(WIDEST)
        return QSize(width + 6, int(super().sizeHint().height()))

    def minimumSizeHint(self) -> QSize:
        """Return the size of the longest label."""
        return self.sizeHint()


def compact(section: Container[Any]) -> None:
    """Give a section the dock's small controls and narrow spaces.

    Args:
        section: A section, or any container.
    """
    section.margins = (4, 2, 4, 2)
    section.native.layout().setSpacing(3)
    section.native.setStyleSheet(STYLE)


def row(*widgets: Widget, label: str | None = None, tooltip: str = "") -> Container[Any]:
    """Return widgets side by side, without space around them.

    Args:
        *widgets: The widgets.
        label: Stands before them, in the column of labels; None for no such column.
        tooltip: What the row is about; that of the first widget if empty.

    Returns:
        A magicgui container.
    """
    beside = Container(widgets=list(widgets), layout="horizontal", labels=False)
    beside.margins = (0, 0, 0, 0)
    layout = beside.native.layout()
    layout.setSpacing(SPACING)
    if label is not None:
        shown = RowLabel(label)
        shown.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        shown.setToolTip(tooltip or (widgets[0].tooltip if widgets else ""))
        layout.insertWidget(0, shown)
    return beside


def hint(text: str = "") -> Label:
    """Return a text of as many lines as it needs in the width that there is.

    Args:
        text: The text.

    Returns:
        A magicgui label.
    """
    made = Label(value=text)
    made.native.setWordWrap(True)
    made.native.setAlignment(Qt.AlignmentFlag.AlignTop)
    # magicgui fixes the size, at a width that is Qt's guess: the height then suits another one.
    policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    made.native.setSizePolicy(policy)
    return made


def button(text: str, tooltip: str, *, checkable: bool = False, name: str = "") -> PushButton:
    """Return a button that takes no more space than it needs.

    Args:
        text: On it.
        tooltip: What it does.
        checkable: Whether it stays down.
        name: For magicgui.

    Returns:
        A magicgui button.
    """
    made = PushButton(text=text, tooltip=tooltip, name=name)
    made.native.setCheckable(checkable)
    made.native.setAutoDefault(False)
    made.native.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    return made


def menu_button(text: str, tooltip: str, entries: dict[str, Callable[[], None]]) -> PushButton:
    """Return a button that opens a menu.

    Args:
        text: On it; a small triangle is added.
        tooltip: What it does.
        entries: What each entry calls.

    Returns:
        A magicgui button.
    """
    made = button(f"{text} \N{BLACK DOWN-POINTING SMALL TRIANGLE}", tooltip)
    menu = QMenu(made.native)
    for entry, call in entries.items():
        menu.addAction(entry).triggered.connect(call)
    made.native.setMenu(menu)
    return made


def choice(choices: Any, tooltip: str, *, nullable: bool = False) -> ComboBox:
    """Return a combo box that a long name does not widen, and that the wheel does not turn.

    Args:
        choices: As for magicgui's `ComboBox`.
        tooltip: What is chosen.
        nullable: Whether nothing may be chosen.

    Returns:
        A magicgui combo box.
    """
    box = ComboBox(choices=choices, nullable=nullable, tooltip=tooltip)
    native: QComboBox = box.native
    policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    native.setSizeAdjustPolicy(policy)
    native.setMinimumContentsLength(5)
    native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    native.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    native.installEventFilter(_WheelPasses(native))
    return box


def forbid(box: ComboBox, reasons: dict[str, str]) -> None:
    """Disable entries of a combo box, each with its reason as a tooltip.

    Args:
        box: From `choice`.
        reasons: Why an entry can't be chosen, by its text.
    """
    model = box.native.model()
    for text, reason in reasons.items():
        item = model.item(box.native.findText(text))
        item.setEnabled(False)
        item.setToolTip(reason)


class _WheelPasses(QObject):
    """Leaves the wheel to what scrolls, unless the box has the focus."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        passes = isinstance(watched, QComboBox) and not watched.hasFocus()
        if passes:
            event.ignore()
        return passes


def allow(widget: Widget, tooltip: str, reason: str = "") -> None:
    """Enable a control, or disable it and say why.

    Args:
        widget: The control.
        tooltip: What it does.
        reason: Why it can't; empty if it can.
    """
    widget.enabled = not reason
    widget.tooltip = reason or tooltip
