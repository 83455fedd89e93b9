"""What is written on the radiograph and drawn into the CT's slices."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_drr import session
from napari_drr.recipe import DetectorSettings, Pose, Recipe
from napari_drr.viewer._annotations import Annotations
from napari_drr.viewer._carm import Box, CArm
from napari_drr.viewer._grids import grid_of
from napari_drr.viewer._letters import LETTERS, MARKS
from napari_drr.viewer._rays import RAY
from napari_drr.viewer._sides import sides
from napari_drr.viewer.layers import (
    add_or_update_radiograph,
    is_radiograph,
    set_radiological,
    volumes,
)

RECIPE = Recipe(
    detector=DetectorSettings(height=30, width=20, pixel_spacing_x=9.0, pixel_spacing_y=8.0)
)
AXIAL, CORONAL, SAGITTAL = (0, 1, 2), (1, 0, 2), (2, 0, 1)


@pytest.fixture
def ct():
    return Image(
        np.zeros((40, 30, 20)),
        name="ct",
        scale=(2.5, 3, 4),
        translate=(-50, 20, -15),
        units="mm",
        axis_labels=("z", "y", "x"),
    )


@pytest.fixture
def viewer(ct):
    viewer = ViewerModel()
    viewer.canvas.size = (600, 800)
    viewer.add_layer(ct)
    set_radiological(viewer)
    return viewer


@pytest.fixture
def drr(viewer, ct):
    return add_or_update_radiograph(viewer, np.ones((30, 20), np.float32), RECIPE, beside=ct)


@pytest.fixture
def notes():
    return Annotations()


@pytest.fixture
def write(viewer, notes):
    """Write on a radiograph; return the letters' layer."""

    def call(recipe, radiograph, **linked):
        notes.show(viewer, recipe, radiograph, **linked)
        return viewer.layers[LETTERS]

    return call


@pytest.fixture
def draw(viewer, ct, notes):
    """Draw a ray into the CT; return its layer."""

    def call(recipe=RECIPE, frame="RAS", **linked):
        notes.show_ray(viewer, recipe, ct, frame, **linked)
        return viewer.layers[RAY]

    return call


def texts(layer):
    return list(layer.text.values)


def shown(layer, part):
    """Tell which of the points of a part of a layer are to be seen."""
    return layer.face_color[part, 3] > 0


@pytest.mark.parametrize("order", [AXIAL, CORONAL, SAGITTAL])
@pytest.mark.parametrize("orientation", [("away", "up", "left"), ("towards", "down", "right")])
def test_letters_stand_at_their_edges_in_every_plane(viewer, drr, write, order, orientation):
    layer = write(RECIPE, drr)
    viewer.dims.order = order
    viewer.scene.camera.orientation = orientation
    assert texts(layer) == list(sides(RECIPE)) == ["R", "L", "H", "F"]
    places = [drr.world_to_data(layer.data_to_world(point)) for point in layer.data]
    (left, right, top, bottom), (height, width) = places, drr.data.shape
    assert left[1] < 0.15 * width
    assert right[1] > 0.85 * width
    assert top[0] < 0.15 * height
    assert bottom[0] > 0.85 * height
    np.testing.assert_allclose([left[0], right[0]], (height - 1) / 2)
    np.testing.assert_allclose([top[1], bottom[1]], (width - 1) / 2)


def test_letters_change_with_the_view(drr, write):
    layer = write(RECIPE, drr)
    layer.text.size = 20
    turned = replace(RECIPE, orientation="PA", pose=Pose(alpha_deg=40, y=-850))
    assert write(turned, drr) is layer
    assert texts(layer) == list(sides(turned))
    assert layer.text.size == 20, "a size that the user sets stays"
    unmirrored = replace(RECIPE, detector=replace(RECIPE.detector, mirror=False))
    write(unmirrored, drr)
    assert texts(layer) == ["L", "R", "H", "F"]


def test_letters_stay_at_the_edges_of_a_detector_with_other_pixels(viewer, ct, write):
    drr = None
    for height, width, spacing in [(30, 20, 8.0), (60, 90, 3.0), (30, 20, 12.0)]:
        detector = replace(RECIPE.detector, height=height, width=width, pixel_spacing_x=spacing)
        recipe = replace(RECIPE, detector=detector)
        image = np.ones((height, width), np.float32)
        drr = add_or_update_radiograph(viewer, image, recipe, beside=ct, layer=drr)
        layer = write(recipe, drr)
        right = drr.world_to_data(layer.data_to_world(layer.data[1]))
        assert 0.85 * width < right[1] < width
        assert right[0] == pytest.approx((height - 1) / 2)


@pytest.mark.parametrize("shape", [(30, 20), (15, 10)])
def test_the_linked_point_is_marked_where_it_is_projected_to(viewer, ct, notes, shape):
    drr = add_or_update_radiograph(viewer, np.ones(shape, np.float32), RECIPE, beside=ct)
    center = Box(*grid_of(ct)).center
    pixel = CArm.of(RECIPE, center).pixel(center)
    notes.show(viewer, RECIPE, drr)
    assert MARKS not in viewer.layers
    notes.show(viewer, RECIPE, drr, marker=pixel, ray=(3.0, 4.5))
    layer = viewer.layers[MARKS]
    assert shown(layer, slice(None)).all()
    marker, ray = (drr.world_to_data(layer.data_to_world(point)) for point in layer.data)
    coarse = np.array(shape) / (30, 20)
    np.testing.assert_allclose(marker, np.array([15, 10]) * coarse - 0.5)
    np.testing.assert_allclose(ray, np.array([4.5, 3.0]) * coarse - 0.5)
    notes.show(viewer, RECIPE, drr, marker=(-1.0, 5.0))
    assert not shown(layer, slice(None)).any()


def test_nothing_changes_where_nothing_is_different(viewer, drr, notes):
    notes.show(viewer, RECIPE, drr, marker=(5.0, 5.0))
    drawn = []
    for name in (LETTERS, MARKS):
        viewer.layers[name].events.set_data.connect(lambda event: drawn.append(event))
        viewer.layers[name].text.events.connect(lambda event: drawn.append(event))
    notes.show(viewer, RECIPE, drr, marker=(5.0, 5.0))
    assert not drawn
    notes.show(viewer, RECIPE, drr, marker=(6.0, 5.0))
    assert len(drawn) == 1


def test_the_ray_has_a_dot_in_every_slice_that_it_crosses(ct, draw):
    recipe = replace(RECIPE, pose=Pose(alpha_deg=35, beta_deg=20))
    box = Box(*grid_of(ct))
    arm = CArm.of(recipe, box.center)
    layer = draw(recipe, ray=(9.0, 16.0))
    inside = box.clip(arm.ray((9.0, 16.0)))
    points = np.array([layer.data_to_world(point) for point in layer.data[:-1]])[:, ::-1]
    away = np.cross(points - inside[0], inside[1] - inside[0])
    # In the half voxels at the border they stay within the CT's own extent.
    assert np.median(np.abs(away)) < 1e-6
    crossed = box.voxels(inside)[:, ::-1]
    for axis in range(3):
        low, high = np.sort(crossed[:, axis])
        slices = np.arange(np.ceil(low), np.floor(high) + 1)
        slices = slices[(slices >= 0) & (slices < ct.data.shape[axis])]
        distance = np.abs(layer.data[:-1, axis] - slices[:, None]).min(axis=1)
        assert distance.max() <= 0.5
    assert shown(layer, slice(0, -1)).all()
    assert not shown(layer, slice(-1, None)).any()


@pytest.mark.parametrize("frame", ["RAS", "LPS"])
def test_the_linked_point_is_marked_in_the_ct(ct, draw, frame):
    box = Box(*grid_of(ct, frame))
    point = np.add(box.center, (8, 6, -5))
    layer = draw(frame=frame, marker=point)
    assert not shown(layer, slice(0, -1)).any()
    assert shown(layer, slice(-1, None)).all()
    expected = np.array(point) * ((1, 1, 1) if frame == "RAS" else (-1, -1, 1))
    np.testing.assert_allclose(layer.data_to_world(layer.data[-1])[::-1], expected)
    draw(frame=frame, marker=point + 1000)
    assert not shown(layer, slice(None)).any()


@pytest.mark.parametrize("order", [AXIAL, CORONAL, SAGITTAL])
def test_the_sliders_and_the_slice_stay_as_they_are(viewer, ct, drr, notes, order):
    viewer.dims.order = order
    viewer.dims.set_point(range(3), (10, 35, 5))
    ranges, point = viewer.dims.range, viewer.dims.point
    notes.show(viewer, RECIPE, drr, marker=(0.0, 0.0), ray=(20.0, 30.0))
    notes.show_ray(viewer, RECIPE, ct, ray=(10.0, 15.0), marker=Box(*grid_of(ct)).center)
    assert viewer.dims.range == ranges
    assert viewer.dims.point == point


def test_home_shows_no_more_than_before(viewer, ct, drr, notes):
    viewer.reset_view()
    zoom, center = viewer.scene.camera.zoom, viewer.scene.camera.center
    notes.show(viewer, RECIPE, drr, marker=(0.0, 0.0), ray=(20.0, 30.0))
    notes.show_ray(viewer, RECIPE, ct, ray=(10.0, 15.0), marker=Box(*grid_of(ct)).center)
    viewer.reset_view()
    assert viewer.scene.camera.zoom == pytest.approx(zoom, rel=0.2)
    np.testing.assert_allclose(viewer.scene.camera.center, center, atol=30)


def test_the_users_selection_and_the_choice_of_layers_stay(viewer, ct, drr, notes):
    viewer.layers.selection.active = ct
    notes.show(viewer, RECIPE, drr)
    notes.show_ray(viewer, RECIPE, ct, ray=(10.0, 15.0))
    assert viewer.layers.selection.active is ct
    assert set(viewer.layers.selection) == {ct}
    assert volumes(viewer) == [ct]
    assert not is_radiograph(viewer.layers[LETTERS])


def test_what_is_hidden_stays_hidden(drr, write, draw):
    layer, ray = write(RECIPE, drr), draw(ray=(10.0, 15.0))
    layer.visible = ray.visible = False
    write(replace(RECIPE, pose=Pose(alpha_deg=50)), drr)
    draw(ray=(11.0, 15.0))
    assert not layer.visible
    assert not ray.visible


def test_what_is_deleted_stays_away_until_it_is_wanted_again(viewer, ct, drr, notes):
    notes.show(viewer, RECIPE, drr)
    notes.show_ray(viewer, RECIPE, ct, ray=(10.0, 15.0))
    viewer.layers.remove(LETTERS)
    viewer.layers.remove(RAY)
    notes.show(viewer, RECIPE, drr)
    notes.show_ray(viewer, RECIPE, ct, ray=(10.0, 15.0))
    assert len(viewer.layers) == 2
    notes.renew_letters()
    notes.show(viewer, RECIPE, drr)
    notes.show_ray(viewer, RECIPE, ct, ray=(10.0, 15.0))
    assert LETTERS in viewer.layers
    assert RAY not in viewer.layers


@pytest.fixture
def lettered(ct, viewer):
    """A session that has rendered, with letters."""
    ct.data[10:20] = 1
    s = session(viewer)
    s.detector.update(height=10, width=10)
    s.letters = True
    s.render()
    return s


def test_letters_that_are_deleted_are_switched_off(lettered, viewer):
    viewer.layers.remove(LETTERS)
    assert not lettered.letters
    lettered.render()
    assert LETTERS not in viewer.layers
    lettered.letters = True
    assert LETTERS in viewer.layers


def test_letters_come_again_with_a_new_radiograph(lettered, ct, viewer):
    viewer.layers.clear()
    assert lettered.letters
    lettered.ct = viewer.add_layer(ct)
    lettered.render()
    assert LETTERS in viewer.layers
    lettered.letters = False
    viewer.layers.clear()
    assert not lettered.letters


def test_a_letters_disc_is_as_large_as_its_text(drr, write):
    layer = write(RECIPE, drr)
    low, high = layer.canvas_size_limits
    # Two letters of 12 points are some 24 pixels wide; napari draws half as much again.
    assert low == high
    assert 1.5 * low >= 26


def test_a_ray_is_no_layer_before_there_is_one(viewer, ct, notes, draw):
    notes.show_ray(viewer, RECIPE, ct)
    assert len(viewer.layers) == 1
    layer = draw(ray=(10.0, 15.0))
    draw()
    assert not shown(layer, slice(None)).any()


def test_switched_off_both_go_and_come_again(viewer, ct, drr, notes):
    notes.show(viewer, RECIPE, drr)
    notes.show_ray(viewer, RECIPE, ct, ray=(10.0, 15.0))
    notes.remove(viewer)
    notes.remove(viewer)
    assert [layer.name for layer in viewer.layers] == ["ct", "DRR"]
    notes.show(viewer, RECIPE, drr)
    assert LETTERS in viewer.layers


def test_they_go_with_the_layer_that_they_lie_on(viewer, ct, drr, notes, write):
    notes.show(viewer, RECIPE, drr)
    viewer.layers.remove(drr)
    assert LETTERS not in viewer.layers
    image = np.ones((30, 20), np.float32)
    another = add_or_update_radiograph(viewer, image, RECIPE, beside=ct)
    layer = write(RECIPE, another)
    assert viewer.layers.index(layer) > viewer.layers.index(another)
    notes.show_ray(viewer, RECIPE, ct, ray=(10.0, 15.0))
    viewer.layers.remove(ct)
    assert RAY not in viewer.layers


def test_letters_come_on_top_and_follow_a_moved_radiograph(viewer, drr, write):
    layer = write(RECIPE, drr)
    viewer.layers.move(viewer.layers.index(layer), 0)
    write(RECIPE, drr)
    assert viewer.layers.index(layer) > viewer.layers.index(drr)
    drr.translate = (50, -30)
    drr.affine = np.diag([2.0, 2, 1]) @ drr.affine.affine_matrix
    np.testing.assert_allclose(layer.data_to_world((3, 4)), drr.data_to_world((3, 4)))


def test_another_ct_gets_a_ray_of_its_own(viewer, notes, draw):
    layer = draw(ray=(10.0, 15.0))
    finer = viewer.add_image(np.zeros((90, 30, 20)), scale=(1, 3, 4), units="mm", name="finer")
    notes.show_ray(viewer, RECIPE, finer, ray=(10.0, 15.0))
    assert layer not in viewer.layers
    assert len(viewer.layers[RAY].data) > 90


@pytest.fixture
def s():
    """A session with a small CT, annotated."""
    viewer = ViewerModel()
    values = np.full((12, 12, 12), -1000.0, np.float32)
    values[3:9, 3:9, 3:9] = 100
    viewer.add_image(values, scale=(10, 10, 10), units="mm", name="ct")
    s = session(viewer)
    s.detector.update(height=30, width=30, pixel_spacing_x=8, pixel_spacing_y=8)
    yield s
    s.close()


def test_what_the_session_links_is_shown(s):
    s.render()
    assert LETTERS not in s.viewer.layers
    s.letters = True
    letters = s.viewer.layers[LETTERS]
    assert texts(letters) == ["R", "L", "H", "F"]
    assert RAY not in s.viewer.layers
    s.marker = s.center
    s.ray = (10.5, 12.5)
    marks = s.viewer.layers[MARKS]
    assert shown(marks, slice(None)).all()
    np.testing.assert_allclose(marks.data[0], [14.5, 14.5])
    assert shown(s.viewer.layers[RAY], slice(None)).all()
    s.view("left lateral")
    s.render()
    assert texts(letters)[0] == "A"
    s.marker = s.ray = None
    assert not shown(marks, slice(None)).any()
    s.letters = False
    assert LETTERS not in s.viewer.layers
    s.render()
    assert LETTERS not in s.viewer.layers
    s.letters = True
    assert LETTERS in s.viewer.layers
    s.viewer.layers.remove(LETTERS)
    s.render()
    assert LETTERS not in s.viewer.layers


def test_deleted_marks_come_again_when_something_is_linked(s):
    s.render()
    s.marker, s.ray = s.center, (10.5, 12.5)
    s.viewer.layers.remove(MARKS)
    s.viewer.layers.remove(RAY)
    s.letters = True
    s.render()
    s.marker = None
    assert MARKS not in s.viewer.layers
    assert RAY not in s.viewer.layers
    s.ray = (12.5, 13.5)
    assert MARKS in s.viewer.layers
    assert RAY in s.viewer.layers


def test_the_mark_is_where_the_shown_radiograph_has_the_point(s):
    s.render()
    point = (10.0, 5.0, -20.0)
    column, row = CArm.of(s.recipe, s.center).pixel(point)
    s.live = False
    s.isocenter = (30.0, 20.0, 10.0)
    s.marker = point
    np.testing.assert_allclose(s.viewer.layers[MARKS].data[0], [row - 0.5, column - 0.5])


def test_a_session_that_ends_leaves_no_reference(viewer, ct, drr):
    notes = Annotations()
    notes.show(viewer, RECIPE, drr)
    notes.show_ray(viewer, RECIPE, ct, ray=(10.0, 15.0))
    gone = [weakref.ref(notes), weakref.ref(viewer.layers[LETTERS])]
    viewer.layers.remove(LETTERS)
    del notes
    gc.collect()
    assert [part() for part in gone] == [None, None]
    viewer.layers.remove(drr)
    viewer.layers.remove(ct)


@pytest.mark.gui
def test_letters_and_marks_are_seen_in_a_window(make_napari_viewer, ct):
    viewer = make_napari_viewer(show=True)
    viewer.add_layer(ct)
    set_radiological(viewer)
    image = np.full((200, 200), 0.5, np.float32)
    recipe = Recipe()
    drr = add_or_update_radiograph(viewer, image, recipe, beside=ct)
    drr.contrast_limits = (0, 1)
    Annotations().show(viewer, recipe, drr, marker=(60.0, 150.0))
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    gray = np.ptp(picture, axis=-1) == 0
    rows, columns = np.nonzero(gray & (np.abs(picture[..., 0] - 128) < 4))
    top, left = rows.min(), columns.min()
    size = np.array([rows.max() - top, columns.max() - left])
    # The cross, blue and without red, is where the pixel is.
    rows, columns = np.nonzero((picture[..., 2] > 150) & (picture[..., 0] < 120))
    place = (np.array([rows.mean(), columns.mean()]) - (top, left)) / size
    np.testing.assert_allclose(place, (150 / 200, 60 / 200), atol=0.01)
    # Letters are amber; R is on the left, L on the right, both halfway up.
    rows, columns = np.nonzero((picture[..., 0] > 180) & (picture[..., 2] < 120))
    places = (np.column_stack([rows, columns]) - (top, left)) / size
    for edge in [(0.5, 0.06), (0.5, 0.94), (0.06, 0.5), (0.94, 0.5)]:
        assert np.linalg.norm(places - edge, axis=1).min() < 0.04
