"""Which structures are visible, and with which weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, PushButton
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QTreeWidget, QTreeWidgetItem

from napari_drr.viewer.widgets._binding import follow, row

if TYPE_CHECKING:
    from napari_drr.recipe import Structure
    from napari_drr.viewer._session import Session

NAME, WEIGHT = 0, 1
ID_ROLE = Qt.ItemDataRole.UserRole


class StructureSection(Container):
    """A tree of structures by group: check what is visible, double-click a weight to change it.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.show_all = PushButton(text="all", tooltip="Show every structure.")
        self.show_none = PushButton(text="none", tooltip="Hide every structure.")
        super().__init__(
            widgets=[row(self.show_all, self.show_none)],
            labels=False,
        )
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(["structure", "weight"])
        self.tree.setMinimumHeight(160)
        self.tree.setUniformRowHeights(True)
        self.tree.setEditTriggers(QTreeWidget.EditTrigger.NoEditTriggers)
        self.tree.itemDoubleClicked.connect(self._edit)
        self.native.layout().addWidget(self.tree)
        self.show_all.changed.connect(self._show_all)
        self.show_none.changed.connect(self._show_none)
        self.tree.itemChanged.connect(self._on_item)
        follow(self, (session.events.recipe, self._on_recipe))
        self._build()

    def _on_recipe(self, changed: set[str]) -> None:
        if "structures" not in changed:
            return
        if self._shown == [(s.id, s.name, s.group) for s in self._session.structures]:
            self._mark()
        else:
            self._build()

    def _edit(self, item: QTreeWidgetItem, column: int) -> None:
        if column == WEIGHT and item.childCount() == 0:
            self.tree.editItem(item, column)

    def _show_all(self) -> None:
        self._session.structures.show()

    def _show_none(self) -> None:
        self._session.structures.hide()

    def _leaves(self) -> list[QTreeWidgetItem]:
        groups = (self.tree.topLevelItem(i) for i in range(self.tree.topLevelItemCount()))
        return [group.child(i) for group in groups for i in range(group.childCount())]

    def _build(self) -> None:
        """Make the rows; groups follow their structures' check marks by themselves."""
        self.tree.blockSignals(True)
        self._shown = [(s.id, s.name, s.group) for s in self._session.structures]
        self.tree.clear()
        groups: dict[str, QTreeWidgetItem] = {}
        for structure in self._session.structures:
            name = structure.group or "structures"
            if name not in groups:
                groups[name] = QTreeWidgetItem(self.tree, [name])
                groups[name].setFlags(groups[name].flags() | Qt.ItemFlag.ItemIsAutoTristate)
            item = QTreeWidgetItem(groups[name], [structure.name])
            item.setData(NAME, ID_ROLE, structure.id)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            _mark(item, structure)
        for group in groups.values():
            group.setText(NAME, f"{group.text(NAME)} ({group.childCount()})")
        self.tree.resizeColumnToContents(NAME)
        self.tree.blockSignals(False)

    def _mark(self) -> None:
        known = {s.id: s for s in self._session.structures}
        self.tree.blockSignals(True)
        for item in self._leaves():
            _mark(item, known[item.data(NAME, ID_ROLE)])
        self.tree.blockSignals(False)

    def _on_item(self, item: QTreeWidgetItem, column: int) -> None:
        """Take a check mark or a weight from one row; a group's mark comes row by row."""
        label: Any = item.data(NAME, ID_ROLE)
        if label is None:
            return
        if column == WEIGHT:
            try:
                self._session.structures.set_weight(float(item.text(WEIGHT)), label)
            except ValueError:
                self._session.events.message.emit(
                    f"A weight must be a number, got {item.text(WEIGHT)!r}."
                )
                self._mark()
        elif item.checkState(NAME) == Qt.CheckState.Checked:
            self._session.structures.show(label)
        else:
            self._session.structures.hide(label)


def _mark(item: QTreeWidgetItem, structure: Structure) -> None:
    state = Qt.CheckState.Checked if structure.visible else Qt.CheckState.Unchecked
    item.setCheckState(NAME, state)
    item.setText(WEIGHT, f"{structure.weight:g}")
