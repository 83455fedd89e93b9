"""The dock's layout, colors and lifetime, in a real window."""

import gc
import weakref

import numpy as np
import pytest
from docks import Watch, fill, settle
from napari.settings import get_settings
from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractSlider, QApplication, QLabel, QScrollBar, QWidget

from napari_drr import session
from napari_drr.viewer.widgets import _paint
from napari_drr.viewer.widgets._canvas import main_canvas
from napari_drr.viewer.widgets._rows import RowLabel
from napari_drr.viewer.widgets._text import READABLE, contrast, readable
from napari_drr.viewer.widgets.dock import DRRWidget

pytestmark = pytest.mark.gui

NARROW = 345


@pytest.fixture
def dock_at(make_napari_viewer, thorax, qtbot):
    """Dock the widget in a window of 1280 x 800, at the side that is asked for, and render."""

    def make(area, theme="dark"):
        get_settings().appearance.theme = theme
        viewer = make_napari_viewer(show=True)
        fill(viewer, thorax)
        widget = DRRWidget(viewer)
        dock = viewer.window.add_dock_widget(widget, name="DRR", area=area)
        widget.window().resize(1280, 800)
        qtbot.waitUntil(lambda: widget.window().width() == 1280)
        # An image that comes later takes away messages.
        Watch(widget.session, qtbot).settle()
        settle(qtbot, widget)
        return viewer, widget, dock

    return make


def opened(widget, qtbot):
    for fold in widget.folds.values():
        fold.toggle.setChecked(True)
    settle(qtbot, widget)


def cut_off(widget):
    """Return controls that are smaller than they need to be, or stick out of their parents."""
    found = []
    for each in widget.findChildren(QWidget):
        is_empty = isinstance(each, QLabel) and not each.text()
        if not each.isVisible() or isinstance(each, QScrollBar) or is_empty:
            continue
        needed, parent = each.minimumSizeHint(), each.parentWidget()
        is_small = each.width() < needed.width() or each.height() < needed.height()
        edge = each.geometry().right()
        # What a scroll area holds may be longer than it, but not wider.
        if is_small or edge >= parent.width():
            found.append((type(each).__name__, each.objectName(), each.size(), needed))
    return found


def expect_nothing_cut_off(widget, qtbot):
    def all_there():
        assert [found for part in ours(widget) if (found := cut_off(part))] == []

    # Qt lays out what changed a moment later.
    qtbot.waitUntil(all_there)


def ours(widget):
    """Return the dock's parts without the structures' section, which has tests of its own."""
    assert not widget.problems.visible
    sections = (widget.inputs, widget.view, widget.pose, widget.detector)
    sections += (widget.renderer, widget.display, widget.output)
    return [each.native for each in sections] + [fold.header for fold in widget.folds.values()]


def test_at_the_side_it_is_one_column_and_nothing_is_cut_off(dock_at, qtbot):
    _, widget, dock = dock_at("right")
    assert not widget.is_wide
    opened(widget, qtbot)
    widget.window().resizeDocks([dock], [NARROW], Qt.Orientation.Horizontal)
    settle(qtbot, widget)
    assert widget.width() <= NARROW
    expect_nothing_cut_off(widget, qtbot)


def test_labels_stand_in_one_column(dock_at, qtbot):
    _, widget, _ = dock_at("right")
    opened(widget, qtbot)
    labels = [each for each in widget.findChildren(RowLabel) if each.isVisible()]
    assert len(labels) > 20
    assert len({each.width() for each in labels}) == 1
    assert len({each.mapTo(widget, each.rect().topLeft()).x() for each in labels}) == 1
    assert all(each.fontMetrics().horizontalAdvance(each.text()) < each.width() for each in labels)
    rows = [row for row in widget.pose.rows.values() if hasattr(row, "slider")]
    for part in ("slider", "box", "reset_button"):
        places = [getattr(row, part) for row in (*rows, widget.pose.distance)]
        assert len({(each.x(), each.width()) for each in places}) == 1


def test_what_is_worked_with_is_in_sight_at_1280_by_800(dock_at):
    _, widget, _ = dock_at("right")
    sight = widget.rect()
    parts = (widget.inputs, widget.view, widget.pose, widget.output)
    for part in parts:
        corner = part.native.mapTo(widget, part.native.rect().bottomRight())
        assert sight.contains(corner)
    top = widget.structures.native.mapTo(widget, widget.structures.native.rect().topLeft())
    assert top.y() + 60 < widget.output.native.y(), "the first structures are seen"


def test_at_the_bottom_sections_stand_side_by_side(dock_at, qtbot):
    _, widget, _ = dock_at("bottom")
    assert widget.is_wide
    tops = {each.mapTo(widget, each.rect().topLeft()).y() for each in widget._groups}
    assert len(tops) == 1
    assert widget._scroll.horizontalScrollBar().maximum() == 0, "all fits into 1280 pixels"
    expect_nothing_cut_off(widget, qtbot)


def test_the_layout_follows_the_dock_and_keeps_its_state(dock_at, qtbot):
    _, widget, dock = dock_at("right")
    widget.folds["detector"].toggle.setChecked(True)
    widget.folds["pose"].toggle.setChecked(False)
    window = widget.window()
    window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
    qtbot.waitUntil(lambda: widget.is_wide)
    assert widget.folds["detector"].is_open
    assert not widget.folds["pose"].is_open
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    qtbot.waitUntil(lambda: not widget.is_wide)
    assert widget.folds["detector"].is_open


def test_messages_move_nothing(dock_at, qtbot):
    _, widget, _ = dock_at("right")
    output = widget.output

    def places():
        settle(qtbot, widget)
        parts = (output.render_button.native, output.live_box.native, widget.pose.native)
        return [part.mapTo(widget, part.rect().topLeft()).y() for part in parts]

    before = places()
    widget.session.events.refused.emit("Something is wrong with many words. " * 20)
    assert places() == before
    assert output.message_line.label.toolTip().startswith("Something is wrong")
    widget.session.events.progress.emit(10, 100)
    assert output.progress_bar.isVisible()
    assert places() == before


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_warnings_are_readable_in_both_themes(dock_at, theme):
    _, widget, _ = dock_at("right", theme)
    widget.session.events.refused.emit("Something is wrong.")
    label = widget.output.message_line.label
    QApplication.processEvents()
    ground = QColor(*get_theme(theme).background.as_rgb_tuple()[:3])
    shown = QColor(label.styleSheet().removeprefix("color: ").removesuffix(";"))
    assert contrast(shown, ground) >= READABLE
    image = label.grab().toImage()
    colors = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(20)}
    assert shown.name() in colors
    # Another theme takes another color.
    get_settings().appearance.theme = "light" if theme == "dark" else "dark"
    QApplication.processEvents()
    again = QColor(label.styleSheet().removeprefix("color: ").removesuffix(";"))
    assert again.name() != shown.name()


def test_a_color_that_can_be_read_is_left_alone():
    black, white, amber = QColor("black"), QColor("white"), QColor("#e3b617")
    assert contrast(black, white) == pytest.approx(21)
    assert readable(amber, white, black).name() == "#e3b617"
    darker = readable(amber, black, white)
    assert contrast(darker, white) >= READABLE
    assert darker.name() != "#000000"


@pytest.fixture
def any_paint_counts(monkeypatch):
    """Measure paints of a busy machine, too, which come late."""
    monkeypatch.setattr(_paint, "LATEST", 1000.0)


def test_the_paint_is_measured_on_the_main_canvas(any_paint_counts, dock_at, qtbot):
    _, widget, dock = dock_at("right")
    s = widget.session
    canvas = main_canvas(widget)
    assert canvas is not None
    assert not widget.isAncestorOf(canvas)
    s.pose.alpha_deg = 20
    Watch(s, qtbot).settle()
    qtbot.waitUntil(lambda: s._rendering.pace.paint_seconds is not None)
    assert 0 < s._rendering.pace.paint_seconds < _paint.LATEST
    dock.setFloating(True)
    assert main_canvas(widget) is canvas


def test_a_covered_window_measures_nothing(any_paint_counts, dock_at, qtbot):
    _, widget, _ = dock_at("right")
    s = widget.session
    qtbot.waitUntil(lambda: s._rendering.pace.paint_seconds is not None)
    told = []
    s.painted = told.append
    canvas = main_canvas(widget)
    canvas.hide()
    s.events.rendered.emit(s._rendering._last)
    canvas.frameSwapped.emit()
    assert told == []


def test_a_closed_dock_leaves_no_connection(dock_at, qtbot):
    viewer, widget, dock = dock_at("right")
    s = session(viewer)
    canvas = main_canvas(widget)
    parts = [weakref.ref(each) for each in (widget, widget.inputs, widget.view, widget.pose)]
    parts += [weakref.ref(each) for each in (widget.detector, widget.renderer, widget.display)]
    parts += [weakref.ref(each) for each in (widget.output, widget._paint_watch)]
    del widget
    viewer.window.remove_dock_widget(dock)
    del dock
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    QApplication.processEvents()
    gc.collect()
    assert [part() for part in parts] == [None] * len(parts)
    s.pose.alpha_deg = 5
    s.events.refused.emit("nobody listens")
    viewer.scene.camera.orientation = ("towards", "down", "right")
    canvas.frameSwapped.emit()
    assert np.isclose(s.pose.alpha_deg, 5)


def test_no_control_is_without_a_word(dock_at, qtbot):
    """Every slider, button and box says what it does."""
    _, widget, _ = dock_at("right")
    opened(widget, qtbot)
    silent = []
    for part in ours(widget)[:7]:
        for each in part.findChildren(QWidget):
            if isinstance(each, QLabel) or not each.isVisible() or each.findChildren(QWidget):
                continue
            told, parent = each.toolTip(), each
            while not told and parent is not part:
                parent = parent.parentWidget()
                told = parent.toolTip()
            if not told and not isinstance(each, QAbstractSlider):
                silent.append(each)
    assert silent == []
