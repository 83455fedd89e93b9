"""Structures by group, as a model of two levels for Qt's tree view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt, Signal
from qtpy.QtGui import QColor

from napari_drr.viewer._colors import structure_color

if TYPE_CHECKING:
    from napari_drr.recipe import Structure

NAME, COLOR, WEIGHT = range(3)
HEADERS = ("", "", "weight")

RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter

IDS = Qt.ItemDataRole.UserRole
"""Role of the ids that a row stands for, a tuple."""

FEW = 4
"""As many rows are painted one by one; more, all at once."""

MIXED = "mixed"
"""Shown instead of a weight where structures differ."""


class Group(NamedTuple):
    """A group, and the positions of its structures in the session's order."""

    name: str
    positions: list[int]


class StructureModel(QAbstractItemModel):
    """Rows of structures below rows of groups; what is changed in them is only asked for.

    The session makes the change, and `set_structures` shows it, so that there is one truth.

    Args:
        parent: The Qt object that it lives with.
    """

    asked_visible = Signal(object, bool)
    """The ids (a tuple) of structures to be shown or hidden."""
    asked_weight = Signal(object, float)
    """The ids (a tuple) of structures to be weighed, and the weight."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._structures: tuple[Structure, ...] = ()
        self._groups: list[Group] = []
        self._places: list[tuple[int, int]] = []
        self.listed: frozenset[int] = frozenset()
        """The ids that a search leaves: a group stands for these of its structures."""

    def set_structures(self, structures: Sequence[Structure]) -> bool:
        """Show structures; where only weights, colors and visibility differ, no row moves.

        Args:
            structures: The session's.

        Returns:
            Whether the rows are others.
        """
        new = tuple(structures)
        is_other = [_key(s) for s in new] != [_key(s) for s in self._structures]
        if is_other:
            self.beginResetModel()
            self._structures = new
            self._group()
            self.endResetModel()
        else:
            self._update(new)
        return is_other

    def _group(self) -> None:
        groups: dict[str, Group] = {}
        self._places = []
        rows = {name: row for row, name in enumerate(dict.fromkeys(s.group for s in self))}
        for position, structure in enumerate(self):
            name = structure.group or ("ungrouped" if len(rows) > 1 else "structures")
            positions = groups.setdefault(structure.group, Group(name, [])).positions
            self._places.append((rows[structure.group], len(positions)))
            positions.append(position)
        self._groups = list(groups.values())

    def _update(self, new: tuple[Structure, ...]) -> None:
        """Tell the view about the cells that differ, and those of their groups, and no others."""
        pairs = enumerate(zip(self._structures, new, strict=True))
        changed = {place: _columns(a, b) for place, (a, b) in pairs if a is not b and a != b}
        self._structures = new
        touched: dict[int, dict[int, set[int]]] = {}
        for place, columns in changed.items():
            group, row = self._places[place]
            touched.setdefault(group, {})[row] = columns
        for group, rows in touched.items():
            self._tell(group, rows)
        if any(NAME in columns for columns in changed.values()):
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, NAME, NAME)

    def _tell(self, group: int, rows: dict[int, set[int]]) -> None:
        parent = self.index(group, NAME)
        for column in set().union(*rows.values()):
            cell = self.index(group, column)
            self.dataChanged.emit(cell, cell)
        if len(rows) > FEW:
            # Qt paints all that it shows again for a range, but single cells for each.
            first = self.index(min(rows), NAME, parent)
            self.dataChanged.emit(first, self.index(max(rows), WEIGHT, parent))
            return
        for row, columns in rows.items():
            for column in columns:
                cell = self.index(row, column, parent)
                self.dataChanged.emit(cell, cell)

    @property
    def summary(self) -> str:
        """How many structures are visible, in words."""
        return f"{sum(s.visible for s in self)} of {len(self._structures)} visible"

    def __iter__(self) -> Iterator[Structure]:
        return iter(self._structures)

    def members(self, index: QModelIndex) -> list[Structure]:
        """Return the structures that a row stands for: one, or those of a group that are listed.

        Args:
            index: Of the row.
        """
        group = self._groups[(index.internalId() or index.row() + 1) - 1]
        if index.internalId():
            return [self._structures[group.positions[index.row()]]]
        members = [self._structures[position] for position in group.positions]
        return [s for s in members if s.id in self.listed] or members

    def ids_below(self, group: QModelIndex) -> list[int]:
        """Return the ids of a group's rows, from top to bottom, listed or not.

        Args:
            group: Its row.
        """
        return [self._structures[position].id for position in self._groups[group.row()].positions]

    def row_of(self, label: int) -> QModelIndex:
        """Return the row of a structure; an invalid index if there is none.

        Args:
            label: The structure's id.
        """
        for (group, row), structure in zip(self._places, self, strict=True):
            if structure.id == label:
                return self.index(row, NAME, self.index(group, NAME))
        return QModelIndex()

    def groups(self) -> list[QModelIndex]:
        """Return the rows of the groups."""
        return [self.index(row, NAME) for row in range(len(self._groups))]

    def group_name(self, index: QModelIndex) -> str:
        """Return the name of a group, by its row."""
        name: str = self._groups[index.row()].name
        return name

    # What Qt asks for

    def index(self, row: int, column: int, parent: QModelIndex | None = None) -> QModelIndex:
        """Return an index; its number is 0 for a group, else 1 more than its group's row."""
        number = parent.row() + 1 if parent is not None and parent.isValid() else 0
        if not (0 <= row < self.rowCount(parent) and 0 <= column < len(HEADERS)):
            return QModelIndex()
        return self.createIndex(row, column, number)

    def parent(self, index: QModelIndex | None = None) -> Any:
        """Return the index of the group that a row belongs to."""
        if index is None:
            return super().parent()
        if not index.isValid() or not index.internalId():
            return QModelIndex()
        return self.createIndex(index.internalId() - 1, NAME, 0)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of groups, or of a group's structures."""
        if parent is None or not parent.isValid():
            return len(self._groups)
        is_group = not parent.internalId() and parent.column() == NAME
        return len(self._groups[parent.row()].positions) if is_group else 0

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return len(HEADERS)

    def flags(self, index: QModelIndex) -> Any:
        """Return what can be done with a cell."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return _FLAGS[index.column(), bool(index.internalId())]

    def headerData(
        self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return what the header shows."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self.summary if section == NAME else HEADERS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section == WEIGHT:
            return RIGHT
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if not index.isValid() or role not in _ANSWERS:
            return None
        return _ANSWERS[role](self, index, self.members(index))

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Ask for what was checked or typed; one question for all of a group."""
        ids = tuple(s.id for s in self.members(index))
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == NAME:
            self.asked_visible.emit(ids, Qt.CheckState(value) == Qt.CheckState.Checked)
            return True
        if role == Qt.ItemDataRole.EditRole and index.column() == WEIGHT:
            self.asked_weight.emit(ids, float(value))
            return True
        return False

    def _text(self, index: QModelIndex, members: list[Structure]) -> str | None:
        if index.column() == WEIGHT:
            return weight_text([s.weight for s in members])
        if index.column() == COLOR:
            return None
        if index.internalId():
            return members[0].name
        visible = sum(s.visible for s in members)
        some = f"{visible} of " if 0 < visible < len(members) else ""
        return f"{self.group_name(index)} ({some}{len(members)})"

    def _tip(self, index: QModelIndex, members: list[Structure]) -> str:
        if index.column() == COLOR:
            return "Double-click to choose a color."
        weight = f"weight {weight_text([s.weight for s in members])}"
        if index.internalId():
            only = members[0]
            group = f", {only.group}" if only.group else ""
            return f"{only.name}\nid {only.id}{group}, {weight}"
        visible = sum(s.visible for s in members)
        count = "1 structure" if len(members) == 1 else f"{len(members)} structures"
        return f"{self.group_name(index)}\n{count}, {visible} visible, {weight}"


def _flags(column: int, is_leaf: bool) -> Any:
    flags = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
    if is_leaf:
        flags |= Qt.ItemFlag.ItemNeverHasChildren
    if column == NAME:
        flags |= Qt.ItemFlag.ItemIsUserCheckable
    return flags | Qt.ItemFlag.ItemIsEditable if column == WEIGHT else flags


# Qt asks for them whenever it paints, and to combine them takes Python longer than to look.
_FLAGS = {
    (column, is_leaf): _flags(column, is_leaf)
    for column in range(len(HEADERS))
    for is_leaf in (False, True)
}


def weight_text(weights: Sequence[float]) -> str:
    """Return weights as a cell shows them: the one that all have, or `"mixed"`.

    Args:
        weights: Of some structures.

    Examples:
        >>> weight_text([1.0, 1.0]), weight_text([0.125]), weight_text([0.0, 1.0])
        ('1.00', '0.125', 'mixed')
    """
    if not weights:
        return ""
    if any(weight != weights[0] for weight in weights):
        return MIXED
    short = f"{weights[0]:.2f}"
    return short if float(short) == weights[0] else f"{weights[0]:.4g}"


def rgb(structure: Structure) -> tuple[float, ...]:
    """Return the color of a structure, red, green and blue, 0..1: what was chosen, or its id's."""
    return (structure.color or structure_color(structure.id))[:3]


def _columns(old: Structure, new: Structure) -> set[int]:
    """Return the columns in which two states of a structure look different."""
    columns = set()
    if old.visible != new.visible:
        columns |= {NAME, COLOR}  # hidden ones are faint
    if old.weight != new.weight:
        columns.add(WEIGHT)
    if old.color != new.color:
        columns.add(COLOR)
    return columns


def _key(structure: Structure) -> tuple[int, str, str]:
    return structure.id, structure.name, structure.group


def _check(model: StructureModel, index: QModelIndex, members: list[Structure]) -> Any:
    if index.column() != NAME:
        return None
    visible = sum(s.visible for s in members)
    if not visible:
        return Qt.CheckState.Unchecked
    return Qt.CheckState.Checked if visible == len(members) else Qt.CheckState.PartiallyChecked


def _color(model: StructureModel, index: QModelIndex, members: list[Structure]) -> QColor | None:
    if index.column() != COLOR:
        return None
    color = rgb(members[0])
    if index.internalId() or all(rgb(s) == color for s in members):
        return QColor.fromRgbF(*color)
    return None


def _edited(model: StructureModel, index: QModelIndex, members: list[Structure]) -> Any:
    if index.column() == WEIGHT:
        return sum(s.weight for s in members) / len(members)
    return model._text(index, members)


def _aligned(model: StructureModel, index: QModelIndex, members: list[Structure]) -> Any:
    return RIGHT if index.column() == WEIGHT else None


def _ids(model: StructureModel, index: QModelIndex, members: list[Structure]) -> tuple[int, ...]:
    return tuple(s.id for s in members)


_ANSWERS: dict[int, Any] = {
    Qt.ItemDataRole.DisplayRole: StructureModel._text,
    Qt.ItemDataRole.ToolTipRole: StructureModel._tip,
    Qt.ItemDataRole.CheckStateRole: _check,
    Qt.ItemDataRole.DecorationRole: _color,
    Qt.ItemDataRole.EditRole: _edited,
    Qt.ItemDataRole.TextAlignmentRole: _aligned,
    IDS: _ids,
}
