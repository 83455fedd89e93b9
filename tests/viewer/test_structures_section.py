"""The structures' section in a real window, driven with mouse and keys."""

import gc
import weakref

import numpy as np
import pytest
from docks import Watch, fill, mouse
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QApplication, QColorDialog, QDoubleSpinBox

from napari_drr import read, session
from napari_drr.viewer.widgets._structure_model import COLOR, IDS, NAME, WEIGHT
from napari_drr.viewer.widgets.structures import StructureSection

pytestmark = pytest.mark.gui

CHECK = Qt.ItemDataRole.CheckStateRole
ON, PARTLY, OFF = (
    Qt.CheckState.Checked,
    Qt.CheckState.PartiallyChecked,
    Qt.CheckState.Unchecked,
)
BOX = 12  # pixels from the left of a row to the middle of its check box


class Driver:
    """A section alone in a docked widget, and the hands that use it."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        self.session = session(viewer)
        self.session.detector.update(
            height=20, width=24, pixel_spacing_x=16.0, pixel_spacing_y=16.0
        )
        self.section = StructureSection(self.session)
        viewer.window.add_dock_widget(self.section, name="structures")
        self.tree = self.section.tree

    def __getitem__(self, key):
        return self.session.structures[key]

    def visible(self):
        return {s.name for s in self.session.structures if s.visible}

    def names(self, group):
        return {s.name for s in self.session.structures if s.group == group}

    def group(self, name):
        model = self.tree.structures
        return next(row for row in model.groups() if model.group_name(row) == name)

    def row(self, name, column=NAME):
        """Return a structure's row, brought into view."""
        index = self.tree.structures.row_of(self[name].id)
        self.tree.scrollTo(index)
        return index.siblingAtColumn(column)

    def where(self, index):
        self.tree.scrollTo(index)
        rect = self.tree.visualRect(index)
        assert self.tree.viewport().rect().contains(rect.center())
        return rect

    def click(self, index, modifier=Qt.KeyboardModifier.NoModifier):
        place = self.where(index).center()
        button = Qt.MouseButton.LeftButton
        self.qtbot.mouseClick(self.tree.viewport(), button, modifier, place)

    def double_click(self, index):
        # As a hand does it: the first click selects.
        self.click(index)
        place = self.where(index).center()
        self.qtbot.mouseDClick(self.tree.viewport(), Qt.MouseButton.LeftButton, pos=place)

    def box(self, index):
        rect = self.where(index)
        return QPoint(rect.left() + BOX, rect.center().y())

    def click_box(self, index):
        viewport = self.tree.viewport()
        self.qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=self.box(index))

    def key(self, key):
        self.qtbot.keyClick(self.tree, key)

    def type(self, text):
        """Type into the editor that is open, and finish."""
        (editor,) = self.tree.findChildren(QDoubleSpinBox)
        self.qtbot.keyClicks(editor, text)
        self.close(Qt.Key.Key_Return)

    def close(self, key):
        """End editing with a key, which Qt does a moment later."""
        (editor,) = self.tree.findChildren(QDoubleSpinBox)
        self.qtbot.keyClick(editor, key)
        self.qtbot.waitUntil(lambda: not self.tree.findChildren(QDoubleSpinBox))

    def menu(self, text):
        menu = self.section.menu()
        next(action for action in menu.actions() if action.text() == text).trigger()
        menu.close()

    def changes(self):
        """Return a list that grows by every change of the recipe from now on."""
        seen = []
        self.session.events.recipe.connect(seen.append)
        return seen


@pytest.fixture
def driver(make_napari_viewer, phantom, qtbot):
    viewer = make_napari_viewer(show=True)
    fill(viewer, phantom)
    made = Driver(viewer, qtbot)
    yield made
    made.session.live = False
    made.session.close()


# Check boxes


def test_rows_stand_as_the_table_says(driver, phantom):
    table = phantom.structures
    model = driver.tree.structures
    groups = {model.group_name(row): list(row.data(IDS)) for row in model.groups()}
    assert list(groups) == list(dict.fromkeys(table["group"]))
    for name, ids in groups.items():
        assert ids == table["id"][table["group"] == name].tolist()
    assert driver.group("ribs").data() == f"ribs ({len(groups['ribs'])})"
    assert driver.row("heart").data() == "heart"


def test_a_click_on_a_box_hides_one(driver):
    driver.click_box(driver.row("heart"))
    assert not driver["heart"].visible
    assert driver.row("heart").data(CHECK) == OFF
    assert driver.group("cardiac").data(CHECK) == PARTLY
    assert driver.session.selected == ()
    driver.click_box(driver.row("heart"))
    assert driver["heart"].visible
    assert driver.group("cardiac").data(CHECK) == ON


def test_a_groups_box_is_one_change_and_one_step(driver):
    seen = driver.changes()
    driver.click_box(driver.group("ribs"))
    assert driver.visible().isdisjoint(driver.names("ribs"))
    assert seen == [{"structures"}]
    driver.session.undo()
    assert driver.names("ribs") <= driver.visible()
    assert driver.group("ribs").data(CHECK) == ON


def test_a_partly_checked_group_is_checked_first(driver):
    driver.session.structures.hide("heart")
    driver.click_box(driver.group("cardiac"))
    assert driver["heart"].visible
    driver.click_box(driver.group("cardiac"))
    assert driver.visible().isdisjoint(driver.names("cardiac"))


def test_a_sweep_over_boxes_is_one_step(driver):
    driver.tree.expand(driver.group("ribs"))
    names = ["rib_left_3", "rib_left_4", "rib_left_5"]
    rows = [driver.row(name) for name in names]  # the last one is scrolled to, last
    viewport, left = driver.tree.viewport(), Qt.MouseButton.LeftButton
    driver.qtbot.mousePress(viewport, left, pos=driver.box(rows[0]))
    for row in rows[1:]:
        spot = driver.box(row)
        mouse(viewport, "move", spot.x(), spot.y())
    driver.qtbot.mouseRelease(viewport, left, pos=driver.box(rows[-1]))
    assert driver.names("ribs") - driver.visible() == set(names)
    driver.session.undo()
    assert set(names) <= driver.visible()


def test_the_buttons(driver):
    section = driver.section
    everything = driver.visible()
    section.show_none.native.click()
    assert driver.visible() == set()
    driver.session.structures.show("heart")
    section.invert.native.click()
    assert driver.visible() == everything - {"heart"}
    section.show_all.native.click()
    assert driver.visible() == everything
    assert section.summary == f"{len(everything)} of {len(everything)} visible"


def test_space_toggles_what_is_selected_in_one_step(driver):
    driver.click(driver.row("heart"))
    driver.click(driver.row("aorta"), Qt.KeyboardModifier.ControlModifier)
    driver.session.structures.hide("aorta")
    seen = driver.changes()
    driver.key(Qt.Key.Key_Space)
    assert driver["heart"].visible
    assert driver["aorta"].visible
    driver.key(Qt.Key.Key_Space)
    assert not driver["heart"].visible
    assert not driver["aorta"].visible
    assert len(seen) == 2


def test_solo_shows_what_is_selected_and_goes_back(driver):
    solo = driver.section.solo
    driver.session.structures.hide("ribs")
    before = driver.visible()
    assert not solo.enabled
    assert "Select structures" in solo.tooltip
    driver.click(driver.row("heart"))
    solo.native.click()
    assert driver.visible() == {"heart"}
    assert solo.native.isChecked()
    driver.click(driver.row("aorta"))
    solo.native.click()
    assert driver.visible() == {"aorta"}
    solo.native.click()
    assert driver.visible() == before
    assert not solo.native.isChecked()


def test_solo_forgets_when_something_else_is_shown(driver):
    driver.click(driver.row("heart"))
    driver.section.solo.native.click()
    driver.session.structures.show("aorta")
    assert not driver.section.solo.native.isChecked()
    driver.section.solo.native.click()
    assert driver.visible() == {"heart"}
    driver.section.solo.native.click()
    assert driver.visible() == {"heart", "aorta"}


# Weights


@pytest.mark.parametrize("way", ["double click", "F2", "typing"])
def test_a_weight_is_edited_in_its_cell(driver, way):
    cell = driver.row("heart", WEIGHT)
    if way == "double click":
        driver.double_click(cell)
    else:
        driver.click(driver.row("heart"))
        driver.key(Qt.Key.Key_F2) if way == "F2" else driver.key(Qt.Key.Key_2)
    driver.type("2.5" if way != "typing" else ".5")
    assert driver["heart"].weight == 2.5
    assert driver.row("heart", WEIGHT).data() == "2.50"
    assert driver.session.selected == (driver["heart"].id,)
    driver.session.undo()
    assert driver["heart"].weight == 1.0


def test_a_groups_weight_is_that_of_all(driver):
    driver.session.structures.set_weight(3.0, "heart")
    cell = driver.group("cardiac").siblingAtColumn(WEIGHT)
    assert cell.data() == "mixed"
    seen = driver.changes()
    driver.double_click(cell)
    driver.type("0.5")
    assert {s.weight for s in driver.session.structures if s.group == "cardiac"} == {0.5}
    assert cell.data() == "0.50"
    assert seen == [{"structures"}]


def test_an_editor_that_was_only_opened_changes_nothing(driver):
    driver.session.structures.set_weight(3.0, "heart")
    seen = driver.changes()
    driver.double_click(driver.group("cardiac").siblingAtColumn(WEIGHT))
    driver.close(Qt.Key.Key_Return)
    assert seen == []


def test_letters_are_no_weight(driver):
    driver.double_click(driver.row("heart", WEIGHT))
    driver.type("heavy")
    assert driver["heart"].weight == 1.0


def test_typing_weighs_all_that_is_selected(driver):
    driver.click(driver.row("heart"))
    driver.click(driver.row("aorta"), Qt.KeyboardModifier.ControlModifier)
    driver.key(Qt.Key.Key_F2)
    driver.type("0.25")
    assert driver["heart"].weight == driver["aorta"].weight == 0.25


def test_the_slider_weighs_what_is_selected(driver):
    weight = driver.section.weight
    assert not weight.slider.isEnabled()
    assert "Select structures" in weight.slider.toolTip()
    driver.click(driver.group("ribs"))
    assert weight.slider.isEnabled()
    slider, left = weight.slider, Qt.MouseButton.LeftButton
    middle = slider.rect().center().y()
    handle = QPoint(6 + round((slider.width() - 12) / 3), middle)
    seen = driver.changes()
    driver.qtbot.mousePress(slider, left, pos=handle)
    for share in (0.5, 0.6, 0.7):
        mouse(slider, "move", slider.width() * share, middle)
    driver.qtbot.mouseRelease(slider, left, pos=QPoint(round(slider.width() * 0.7), middle))
    weights = {s.weight for s in driver.session.structures if s.group == "ribs"}
    assert len(weights) == 1
    assert 1.8 < weights.pop() < 2.4
    assert len(seen) >= 3
    assert weight.number.text() == driver.group("ribs").siblingAtColumn(WEIGHT).data()
    driver.session.undo()
    assert {s.weight for s in driver.session.structures} == {1.0}
    assert weight.number.text() == "1.00"


def test_keys_on_the_slider_are_one_step(driver):
    driver.click(driver.row("heart"))
    for _ in range(4):
        driver.qtbot.keyClick(driver.section.weight.slider, Qt.Key.Key_Right)
    assert driver["heart"].weight == 1.2
    driver.session.undo()
    assert driver["heart"].weight == 1.0


def test_different_weights_are_mixed(driver):
    driver.session.structures.set_weight(2.0, "heart")
    driver.session.selected = ("heart", "aorta")
    weight = driver.section.weight
    assert weight.number.text() == "mixed"
    driver.qtbot.mouseClick(weight.reset, Qt.MouseButton.LeftButton)
    assert driver["heart"].weight == 1.0
    assert weight.number.text() == "1.00"
    assert not weight.reset.isEnabled()


@pytest.mark.parametrize("weight", [-0.5, 7.0, 250.0, 0.125])
def test_every_legal_weight_is_shown_and_kept(driver, weight):
    driver.session.structures.set_weight(weight, "heart")
    driver.session.selected = ("heart",)
    assert float(driver.row("heart", WEIGHT).data()) == weight
    driver.double_click(driver.row("heart", WEIGHT))
    (editor,) = driver.tree.findChildren(QDoubleSpinBox)
    assert editor.value() == weight
    driver.close(Qt.Key.Key_Escape)
    assert driver["heart"].weight == weight


# Colors and the menu


def test_a_double_click_on_a_swatch_opens_a_dialog(driver):
    driver.double_click(driver.row("heart", COLOR))
    (dialog,) = driver.section.native.findChildren(QColorDialog)
    assert dialog.windowTitle() == "Color of heart"
    dialog.setCurrentColor(QColor.fromRgbF(0.2, 0.4, 0.6))
    dialog.accept()
    assert driver["heart"].color == pytest.approx((0.2, 0.4, 0.6), abs=1e-4)
    shown = driver.row("heart", COLOR).data(Qt.ItemDataRole.DecorationRole)
    assert shown.name() == QColor.fromRgbF(0.2, 0.4, 0.6).name()
    driver.session.selected = ("heart",)
    driver.menu("Reset color")
    assert driver["heart"].color is None


def test_a_group_of_one_color_shows_it(driver):
    cell = driver.group("ribs").siblingAtColumn(COLOR)
    assert cell.data(Qt.ItemDataRole.DecorationRole) is None
    driver.session.structures.set_color((1.0, 0.0, 0.0), "ribs")
    assert cell.data(Qt.ItemDataRole.DecorationRole) == QColor("red")


def test_the_menu(driver):
    driver.session.selected = ("heart", "aorta")
    driver.menu("Show only these")
    assert driver.visible() == {"heart", "aorta"}
    for weight in (0.0, 0.5, 1.0, 2.0):
        driver.menu(f"Weight {weight:g}")
        assert driver["heart"].weight == driver["aorta"].weight == weight
    driver.menu("Show all")
    assert len(driver.visible()) == len(driver.session.structures)
    driver.session.selected = ()
    enabled = {a.text() for a in driver.section.menu().actions() if a.isEnabled() and a.text()}
    assert enabled == {"Show all"}


# Selecting


def test_selecting_goes_both_ways(driver):
    driver.click(driver.row("heart"))
    assert driver.session.selected == (driver["heart"].id,)
    driver.click(driver.row("rib_left_3"), Qt.KeyboardModifier.ControlModifier)
    assert set(driver.session.selected) == {driver["heart"].id, driver["rib_left_3"].id}
    driver.session.selected = ("aorta",)
    assert driver.tree.ids == (driver["aorta"].id,)
    driver.session.selected = ()
    assert driver.tree.ids == ()


def test_a_selected_group_stands_for_its_structures(driver):
    told = []
    driver.session.events.selected.connect(told.append)
    driver.click(driver.group("ribs"))
    assert set(driver.session.selected) == set(driver.group("ribs").data(IDS))
    assert len(told) == 1
    assert driver.tree.selectionModel().isSelected(driver.group("ribs"))
    driver.session.selected = ("heart",)
    driver.session.selected = ("ribs",)
    assert driver.tree.selectionModel().isSelected(driver.group("ribs"))


def test_what_is_selected_elsewhere_comes_into_sight(driver):
    assert not driver.tree.isExpanded(driver.group("ribs"))
    driver.session.selected = ("rib_right_12",)
    assert driver.tree.isExpanded(driver.group("ribs"))
    index = driver.tree.structures.row_of(driver["rib_right_12"].id)
    assert driver.tree.viewport().rect().contains(driver.tree.visualRect(index).center())


def test_a_search_does_not_hide_what_is_selected_elsewhere(driver):
    driver.section.search.value = "rib"
    driver.session.selected = ("rib_left_2",)
    assert driver.section.search.value == "rib"
    driver.session.selected = ("heart",)
    assert driver.section.search.value == ""
    assert driver.tree.visualRect(driver.tree.structures.row_of(driver["heart"].id)).height() > 0


# Searching


def shown(driver):
    """Return the names of the rows that are listed, from top to bottom."""
    index, names = driver.tree.structures.index(0, NAME), []
    if driver.tree.isRowHidden(0, index.parent()):
        index = driver.tree.indexBelow(index)
    while index.isValid():
        names.append(index.data())
        index = driver.tree.indexBelow(index)
    return names


def test_a_search_keeps_the_group_of_what_it_finds(driver):
    driver.qtbot.keyClicks(driver.section.search.native, "Rib left_1")
    group, *names = shown(driver)
    assert group.startswith("ribs")
    assert set(names) == {n for n in driver.names("ribs") if n.startswith("rib_left_1")}
    driver.section.search.native.clear()
    assert len(shown(driver)) == len(driver.tree.structures.groups())


def test_a_groups_name_finds_all_of_it(driver):
    driver.section.search.value = "cardi"
    assert set(shown(driver)[1:]) == driver.names("cardiac")


def test_no_match_is_said(driver):
    driver.section.search.value = "spleeen"
    assert "No match" in driver.tree.notice
    assert "spleeen" in driver.tree.notice
    driver.tree.viewport().repaint()
    driver.section.search.value = "spleen"
    assert driver.tree.notice == ""


def test_the_buttons_are_about_what_is_listed(driver):
    everything = driver.visible()
    driver.section.search.value = "rib_left"
    left = {name for name in everything if name.startswith("rib_left")}
    assert "listed" in driver.section.show_none.tooltip
    driver.section.show_none.native.click()
    assert driver.visible() == everything - left
    driver.section.invert.native.click()
    assert driver.visible() == everything
    driver.section.search.value = "nothing like it"
    driver.section.show_none.native.click()
    assert driver.visible() == everything


def test_a_groups_row_is_about_what_is_listed(driver):
    everything, ribs = driver.visible(), driver.names("ribs")
    left = {name for name in ribs if name.startswith("rib_left")}
    driver.section.search.value = "rib left"
    assert driver.group("ribs").data() == f"ribs ({len(left)})"
    driver.click_box(driver.group("ribs"))
    assert driver.visible() == everything - left
    assert driver.group("ribs").data(CHECK) == OFF
    driver.click(driver.group("ribs"))
    assert len(driver.session.selected) == len(left)
    driver.section.search.value = ""
    assert len(driver.tree.ids) == len(driver.session.selected) == len(left)
    assert driver.group("ribs").data(CHECK) == PARTLY


def test_a_search_keeps_what_is_selected(driver):
    told = []
    driver.click(driver.group("ribs"))
    driver.session.events.selected.connect(told.append)
    for text in ("heart", "rib_left", ""):
        driver.section.search.value = text
        assert set(driver.tree.ids) == set(driver.session.selected)
    assert told == []


def test_groups_stay_open_through_a_search_and_other_labels(driver):
    driver.tree.expand(driver.group("ribs"))
    driver.section.search.value = "heart"
    driver.section.search.value = ""
    assert driver.tree.isExpanded(driver.group("ribs"))
    assert not driver.tree.isExpanded(driver.group("cardiac"))
    labels = driver.session.labels
    driver.session.labels = None
    driver.session.labels = labels
    assert driver.tree.isExpanded(driver.group("ribs"))


# Labels come and go


def test_without_labels_it_says_what_to_do(driver):
    driver.viewer.layers.remove("labels")
    section = driver.section
    assert section.hint.visible
    assert section.hint.value.startswith("No labels: ")
    assert not section.tree.isVisible()
    assert not section.weight.isVisible()
    assert section.summary == "no labels"


def test_other_labels_are_other_rows(driver):
    driver.session.selected = ("heart",)
    other = driver.viewer.add_labels(np.full((4, 5, 6), 3, np.uint8), name="other")
    driver.session.labels = other
    (group,) = driver.tree.structures.groups()
    assert group.data(IDS) == (3,)
    assert driver.tree.isExpanded(group), "a short list is open"
    assert driver.tree.ids == driver.session.selected == ()
    assert driver.section.hint.visible
    assert "assumed" in driver.section.hint.value
    driver.session.labels = driver.viewer.layers["labels"]
    assert not driver.section.hint.visible
    assert len(driver.tree.structures.groups()) > 1


def test_empty_labels_are_told(driver):
    driver.session.labels = driver.viewer.add_labels(np.zeros((4, 5, 6), np.uint8))
    assert "no structures" in driver.section.hint.value
    assert not driver.tree.isVisible()


def test_tips_tell_id_group_and_weight(driver):
    driver.session.structures.set_weight(0.5, "heart")
    tip = driver.row("heart").data(Qt.ItemDataRole.ToolTipRole)
    assert tip == f"heart\nid {driver['heart'].id}, cardiac, weight 0.50"
    assert "visible" in driver.group("cardiac").data(Qt.ItemDataRole.ToolTipRole)


# What it renders


def rendered_by_the_api(s):
    inputs = s._inputs.snapshot()
    subject = read(
        (inputs.hounsfield, inputs.affine),
        inputs.labels,
        structures=inputs.structures,
        attenuation="physical",
    )
    return s.recipe.render(subject)[0, 0].numpy()


def test_a_live_image_follows_boxes_and_weights(driver):
    s = driver.session

    watch = Watch(s, driver.qtbot)

    def settled():
        watch.settle()
        return s.output().data.copy()

    s.live = True
    whole = settled()
    driver.click_box(driver.group("ribs"))
    without = settled()
    assert (without <= whole + 1e-5).all()
    assert np.abs(without - whole).max() > 0.01
    driver.double_click(driver.row("heart", WEIGHT))
    driver.type("3")
    heavy = settled()
    np.testing.assert_allclose(heavy, rendered_by_the_api(s), atol=1e-5 * whole.max())
    assert np.abs(heavy - without).max() > 0.01


# It lives with its session


def test_the_dock_has_it(make_napari_viewer, phantom):
    viewer = make_napari_viewer()
    fill(viewer, phantom)
    _, widget = viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
    assert widget.structures.tree.structures.summary.endswith("visible")
    assert widget.structures.native.minimumSizeHint().width() <= 320


def test_a_section_that_is_gone_is_let_go(make_napari_viewer, phantom):
    viewer = make_napari_viewer()
    fill(viewer, phantom)
    section = StructureSection(session(viewer))
    dock = viewer.window.add_dock_widget(section)
    gone = weakref.ref(section)
    viewer.window.remove_dock_widget(dock)
    del section, dock
    QApplication.processEvents()
    gc.collect()
    assert gone() is None
    session(viewer).structures.hide()
