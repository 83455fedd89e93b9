"""The dock in a real window, driven as a user would."""

import gc
import weakref

import numpy as np
import pytest
from docks import Watch, click, fill, make_endless
from napari.settings import get_plugin_settings
from qtpy.QtWidgets import QApplication

from napari_drr import session
from napari_drr.viewer import layers
from napari_drr.viewer._requests import Cancelled
from napari_drr.viewer.widgets._open_c_arm import NAME
from napari_drr.viewer.widgets.dock import DRRWidget

pytestmark = pytest.mark.gui


def render(qtbot, widget):
    """Click Render, and wait for the full image."""
    watch = Watch(widget.session, qtbot)
    click(widget.output.render_button)
    watch.settle()


def test_it_shows_the_sessions_very_object(open_dock):
    viewer, widget = open_dock()
    assert widget.session is session(viewer)
    assert widget.inputs.ct_choice.value is viewer.layers["ct"]
    assert widget.inputs.labels_choice.value is viewer.layers["labels"]
    assert layers.is_radiological(viewer)


def test_a_click_renders_what_the_api_renders(open_dock, qtbot):
    viewer, widget = open_dock()
    widget.session.live = False
    click(widget.view.buttons["PA"])
    render(qtbot, widget)
    image = viewer.layers["DRR"].data.copy()
    assert image.max() > 0.5
    assert "24 x 20" in widget.output.status_line.value
    assert np.array_equal(image, widget.session.render().data)


def test_the_window_stays_alive_while_it_renders(open_dock, qtbot):
    viewer, widget = open_dock()
    watch = Watch(widget.session, qtbot)
    watch.settle()
    widget.session.live = False
    widget.session.detector.update(height=150, width=150)
    click(widget.output.render_button)
    shape = viewer.layers["DRR"].data.shape
    assert shape == (20, 24), "the click returned before the render was done"
    watch.settle()
    assert viewer.layers["DRR"].data.shape == (150, 150)


def test_it_is_live_and_renders_what_it_finds(open_dock, qtbot):
    viewer, widget = open_dock()
    s = widget.session
    assert s.live
    assert widget.output.live_box.value
    watch = Watch(s, qtbot)
    watch.settle()
    assert viewer.layers["DRR"].data.max() > 0.5
    click(widget.view.buttons["L lat"])
    watch.settle()
    assert np.array_equal(viewer.layers["DRR"].data.copy(), s.render().data)
    widget.output.live_box.value = False
    assert not s.live
    s.live = True
    assert widget.output.live_box.value


def test_who_does_not_want_it_live_gets_one_image(make_napari_viewer, thorax, qtbot):
    settings = get_plugin_settings("napari-drr")
    settings.drr_rendering.live = False
    try:
        viewer = make_napari_viewer()
        fill(viewer, thorax)
        s = session(viewer)
        s.detector.update(height=20, width=24)
        widget = DRRWidget(viewer)
        viewer.window.add_dock_widget(widget)
        assert not s.live
        assert not widget.output.live_box.value
        Watch(s, qtbot).settle()
    finally:
        settings.drr_rendering.live = True


def test_the_c_arm_is_opened_once(open_dock):
    viewer, widget = open_dock()
    click(widget.view.c_arm_button)
    assert NAME in viewer.window.dock_widgets
    first = viewer.window.dock_widgets[NAME]
    click(widget.view.c_arm_button)
    assert viewer.window.dock_widgets[NAME] is first
    assert first.session is widget.session


def test_problems_of_the_layers_stand_below_them(open_dock):
    viewer, widget = open_dock()
    assert widget.problems.native.isHidden()
    viewer.layers["labels"].translate = np.add(viewer.layers["labels"].translate, 5000.0)
    assert not widget.problems.native.isHidden()


def test_numbers_set_the_session_and_follow_it(open_dock):
    _, widget = open_dock()
    alpha = widget.pose.rows["pose.alpha_deg"]
    alpha.value = 25.0
    assert widget.session.pose.alpha_deg == 25.0
    widget.session.pose.alpha_deg = -40.0
    assert alpha.value == -40.0
    click(widget.view.buttons["L lat"])
    assert widget.session.orientation == "PA"
    assert alpha.value == 90.0
    assert widget.pose.rows["pose.y"].value < 0


def test_an_empty_viewer_says_what_to_do(open_dock, thorax):
    viewer, widget = open_dock(filled=False)
    assert "Drop a CT" in widget.inputs.hint.value
    assert not widget.output.render_button.enabled
    assert widget.output.render_button.tooltip == "Choose a CT first."
    fill(viewer, thorax)
    assert widget.output.render_button.enabled
    assert widget.inputs.ct_choice.value is viewer.layers["ct"]
    viewer.layers.clear()
    assert not widget.output.render_button.enabled


def test_renamed_layers_are_followed(open_dock):
    viewer, widget = open_dock()
    viewer.layers["ct"].name = "another name"
    choice = widget.inputs.ct_choice
    assert choice.value is viewer.layers["another name"]
    texts = [choice._widget._qwidget.itemText(i) for i in range(choice._widget._qwidget.count())]
    assert "another name" in texts


def test_a_window_closed_in_mid_render_leaves_nothing(make_napari_viewer, thorax, qtbot):
    viewer = make_napari_viewer()
    fill(viewer, thorax)
    _, widget = viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
    s = widget.session
    make_endless(s)
    click(widget.output.render_button)
    running = s._rendering._job.future
    del widget
    viewer.close()
    qtbot.waitUntil(running.done, timeout=30_000)
    assert isinstance(running.exception(), Cancelled)
    qtbot.wait(50)  # what was still on its way to the deleted widgets


def test_a_closed_dock_is_let_go(make_napari_viewer, thorax):
    viewer = make_napari_viewer()
    fill(viewer, thorax)
    dock, widget = viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
    gone = weakref.ref(widget)
    viewer.window.remove_dock_widget(dock)
    del dock, widget
    QApplication.processEvents()
    gc.collect()
    assert gone() is None
    assert not session(viewer).live
    # The session lives with the viewer, and a new dock shows the same.
    _, again = viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
    assert again.session is session(viewer)


def test_the_dock_can_be_made_without_the_menu(make_napari_viewer):
    viewer = make_napari_viewer()
    widget = DRRWidget(viewer)
    viewer.window.add_dock_widget(widget)
    assert widget.session.ct is None
