"""Sliders and numbers of the dock, dragged, stepped and typed as a user would."""

import gc

import numpy as np
import pytest
from docks import Watch, click, drag, let_go, mouse, turn_wheel
from magicgui.widgets import Container
from qtpy.QtCore import QLocale, Qt
from qtpy.QtWidgets import QApplication

from napari_drr import session
from napari_drr.viewer.widgets._gesture import REST_MS
from napari_drr.viewer.widgets._numbers import NumberBox
from napari_drr.viewer.widgets._slider import NumberRow, SliderRow
from napari_drr.viewer.widgets.pose import PoseSection

pytestmark = pytest.mark.gui

CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


def in_gesture(s):
    return s._history.in_gesture


def steps(s):
    """Count what can be undone, and redo it."""
    count = 0
    while s.can_undo:
        s.undo()
        count += 1
    for _ in range(count):
        s.redo()
    return count


@pytest.fixture
def dock(open_dock, qtbot):
    """The dock on the phantom, with its first image rendered."""
    viewer, widget = open_dock(show=True)
    watch, window = Watch(widget.session, qtbot), widget.window()
    with qtbot.waitActive(window, timeout=10_000):
        window.activateWindow()  # focus and shortcuts are the active window's
    watch.settle()
    return viewer, widget


def test_a_drag_is_one_step_and_ends_in_the_full_image(dock, qtbot):
    viewer, widget = dock
    s, row = widget.session, widget.pose.rows["pose.alpha_deg"]
    watch, before = Watch(s, qtbot), steps(s)
    drag(row.slider, 0.5, 0.75)
    assert in_gesture(s)
    assert 60 < s.pose.alpha_deg < 120
    assert row.box.value() == s.pose.alpha_deg == round(s.pose.alpha_deg, 1)
    let_go(row.slider)
    assert not in_gesture(s)
    watch.settle()
    shown = viewer.layers["DRR"].data.copy()
    assert np.array_equal(shown, s.render().data)
    assert steps(s) == before + 1, "a drag is one step"
    s.undo()
    assert row.value == s.pose.alpha_deg == 0


def test_keys_and_wheel_go_in_steps_that_are_undone_together(dock, qtbot):
    _, widget = dock
    s, row = widget.session, widget.pose.rows["pose.alpha_deg"]
    before = steps(s)
    for key, value in (
        (Qt.Key.Key_Right, 1),
        (Qt.Key.Key_Up, 2),
        (Qt.Key.Key_PageUp, 12),
        (Qt.Key.Key_Left, 11),
        (Qt.Key.Key_PageDown, 1),
    ):
        qtbot.keyClick(row.slider, key)
        assert s.pose.alpha_deg == value
    turn_wheel(row.slider, 1)
    assert s.pose.alpha_deg == 2
    assert in_gesture(s)
    qtbot.waitUntil(lambda: not in_gesture(s), timeout=20 * REST_MS)
    assert steps(s) == before + 1
    qtbot.keyClick(row.slider, Qt.Key.Key_End)
    assert s.pose.alpha_deg == 180


def test_a_number_steps_and_is_typed(dock, qtbot):
    _, widget = dock
    s, row = widget.session, widget.pose.rows["pose.x"]
    before = steps(s)
    row.box.setFocus()
    qtbot.keyClick(row.box, Qt.Key.Key_Up)
    qtbot.keyClick(row.box, Qt.Key.Key_Up)
    assert s.pose.x == 2
    assert in_gesture(s)
    qtbot.waitUntil(lambda: not in_gesture(s), timeout=20 * REST_MS)
    assert steps(s) == before + 1
    row.box.selectAll()
    qtbot.keyClicks(row.box, "-12.5")
    assert s.pose.x == 2, "typing counts when it is finished"
    qtbot.keyClick(row.box, Qt.Key.Key_Return)
    assert s.pose.x == -12.5
    assert row.slider.value() == -12.5


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("12,5", 12.5),
        ("-7,", -7),
        ("5000", 180),
        ("-1e3", -180),
        ("1e1", 10),
        ("x", 33),
        ("-", 33),
        ("1,0.5", 33),
        ("0x10", 33),
        ("--5", 33),
    ],
)
@pytest.mark.parametrize("language", ["C", "de_DE"])
def test_no_key_is_swallowed_that_would_make_another_number(qtbot, typed, becomes, language):
    before = QLocale()
    QLocale.setDefault(QLocale(language))
    try:
        box = NumberBox(1, " mm", "x ")
    finally:
        QLocale.setDefault(before)
    qtbot.addWidget(box)
    box.setRange(-180, 180)
    box.setValue(33)
    box.selectAll()
    qtbot.keyClicks(box, typed)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert box.value() == becomes
    assert box.text() == f"x {becomes:.1f} mm"


def test_the_wheel_scrolls_over_a_number_that_has_no_focus(dock):
    _, widget = dock
    row = widget.pose.rows["pose.x"]
    widget.output.render_button.native.setFocus()
    assert not turn_wheel(row.box, 1)
    assert widget.session.pose.x == 0
    assert not turn_wheel(widget.pose.convention.native, -1)
    assert widget.session.pose.convention == "ZXY"


@pytest.mark.parametrize("how", ["focus", "hide", "disable"])
def test_what_is_left_ends_its_gesture(dock, how):
    _, widget = dock
    s, row = widget.session, widget.pose.rows["pose.gamma_deg"]
    row.slider.setFocus()
    drag(row.slider, 0.5, 0.6)
    assert in_gesture(s)
    if how == "focus":
        widget.output.render_button.native.setFocus()
    elif how == "hide":
        widget.folds["pose"].toggle.setChecked(False)
    else:
        row.enabled = False
    assert not in_gesture(s)


def test_a_drag_that_the_dock_does_not_survive_ends(dock):
    viewer, widget = dock
    s = widget.session
    drag(widget.pose.rows["pose.beta_deg"].slider, 0.5, 0.6)
    assert in_gesture(s)
    del widget
    viewer.window.remove_dock_widget("all")
    QApplication.processEvents()
    gc.collect()
    assert not in_gesture(s)


def test_a_gesture_ends_with_its_widget(make_napari_viewer, thorax):
    viewer = make_napari_viewer()
    s = session(viewer)
    section = PoseSection(s)
    section.rows["pose.x"].gesture.hold()
    assert in_gesture(s)
    section.native.deleteLater()
    del section
    QApplication.sendPostedEvents(None, 52)  # QEvent.Type.DeferredDelete
    gc.collect()
    assert not in_gesture(s)


def test_undo_and_redo_by_keys_wherever_the_focus_is_in_the_dock(dock, qtbot):
    _, widget = dock
    s, row = widget.session, widget.pose.rows["pose.alpha_deg"]
    s.pose.alpha_deg = 30
    row.slider.setFocus()
    qtbot.keyClick(row.slider, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert s.pose.alpha_deg == 0
    assert widget.pose.redo_button.enabled
    qtbot.keyClick(row.slider, Qt.Key.Key_Z, CTRL_SHIFT)
    assert s.pose.alpha_deg == 30
    # In a number's line, keys undo the typing first.
    row.box.setFocus()
    row.box.selectAll()
    qtbot.keyClicks(row.box, "77")
    qtbot.keyClick(row.box, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert s.pose.alpha_deg == 30
    row.box.selectAll()
    qtbot.keyClicks(row.box, "55")
    qtbot.keyClick(row.box, Qt.Key.Key_Return)
    assert s.pose.alpha_deg == 55
    qtbot.keyClick(row.box, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert s.pose.alpha_deg == 30


def test_labels_keep_their_own_undo(dock, qtbot):
    viewer, widget = dock
    s, labels = widget.session, viewer.layers["labels"]
    s.pose.alpha_deg = 30
    before = labels.data[5, 5, 5]
    viewer.layers.selection.active = labels
    labels.mode = "paint"
    labels.fill((5, 5, 5), int(before) + 1)
    assert labels.data[5, 5, 5] != before
    canvas = widget._paint_watch._canvas
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert labels.data[5, 5, 5] == before
    assert s.pose.alpha_deg == 30


def test_reset_of_one_row_and_of_all(dock):
    _, widget = dock
    s = widget.session
    s.pose.update(alpha_deg=30, x=10, y=500)
    row = widget.pose.rows["pose.alpha_deg"]
    assert row.reset_button.isEnabled()
    row.reset_button.click()
    assert (s.pose.alpha_deg, s.pose.x) == (0, 10)
    assert not row.reset_button.isEnabled()
    s.pose.update(beta_deg=5)
    click(widget.pose.reset_button)
    assert (s.pose.beta_deg, s.pose.x) == (0, 0)
    assert s.pose.y == pytest.approx(np.hypot(500, 10))
    widget.pose.distance.reset()
    assert s.distance == 850


def test_what_is_refused_is_told_and_not_shown(dock):
    _, widget = dock
    s = widget.session
    s.pose.x = 100
    widget.pose.distance.value = 50
    assert "greater than 100 mm" in widget.output.message_line.value
    assert widget.output.message_line.is_warning
    assert widget.pose.distance.value == pytest.approx(s.distance) == pytest.approx(855.86, abs=0.1)


def test_numbers_keep_their_digits(dock):
    _, widget = dock
    row = widget.pose.rows["pose.beta_deg"]
    widget.session.pose.beta_deg = 12.3456789
    assert row.value == 12.3456789
    assert row.box.text() == "12.3\N{DEGREE SIGN}"
    row.box.setFocus()
    widget.output.render_button.native.setFocus()
    assert widget.session.pose.beta_deg == 12.3456789


def test_a_press_on_the_groove_is_one_step(dock):
    _, widget = dock
    s, row = widget.session, widget.pose.rows["pose.z"]
    before = steps(s)
    mouse(row.slider, "press", 0.8 * row.slider.width(), row.slider.height() / 2)
    assert s.pose.z > 50
    mouse(row.slider, "move", 0.9 * row.slider.width(), row.slider.height() / 2)
    let_go(row.slider)
    assert not in_gesture(s)
    assert steps(s) == before + 1


def test_rows_are_magicgui_widgets(qapp):
    angle = SliderRow("\N{DEGREE SIGN}", -90, 90, name="angle", tooltip="an angle")
    count = NumberRow(" pixels", 1, 100, decimals=0, name="count")
    box = Container(widgets=[angle, count])
    told = []
    angle.changed.connect(told.append)
    angle.value = 12.34
    assert told == [12.34]
    assert (angle.min, angle.max, angle.step) == (-90, 90, 1)
    assert count.value == 1
    count.value = 7
    assert isinstance(count.value, int)
    assert box.angle.value == 12.34
    with pytest.raises(ValueError, match="from -90 to 90"):
        angle.value = 91
    angle.enabled = False
    assert not angle.slider.isEnabled()
    assert angle.native.toolTip() == "an angle"
