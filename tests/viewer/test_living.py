"""Living with napari: layers that are edited, moved and deleted under a live session."""

import gc
import threading
import weakref

import numpy as np
import pytest
from orientations import rotation

from napari_drr import load_phantom, session
from napari_drr.viewer import layers
from napari_drr.viewer._session import DELETED

pytestmark = pytest.mark.gui


oblique = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")


@pytest.fixture(scope="module")
def phantom():
    return load_phantom(spacing=12.0, center_volume=False)


def fill(viewer, phantom):
    voxels, how, _ = layers.image_layer_data(phantom.volume, "ct")
    viewer.add_image(voxels.copy(), **how)
    voxels, how, _ = layers.labels_layer_data(phantom.mask, phantom.structures, "labels")
    viewer.add_labels(voxels.copy(), **how)


def go_live(viewer, size=24):
    s = session(viewer)
    s.detector.update(height=size, width=size)
    s.detector.update(pixel_spacing_x=400 / size, pixel_spacing_y=400 / size)
    s.live = True
    return s


@pytest.fixture
def open_live(make_napari_viewer, phantom, qtbot):
    """Open a window on the phantom, with a live session."""
    opened = []

    def make(size=24):
        viewer = make_napari_viewer()
        fill(viewer, phantom)
        s = go_live(viewer, size)
        opened.append(weakref.ref(s))
        wait(qtbot, s)
        return viewer, s

    yield make
    for ref in opened:
        if (s := ref()) is not None:
            s.close()


def is_shown(s):
    """Whether the newest job's image stands in the layer."""
    job, layer = s._rendering._job, s.output()
    if job is None or layer is None or not job.future.done() or s.status.is_preview:
        return False
    return np.array_equal(layer.data, job.future.result().image)


def wait(qtbot, s):
    qtbot.waitUntil(lambda: is_shown(s))


def threads_of_ours():
    return [thread for thread in threading.enumerate() if thread.name == "napari-drr"]


def wait_for_threads(qtbot, number):
    qtbot.waitUntil(lambda: len(threads_of_ours()) == number)


def wait_until_gone(qtbot, *refs):
    """Wait for what was posted, and for napari's own threads, to let go of objects, too."""

    def are_gone():
        gc.collect()
        return all(ref() is None for ref in refs)

    qtbot.waitUntil(are_gone)


def another(image, s):
    return image.shape != s.output().data.shape or not np.array_equal(image, s.output().data)


@pytest.fixture(autouse=True)
def no_thread_is_left(qtbot):
    """No test leaves a thread to the next one."""
    yield
    gc.collect()
    wait_for_threads(qtbot, 0)


# Edited, moved, renamed, exchanged


@oblique
def test_turning_the_ct_with_napari_renders_it_anew(open_live, qtbot):
    viewer, s = open_live()
    before = s.output().data.copy()
    viewer.layers["labels"].visible = False
    ct = viewer.layers["ct"]
    ct.mode = "transform"
    s.isocenter = s.center
    ct.affine = np.eye(4)[[2, 1, 0, 3]] @ rotation(0, 20) @ np.eye(4)[[2, 1, 0, 3]]
    wait(qtbot, s)
    assert another(before, s)
    assert any("askew" in str(problem) for problem in s.problems())


def test_painting_labels_renders_them_anew_in_the_background(open_live, qtbot):
    viewer, s = open_live()
    labels = viewer.layers["labels"]
    s.structures.solo("heart")
    wait(qtbot, s)
    before = s.output().data.copy()
    layer_of_main, rendered_by = threading.current_thread(), []
    real = s._rendering._renderer.render
    s._rendering._renderer.render = lambda request: (
        rendered_by.append(threading.current_thread()) or real(request)
    )
    labels.brush_size, labels.n_edit_dimensions = 9, 3
    labels.selected_label = s.structures["liver"].id
    middle = np.argwhere(labels.data == s.structures["heart"].id).mean(axis=0)
    for step in range(4):
        labels.paint(middle + np.eye(3)[0] * step, labels.selected_label)
    wait(qtbot, s)
    assert another(before, s)
    assert layer_of_main not in rendered_by
    painted = s.output().data.copy()
    for _ in range(4):
        labels.undo()
    wait(qtbot, s)
    assert another(painted, s)
    np.testing.assert_allclose(s.output().data, before, atol=1e-6 * before.max())


def test_a_label_that_is_painted_for_the_first_time_is_listed(open_live, qtbot):
    viewer, s = open_live()
    labels = viewer.layers["labels"]
    count = len(s.structures)
    labels.selected_label = 250
    labels.brush_size, labels.n_edit_dimensions = 5, 3
    assert len(s.structures) == count
    labels.paint(np.array(labels.data.shape) / 2, 250)
    assert s.structures[250].name == "label 250"
    assert len(s.structures) == count + 1
    s.structures.hide(250)
    wait(qtbot, s)
    assert not s.structures[250].visible


def test_renaming_changes_nothing(open_live, qtbot):
    viewer, s = open_live()
    for layer, name in zip(list(viewer.layers), ("a", "b", "c"), strict=True):
        layer.name = name
    drr = s.output()
    s.pose.alpha_deg = 30
    wait(qtbot, s)
    assert s.output() is drr
    assert (s.ct.name, s.labels.name, drr.name) == ("a", "b", "c")
    assert len(viewer.layers) == 3


def test_another_ct_in_the_same_layer(open_live, qtbot):
    viewer, s = open_live()
    ct = viewer.layers["ct"]
    ct.data = ct.data[:, ::2, ::2][:20].copy()
    wait(qtbot, s)
    assert s._rendering._renderer._subject["volume"].spatial_shape == ct.data.shape[::-1]
    np.testing.assert_array_equal(s.output().data, s.render().data)


def test_undo_after_the_labels_changed(open_live, qtbot):
    viewer, s = open_live()
    s.structures.hide("heart")
    s.pose.alpha_deg = 20
    viewer.layers.remove("labels")
    assert len(s.structures) == 0
    s.undo()
    assert s.pose.alpha_deg == 0
    s.undo()
    wait(qtbot, s)
    assert not s.recipe.weights()
    other = viewer.add_labels(
        np.ones(s.ct.data.shape, np.uint8),
        name="other",
        scale=s.ct.scale,
        translate=s.ct.translate,
        units="mm",
    )
    s.labels = other
    s.redo()
    s.redo()
    assert [x.id for x in s.structures] == [1]
    wait(qtbot, s)
    assert not [problem for problem in s.problems() if problem.severity == "error"]


# Deleted


def test_a_deleted_radiograph_stays_away_until_it_is_asked_for(open_live, qtbot):
    viewer, s = open_live()
    told = []
    s.events.message.connect(told.append)
    viewer.layers.remove(s.output())
    assert not s.live
    assert told == [DELETED]
    s.pose.alpha_deg = 10
    qtbot.wait(50)
    assert s.output() is None
    s.live = True
    wait(qtbot, s)
    viewer.layers.remove(s.output())
    assert s.render() is s.output()
    assert s.live
    s.pose.alpha_deg = 20
    wait(qtbot, s)
    s.live = False
    s.render()
    assert not s.live


def test_a_radiograph_deleted_in_mid_gesture_stays_away(open_live, qtbot):
    viewer, s = open_live(300)
    with s.gesture():
        for angle in range(5):
            s.pose.alpha_deg = angle
        viewer.layers.remove(s.output())
        s.pose.alpha_deg = 50
    s.pose.alpha_deg = 60
    wait_until_idle(qtbot, s)
    assert s.output() is None
    assert s.pose.alpha_deg == 60


def test_an_explicit_render_outlives_the_old_layer(open_live, qtbot):
    viewer, s = open_live()
    s.live = False
    s.pose.alpha_deg = 40
    s.render(wait=False)
    viewer.layers.remove(s.output())
    wait(qtbot, s)
    assert s.output() is not None


def wait_until_idle(qtbot, s):
    qtbot.waitUntil(lambda: not s._rendering._loop.is_busy)
    qtbot.wait(20)  # what was posted meanwhile


def test_a_ct_deleted_while_it_is_rendered(open_live, qtbot):
    viewer, s = open_live(700)
    voxels = weakref.ref(viewer.layers["ct"].data)
    shown = []
    with s.gesture():
        for angle in range(5):
            s.pose.alpha_deg = angle
        viewer.layers.remove("ct")
        s.events.rendered.connect(shown.append)
        s.pose.alpha_deg = 31
    wait_until_idle(qtbot, s)
    assert not shown
    assert s.ct is None
    assert s.live
    wait_for_threads(qtbot, 0)
    wait_until_gone(qtbot, voxels)


def test_labels_deleted_while_they_are_rendered(open_live, qtbot):
    viewer, s = open_live(300)
    s.masks = {"labels"}
    with s.gesture():
        s.structures.set_weight(0.5, "heart")
        viewer.layers.remove("labels")
        s.pose.alpha_deg = 31
    wait(qtbot, s)
    assert len(s.structures) == 0
    assert not [problem for problem in s.problems() if problem.severity == "error"]
    np.testing.assert_array_equal(s.output().data, s.render().data)


def test_deleted_masks_stay_away_until_they_are_asked_for(open_live, qtbot):
    viewer, s = open_live()
    s.structures.solo("heart", "liver")
    s.masks = {"labels", "images"}
    qtbot.waitUntil(lambda: s.output("liver") is not None)
    viewer.layers.remove(s.output("DRR structures"))
    assert s.masks == {"images"}
    viewer.layers.remove(s.output("heart"))
    s.pose.alpha_deg = 25
    wait(qtbot, s)
    qtbot.waitUntil(lambda: layers.shows_same_geometry(s.output("liver"), s.recipe))
    assert s.output("heart") is None
    assert s.output("DRR structures") is None
    s.render()
    assert s.output("heart") is not None


def test_an_emptied_viewer_starts_anew(open_live, qtbot, phantom):
    viewer, s = open_live()
    viewer.layers.clear()
    assert s.live
    wait_until_idle(qtbot, s)
    assert len(viewer.layers) == 0
    assert "There is no CT" in str(s.problems()[0])
    fill(viewer, phantom)
    s.adopt()
    wait(qtbot, s)
    assert s.output().data.max() > 0.5
    assert len(viewer.layers) == 3


# Windows, docks, threads


def test_two_viewers_render_at_once(open_live, qtbot):
    pairs = [open_live(200), open_live(200)]
    for angle in range(12):
        for number, (_, s) in enumerate(pairs):
            s.pose.alpha_deg = angle + 90 * number
    for viewer, s in pairs:
        wait(qtbot, s)
        shown = s.output().data.copy()
        assert viewer.layers["DRR"] is s.output()
        np.testing.assert_array_equal(shown, s.render().data)
    assert another(pairs[0][1].output().data, pairs[1][1])
    assert len(threads_of_ours()) == 2


def test_a_viewer_closed_in_mid_render_leaves_nothing(make_napari_viewer, qtbot, phantom):
    # A first window: napari keeps things of its own for the next one.
    make_napari_viewer().close()
    viewer = make_napari_viewer()
    fill(viewer, phantom)
    s = go_live(viewer, 600)
    wait(qtbot, s)
    viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
    ct, voxels = viewer.layers["ct"], viewer.layers["ct"].data
    gone = [weakref.ref(x) for x in (viewer, s, s._rendering, ct, voxels, s.output())]
    with s.gesture():
        s.pose.alpha_deg = 30
        viewer.close()
    del s, ct, voxels, viewer
    wait_for_threads(qtbot, 0)
    wait_until_gone(qtbot, *gone)


def test_a_dock_closed_and_opened_again_goes_on(make_napari_viewer, phantom, qtbot):
    viewer = make_napari_viewer()
    fill(viewer, phantom)
    s = go_live(viewer)
    counts = set()
    for _ in range(2):
        dock, widget = viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
        assert widget.session is s
        s.pose.alpha_deg += 10
        wait(qtbot, s)
        counts.add(len(viewer.layers))
        gone = weakref.ref(widget)
        viewer.window.remove_dock_widget(dock)
        del dock, widget
        wait_for_threads(qtbot, 0)
        wait_until_gone(qtbot, gone)
    assert s.pose.alpha_deg == 20
    s.render()
    assert counts == {len(viewer.layers)}
    s.close()


def test_a_dock_tells_of_an_array_that_can_be_no_ct(make_napari_viewer, phantom, qtbot):
    viewer = make_napari_viewer()
    fill(viewer, phantom)
    s = go_live(viewer)
    _, widget = viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
    wait(qtbot, s)
    ct = viewer.layers["ct"]
    ct.data = np.stack([ct.data, ct.data])
    button, choice = widget.output.render_button, widget.inputs.ct_choice
    qtbot.waitUntil(lambda: not button.enabled)
    assert "'ct' is 4-D by now" in button.tooltip
    assert widget.problems.buttons[0].text == "Take volume"
    widget.problems.buttons[0].native.click()
    assert choice.value is s.ct is viewer.layers["ct at 0"]
    assert button.enabled


def test_a_failure_is_told_once_while_it_lasts(open_live, qtbot):
    viewer, s = open_live()
    failures = []
    s.events.failed.connect(failures.append)
    ct = viewer.layers["ct"]
    good, ct.data = ct.data, np.full_like(ct.data, 7.0)
    qtbot.waitUntil(lambda: len(failures) == 1)
    assert "nothing to see" in failures[0]
    for angle in range(5):
        s.pose.alpha_deg = angle
        wait_until_idle(qtbot, s)
    assert len(failures) == 1
    s.render(wait=False)
    qtbot.waitUntil(lambda: len(failures) == 2)
    ct.data = good
    wait(qtbot, s)
    ct.data = np.full_like(ct.data, 7.0)
    qtbot.waitUntil(lambda: len(failures) == 3)
    ct.data = np.stack([good, good])
    qtbot.waitUntil(lambda: len(failures) == 4)
    assert "4-D" in failures[3]


@oblique
def test_a_straight_copy_is_made_in_the_background(open_live, qtbot):
    viewer, s = open_live()
    flip = np.eye(4)[[2, 1, 0, 3]]
    viewer.layers.remove("labels")
    viewer.layers["ct"].affine = flip @ rotation(10, 0) @ flip
    s.solve(next(p for p in s.problems() if p.remedy == "resample_ct"))
    assert "ct straight" not in viewer.layers
    qtbot.waitUntil(lambda: "ct straight" in viewer.layers)
    assert s.ct is viewer.layers["ct straight"]
    wait(qtbot, s)
    assert not any("askew" in str(problem) for problem in s.problems())


@oblique
@pytest.mark.parametrize("is_made", [False, True])
def test_a_copy_of_what_was_deleted_meanwhile_is_not_added(open_live, qtbot, is_made):
    viewer, s = open_live()
    flip = np.eye(4)[[2, 1, 0, 3]]
    viewer.layers["ct"].affine = flip @ rotation(10, 0) @ flip
    wait_until_idle(qtbot, s)
    messages = []
    s.events.message.connect(messages.append)
    s.resample_ct(wait=False)
    if is_made:
        # It waits for this thread, which has not let any event through yet.
        made = threading.Event()
        s._rendering._loop.later(made.set)
        assert made.wait(60)
    viewer.layers.clear()
    wait_for_threads(qtbot, 0)
    qtbot.wait(20)
    assert len(viewer.layers) == 0
    assert s.ct is None
    # Else it may not even have been begun.
    assert not is_made or any("ct was deleted meanwhile" in each for each in messages)


def test_a_thousand_changes_leave_nothing_behind(open_live, qtbot):
    viewer, s = open_live(64)
    results, jobs = [], weakref.WeakSet()
    s.events.rendered.connect(lambda result: results.append(weakref.ref(result)))
    threads = threads_of_ours()
    drr = s.output()
    for number in range(1000):
        s.pose.alpha_deg = number * 0.3
        jobs.add(s._rendering._job)
        if number % 20 == 0:
            wait(qtbot, s)
    wait(qtbot, s)
    gc.collect()
    # The last one is kept, and one that the worker may hold.
    assert len(jobs) <= 2
    assert len(results) >= 50
    assert sum(ref() is not None for ref in results) <= 3
    assert threads_of_ours() == threads
    assert len(viewer.layers) == 3
    assert s.output() is drr
    assert s._history.can_undo
