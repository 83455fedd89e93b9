"""The mouse on radiograph and CT, in viewers without a window."""

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchio
import wrapt
from napari.components import ViewerModel
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)

from napari_drr import load_phantom, session
from napari_drr.viewer import layers
from napari_drr.viewer._carm import CArm
from napari_drr.viewer._screen import Screen

AXIAL, CORONAL, SAGITTAL = (0, 1, 2), (1, 0, 2), (2, 0, 1)
ORIENTATIONS = [layers.RADIOLOGICAL, ("towards", "down", "right")]


class Hand:
    """A hand on the mouse: sends what napari's canvas sends."""

    def __init__(self, viewer):
        self.viewer = viewer
        self.is_down = False
        self.pos = np.zeros(2)

    def _send(self, callbacks, kind, position, modifiers=(), button=1, pos=None):
        # A canvas pixel is 0.1 mm: any move in a test is one.
        self.pos = np.asarray(position)[-2:] * 10 if pos is None else np.asarray(pos)
        event = SimpleNamespace(
            type=kind,
            position=tuple(position),
            pos=self.pos,
            button=button,
            modifiers=modifiers,
            is_dragging=self.is_down,
            handled=False,
            viewbox=(0, 0),
        )
        event = wrapt.ObjectProxy(event)
        self.viewer.cursor.position = tuple(position)
        callbacks(self.viewer, event)
        if (active := self.viewer.layers.selection.active) is not None:
            callbacks(active, event)
        return event

    def press(self, position, **how):
        event = self._send(mouse_press_callbacks, "mouse_press", position, **how)
        self.is_down = True
        return event

    def move(self, position, **how):
        return self._send(mouse_move_callbacks, "mouse_move", position, **how)

    def release(self, position, **how):
        event = self._send(mouse_release_callbacks, "mouse_release", position, **how)
        self.is_down = False
        return event

    def click(self, position, **how):
        self.press(position, **how)
        self.release(position, **how)

    def drag(self, start, end, **how):
        self.press(start, **how)
        for share in (0.3, 0.7, 1.0):
            self.move(np.array(start) * (1 - share) + np.array(end) * share, **how)
        self.release(end, **how)


def at_pixel(viewer, layer, column, row):
    """Return the viewer's position of a pixel point of a 2-D layer, in any view."""
    world = np.array(layer.data_to_world((row - 0.5, column - 0.5)))
    position = np.array(viewer.dims.point)
    position[list(viewer.dims.order[-2:])] = world[list(Screen.of(viewer).axes(2))]
    return position


def block(center, size=200.0, spacing=5.0, half=10.0):
    """A CT of air, 200 mm wide around the world's origin, with a block of bone."""
    n = int(size / spacing)
    grid = (np.arange(n) - (n - 1) / 2) * spacing
    inside = [np.abs(grid - middle) <= half for middle in center]
    values = np.where(inside[0][:, None, None] & inside[1][:, None] & inside[2], 1000.0, -1000.0)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = grid[0]
    return torchio.ScalarImage(
        tensor=torch.tensor(values[None], dtype=torch.float32), affine=affine
    )


def opened(image):
    viewer = ViewerModel()
    voxels, how, _ = layers.image_layer_data(image, "ct")
    viewer.add_image(voxels.copy(), **how)
    return viewer


@pytest.fixture
def open_ct():
    """Open a CT, and its session with a detector of 60 x 80 pixels."""
    sessions = {}  # a session does not hold its viewer

    def make(image):
        viewer = opened(image)
        s = session(viewer)
        s.detector.update(height=60, width=80, pixel_spacing_x=5.0, pixel_spacing_y=5.0)
        sessions[s] = viewer
        return s

    yield make
    for s in sessions:
        s.close()


@pytest.fixture(scope="module")
def phantom():
    return load_phantom(spacing=12.0, center_volume=False)


@pytest.fixture
def s(open_ct, phantom):
    """The phantom's session, rendered."""
    s = open_ct(phantom.volume)
    voxels, how, _ = layers.labels_layer_data(phantom.mask, phantom.structures, "labels")
    s.viewer.add_labels(voxels.copy(), **how)
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


def told(s):
    messages = []
    s.events.message.connect(messages.append)
    return messages


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


@pytest.mark.parametrize("order", [AXIAL, CORONAL, SAGITTAL])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_pixel_is_linked_in_every_view(s, hand, order, orientation):
    s.viewer.scene.camera.orientation = orientation
    s.viewer.dims.order = order
    s.output().name = "moved and renamed"
    s.tool = "link"
    s.marker = (0, 0, 0)
    hand.click(at_pixel(s.viewer, s.output(), 40.25, 22.75))
    assert s.ray == pytest.approx((40.25, 22.75), abs=1e-6)
    assert s.marker is None


def test_a_radiograph_that_was_moved_is_still_found(s, hand):
    layer = s.output()
    affine = np.eye(3)
    affine[:2, :2] = np.array([[0.0, -2.0], [2.0, 0.0]])
    affine[:2, 2] = 600.0, -300.0
    layer.affine = affine
    s.tool = "link"
    hand.click(at_pixel(s.viewer, layer, 70.0, 5.0))
    assert s.ray == pytest.approx((70.0, 5.0), abs=1e-6)


def test_a_rays_slices_go_through_its_densest_point(open_ct):
    center = (30.0, -40.0, 50.0)
    s = open_ct(block(center))
    layer = s.render()
    s.tool = "link"
    pixel = CArm.of(s.recipe, s.center).pixel(center)
    Hand(s.viewer).click(at_pixel(s.viewer, layer, *pixel))
    # Half the block and half a voxel.
    np.testing.assert_allclose(s.viewer.dims.point[::-1], center, atol=12.5)


def test_hidden_structures_are_no_densest_point(s, hand):
    s.tool = "link"
    place = at_pixel(s.viewer, s.output(), 40.5, 30.5)
    hand.click(place)
    densest = label_at(s, s.viewer.dims.point)
    s.structures.hide(densest)
    hand.click(place)
    assert label_at(s, s.viewer.dims.point) != densest


def label_at(s, position):
    index = np.round(s.labels.world_to_data(position)).astype(int)
    return int(s.labels.data[tuple(index)])


@pytest.mark.parametrize("order", [AXIAL, CORONAL, SAGITTAL])
@pytest.mark.parametrize("frame", ["RAS", "LPS"])
def test_a_point_of_the_ct_is_linked(s, hand, order, frame):
    s.frame = frame
    s.viewer.dims.order = order
    s.tool = "link"
    s.ray = (1, 1)
    position = np.array(s.ct.data_to_world((4.3, 7.1, 9.8)))
    s.viewer.dims.point = position
    hand.click(position)
    sign = (-1, -1, 1) if frame == "LPS" else (1, 1, 1)
    assert s.marker == pytest.approx(position[::-1] * sign)
    assert s.ray is None


def test_units_are_heeded(open_ct):
    s = open_ct(block((0.0, 0.0, 0.0)))
    s.ct.scale = np.array(s.ct.scale) / 10
    s.ct.translate = np.array(s.ct.translate) / 10
    s.ct.units = ("cm", "cm", "cm")
    layer = s.render()
    # napari shows the scene in the smaller unit, mm.
    assert str(s.viewer.layers.units[-1]) == "millimeter"
    s.tool = "link"
    hand = Hand(s.viewer)
    hand.click(at_pixel(s.viewer, layer, 10.0, 20.0))
    assert s.ray == pytest.approx((10.0, 20.0), abs=1e-6)
    hand.click((10.0, -20.0, 30.0))
    assert s.marker == pytest.approx((30.0, -20.0, 10.0))
    hand.click(at_pixel(s.viewer, layer, 40.0, 30.0))
    np.testing.assert_allclose(s.viewer.dims.point, 0.0, atol=12.5)


def test_a_click_beside_both_clears_and_a_drag_does_not_link(s, hand):
    s.tool = "link"
    inside = np.array(s.ct.extent.world).mean(axis=0)
    hand.click(inside)
    assert s.marker is not None
    hand.drag(inside, inside + 30)
    assert s.marker == pytest.approx(tuple(inside[::-1]))
    hand.click(np.array(s.ct.extent.world)[1] + 1000)
    assert (s.marker, s.ray) == (None, None)


def test_the_isocenter_is_set_by_one_click(s, hand):
    messages = told(s)
    s.tool = "isocenter"
    hand.click(at_pixel(s.viewer, s.output(), 40, 30))
    assert s.isocenter is None
    assert s.tool == "isocenter"
    position = np.array(s.ct.data_to_world((4.3, 7.1, 9.8)))
    hand.click(position)
    assert s.isocenter == pytest.approx(tuple(position[::-1]))
    assert s.tool == "none"
    assert messages[-1].startswith("The isocenter is at ")
    s.undo()
    assert s.isocenter is None


def test_every_tool_tells_what_it_does(s):
    messages = told(s)
    for tool in ("turn", "link", "isocenter"):
        s.tool = tool
    s.tool = "none"
    assert len(messages) == 3


@pytest.mark.parametrize("tool", ["none", "turn", "link"])
@pytest.mark.parametrize("masks", ["labels", "images"])
def test_a_click_on_a_mask_selects_its_structure(s, hand, tool, masks):
    shown = [x.name for x in s.structures][:3]
    s.structures.solo(*shown)
    s.masks = {masks}
    s.render()
    s.tool = tool
    layer = s.output("DRR structures") if masks == "labels" else s.output(shown[0])
    rows, columns = np.nonzero(layer.data)
    place = at_pixel(s.viewer, s.output(), columns[0] + 0.5, rows[0] + 0.5)
    hand.click(place)
    (selected,) = s.selected
    assert selected == int(layer.data[rows[0], columns[0]]) or masks == "images"
    assert s.structures[selected].name in shown
    s.selected = ()
    for name in ("DRR structures", *shown):
        if s.output(name) is not None:
            s.output(name).visible = False
    hand.click(place)
    assert s.selected == ()


def test_the_status_bar_names_what_is_under_the_mouse(s, hand):
    s.masks = {"labels"}
    image = s.render().data
    row, column = np.unravel_index(image.argmax(), image.shape)
    s.viewer.mouse_over_canvas = True
    hand.move(at_pixel(s.viewer, s.output(), column + 0.5, row + 0.5))
    status = s.viewer.status
    assert status.startswith(f"line integral {image.max():.2f} | ")
    structure, integral = s.under(column, row)[0]
    assert f"{structure.name} {integral:.2f}" in status
    # What napari says next for the same place is answered again.
    hand.move(at_pixel(s.viewer, s.output(), column + 0.6, row + 0.5))
    assert s.viewer.status == status
    # It follows the radiograph under a mouse that rests.
    s.structures.hide()
    s.structures.show(structure.name)
    s.render()
    assert s.viewer.status != status
    # Elsewhere napari has its say.
    hand.move(np.array(s.ct.extent.world).mean(axis=0))
    assert "line integral" not in str(s.viewer.status)


def test_the_pointer_shows_what_would_be_taken(s, hand):
    on, off = at_pixel(s.viewer, s.output(), 40, 30), np.array(s.ct.extent.world)[1] + 1000
    cursor = s.viewer.cursor
    hand.move(on)
    assert cursor.style == "standard"
    s.tool = "turn"
    hand.move(on)
    assert cursor.style == "pointing"
    hand.move(off)
    assert cursor.style == "standard"
    hand.move(on)
    s.tool = "none"
    assert cursor.style == "standard"


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


def test_in_3d_the_mouse_is_naparis(s, hand):
    layer, before = s.output(), s.recipe
    start, end = (at_pixel(s.viewer, layer, column, 30) for column in (40, 50))
    s.viewer.dims.ndisplay = 3
    for tool in ("turn", "link", "isocenter"):
        s.tool = tool
        assert not hand.press(start).handled
        hand.move(end)
        hand.release(end)
        hand.click(start)
    assert s.recipe == before
    assert (s.ray, s.marker) == (None, None)


def test_alt_and_the_right_button_are_naparis(s, hand):
    s.tool = "turn"
    place = at_pixel(s.viewer, s.output(), 40, 30)
    assert not hand.press(place, button=2).handled
    hand.release(place, button=2)


def test_two_viewers_have_a_mouse_each(s, hand, open_ct, phantom):
    other = open_ct(phantom.volume)
    other.render()
    other.tool = "link"
    hand.click(at_pixel(s.viewer, s.output(), 40, 30))
    assert s.ray is None
    Hand(other.viewer).click(at_pixel(other.viewer, other.output(), 40, 30))
    assert other.ray is not None
    assert s.ray is None


def test_it_goes_with_its_session_and_comes_again(s):
    viewer = s.viewer
    assert len(viewer.mouse_move_callbacks) == 1
    s.close()
    assert viewer.mouse_move_callbacks == []
    assert session(viewer) is s
    assert session(viewer) is s
    assert len(viewer.mouse_move_callbacks) == 1


def test_nothing_holds_a_viewer_that_was_closed(phantom):
    viewer = opened(phantom.volume)
    s = session(viewer)
    s.tool = "turn"
    mouse, alive = weakref.ref(s._mouse), weakref.ref(viewer)
    s.close()
    del viewer, s
    gc.collect()
    assert alive() is None
    assert mouse() is None
