"""How the cells of the structures' tree are drawn and edited."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QModelIndex, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QPainter, QPen
from qtpy.QtWidgets import (
    QCheckBox,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionButton,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from napari_drr.viewer.widgets._numbers import TypedBox
from napari_drr.viewer.widgets._structure_model import COLOR, MIXED, NAME, RIGHT, WEIGHT

GAP = 5  # pixels between the parts of a cell
FAINT = 0.5  # opacity of what is hidden, or as it is anyway
SWATCH = QSize(16, 12)
LEAST_ROW = 20  # pixels: napari's check box, and a little air

MOST_WEIGHT = 100.0
WEIGHT_STEP = 0.1

_LIT = QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver
_VCENTER = Qt.AlignmentFlag.AlignVCenter
_CHECK = Qt.ItemDataRole.CheckStateRole

_ENABLED = QStyle.StateFlag.State_Enabled
_BOX_STATES = {
    Qt.CheckState.Checked: QStyle.StateFlag.State_On | _ENABLED,
    Qt.CheckState.Unchecked: QStyle.StateFlag.State_Off | _ENABLED,
    Qt.CheckState.PartiallyChecked: QStyle.StateFlag.State_NoChange | _ENABLED,
}


class Cell(QStyledItemDelegate):
    """A cell on the background of its row, selected or not; subclasses draw what is in it.

    Args:
        tree: The tree that it is drawn in.
    """

    def __init__(self, tree: QTreeView) -> None:
        super().__init__(tree)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw a cell."""
        # Qt's `initStyleOption` would ask for much that no cell here shows, at each of them.
        if option.state & _LIT:
            panel = QStyleOptionViewItem(option)
            panel.state &= ~QStyle.StateFlag.State_HasFocus
            kind = QStyle.PrimitiveElement.PE_PanelItemViewItem
            option.widget.style().drawPrimitive(kind, panel, painter, option.widget)
        painter.save()
        self.draw(painter, option, index)
        painter.restore()

    def draw(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw what is in the cell."""
        raise NotImplementedError

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """Return the size of a cell, of which the tree takes the height."""
        return QSize(40, max(LEAST_ROW, option.fontMetrics.height() + 4))


class NameCell(Cell):
    """A check box as napari draws it, and a name, cut in its middle where there is no room.

    Args:
        tree: The tree that it is drawn in.
    """

    def __init__(self, tree: QTreeView) -> None:
        super().__init__(tree)
        # Never shown: it lends the look that napari's theme gives to check boxes, and to no tree.
        self._model_box = QCheckBox(tree)
        self._model_box.hide()

    def box(self, cell: QRect) -> QRect:
        """Return where the check box is in a cell.

        Args:
            cell: The cell, in pixels of the tree's viewport.
        """
        self._model_box.ensurePolished()
        style = self._model_box.style()
        width = style.pixelMetric(QStyle.PixelMetric.PM_IndicatorWidth, None, self._model_box)
        height = style.pixelMetric(QStyle.PixelMetric.PM_IndicatorHeight, None, self._model_box)
        top = cell.top() + (cell.height() - height) // 2
        return QRect(cell.left() + 2, top, width, height)

    def draw(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw check box and name."""
        state = index.data(_CHECK)
        box = QStyleOptionButton()
        box.rect = self.box(option.rect)
        box.state = _BOX_STATES[state]
        box.palette = option.palette
        look = self._model_box
        kind = QStyle.PrimitiveElement.PE_IndicatorCheckBox
        look.style().drawPrimitive(kind, box, painter, look)
        font = QFont(option.font)  # the row's other cells share it
        font.setBold(not index.internalId())
        painter.setFont(font)
        painter.setPen(_pen(option, is_faint=state == Qt.CheckState.Unchecked))
        rect = option.rect.adjusted(box.rect.right() + GAP - option.rect.left(), 0, -2, 0)
        elide = Qt.TextElideMode.ElideMiddle
        text = painter.fontMetrics().elidedText(index.data(), elide, rect.width())
        painter.drawText(rect, _VCENTER, text)


class ColorCell(Cell):
    """A swatch of the color of a structure, or of a group of one color."""

    def draw(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw the swatch."""
        color = index.data(Qt.ItemDataRole.DecorationRole)
        if color is None:
            return
        shown = index.siblingAtColumn(NAME).data(_CHECK)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(FAINT if shown == Qt.CheckState.Unchecked else 1.0)
        painter.setBrush(color)
        # A rim keeps a swatch of the background's own color in sight.
        rim = QColor(option.palette.color(option.palette.ColorRole.WindowText))
        rim.setAlphaF(0.35)
        painter.setPen(QPen(rim, 1.0))
        swatch = QRect(0, 0, SWATCH.width(), SWATCH.height())
        swatch.moveCenter(option.rect.center())
        painter.drawRoundedRect(QRectF(swatch), 2.5, 2.5)


class WeightCell(Cell):
    """A weight, edited in a spin box; faint where it is 1."""

    def draw(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw the weight, numbers below each other."""
        text = index.data()
        painter.setFont(option.font)
        painter.setPen(_pen(option, is_faint=text in (MIXED, "1.00")))
        painter.drawText(option.rect.adjusted(0, 0, -GAP, 0), RIGHT, text)

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex
    ) -> QWidget:
        """Return a spin box as wide as the column; arrow keys do what its buttons would."""
        editor = WeightEditor(parent)
        editor.setRange(min(0.0, index.data(Qt.ItemDataRole.EditRole)), MOST_WEIGHT)
        return editor

    def setEditorData(self, editor: Any, index: QModelIndex) -> None:
        """Show the weight that is to be changed."""
        weight = index.data(Qt.ItemDataRole.EditRole)
        editor.setMaximum(max(editor.maximum(), weight))
        editor.begin(weight)

    def setModelData(self, editor: Any, model: Any, index: QModelIndex) -> None:
        """Take what was typed; nothing where the editor was only opened."""
        if editor.was_edited():
            model.setData(index, editor.value(), Qt.ItemDataRole.EditRole)


class WeightEditor(TypedBox):
    """A spin box without buttons that knows whether anybody used it.

    Args:
        parent: The widget that it is shown in.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setButtonSymbols(TypedBox.ButtonSymbols.NoButtons)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFrame(False)
        self.setDecimals(3)
        self.setSingleStep(WEIGHT_STEP)
        self.setAutoFillBackground(True)
        self._first, self._is_typed = 1.0, False
        # Qt's own note of it is lost when Return has the text read.
        self.lineEdit().textEdited.connect(self._on_typed)

    def begin(self, weight: float) -> None:
        """Show the weight that is to be changed.

        Args:
            weight: The weight.
        """
        self.setValue(weight)
        self._first = self.value()

    def was_edited(self) -> bool:
        """Tell whether a number was typed, even the same, or another one was stepped to."""
        self.interpretText()
        return bool(self._is_typed or self.value() != self._first)

    def _on_typed(self, *_: object) -> None:
        self._is_typed = True

    def textFromValue(self, value: float) -> str:
        """Return a number without the zeros that say nothing."""
        return f"{value:.3f}".rstrip("0").rstrip(".")


def _pen(option: QStyleOptionViewItem, *, is_faint: bool) -> QColor:
    color = QColor(option.palette.color(option.palette.ColorRole.WindowText))
    if is_faint:
        color.setAlphaF(FAINT)
    return color


def set_cells(tree: QTreeView) -> NameCell:
    """Give a tree its cells.

    Args:
        tree: The tree.

    Returns:
        That of the names, which knows where the check boxes are.
    """
    names = NameCell(tree)
    for column, cell in ((NAME, names), (COLOR, ColorCell(tree)), (WEIGHT, WeightCell(tree))):
        tree.setItemDelegateForColumn(column, cell)
    return names
