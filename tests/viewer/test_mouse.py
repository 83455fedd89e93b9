"""Clicks and moves on radiograph and CT, in viewers without a window."""

import gc
import weakref

import numpy as np
import pytest
from hand import Hand, add_labels, at_pixel, block, opened, told

from napari_drr import session
from napari_drr.viewer import layers
from napari_drr.viewer._carm import CArm

AXIAL, CORONAL, SAGITTAL = (0, 1, 2), (1, 0, 2), (2, 0, 1)
ORIENTATIONS = [layers.RADIOLOGICAL, ("towards", "down", "right")]


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


def test_in_naparis_grid_only_what_is_shown_in_a_cell_is_clicked(s, hand):
    grid, shown = s.viewer.canvas.grid, s.viewer.layers
    grid.enabled = True
    s.tool = "link"
    layer = s.output()
    place = at_pixel(s.viewer, layer, 10.0, 20.0)
    hand.click(place, viewbox=grid.position(shown.index(s.ct), shown))
    assert s.ray is None
    hand.click(place, viewbox=grid.position(shown.index(layer), shown))
    assert s.ray == pytest.approx((10.0, 20.0))
    inside = np.array(s.ct.extent.world).mean(axis=0)
    hand.click(inside, viewbox=grid.position(shown.index(s.ct), shown))
    assert s.marker == pytest.approx(tuple(inside[::-1]))


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
    place_of = rows[0], columns[0]
    if masks == "labels":
        assert selected == layer.data[place_of]
    else:
        brightest = max(shown, key=lambda name: s.output(name).data[place_of])
        assert s.structures[selected].name == brightest
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
