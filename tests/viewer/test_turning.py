"""Drags of the radiograph, in viewers without a window."""

import numpy as np
import pytest
from hand import Hand, add_labels, at_pixel, block, opened

from napari_drr.viewer._carm import CArm


@pytest.fixture
def s(open_ct, phantom):
    """The phantom's session, rendered."""
    s = open_ct(phantom.volume)
    add_labels(s.viewer, phantom)
    s.adopt()
    s.render()
    return s


@pytest.fixture
def hand(s):
    return Hand(s.viewer)


def spot(s):
    """Return where the bright spot is in the radiograph, (column, row)."""
    image = s.render().data
    rows, columns = np.nonzero(image > image.max() / 2)
    return np.array([columns.mean(), rows.mean()])


VIEWS = {
    "AP": ("AP", 0.0),
    "PA": ("PA", 0.0),
    "LAO 30": ("LAO", 30.0),
    "CRA 20": ("CRA", 20.0),
    "left lateral": ("left lateral", 0.0),
}


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("right", "down"), [(12, 0), (-12, 0), (0, 12), (0, -12)])
def test_what_is_near_the_source_follows_the_hand(open_ct, view, mirror, right, down):
    name, angle = VIEWS[view]
    s = open_ct(block((0.0, 0.0, 0.0)))
    s.view(name, angle)
    s.detector.mirror = mirror
    # On the surface that faces the source.
    source = CArm.of(s.recipe, (0.0, 0.0, 0.0)).source
    s.ct.data = opened(block(80 * source / np.linalg.norm(source))).layers[0].data
    before, layer = spot(s), s.output()
    s.tool = "turn"
    Hand(s.viewer).drag(
        at_pixel(s.viewer, layer, 40, 30), at_pixel(s.viewer, layer, 40 + right, 30 + down)
    )
    moved = spot(s) - before
    along, across = (0, 1) if right else (1, 0)
    assert moved[along] * (right + down) > 0
    assert abs(moved[along]) > 2
    assert abs(moved[across]) < 0.5


@pytest.mark.parametrize("gamma", [0.0, 180.0, 90.0, 45.0])
@pytest.mark.parametrize("convention", ["ZXY", "XYZ", "ZYZ"])
def test_it_follows_in_rolled_pictures_and_other_conventions(open_ct, gamma, convention):
    s = open_ct(block((0.0, 80.0, 0.0)))
    s.pose.update(gamma_deg=gamma, alpha_deg=1.0, beta_deg=2.0)
    s.pose.convention = convention
    before, layer = spot(s), s.output()
    s.tool = "turn"
    Hand(s.viewer).drag(
        at_pixel(s.viewer, layer, 40, 30), at_pixel(s.viewer, layer, 40 + 12, 30 + 6)
    )
    moved = spot(s) - before
    assert s.pose.convention == convention
    assert np.dot(moved, (12, 6)) / np.linalg.norm(moved) / np.hypot(12, 6) > 0.98
    assert np.linalg.norm(moved) > 3


def test_a_drag_across_turns_by_a_quarter_about_the_long_axis(s, hand):
    s.tool = "turn"
    layer = s.output()
    hand.drag(at_pixel(s.viewer, layer, 0.5, 30), at_pixel(s.viewer, layer, 79.5, 30))
    assert abs(s.pose.alpha_deg) == pytest.approx(90 * 79 / 80, abs=1e-3)
    assert (s.pose.beta_deg, s.pose.gamma_deg) == (0, 0)
    assert (s.pose.x, s.pose.y, s.pose.z) == (0, 850, 0)


@pytest.mark.parametrize("view", ["AP", "PA", "left lateral"])
@pytest.mark.parametrize("mirror", [True, False])
def test_with_shift_the_isocenters_picture_keeps_to_the_hand(open_ct, view, mirror):
    s = open_ct(block((0.0, 0.0, 0.0)))
    s.view(view)
    s.detector.mirror = mirror
    before, layer = spot(s), s.output()
    s.tool = "turn"
    Hand(s.viewer).drag(
        at_pixel(s.viewer, layer, 40, 30), at_pixel(s.viewer, layer, 50, 37), modifiers=("Shift",)
    )
    np.testing.assert_allclose(spot(s) - before, (10, 7), atol=0.1)
    arm = CArm.of(s.recipe, s.center)
    np.testing.assert_allclose(arm.pixel(s.center), (50, 37), atol=1e-3)


def test_with_control_up_is_nearer_and_down_is_farther(s, hand):
    s.tool = "turn"
    layer = s.output()
    start, up, down = (at_pixel(s.viewer, layer, 40, row) for row in (30.0, 15.0, 36.0))
    hand.drag(start, up, modifiers=("Control",))
    assert s.distance == pytest.approx(850 / 2**0.25, abs=1e-2)
    s.undo()
    hand.drag(start, down, modifiers=("Control",))
    assert s.distance == pytest.approx(850 * 2**0.1, abs=1e-2)
    # The isocenter stays between source and detector.
    hand.drag(start, at_pixel(s.viewer, layer, 40, 59), modifiers=("Control",))
    assert s.distance == pytest.approx(1020, abs=1e-2)


def test_a_drag_is_one_step_to_undo(s, hand):
    before = s.recipe
    s.tool = "turn"
    layer = s.output()
    hand.drag(at_pixel(s.viewer, layer, 30, 30), at_pixel(s.viewer, layer, 50, 40))
    assert s.recipe.pose != before.pose
    s.undo()
    assert s.recipe == before
    s.redo()
    assert s.recipe.pose != before.pose
    assert not s._history.in_gesture


def test_the_way_does_not_matter(s, hand):
    s.tool = "turn"
    layer, before = s.output(), s.recipe.pose
    start = at_pixel(s.viewer, layer, 40, 30)
    hand.press(start)
    for pixel in ((60, 10), (75, 50), (10, 30)):
        hand.move(at_pixel(s.viewer, layer, *pixel))
        assert s.recipe.pose != before
    hand.move(start)
    assert s.recipe.pose == before
    hand.release(start)


def test_a_release_outside_the_radiograph_ends_the_drag(s, hand):
    s.tool = "turn"
    layer = s.output()
    hand.drag(at_pixel(s.viewer, layer, 40, 30), at_pixel(s.viewer, layer, 40, -500))
    assert abs(s.pose.beta_deg) > 90
    assert not s._history.in_gesture


def test_escape_takes_a_drag_back(s, hand):
    s.tool = "turn"
    layer, before = s.output(), s.recipe
    active = s.viewer.layers.selection.active
    escape = [dict(provider.keymap) for provider in (active, s.viewer)]
    hand.press(at_pixel(s.viewer, layer, 40, 30))
    hand.move(at_pixel(s.viewer, layer, 50, 30))
    assert s.recipe != before
    # napari asks the active layer first.
    key = next(key for key in active.keymap if str(key) == "Escape")
    active.keymap[key](active)
    assert s.recipe == before
    hand.move(at_pixel(s.viewer, layer, 60, 30))
    hand.release(at_pixel(s.viewer, layer, 60, 30))
    assert s.recipe == before
    assert not s.can_undo or s.recipe == before
    assert not s._history.in_gesture
    assert [dict(provider.keymap) for provider in (active, s.viewer)] == escape


def test_napari_keeps_its_camera_and_its_brush(s, hand):
    s.tool = "turn"
    layer, labels = s.output(), s.labels
    s.viewer.layers.selection.active = labels
    labels.mode = "paint"
    before = labels.data.copy()
    press = hand.press(at_pixel(s.viewer, layer, 40, 30))
    assert press.handled
    assert labels.mode == "pan_zoom"
    hand.move(at_pixel(s.viewer, layer, 50, 30))
    hand.release(at_pixel(s.viewer, layer, 50, 30))
    assert labels.mode == "paint"
    assert np.array_equal(labels.data, before)
    # Elsewhere the brush paints as ever.
    inside = np.array(labels.extent.world).mean(axis=0)
    labels.selected_label = 3
    assert not hand.press(inside).handled
    hand.release(inside)
    assert not np.array_equal(labels.data, before)


@pytest.mark.parametrize("which", ["ct", "output"])
def test_a_layer_deleted_in_mid_drag_ends_it(s, hand, which):
    s.tool = "turn"
    layer = s.output()
    places = [at_pixel(s.viewer, layer, column, 30) for column in (40, 50, 60)]
    hand.press(places[0])
    hand.move(places[1])
    pose = s.recipe.pose
    s.viewer.layers.remove(s.ct if which == "ct" else layer)
    hand.move(places[2][-s.viewer.dims.ndim :])
    hand.release(places[2][-s.viewer.dims.ndim :])
    assert s.recipe.pose == pose
    assert not s._history.in_gesture


@pytest.mark.parametrize(
    ("orientation", "sdd", "translation"),
    [(None, 1020.0, (0.0, 0.0, -850.0)), ("AP", -1020.0, (0.0, -850.0, 0.0))],
    ids=["along the body", "detector at -z"],
)
@pytest.mark.parametrize("down", [8, -8])
def test_it_follows_in_unusual_setups(open_ct, orientation, sdd, translation, down):
    s = open_ct(block(80 * np.sign(translation)))
    s.orientation = orientation
    s.detector.source_to_detector = sdd
    s.pose.update(**dict(zip("xyz", translation, strict=True)))
    before, layer = spot(s), s.output()
    s.tool = "turn"
    hand = Hand(s.viewer)
    start = at_pixel(s.viewer, layer, 40, 30)
    hand.drag(start, at_pixel(s.viewer, layer, 40, 30 + down))
    assert (spot(s) - before)[1] * down > 2 * abs(down)
    s.undo()
    hand.drag(start, at_pixel(s.viewer, layer, 48, 30))
    # Along the body's long axis it rolls the picture.
    assert s.pose.alpha_deg != 0
    s.undo()
    hand.drag(start, at_pixel(s.viewer, layer, 44, 30 + down), modifiers=("Shift",))
    np.testing.assert_allclose(
        CArm.of(s.recipe, s.center).pixel(s.center), (44, 30 + down), atol=1e-3
    )
    s.undo()
    hand.drag(start, at_pixel(s.viewer, layer, 40, 30 + down), modifiers=("Control",))
    assert (s.distance - 850) * down > 0
