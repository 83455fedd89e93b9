"""The tree of structures: rows to check, to weigh, to color and to select."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from qtpy.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeView, QWidget

from napari_drr.viewer.widgets._structure_cells import set_cells
from napari_drr.viewer.widgets._structure_model import COLOR, IDS, NAME, WEIGHT, StructureModel

COLOR_WIDTH, WEIGHT_WIDTH = 26, 58  # pixels
INDENT = 16
LEAST_HEIGHT, HEIGHT = 160, 260

HEADER_STYLE = (
    "QHeaderView::section { border: 0px; background: transparent; padding: 2px 5px 2px 2px; }"
)

# As many rows as are expanded without being asked.
FEW = 12

CHECK = Qt.ItemDataRole.CheckStateRole


class StructureTree(QTreeView):
    """Structures by group; it says what the user asks for and changes nothing itself.

    Space checks the selected rows; F2, a digit or a double click edits a weight; a drag over check
    boxes gives them all the state of the first.

    Args:
        parent: The widget that it is shown in.
    """

    chosen = Signal()
    """Other rows are selected."""
    space_pressed = Signal()
    """The selected rows are to be shown, or hidden."""
    asked_color = Signal(object)
    """The ids (a tuple) of structures to be colored."""
    sweep_began = Signal()
    """A press on a check box began what a release ends."""
    sweep_ended = Signal()
    """The mouse button was released again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.structures = StructureModel(self)
        self.setModel(self.structures)
        self.setObjectName("napari-drr structures")
        self._names = set_cells(self)
        self._words: list[str] = []
        self._searched = ""
        self._sweep: Qt.CheckState | None = None
        self._open: set[str] = set()
        self._look()
        self.selectionModel().selectionChanged.connect(self._on_selection)
        self.expanded.connect(self._on_expanded)
        self.collapsed.connect(self._on_collapsed)

    def _look(self) -> None:
        self.setUniformRowHeights(True)
        self.setIndentation(INDENT)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumHeight(LEAST_HEIGHT)
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(
            triggers.DoubleClicked | triggers.EditKeyPressed | triggers.AnyKeyPressed
        )
        header = self.header()
        # Qt's own border and slope suit neither of napari's themes.
        header.setStyleSheet(HEADER_STYLE)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(COLOR_WIDTH)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in ((COLOR, COLOR_WIDTH), (WEIGHT, WEIGHT_WIDTH)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, width)

    def sizeHint(self) -> QSize:
        """Return the size that is wanted: some twelve rows."""
        return QSize(220, HEIGHT)

    # What it shows

    def show_structures(self, structures: Any) -> bool:
        """Show the session's structures; groups stay open, and the search stays on.

        Args:
            structures: The structures.

        Returns:
            Whether the rows are others.
        """
        if not self.structures.set_structures(tuple(structures)):
            return False
        names = {self.structures.group_name(group) for group in self.structures.groups()}
        if len(names) == 1 or len(list(self.structures)) <= FEW:
            self._open |= names
        self._filter()
        return True

    def search(self, text: str) -> None:
        """List only what holds every word; a group's name counts for all its structures.

        What is selected stays so, listed or not.

        Args:
            text: Words; `_` is a space.
        """
        self._searched = text.strip()
        self._words, ids = _plain(text).split(), self.ids
        self._filter()
        if set(ids) != set(self.ids):
            self.select(ids)  # a selected group would stand for others now

    @property
    def listed(self) -> frozenset[int]:
        """The ids of the structures that the search leaves."""
        return self.structures.listed

    @property
    def is_searched(self) -> bool:
        """Whether a search may hide rows."""
        return bool(self._words)

    @property
    def notice(self) -> str:
        """What stands where no row is: that nothing matches; empty where there are rows."""
        if self.is_searched and not self.listed:
            return f"No match for \N{LEFT DOUBLE QUOTATION MARK}{self._searched}\
\N{RIGHT DOUBLE QUOTATION MARK}"
        return ""

    def _matches(self, structure: Any) -> bool:
        text = _plain(f"{structure.name} {structure.group}")
        return all(word in text for word in self._words)

    def _filter(self) -> None:
        """Hide the rows that don't match; groups with a match are open while a search is on."""
        listed = frozenset(s.id for s in self.structures if self._matches(s))
        self.structures.listed = listed
        for group in self.structures.groups():
            hidden = [label not in listed for label in self.structures.ids_below(group)]
            for row, is_hidden in enumerate(hidden):
                self.setRowHidden(row, group, is_hidden)
            self.setRowHidden(group.row(), QModelIndex(), all(hidden))
            self._set_open(group)
        self.viewport().update()

    def _set_open(self, group: QModelIndex) -> None:
        was_blocked = self.blockSignals(True)
        name = self.structures.group_name(group)
        self.setExpanded(group, self.is_searched or name in self._open)
        self.blockSignals(was_blocked)

    def _on_expanded(self, group: QModelIndex) -> None:
        if not self.is_searched:
            self._open.add(self.structures.group_name(group))

    def _on_collapsed(self, group: QModelIndex) -> None:
        if not self.is_searched:
            self._open.discard(self.structures.group_name(group))

    # What is selected

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the selected structures; a group stands for all its structures."""
        rows = self.selectionModel().selectedRows(NAME)
        return tuple(dict.fromkeys(label for row in rows for label in row.data(IDS)))

    def select(self, ids: Collection[int]) -> None:
        """Select structures and bring the first into view, out of a closed group.

        Args:
            ids: Of the structures; unknown ones are left out.
        """
        rows = self._rows(set(ids))
        selection = QItemSelection()
        for row in rows:
            selection.select(row, row.siblingAtColumn(WEIGHT))
        model = self.selectionModel()
        model.select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if rows:
            model.setCurrentIndex(rows[0], QItemSelectionModel.SelectionFlag.NoUpdate)
            self.scrollTo(rows[0])

    def _rows(self, ids: set[int]) -> list[QModelIndex]:
        """Return the rows to select: a closed group's own where all of it is meant."""
        rows = []
        for group in self.structures.groups():
            members = self.structures.ids_below(group)
            if len(members) > 1 and ids.issuperset(members) and not self.isExpanded(group):
                rows.append(group)
                continue
            found = [row for row, label in enumerate(members) if label in ids]
            rows += [self.structures.index(row, NAME, group) for row in found]
        return rows

    def _on_selection(self, *_: Any) -> None:
        self.chosen.emit()

    # What the user does

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Check what is pressed on, without selecting it."""
        index, self._sweep = self._box_at(event), None
        if index is None:
            super().mousePressEvent(event)
            return
        is_on = index.data(CHECK) == Qt.CheckState.Checked
        self._sweep = Qt.CheckState.Unchecked if is_on else Qt.CheckState.Checked
        self.sweep_began.emit()
        self.structures.setData(index, self._sweep, CHECK)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Give the row below the mouse the state that the first got."""
        if self._sweep is None:
            super().mouseMoveEvent(event)
            return
        index = self.indexAt(event.position().toPoint()).siblingAtColumn(NAME)
        if index.isValid() and index.parent().isValid() and index.data(CHECK) != self._sweep:
            self.structures.setData(index, self._sweep, CHECK)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what a press on a check box began."""
        if self._sweep is None:
            super().mouseReleaseEvent(event)
        self._end_sweep()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask for a color; two quick clicks on a check box are two clicks."""
        index = self.indexAt(event.position().toPoint())
        if self._box_at(event) is not None:
            self.mousePressEvent(event)
        elif index.isValid() and index.column() == COLOR:
            self.asked_color.emit(index.data(IDS))
        else:
            super().mouseDoubleClickEvent(event)

    def _end_sweep(self) -> None:
        if self._sweep is not None:
            self._sweep = None
            self.sweep_ended.emit()

    def _box_at(self, event: QMouseEvent) -> QModelIndex | None:
        """Return the row whose check box is below the mouse, with a little room around it."""
        point = event.position().toPoint()
        index = self.indexAt(point)
        if event.button() != Qt.MouseButton.LeftButton or index.column() != NAME:
            return None
        box = self._names.box(self.visualRect(index)).adjusted(-2, -2, 2, 2)
        return index if box.contains(point) else None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Check the selected rows with Space; edit a weight; find a name by its first letters."""
        current, text = self.currentIndex(), event.text()
        if event.key() == Qt.Key.Key_Space:
            self.space_pressed.emit()
        elif current.isValid() and event.key() == Qt.Key.Key_F2:
            self.edit(self._go_to(WEIGHT))
        elif current.isValid() and text and text in "0123456789.,":
            self.edit(self._go_to(WEIGHT), QAbstractItemView.EditTrigger.AnyKeyPressed, event)
        elif current.isValid() and text.isalpha():
            self._go_to(NAME)
            self.keyboardSearch(text)
        else:
            super().keyPressEvent(event)

    def _go_to(self, column: int) -> QModelIndex:
        """Make a cell of the current row the current one, and keep what is selected."""
        cell = self.currentIndex().siblingAtColumn(column)
        flag = QItemSelectionModel.SelectionFlag.NoUpdate
        self.selectionModel().setCurrentIndex(cell, flag)
        return cell

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows, or say why there is none."""
        super().paintEvent(event)
        if self.notice:
            painter = QPainter(self.viewport())
            painter.setOpacity(0.7)
            where = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.viewport().rect(), where, self.notice)
            painter.end()


def _plain(text: str) -> str:
    return text.replace("_", " ").casefold()
