"""The dock's layout at every side of the window, floating, folded and with long texts."""

from types import SimpleNamespace

import numpy as np
import pytest
from docks import Watch, fill, settle
from hand import at_pixel
from napari.settings import get_settings
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtWidgets import QLabel, QScrollBar, QWidget
from superqt import QElidingLabel

from napari_drr.viewer._outputs import MASK
from napari_drr.viewer._screen import Screen
from napari_drr.viewer.widgets._canvas import main_canvas
from napari_drr.viewer.widgets.dock import DRRWidget

pytestmark = pytest.mark.gui

WINDOW = (1280, 800)
AREAS = {
    "left": Qt.DockWidgetArea.LeftDockWidgetArea,
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "bottom": Qt.DockWidgetArea.BottomDockWidgetArea,
}
FIVE_LINES = (
    "'labels' and 'ct' do not overlap: the labels span x 4818 to 5202, y 4695 to 4959, z 4420 to "
    "4756, the CT x -182 to 202, y -305 to -41, z -580 to -244 (world mm, RAS). Choose the labels "
    "made from this CT."
)


@pytest.fixture
def dock_at(make_napari_viewer, thorax, qtbot):
    """Dock the widget in a window of 1280 x 800, with the phantom's radiograph or without a CT."""

    def make(area, filled=True):
        viewer = make_napari_viewer(show=True)
        window = viewer.window._qt_window
        window.resize(*WINDOW)
        qtbot.waitUntil(lambda: (window.width(), window.height()) == WINDOW)
        if filled:
            fill(viewer, thorax)
        widget = DRRWidget(viewer)
        dock = viewer.window.add_dock_widget(widget, name="DRR", area=area)
        if filled:
            # An image that comes later takes away messages.
            Watch(widget.session, qtbot).settle()
        settle(qtbot, widget)
        return SimpleNamespace(viewer=viewer, window=window, widget=widget, dock=dock)

    return make


def float_at(qtbot, docked, width, height):
    docked.dock.setFloating(True)
    resize(qtbot, docked, width, height)


def resize(qtbot, docked, width, height):
    docked.dock.resize(width, height)
    qtbot.waitUntil(lambda: (docked.dock.width(), docked.dock.height()) == (width, height))
    settle(qtbot, docked.widget)


def open_only(qtbot, widget, *names):
    for name, fold in widget.folds.items():
        fold.toggle.setChecked(name in names)
    settle(qtbot, widget)


def cut_off(widget):
    """Return what is smaller than it needs to be, or sticks out of what it stands in."""
    found = []
    for each in widget.findChildren(QWidget):
        is_empty = isinstance(each, QLabel) and not each.text()
        # The tree's header wants to be square, and a bar is as long as what it scrolls.
        is_qts = isinstance(each, QScrollBar) or widget.structures.tree.isAncestorOf(each)
        if is_empty or is_qts or not each.isVisible():
            continue
        needed, parent = each.minimumSizeHint(), each.parentWidget()
        height = needed.height()
        if each.hasHeightForWidth() and not isinstance(each, QElidingLabel):
            height = each.heightForWidth(each.width())
        is_small = each.width() < needed.width() or each.height() < height
        is_scrolled = each is widget._scroll.widget()
        if (is_small and not is_scrolled) or each.geometry().right() >= parent.width():
            found.append((type(each).__name__, each.geometry(), needed, parent.size()))
    return found


def expect_nothing_cut_off(widget):
    assert cut_off(widget) == []
    scroll = widget._scroll
    assert scroll.horizontalScrollBar().maximum() == 0
    assert widget._scroll.widget().width() == scroll.viewport().width()
    for each in (widget._scroll, widget.output.native):
        assert widget.rect().contains(each.geometry()), "the output is in sight"


def click_on_a_mask(qtbot, docked):
    """Click on a pixel of the mask layer; return the structure's id there."""
    viewer, layer = docked.viewer, docked.widget.session.output(MASK)
    viewer.screenshot(flash=False)  # napari's first draw puts the camera where its model is
    rows, columns = np.nonzero(layer.data)
    row, column = rows[len(rows) // 2], columns[len(rows) // 2]
    camera, screen, canvas = viewer.scene.camera, Screen.of(viewer), main_canvas(docked.widget)
    position = at_pixel(viewer, layer, column + 0.5, row + 0.5)
    away = np.asarray(position)[list(viewer.dims.order[-2:])] - camera.center[-2:]
    middle = np.array([canvas.height(), canvas.width()]) / 2
    ways = np.array([screen.down, screen.right])
    y, x = np.rint(middle + ways * away * camera.zoom).astype(int).tolist()
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(x, y))
    return int(layer.data[row, column])


def current_row(widget):
    """Return where the tree's current row is in the dock's scroll area."""
    tree = widget.structures.tree
    row = tree.visualRect(tree.currentIndex())
    corner = tree.viewport().mapTo(widget._scroll.viewport(), row.topLeft())
    return QRect(corner, row.size())


@pytest.mark.parametrize(
    ("width", "height", "n_columns"),
    [(1400, 260, 4), (900, 300, 2), (700, 350, 2), (600, 500, 1), (420, 380, 1), (700, 900, 2)],
)
def test_columns_come_where_they_fit(dock_at, qtbot, width, height, n_columns):
    docked = dock_at("right")
    widget = docked.widget
    float_at(qtbot, docked, width, height)
    lefts = {group.mapTo(widget, QPoint()).x() for group in widget._groups}
    assert len(lefts) == n_columns
    assert widget.is_wide == (n_columns > 1)
    expect_nothing_cut_off(widget)
    open_only(qtbot, widget, *widget.folds)
    expect_nothing_cut_off(widget)
    open_only(qtbot, widget)
    expect_nothing_cut_off(widget)


def test_a_floating_dock_can_be_made_narrow_again(dock_at, qtbot):
    docked = dock_at("right")
    float_at(qtbot, docked, 1300, 400)
    assert docked.widget.is_wide
    resize(qtbot, docked, 360, 400)
    assert not docked.widget.is_wide
    expect_nothing_cut_off(docked.widget)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("area", AREAS)
def test_no_side_makes_the_window_grow_or_cuts_anything_off(dock_at, qtbot, area, theme):
    get_settings().appearance.theme = theme
    docked = dock_at(area)
    assert (docked.window.width(), docked.window.height()) == WINDOW
    assert docked.widget.is_wide == (area == "bottom")
    expect_nothing_cut_off(docked.widget)


def test_taking_it_from_side_to_side_leaves_the_window_as_it_is(dock_at, qtbot):
    docked = dock_at("right")
    for area in ("bottom", "left", "right"):
        docked.window.addDockWidget(AREAS[area], docked.dock)
        qtbot.waitUntil(lambda wide=area == "bottom": docked.widget.is_wide == wide)
        settle(qtbot, docked.widget)
        assert (docked.window.width(), docked.window.height()) == WINDOW
        expect_nothing_cut_off(docked.widget)


def test_at_the_bottom_of_1280_by_800_all_is_seen_without_scrolling(dock_at, qtbot):
    docked = dock_at("bottom")
    widget = docked.widget
    assert widget._scroll.verticalScrollBar().maximum() == 0
    sight = widget.rect()
    for part in (widget.pose.native, widget.structures.weight, widget.output.native):
        assert sight.contains(part.mapTo(widget, part.rect().bottomRight()))


def test_a_folded_column_leaves_its_room_to_the_others(dock_at, qtbot):
    docked = dock_at("right")
    widget = docked.widget
    float_at(qtbot, docked, 1600, 300)
    _, pose, settings, structures = widget._groups
    open_only(qtbot, widget, "pose", "structures")
    assert settings.width() < pose.width() < structures.width()
    before = pose.width()
    open_only(qtbot, widget, "pose")
    assert structures.width() < before < pose.width()
    resize(qtbot, docked, 2400, 300)
    header = widget.folds["detector"].header
    assert settings.width() == settings.sizeHint().width(), "it takes no more than it can use"
    assert header.width() >= header.sizeHint().width(), "what it holds can be read"
    open_only(qtbot, widget, "pose", "detector", "structures")
    assert settings.width() >= widget.detector.native.minimumSizeHint().width()
    expect_nothing_cut_off(widget)


def test_a_section_that_is_opened_stays_under_the_mouse(dock_at, qtbot):
    docked = dock_at("bottom")
    toggle = docked.widget.folds["detector"].toggle
    before = toggle.mapToGlobal(toggle.rect().center())
    qtbot.mouseClick(toggle, Qt.MouseButton.LeftButton)
    settle(qtbot, docked.widget)
    expect_nothing_cut_off(docked.widget)
    after = toggle.mapFromGlobal(before)
    assert toggle.rect().adjusted(-60, 0, 60, 0).contains(after)


@pytest.mark.parametrize("size", [None, (345, 700), (900, 300), (600, 400)])
def test_hints_are_read_to_their_ends(dock_at, qtbot, size):
    docked = dock_at("right", filled=False)
    if size is not None:
        float_at(qtbot, docked, *size)
    for section in (docked.widget.inputs, docked.widget.structures):
        label = section.hint.native
        assert label.isVisible()
        assert label.height() >= label.heightForWidth(label.width())
        spare = section.native.width() - label.width()
        assert spare <= 2 * section.margins[0], "it takes the whole width"
    expect_nothing_cut_off(docked.widget)


@pytest.mark.parametrize("area", ["right", "bottom"])
def test_a_message_of_five_lines_is_read_to_its_end(dock_at, qtbot, area):
    docked = dock_at(area)
    widget = docked.widget
    label = widget.output.message_line.label
    # There the message stands beside the sections, and its lines are shorter.
    words = FIVE_LINES if area == "right" else FIVE_LINES.partition(" (world")[0]
    widget.session.events.refused.emit(words)
    settle(qtbot, widget)
    shown = QLabel.text(label)  # what is left of the text where it is too long
    assert shown.replace("\n", "").replace(" ", "") == words.replace(" ", "")
    assert label.height() >= 4 * label.fontMetrics().lineSpacing()
    assert (docked.window.width(), docked.window.height()) == WINDOW
    expect_nothing_cut_off(widget)


@pytest.mark.parametrize("area", AREAS)
def test_a_message_without_end_ends_in_dots(dock_at, qtbot, area):
    docked = dock_at(area)
    widget = docked.widget
    label = widget.output.message_line.label
    widget.session.events.refused.emit(FIVE_LINES * 10)
    settle(qtbot, widget)
    shown, font, room = QLabel.text(label), label.fontMetrics(), label.contentsRect()
    assert shown.endswith("\N{HORIZONTAL ELLIPSIS}")
    wrapped = font.boundingRect(QRect(0, 0, room.width(), 0), Qt.TextFlag.TextWordWrap, shown)
    assert wrapped.height() <= room.height()
    assert label.toolTip() == FIVE_LINES * 10
    assert (docked.window.width(), docked.window.height()) == WINDOW
    assert widget.rect().contains(widget.output.native.geometry())


@pytest.mark.parametrize("area", AREAS)
def test_a_long_message_moves_nothing_that_is_dragged_or_clicked(dock_at, qtbot, area):
    docked = dock_at(area)
    widget = docked.widget

    def places():
        settle(qtbot, widget)
        parts = [widget.output.render_button.native, widget.output.letters.native]
        parts += [widget.pose.distance.slider, widget.pose.rows["pose.alpha_deg"].slider]
        return [part.mapTo(widget, QPoint()) for part in parts]

    before = places()
    for message in (FIVE_LINES, FIVE_LINES * 10, "Short.", ""):
        widget.session.events.refused.emit(message)
        assert places() == before
        assert (docked.window.width(), docked.window.height()) == WINDOW


@pytest.mark.parametrize("area", ["left", "right"])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_click_on_a_mask_brings_its_structure_into_sight(dock_at, qtbot, area, is_open):
    docked = dock_at(area)
    widget, s = docked.widget, docked.widget.session
    open_only(qtbot, widget, "pose", "detector", "renderer", *["structures"][: int(is_open)])
    s.masks = {"labels"}
    Watch(s, qtbot).settle()
    assert s.output(MASK) is not None
    settle(qtbot, widget)
    sight = widget._scroll.viewport().rect()
    assert not sight.contains(current_row(widget).center())
    clicked = click_on_a_mask(qtbot, docked)
    qtbot.waitUntil(lambda: s.selected == (clicked,))
    assert widget.folds["structures"].is_open
    assert widget.structures.tree.ids == (clicked,)
    qtbot.waitUntil(lambda: sight.contains(current_row(widget).center()))
    assert (
        widget.structures.tree.viewport()
        .rect()
        .contains(widget.structures.tree.visualRect(widget.structures.tree.currentIndex()).center())
    )


def test_what_is_selected_in_the_tree_scrolls_nothing(dock_at, qtbot):
    docked = dock_at("left")
    widget = docked.widget
    tree = widget.structures.tree
    bar = widget._scroll.verticalScrollBar()
    tree.select([next(iter(widget.session.structures)).id])
    settle(qtbot, widget)
    assert widget.session.selected != ()
    assert bar.value() == 0
