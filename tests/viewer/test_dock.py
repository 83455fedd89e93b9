"""The dock in a real window, driven as a user would."""

import gc
import weakref

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_drr import load_phantom, session
from napari_drr.viewer import layers
from napari_drr.viewer._requests import Cancelled
from napari_drr.viewer.widgets.dock import DRRWidget
from napari_drr.viewer.widgets.structures import NAME, WEIGHT

pytestmark = pytest.mark.gui


@pytest.fixture(scope="module")
def phantom():
    return load_phantom(spacing=12.0, center_volume=False)


def fill(viewer, phantom):
    voxels, how, _ = layers.image_layer_data(phantom.volume, "ct")
    viewer.add_image(voxels.copy(), **how)
    voxels, how, _ = layers.labels_layer_data(phantom.mask, phantom.structures, "labels")
    viewer.add_labels(voxels.copy(), **how)


@pytest.fixture
def open_dock(make_napari_viewer, phantom):
    """Open the dock as the Plugins menu does, on a viewer with or without the phantom."""

    def make(filled=True, show=False):
        viewer = make_napari_viewer(show=show)
        if filled:
            fill(viewer, phantom)
        _, widget = viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
        widget.session.detector.update(
            height=20, width=24, pixel_spacing_x=16.0, pixel_spacing_y=16.0
        )
        return viewer, widget

    return make


def click(button):
    button.native.click()


def wait_for_render(qtbot, widget):
    ended = []
    events = widget.session.events
    events.rendered.connect(ended.append)
    events.failed.connect(ended.append)
    click(widget.output.render_button)
    qtbot.waitUntil(lambda: bool(ended), timeout=60_000)
    events.rendered.disconnect(ended.append)
    events.failed.disconnect(ended.append)


def test_it_shows_the_sessions_very_object(open_dock):
    viewer, widget = open_dock()
    assert widget.session is session(viewer)
    assert widget.inputs.ct_choice.value is viewer.layers["ct"]
    assert widget.inputs.labels_choice.value is viewer.layers["labels"]
    assert layers.is_radiological(viewer)


def test_a_click_renders_what_the_api_renders(open_dock, qtbot):
    viewer, widget = open_dock()
    click(widget.view.buttons["PA"])
    wait_for_render(qtbot, widget)
    image = viewer.layers["DRR"].data.copy()
    assert image.max() > 0.5
    assert "24 x 20" in widget.output.status_line.value
    assert np.array_equal(image, widget.session.render().data)


def test_the_window_stays_alive_while_it_renders(open_dock, qtbot):
    viewer, widget = open_dock()
    widget.session.detector.update(height=150, width=150)
    beats = []
    widget.session.events.started.connect(lambda: beats.append(0))
    widget.output.render_button.native.click()
    assert "DRR" not in viewer.layers, "the click returned before the render was done"
    qtbot.waitUntil(lambda: "DRR" in viewer.layers, timeout=60_000)


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


def test_typing_counts_when_it_is_finished(open_dock, qtbot):
    _, widget = open_dock(show=True)
    seen = []
    widget.session.events.recipe.connect(seen.append)
    box = widget.pose.rows["pose.alpha_deg"].native
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, "12.5")
    assert seen == []
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert widget.session.pose.alpha_deg == 12.5


def test_structures_are_checked_and_weighed(open_dock):
    _, widget = open_dock()
    tree = widget.structures.tree
    groups = [tree.topLevelItem(i) for i in range(tree.topLevelItemCount())]
    ribs = next(item for item in groups if item.text(NAME).startswith("ribs"))
    ribs.setCheckState(NAME, Qt.CheckState.Unchecked)
    hidden = {s.group for s in widget.session.structures if not s.visible}
    assert hidden == {"ribs"}
    row = ribs.child(0)
    row.setText(WEIGHT, "2.5")
    assert widget.session.structures[row.text(NAME)].weight == 2.5
    row.setText(WEIGHT, "heavy")
    assert row.text(WEIGHT) == "2.5"
    assert "'heavy'" in widget.output.status_line.value
    widget.session.structures.show()
    assert ribs.checkState(NAME) == Qt.CheckState.Checked
    click(widget.structures.show_none)
    assert not any(s.visible for s in widget.session.structures)


def test_an_empty_viewer_says_what_to_do(open_dock, phantom):
    viewer, widget = open_dock(filled=False)
    assert "Drop a CT" in widget.inputs.hint.value
    assert not widget.output.render_button.enabled
    assert widget.output.render_button.tooltip == "Choose a CT first."
    fill(viewer, phantom)
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


def test_what_cannot_be_rendered_is_told_without_a_traceback(open_dock, qtbot):
    viewer, widget = open_dock()
    far = np.add(viewer.layers["labels"].translate, 5000.0)
    viewer.layers["labels"].translate = far
    wait_for_render(qtbot, widget)
    assert "overlap" in widget.output.status_line.value
    assert "DRR" not in viewer.layers


def test_a_pose_that_misses_is_told(open_dock, qtbot):
    _, widget = open_dock()
    widget.session.pose.x = 3000.0
    wait_for_render(qtbot, widget)
    assert "No ray meets the volume" in widget.output.status_line.value


def test_stop_gives_up_the_render(open_dock, qtbot):
    viewer, widget = open_dock()
    widget.session.detector.update(height=700, width=700)
    click(widget.output.render_button)
    click(widget.output.stop_button)
    assert widget.output.status_line.value == "Stopped."
    widget.session.detector.update(height=20, width=24)
    wait_for_render(qtbot, widget)
    assert viewer.layers["DRR"].data.shape == (20, 24)


def test_a_window_closed_in_mid_render_leaves_nothing(make_napari_viewer, phantom, qtbot):
    viewer = make_napari_viewer()
    fill(viewer, phantom)
    _, widget = viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
    s = widget.session
    s.renderer.backend = "reference"
    s.detector.update(height=900, width=900)
    click(widget.output.render_button)
    running = s._rendering._job.future
    del widget
    viewer.close()
    qtbot.waitUntil(running.done, timeout=30_000)
    assert isinstance(running.exception(), Cancelled)
    qtbot.wait(50)  # what was still on its way to the deleted widgets


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("pose", "alpha_deg", 270.0),
        ("pose", "y", -6000.0),
        ("detector", "source_to_detector", 20000.0),
        ("detector", "height", 5000),
        ("detector", "pixel_spacing_x", 0.005),
        ("detector", "pixel_spacing_y", 200.0),
        ("renderer", "n_points", 20000),
        ("renderer", "backend", "cuda"),
        ("attenuation", "bone_weight", 20.0),
    ],
)
def test_the_dock_shows_every_legal_value(open_dock, section, field, value):
    _, widget = open_dock()
    setattr(getattr(widget.session, section), field, value)
    shown = {"pose": widget.pose, "detector": widget.detector}.get(section, widget.renderer)
    assert shown.rows[f"{section}.{field}"].value == value


def test_every_row_sets_its_own_field(open_dock):
    _, widget = open_dock()
    for section in (widget.pose, widget.detector):
        for index, (path, box) in enumerate(section.rows.items()):
            if isinstance(box.value, bool):
                box.value = not box.value
            else:
                box.value = 20 + index
            name, field = path.split(".")
            assert getattr(getattr(widget.session, name), field) == box.value


@pytest.mark.parametrize(
    ("button", "orientation", "alpha", "beta", "front"),
    [
        ("AP", "AP", 0, 0, 1),
        ("PA", "PA", 0, 0, -1),
        ("L lat", "PA", 90, 0, -1),
        ("R lat", "PA", -90, 0, -1),
        ("LAO", "PA", 30, 0, -1),
        ("RAO", "PA", -30, 0, -1),
        ("CRA", "PA", 0, 30, -1),
        ("CAU", "PA", 0, -30, -1),
    ],
)
def test_view_buttons(open_dock, button, orientation, alpha, beta, front):
    _, widget = open_dock()
    click(widget.view.buttons[button])
    s = widget.session
    assert (s.orientation, s.pose.alpha_deg, s.pose.beta_deg) == (orientation, alpha, beta)
    assert np.sign(s.pose.y) == front


def test_masks_come_with_the_render(open_dock, qtbot):
    viewer, widget = open_dock()
    widget.output.mask_labels.value = True
    wait_for_render(qtbot, widget)
    assert set(np.unique(viewer.layers["DRR structures"].data)) > {0}
    widget.session.masks = ()
    assert not widget.output.mask_labels.value


def test_controls_that_cannot_work_are_disabled(open_dock):
    viewer, widget = open_dock()
    assert not widget.renderer.points.enabled
    widget.session.renderer.renderer = "trilinear"
    assert widget.renderer.points.enabled
    assert widget.renderer.energy.enabled
    widget.session.attenuation.kind = "relative"
    assert not widget.renderer.energy.enabled
    assert widget.renderer.multiplier.enabled
    viewer.layers.remove("labels")
    assert not widget.output.mask_labels.enabled


def test_a_closed_dock_is_let_go(make_napari_viewer, phantom):
    viewer = make_napari_viewer()
    fill(viewer, phantom)
    dock, widget = viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
    gone = weakref.ref(widget)
    viewer.window.remove_dock_widget(dock)
    del dock, widget
    QApplication.processEvents()
    gc.collect()
    assert gone() is None
    # The session lives with the viewer, and a new dock shows the same.
    _, again = viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
    assert again.session is session(viewer)


def test_a_section_works_alone(make_napari_viewer, phantom):
    from napari_drr.viewer.widgets.pose import PoseSection

    viewer = make_napari_viewer()
    fill(viewer, phantom)
    section = PoseSection(session(viewer))
    viewer.window.add_dock_widget(section, name="pose")
    section.rows["pose.beta_deg"].value = 7.0
    assert session(viewer).pose.beta_deg == 7.0


def test_the_dock_can_be_made_without_the_menu(make_napari_viewer):
    viewer = make_napari_viewer()
    widget = DRRWidget(viewer)
    viewer.window.add_dock_widget(widget)
    assert widget.session.ct is None
