"""Which structures are visible, with which weight and in which color."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, LineEdit
from psygnal import Signal
from qtpy.QtCore import QPoint, QSignalBlocker, Qt

from napari_drr.viewer._solo import Solo, show_only
from napari_drr.viewer._structures import names_are_assumed
from napari_drr.viewer.widgets._binding import follow
from napari_drr.viewer.widgets._gesture import Gesture
from napari_drr.viewer.widgets._rows import allow, button, compact, hint, row
from napari_drr.viewer.widgets._structure_menu import pick_color, structure_menu
from napari_drr.viewer.widgets._structure_tree import StructureTree
from napari_drr.viewer.widgets._weight_slider import WeightSlider

if TYPE_CHECKING:
    from qtpy.QtWidgets import QMenu

    from napari_drr.viewer._session import Session

NO_LABELS = (
    "No labels: open a label map of the CT, such as TotalSegmentator's, and choose it as labels. "
    "Then its structures can be hidden, weighted and colored here."
)
NO_STRUCTURES = "The labels hold no structures: all of them are 0."
ASSUMED = "Names are assumed: TotalSegmentator's."
ASSUMED_TIP = (
    "The labels bring no names, and TotalSegmentator's fit the numbers. Where they mean something "
    "else, put a structures.csv (columns id, structure, group) beside their file; open it again."
)

NO_SOLO = "Select structures in the list to show them alone."


class StructureSection(Container):
    """A tree of structures by group: check what is visible, set weights, choose colors.

    Whatever is done with a group is done with all its structures, in one step to undo.

    Args:
        session: The session.

    Example:
        ```python
        section = StructureSection(session(viewer))
        section.show()
        ```
    """

    brought = Signal()
    """Structures were selected elsewhere, such as in the radiograph."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._solo = Solo()
        self.hint = hint()
        self.search = LineEdit(tooltip="List only structures and groups that hold these words.")
        self.show_all = button("all", "")
        self.show_none = button("none", "")
        self.invert = button("invert", "")
        self.solo = button("solo", "", checkable=True)
        buttons = (self.show_all, self.show_none, self.invert, self.solo)
        self._bar = row(self.search, *buttons)
        super().__init__(widgets=[self.hint, self._bar], labels=False)
        compact(self)
        self.tree = StructureTree()
        self.weight = WeightSlider()
        self._lay_out()
        self._connect()
        self._make_gestures()
        self._show()
        self._show_inputs()

    def _lay_out(self) -> None:
        self.search.native.setPlaceholderText("search")
        self.search.native.setClearButtonEnabled(True)
        self.search.native.setStyleSheet("QLineEdit { padding: 2px 4px; min-height: 18px; }")
        column = self.native.layout()
        column.addWidget(self.tree, stretch=1)
        column.addWidget(self.weight)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def _connect(self) -> None:
        events, tree = self._session.events, self.tree
        self.search.changed.connect(self._on_search)
        self.show_all.changed.connect(self._show_all)
        self.show_none.changed.connect(self._show_none)
        self.invert.changed.connect(self._invert)
        self.solo.changed.connect(self._press_solo)
        tree.structures.asked_visible.connect(self._set_visible)
        tree.structures.asked_weight.connect(self._set_weight)
        tree.asked_color.connect(self._pick_color)
        tree.space_pressed.connect(self._toggle)
        tree.chosen.connect(self._on_chosen)
        tree.customContextMenuRequested.connect(self._open_menu)
        self.weight.moved.connect(self._weigh_selected)
        follow(
            self,
            (events.recipe, self._on_recipe),
            (events.inputs, self._show_inputs),
            (events.selected, self._on_selected_elsewhere),
        )

    def _make_gestures(self) -> None:
        """Make one step to undo of each drag, of the slider and over check boxes."""
        slider, tree = self.weight.slider, self.tree
        drag, sweep = Gesture(self._session, self.weight), Gesture(self._session, tree)
        drag.watch(slider)
        slider.sliderPressed.connect(drag.hold)
        slider.sliderReleased.connect(drag.end)
        self.weight.stepped.connect(drag.step)
        sweep.watch(tree)
        tree.sweep_began.connect(sweep.hold)
        tree.sweep_ended.connect(sweep.end)

    # What it shows

    @property
    def summary(self) -> str:
        """What there is, in a few words, for where the section is folded."""
        structures = self._session.structures
        if self._session.labels is None or not len(structures):
            return "no labels" if self._session.labels is None else "no structures"
        weighted = sum(s.weight != 1.0 for s in structures)
        visible = self.tree.structures.summary
        return f"{visible}, {weighted} weighted" if weighted else visible

    def _on_recipe(self, changed: set[str]) -> None:
        if "structures" in changed:
            self._show()

    def _show(self) -> None:
        """Show the recipe's structures: only the rows that changed are touched."""
        if self.tree.show_structures(self._session.structures):
            self._on_selected(self._session.selected)
            self._show_inputs()
        self._show_selected()

    def _show_inputs(self) -> None:
        """Say what is missing, or what is uncertain; show what can be used."""
        text, tip = self._notice()
        self.hint.value, self.hint.tooltip = text, tip
        self.hint.visible = bool(text)
        usable = self._session.labels is not None and len(self._session.structures) > 0
        self._bar.visible = usable
        self.tree.setVisible(usable)
        self.weight.setVisible(usable)

    def _notice(self) -> tuple[str, str]:
        labels = self._session.labels
        if labels is None:
            return NO_LABELS, ""
        if not len(self._session.structures):
            return NO_STRUCTURES, ""
        is_assumed = names_are_assumed(labels, self._session.structures.ids())
        return (ASSUMED, ASSUMED_TIP) if is_assumed else ("", "")

    def _show_selected(self) -> None:
        """Show what the selected structures weigh, and what the buttons would do."""
        structures, ids = self._session.structures, set(self._session.selected)
        self.weight.show_weights([s.weight for s in structures if s.id in ids])
        blocker = QSignalBlocker(self.solo.native)
        self.solo.native.setChecked(self._solo.is_on(structures))
        blocker.unblock()
        goes_back = self._solo.ends(structures, ids)
        allow(self.solo, _solo_tip(len(ids), goes_back), "" if ids or goes_back else NO_SOLO)
        these = "the listed structures" if self.tree.is_searched else "all structures"
        self.show_all.tooltip = f"Show {these}."
        self.show_none.tooltip = f"Hide {these}."
        self.invert.tooltip = f"Hide what is visible of {these}, and show what is not."

    def _on_search(self, text: str) -> None:
        self.tree.search(text)
        self._show_selected()

    # What is selected

    def _on_chosen(self) -> None:
        """Select in the session what was selected in the tree."""
        ids = self.tree.ids
        if set(ids) != set(self._session.selected):
            self._session.selected = ids

    def _on_selected(self, ids: tuple[int, ...]) -> None:
        """Select in the tree what was selected elsewhere, whatever hides it."""
        if set(ids) != set(self.tree.ids):
            if self.tree.is_searched and not self.tree.listed.issuperset(ids):
                self.search.value = ""
            self.tree.select(ids)
        self._show_selected()

    def _on_selected_elsewhere(self, ids: tuple[int, ...]) -> None:
        """Tell of what was selected, unless it was in the tree."""
        is_news = bool(ids) and set(ids) != set(self.tree.ids)
        self._on_selected(ids)
        if is_news:
            self.brought.emit()

    # What the user does

    def _listed(self) -> list[int]:
        """Return the ids that the buttons are about: those that a search leaves."""
        return [s.id for s in self._session.structures if s.id in self.tree.listed]

    def _show_all(self) -> None:
        self._set_visible(self._listed(), True)

    def _show_none(self) -> None:
        self._set_visible(self._listed(), False)

    def _invert(self) -> None:
        listed = set(self._listed())
        show_only(
            self._session.structures,
            [s.id for s in self._session.structures if s.visible != (s.id in listed)],
        )

    def _press_solo(self) -> None:
        self._solo.press(self._session.structures, self._session.selected)
        self._show_selected()

    def _set_visible(self, ids: Any, visible: bool) -> None:
        if ids and visible:
            self._session.structures.show(*ids)
        elif ids:
            self._session.structures.hide(*ids)

    def _toggle(self) -> None:
        """Hide the selected structures if all of them are visible, else show them."""
        ids = set(self._session.selected)
        all_visible = all(s.visible for s in self._session.structures if s.id in ids)
        self._set_visible(tuple(ids), not all_visible)

    def _set_weight(self, ids: Any, weight: float) -> None:
        """Weigh what was edited, and all that is selected with it."""
        selected = self._session.selected
        self._session.structures.set_weight(weight, *(selected if set(ids) <= {*selected} else ids))

    def _weigh_selected(self, weight: float) -> None:
        if self._session.selected:
            self._session.structures.set_weight(weight, *self._session.selected)

    def _pick_color(self, ids: tuple[int, ...]) -> None:
        pick_color(self._session, ids, self.native)

    def menu(self) -> QMenu:
        """Return the context menu for the selected structures; not shown yet."""
        return structure_menu(self._session, self.native)

    def _open_menu(self, where: QPoint) -> None:
        self.menu().popup(self.tree.viewport().mapToGlobal(where))


def _solo_tip(count: int, goes_back: bool) -> str:
    if goes_back:
        return "Show again what was visible before."
    return "Show only the selected structure." if count == 1 else f"Show only these {count}."
