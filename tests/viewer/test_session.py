"""The session, as napari's console drives it, in a viewer without a window."""

import gc
import json
import threading
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from halt import Halt
from napari.components import ViewerModel

from napari_drr import DRR, Recipe, read, session
from napari_drr.recipe import Display, RendererSettings
from napari_drr.viewer import _rendering, layers
from napari_drr.viewer._requests import Cancelled
from napari_drr.viewer._session import Session


def test_one_session_per_viewer(viewer):
    first = session(viewer)
    assert session(viewer) is first
    assert session(ViewerModel()) is not first
    first.close()


def test_it_adopts_what_the_viewer_shows(s, viewer, phantom):
    assert s.ct is viewer.layers["ct"]
    assert s.labels is viewer.layers["labels"]
    assert [x.name for x in s.structures] == phantom.structures["structure"].tolist()


def test_a_render_equals_the_api_to_the_last_bit(s, phantom):
    s.pose.update(alpha_deg=30.0, beta_deg=-10.0, x=4.0)
    layer = s.render()
    inputs = s._inputs.snapshot()
    same_voxels = read((inputs.hounsfield, inputs.affine), attenuation="physical")
    assert np.array_equal(layer.data, ap_30_of(same_voxels))
    # The phantom's own voxels lie in another order than the layer's, along axes that run the other
    # way: there float32 positions round otherwise.
    subject = read(phantom.volume, attenuation="physical")
    np.testing.assert_allclose(layer.data, ap_30_of(subject), atol=1e-6 * layer.data.max())
    assert layer.data.max() > 0.5


def ap_30_of(subject):
    """Render the pose above with the API."""
    drr = DRR(subject, 1020.0, 20, 16.0, width=24)
    angles, xyz = torch.tensor([[30.0, -10.0, 0.0]]).double(), torch.tensor([[4.0, 850.0, 0.0]])
    image = drr(
        angles, xyz.double(), parameterization="euler_angles", convention="ZXY", degrees=True
    )
    return image[0, 0].numpy()


def test_settings_are_rendered(s):
    middle = s.ct.extent.world.mean(axis=0)[::-1]
    for change in (
        lambda: s.view("left lateral"),
        lambda: setattr(s.renderer, "renderer", "trilinear"),
        lambda: setattr(s.attenuation, "bone_weight", 0.0),
        lambda: setattr(s.attenuation, "kind", "relative"),
        lambda: s.structures.hide("ribs"),
        lambda: s.structures.set_weight(3.0, "heart"),
        lambda: setattr(s, "isocenter", np.add(middle, (0.0, 50.0, 20.0))),
        lambda: setattr(s.detector, "mirror", False),
    ):
        before = s.render().data.copy()
        change()
        assert not np.array_equal(s.render().data, before)


def test_the_layer_carries_its_recipe(s):
    s.pose.alpha_deg = 12.5
    layer = s.render()
    recipe = Recipe.from_json(json.dumps(layer.metadata[layers.KEY]))
    assert recipe.pose.alpha_deg == 12.5
    assert recipe.ct.sha256
    assert recipe == s.recipe


def test_one_layer_is_reused_and_a_deleted_one_is_made_anew(s, viewer):
    layer = s.render()
    layer.name = "renamed"
    s.pose.alpha_deg = 20
    assert s.render() is layer
    assert len(viewer.layers) == 3
    viewer.layers.remove(layer)
    assert s.output() is None
    assert s.render() is not layer
    assert len(viewer.layers) == 3


def test_hidden_structures_are_gone(s):
    whole = s.render().data.copy()
    s.structures.hide()
    nothing = s.render().data.copy()
    s.structures.solo("heart")
    heart = s.render().data.copy()
    assert (nothing <= heart + 1e-5).all()
    assert (heart <= whole + 1e-5).all()
    assert [x.name for x in s.structures if x.visible] == ["heart"]
    with pytest.raises(ValueError, match="spleeen"):
        s.structures.hide("spleeen")


def test_masks_in_both_forms(s, viewer):
    s.structures.solo("heart", "liver")
    s.masks = frozenset({"labels", "images"})
    drr = s.render()
    mask, heart, liver = s.output("DRR structures"), s.output("heart"), s.output("liver")
    heart_id, liver_id = s.structures["heart"].id, s.structures["liver"].id
    assert set(np.unique(mask.data)) == {0, heart_id, liver_id}
    wins = heart.data > liver.data
    assert (mask.data[wins] == heart_id).all()
    assert mask.data.shape == drr.data.shape
    np.testing.assert_allclose(mask.affine.affine_matrix, drr.affine.affine_matrix)
    # The patient's right is on the left of an AP image, and the liver lies there.
    columns = np.arange(24)
    center = [(x.data.sum(0) * columns).sum() / x.data.sum() for x in (liver, heart)]
    assert center[0] < center[1]


def test_masks_are_one_of_two_forms(s):
    seen = []
    s.events.masks.connect(seen.append)
    s.masks = {"labels"}
    s.masks = ["labels"]
    assert seen == [{"labels"}]
    with pytest.raises(ValueError, match="'contours'"):
        s.masks = {"contours"}


def test_too_many_structure_images_are_refused(s):
    s.masks = frozenset({"images"})
    with pytest.raises(ValueError, match="show at most 24"):
        s.render()


def test_painting_labels_is_heeded(s, viewer):
    s.structures.hide("heart")
    before = s.render().data.copy()
    labels = viewer.layers["labels"]
    heart = s.structures["heart"].id
    labels.data_setitem(np.nonzero(labels.data == heart), s.structures["liver"].id)
    assert not np.array_equal(s.render().data, before)


def test_an_edit_in_place_is_heeded_after_reload(s, viewer):
    before = s.render().data.copy()
    viewer.layers["ct"].data[1:] = -1000
    s.reload()
    assert s.render().data.max() < before.max() / 2


def test_a_moved_layer_moves_the_center(s, viewer):
    before = s.render().data.copy()
    viewer.layers["ct"].translate = np.add(viewer.layers["ct"].translate, (0.0, 0.0, 30.0))
    viewer.layers["labels"].translate = viewer.layers["ct"].translate
    # The isocenter is the center of the grid, wherever that lies: the image stays.
    np.testing.assert_allclose(s.render().data, before, atol=1e-4)


def test_deleted_layers_are_let_go(s, viewer):
    ct = weakref.ref(viewer.layers["ct"])
    s.render()
    viewer.layers.remove("labels")
    assert s.labels is None
    assert len(s.structures) == 0
    viewer.layers.remove("ct")
    assert s.ct is None
    gc.collect()
    assert ct() is None
    with pytest.raises(ValueError, match="There is no CT"):
        s.render()


def test_faults_of_a_pose_are_told_not_drawn(s):
    told = []
    s.events.message.connect(told.append)
    s.pose.x = 3000.0
    assert s.render().data.max() == 0
    assert "No ray meets the CT" in told[0]


def test_events_tell_what_changed(s):
    seen = []
    s.events.recipe.connect(seen.append)
    s.pose.alpha_deg = 5
    s.pose.alpha_deg = 5
    s.view("LAO", 30)
    assert seen == [{"pose"}, {"pose", "orientation"}]


def test_unknown_fields_and_bad_values_are_refused(s):
    with pytest.raises(AttributeError, match="`pose` has no `alfa_deg`"):
        s.pose.alfa_deg = 3
    with pytest.raises(ValueError, match="height"):
        s.detector.height = 0
    assert s.detector.height == 20


def test_save_and_load(s, tmp_path):
    s.pose.alpha_deg = 33
    s.structures.hide("ribs")
    s.save(tmp_path / "view.drr.json")
    kept = s.recipe
    s.view("PA")
    s.structures.show()
    s.load(tmp_path / "view.drr.json")
    assert s.recipe == kept


def test_rendering_in_the_background(viewer):
    waiting, ready = [], threading.Event()

    def post(function):
        waiting.append(function)
        ready.set()

    s = Session(viewer, post)
    s.adopt()
    s.detector.update(height=20, width=24)
    results, failures = [], []
    s.events.rendered.connect(results.append)
    s.events.failed.connect(failures.append)
    s.recipe = Recipe.from_json(s.recipe.to_json())
    assert s.render(wait=False) is None
    while not results:
        assert ready.wait(60)
        ready.clear()
        while waiting:
            waiting.pop(0)()
    assert s.output() is not None
    assert not failures
    s.ct = None
    s.render(wait=False)
    assert "There is no CT" in failures[0]
    s.close()


def test_nothing_is_left_behind(viewer):
    s = Session(viewer)
    s.adopt()
    s.detector.update(height=8, width=8)
    s.render()
    gone, thread = weakref.ref(s), s._rendering._loop._thread
    assert thread.is_alive()
    s.close()
    del s
    gc.collect()
    assert gone() is None
    thread.join(60)
    assert not thread.is_alive()


def test_what_was_deselected_stays_so(s, viewer):
    s.labels = None
    s.render()
    assert session(viewer).labels is None
    viewer.layers.remove("ct")
    assert s.ct is None


def test_a_layer_that_is_no_volume_is_refused(s, viewer):
    flat = viewer.add_image(np.zeros((4, 4)), name="flat")
    with pytest.raises(ValueError, match="'flat' is no CT"):
        s.ct = flat
    with pytest.raises(ValueError, match="holds no structures"):
        s.labels = flat
    assert s.ct is viewer.layers["ct"]


def test_masks_of_an_earlier_pose_are_hidden(s):
    s.structures.solo("heart")
    s.masks = {"labels", "images"}
    s.render()
    mask, heart = s.output("DRR structures"), s.output("heart")
    s.masks = ()
    s.view("left lateral")
    s.render()
    assert not mask.visible
    assert not heart.visible
    s.masks = {"labels"}
    s.render()
    assert mask.visible
    assert not heart.visible


def test_a_recipe_and_the_labels_are_merged(s, viewer, tmp_path):
    s.structures.hide("spleen")
    s.structures.set_weight(2.0, "heart")
    s.save(tmp_path / "a.drr.json")
    labels = s.labels
    s.labels = None
    s.load(tmp_path / "a.drr.json")
    s.labels = labels
    assert not s.structures["spleen"].visible
    assert s.structures["heart"].weight == 2.0
    plain = Recipe(pose=s.recipe.pose)
    (tmp_path / "b.drr.json").write_text(plain.to_json())
    s.load(tmp_path / "b.drr.json")
    assert len(s.structures) == len(labels.metadata[layers.KEY]["structures"])


def test_the_frame_is_heeded_and_checked(s):
    before = s.render().data.copy()
    seen = []
    s.events.inputs.connect(lambda: seen.append(s.frame))
    s.frame = "LPS"
    assert seen == ["LPS"]
    # The same voxels, right and left as well as front and back exchanged.
    assert not np.array_equal(s.render().data, before)
    with pytest.raises(ValueError, match="'XYZ'"):
        s.frame = "XYZ"


def test_another_ct_than_the_recipes_is_told(s, viewer, tmp_path):
    s.render()
    s.save(tmp_path / "a.drr.json")
    viewer.layers["ct"].data[3:5] += 7
    s.reload()
    s.load(tmp_path / "a.drr.json")
    told = []
    s.events.message.connect(told.append)
    s.render()
    assert any("made of another CT" in text for text in told)


def slow_session(viewer, post, monkeypatch):
    """Return a session that tells of the progress of every tile, and renders many."""
    monkeypatch.setattr(_rendering, "SHORT", 0.0)
    monkeypatch.setattr(_rendering, "PROGRESS_EVERY", 0.0)
    s = Session(viewer, post)
    s.adopt()
    s.renderer.backend = "reference"
    s.detector.update(height=300, width=300)
    return s


def test_a_cancelled_render_ends_and_tells(viewer, monkeypatch):
    halt = Halt()
    s = slow_session(viewer, halt, monkeypatch)
    told = []
    s.events.cancelled.connect(lambda: told.append(True))
    s.render(wait=False)
    halt.wait()
    running = s._rendering._job.future
    s.cancel()
    assert told == [True]
    halt.end()
    assert isinstance(running.exception(60), Cancelled)
    s.close()


def test_a_render_that_has_ended_is_cancelled_until_it_is_shown(viewer):
    waiting, told = [], []
    s = Session(viewer, waiting.append)
    s.adopt()
    s.detector.update(height=20, width=24)
    s.events.cancelled.connect(lambda: told.append("cancelled"))
    s.events.rendered.connect(lambda result: told.append("rendered"))
    s.render(wait=False)
    is_done = threading.Event()
    s._rendering._loop.later(is_done.set)
    assert is_done.wait(60)
    s.cancel()
    s.cancel()
    for function in waiting:
        function()
    assert told == ["cancelled"]
    assert s.output() is None
    s.close()


def test_a_change_that_cannot_be_rendered_ends_the_render_under_way(viewer, monkeypatch):
    halt, told = Halt(), []
    s = slow_session(viewer, halt, monkeypatch)
    s.events.cancelled.connect(lambda: told.append("cancelled"))
    s.events.failed.connect(lambda message: told.append("failed"))
    s.live = True
    halt.wait()
    viewer.layers["ct"].data = np.stack([viewer.layers["ct"].data] * 2)
    assert told == ["cancelled", "failed"]
    halt.end()
    s.close()


def test_a_render_that_was_waited_for_cannot_be_cancelled(s):
    told = []
    s.events.cancelled.connect(lambda: told.append(True))
    s.render()
    s.cancel()
    assert told == []


@pytest.mark.parametrize("end", ["shown", "cancelled", "ct deleted"])
def test_no_progress_is_told_of_a_render_that_has_ended(viewer, end, monkeypatch):
    halt, told = Halt(), []
    s = slow_session(viewer, halt, monkeypatch)
    s.events.progress.connect(lambda done, total: told.append(done))
    if end == "shown":
        halt.end()
        s.render()
    else:
        s.render(wait=False)
        halt.wait()
        halt.calls[0][0]()
        assert len(told) == 1
        told.clear()
        running = s._rendering._job.future
        if end == "cancelled":
            s.cancel()
        else:
            viewer.layers.remove(s.ct)
        halt.end()
        assert isinstance(running.exception(60), Cancelled)
    assert halt.calls
    for (function,) in halt.calls:
        function()
    assert told == []
    s.close()


def test_a_backend_that_cannot_serve_says_so(s):
    s.recipe = replace(s.recipe, renderer=RendererSettings(backend="cuda"))
    with pytest.raises(ValueError, match="can't serve"):
        s.render()


def test_others_labels_are_not_taken_for_those_that_were_deleted(s, viewer):
    other = viewer.add_labels(np.ones((4, 4, 4), np.uint8), translate=(9999.0,) * 3, units="mm")
    viewer.layers.remove("labels")
    s.adopt()
    assert s.labels is None
    s.render()
    new = viewer.add_labels(np.ones((4, 4, 4), np.uint8), units="mm", name="new")
    s.adopt()
    assert s.labels is new
    s.labels = other
    assert s.labels is other


@pytest.mark.parametrize("mode", ["line_integral", "transmission"])
def test_the_recipe_takes_looks_from_the_layer(s, mode):
    s.display.mode = mode
    layer = s.render()
    assert s.display.contrast_limits is None
    steps = len(s._history._past)
    layer.contrast_limits = (0.5, 2.0)
    assert s.display.contrast_limits == (0.5, 2.0)
    assert s.display.mode == mode
    np.testing.assert_allclose(
        layer.colormap.map(np.linspace(0, 1, 9))[:, 0],
        replace(s.recipe.display, gamma=1.0).gray(np.linspace(0.5, 2, 9)),
        atol=1 / 255,
    )
    assert len(s._history._past) == steps
    s.pose.alpha_deg = 10
    assert tuple(s.render().contrast_limits) == (0.5, 2.0)
    s.display.contrast_limits = None
    assert s.render().contrast_limits[0] == 0
    assert s.display.contrast_limits is None
    layer.colormap = "magma"
    assert s.display.mode == mode


def test_the_recipe_takes_gamma_and_inversion_from_the_layer(s):
    layer = s.render()
    layer.gamma = 0.5
    layer.colormap = "gray_r"
    assert (s.display.gamma, s.display.invert) == (0.5, True)
    assert s.display.contrast_limits is None
    assert s.render().gamma == 0.5


def test_a_look_by_hand_changes_what_was_set_only(s):
    layer = s.render()
    s.recipe = replace(
        s.recipe, display=Display(contrast_limits=(0.0, 3.0)), pose=replace(s.recipe.pose, x=5.0)
    )
    s.render()
    layer.gamma = 0.8
    assert s.recipe.display == Display(gamma=0.8, contrast_limits=(0.0, 3.0))
    assert tuple(layer.contrast_limits) == (0.0, 3.0)
    for limits in [(0.0, 2.0), (0.0, 3.0)]:
        layer.contrast_limits = limits
        assert s.display.contrast_limits == tuple(layer.contrast_limits) == limits


def test_limits_that_are_kept_stay_kept_when_gamma_is_changed(s):
    layer = s.render()
    s.display.contrast_limits = limits = tuple(layer.contrast_limits)
    layer.gamma = 1.3
    layer.colormap = "gray_r"
    assert s.recipe.display == Display(gamma=1.3, invert=True, contrast_limits=limits)


def test_an_undo_leaves_what_was_set_by_hand(s):
    layer = s.render()
    s.pose.alpha_deg = 12
    s.pose.beta_deg = 3
    s.undo()
    layer.contrast_limits = (0.5, 2.5)
    layer.gamma = 0.7
    by_hand = Display(gamma=0.7, contrast_limits=(0.5, 2.5))
    for step in (s.undo, s.redo, s.redo):
        step()
        assert s.recipe.display == by_hand
        assert (layer.gamma, tuple(layer.contrast_limits)) == (0.7, (0.5, 2.5))
    assert (s.pose.alpha_deg, s.pose.beta_deg) == (12, 3)


def test_a_display_is_shown_before_the_rest_of_its_recipe_is_rendered(s):
    layer = s.render()
    wanted = Display("transmission", True, 1.0, (0.0, 3.0))
    s.recipe = replace(s.recipe, display=wanted, pose=replace(s.recipe.pose, x=5.0))
    assert layer.colormap.name.startswith("transmission_r")
    layer.contrast_limits = (0.5, 2.0)
    assert s.recipe.display == replace(wanted, contrast_limits=(0.5, 2.0))
    layer.gamma = 0.6
    assert s.recipe.display.gamma == 0.6
    assert layer.gamma == 1
    np.testing.assert_allclose(
        layer.colormap.map(np.linspace(0, 1, 9))[:, 0],
        s.recipe.display.gray(np.linspace(0.5, 2, 9)),
        atol=1 / 255,
    )


def test_a_radiograph_that_was_deleted_has_no_say_in_looks(s, viewer):
    layer = s.render()
    viewer.layers.remove(layer)
    layer.gamma = 0.5
    assert s.display.gamma == 1


def test_another_colormap_stays_when_gamma_is_changed(s):
    layer = s.render()
    layer.colormap = "magma"
    layer.gamma = 0.5
    assert layer.colormap.name == "magma"
    assert layer.gamma == 0.5
