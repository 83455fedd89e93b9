"""The session's undo, its other ways to say a pose."""

import numpy as np
import pytest

from napari_drr import session

# Undo, gestures, and other ways to say a pose


def test_undo_and_redo_go_over_the_whole_recipe(s):
    told = []
    s.events.history.connect(lambda: told.append((s.can_undo, s.can_redo)))
    start = s.recipe
    s.pose.alpha_deg = 10.0
    s.structures.hide("ribs")
    s.display.gamma = 2.0
    s.renderer.renderer = "trilinear"
    end = s.recipe
    for _ in range(4):
        s.undo()
    assert s.recipe == start
    for _ in range(4):
        s.redo()
    assert s.recipe == end
    assert told[-1] == (True, False)
    s.undo()
    s.pose.beta_deg = 3.0
    assert not s.can_redo
    s.redo()
    assert s.pose.beta_deg == 3.0


def test_a_gesture_is_one_step(s):
    s.pose.alpha_deg = 5.0
    with s.gesture():
        for angle in range(10, 20):
            s.pose.alpha_deg = float(angle)
    s.undo()
    assert s.pose.alpha_deg == 5.0
    s.redo()
    assert s.pose.alpha_deg == 19.0


def test_undo_keeps_the_ct_that_was_rendered(s):
    s.pose.alpha_deg = 5.0
    s.render()
    reference = s.recipe.ct
    assert reference.sha256
    s.undo()
    assert s.recipe.ct == reference


def test_undo_after_other_labels_were_chosen_keeps_their_structures(s, viewer):
    s.structures.hide("heart")
    s.structures.set_weight(2.0, "liver")
    voxels = np.where(viewer.layers["labels"].data > 0, 1, 0).astype(np.uint8)
    body = viewer.add_labels(voxels, scale=s.labels.scale, translate=s.labels.translate, units="mm")
    s.labels = body
    assert len(s.structures) == 1
    s.undo()
    assert [x.id for x in s.structures] == [1]


def test_a_matrix_is_a_pose(s):
    s.pose.update(alpha_deg=30.0, beta_deg=-10.0, x=4.0)
    matrix = s.pose.matrix
    other = np.eye(4)
    other[:3, 3] = (0.0, 700.0, 0.0)
    s.pose.matrix = other
    assert (s.pose.alpha_deg, s.pose.y) == (0.0, 700.0)
    s.pose.matrix = matrix
    assert s.pose.alpha_deg == pytest.approx(30.0)
    assert s.pose.x == pytest.approx(4.0)
    with pytest.raises(ValueError, match="must be rigid"):
        s.pose.matrix = 2 * matrix


def test_another_convention_leaves_the_c_arm_where_it_is(s):
    s.pose.update(alpha_deg=30.0, beta_deg=-10.0, gamma_deg=5.0)
    matrix = s.pose.matrix
    s.pose.convention = "XYZ"
    np.testing.assert_allclose(s.pose.matrix, matrix, atol=1e-9)
    assert s.pose.alpha_deg != pytest.approx(30.0)
    s.view("LAO", 30)
    assert s.pose.convention == "XYZ"
    s.pose.convention = "ZXY"
    assert s.pose.alpha_deg == pytest.approx(30.0)


def test_the_distance_moves_the_source_along_the_beam(s):
    s.view("PA")
    s.pose.x = 30.0
    s.distance = 500.0
    assert s.distance == pytest.approx(500.0)
    assert (s.pose.x, s.pose.y < 0) == (30.0, True)
    with pytest.raises(ValueError, match="greater than 30 mm"):
        s.distance = 20.0


def test_reset_goes_to_the_views_zero_pose(s):
    s.view("LAO", 30)
    s.pose.update(x=5.0, gamma_deg=2.0)
    s.pose.reset("x")
    assert (s.pose.x, s.pose.gamma_deg, s.pose.alpha_deg) == (0.0, 2.0, 30.0)
    s.pose.reset()
    assert (s.pose.alpha_deg, s.pose.gamma_deg, s.pose.x, s.pose.z) == (0.0, 0.0, 0.0, 0.0)
    assert s.pose.y < 0
    assert s.distance == pytest.approx(850.0)
    with pytest.raises(AttributeError, match="`pose` has no `delta`"):
        s.pose.reset("delta")


def test_fit_puts_the_whole_ct_on_the_detector(s):
    s.detector.update(pixel_spacing_x=0.5, pixel_spacing_y=1.0, source_to_detector=1500.0)
    s.detector.fit()
    assert s.detector.pixel_spacing_y == pytest.approx(2 * s.detector.pixel_spacing_x)
    image = s.render().data
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert edge.max() == 0
    assert image.max() > 0.5


def test_presets_are_taken(s):
    s.detector.mirror = False
    s.detector.preset(s.detector.presets[1])
    assert s.detector.mirror is False
    assert s.detector.height > 20
    with pytest.raises(ValueError, match="nothing like it"):
        s.detector.preset("nothing like it")


def test_intrinsics_come_and_go(s):
    matrix = s.detector.intrinsics
    s.detector.update(pixel_spacing_x=1.0, x0=9.0)
    s.detector.intrinsics = matrix
    np.testing.assert_allclose(s.detector.intrinsics, matrix)
    assert s.detector.pixel_spacing_x == pytest.approx(16.0)


def test_what_was_copied_can_be_pasted(s):
    s.pose.update(alpha_deg=30.0, z=7.0)
    s.structures.hide("heart")
    text, recipe = s.script(), s.recipe
    s.pose.reset()
    s.structures.show()
    assert "script" in s.paste(text)
    assert s.recipe == recipe
    s.undo()
    assert s.pose.alpha_deg == 0.0
    assert "4x4" in s.paste(str(np.eye(4).tolist()))
    with pytest.raises(ValueError, match="4x4"):
        s.paste("nonsense")


@pytest.mark.gui
def test_the_script_of_a_session_makes_its_image(
    make_napari_viewer, phantom, tmp_path, monkeypatch
):
    phantom.volume.save(tmp_path / "ct.nii.gz")
    viewer = make_napari_viewer()
    viewer.open(tmp_path / "ct.nii.gz", plugin="napari-drr")
    s = session(viewer)
    s.pose.alpha_deg = 20.0
    image = s.render().data
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(s.script(), "script", "exec"), names)
    np.testing.assert_array_equal(np.asarray(names["image"]).squeeze(), image)
