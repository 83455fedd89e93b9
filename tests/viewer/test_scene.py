"""The C-arm in 3-D: what the scene's layers hold, and what a real window shows of them."""

import gc
import math
import threading
import weakref
from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication

from napari_drr import session
from napari_drr.recipe import DetectorSettings, Display, Pose, Recipe
from napari_drr.viewer import layers
from napari_drr.viewer._anatomy import anatomy
from napari_drr.viewer._carm import Box, CArm
from napari_drr.viewer._framing import framing
from napari_drr.viewer._scene_letters import BESIDE_PIXELS
from napari_drr.viewer._sides import sides
from napari_drr.viewer.scene import CArmScene
from napari_drr.viewer.widgets.carm import CArmView

ISOCENTER = (10.0, -20.0, 30.0)
RECIPE = Recipe(detector=DetectorSettings(height=20, width=30, pixel_spacing_x=12))


@pytest.fixture
def scene():
    scene = CArmScene(ViewerModel())
    scene.viewer.canvas.size = (400, 600)
    return scene


def in_world(layer, vertices):
    """World (x, y, z) of vertices of a layer."""
    return np.array([layer.data_to_world(vertex) for vertex in vertices])[:, ::-1]


def picture_corners(scene):
    layer = scene.viewer.layers["C-arm"]
    return in_world(layer, layer.vertices[-4:])


POSES = {
    "AP": RECIPE,
    "turned": replace(RECIPE, pose=Pose(30, -20, 10, 4, 800, -7)),
    "PA": replace(RECIPE, orientation="PA", pose=Pose(y=-850)),
    "unmirrored": replace(RECIPE, detector=replace(RECIPE.detector, mirror=False)),
    "shifted": replace(RECIPE, detector=replace(RECIPE.detector, x0=31, y0=-12)),
    "nearer": replace(RECIPE, detector=replace(RECIPE.detector, source_to_detector=950)),
    "larger": replace(RECIPE, detector=replace(RECIPE.detector, width=90)),
    "behind": replace(RECIPE, detector=replace(RECIPE.detector, source_to_detector=-900)),
}


@pytest.mark.parametrize("recipe", POSES.values(), ids=POSES)
def test_source_and_picture_stand_where_the_c_arm_does(scene, recipe):
    scene.update(RECIPE, ISOCENTER, np.zeros((20, 30)))
    scene.update(recipe, ISOCENTER)
    arm = CArm.of(recipe, ISOCENTER)
    np.testing.assert_allclose(picture_corners(scene), arm.corners, atol=0.01)
    # The beam's edges, the lines that the transform moves, end at the source.
    layer = scene.viewer.layers["C-arm"]
    places = in_world(layer, layer.vertices)
    nearest = np.linalg.norm(places - arm.source, axis=1).min()
    assert nearest < 20
    foot = np.linalg.norm(places - arm.principal_point, axis=1).min()
    assert foot < 20


def test_a_pose_moves_and_writes_nothing(scene):
    scene.update(RECIPE, ISOCENTER, np.zeros((20, 30)))
    layer = scene.viewer.layers["C-arm"]
    drawn, looked = [], []
    layer.events.set_data.connect(lambda event: drawn.append(event))
    layer.events.affine.connect(lambda event: looked.append(event))
    for alpha in range(10):
        scene.update(replace(RECIPE, pose=Pose(alpha_deg=alpha)), ISOCENTER, np.ones((20, 30)))
    # New vertices would make the graphics compile its shaders anew.
    assert not drawn
    assert len(looked) == 10
    assert len(scene.viewer.layers) == 6


def test_the_picture_looks_as_the_recipes_display_says(scene):
    image = np.linspace(0, 5, 600).reshape(20, 30)
    layer = scene.viewer.layers["C-arm"]
    for display in (Display(), Display("transmission", invert=True, gamma=0.7)):
        scene.update(replace(RECIPE, display=display), ISOCENTER, image)
        np.testing.assert_allclose(layer.texture[-20:], display.gray(image), atol=1e-6)
    # What is no picture keeps its colors.
    assert (layer.texture[:-20] == 1).all()
    top_left, _, bottom_right, _ = layer.texcoords[-4:]
    assert top_left[0] < bottom_right[0]
    assert top_left[1] > bottom_right[1]


def test_a_picture_of_another_shape_and_none_at_all(scene):
    scene.update(RECIPE, ISOCENTER)
    assert scene.viewer.layers["C-arm"].visible
    for shape in ((20, 30), (40, 60), (1200, 900), (20, 30)):
        scene.update(RECIPE, ISOCENTER, np.ones(shape))
        texture = scene.viewer.layers["C-arm"].texture
        assert max(texture.shape) <= 520
        np.testing.assert_allclose(picture_corners(scene), CArm.of(RECIPE, ISOCENTER).corners)


def box():
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = np.subtract(ISOCENTER, 78)
    return Box(affine, (40, 40, 40))


def body():
    values = np.full((40, 40, 40), -1000.0)
    values[5:35, 5:35, 5:35] = 0
    values[10:20, 15:25, 15:25] = 900
    return anatomy(values, box())


def test_the_ct_comes_goes_and_is_hidden(scene):
    scene.update(RECIPE, ISOCENTER)
    bone, skin = scene.viewer.layers["bone"], scene.viewer.layers["skin"]
    scene.set_ct(body(), box())
    assert bone.visible
    assert skin.visible
    scene.shows_ct = False
    assert not bone.visible
    scene.set_ct(body(), box())
    assert not skin.visible
    scene.shows_ct = True
    assert bone.visible
    scene.set_ct(None, None)
    assert not bone.visible
    scene.shows_ct = True
    assert not bone.visible


def test_ray_and_marker_move_with_the_c_arm(scene):
    scene.update(RECIPE, ISOCENTER)
    ray, marker = scene.viewer.layers["ray"], scene.viewer.layers["marker"]
    assert not ray.visible
    assert not marker.visible
    point = np.add(ISOCENTER, (20, 30, 40))
    scene.set_ct(None, box())
    scene.set_ray((4.5, 7.5))
    scene.set_marker(point)
    for alpha in (0, 60):
        recipe = replace(RECIPE, pose=Pose(alpha_deg=alpha))
        scene.update(recipe, ISOCENTER)
        arm = CArm.of(recipe, ISOCENTER)
        line = ray.data[:, ::-1] - arm.source
        way = arm.on_detector((4.5, 7.5)) - arm.source
        assert np.abs(np.cross(line, way)).max() < 1e-6 * way @ way
        np.testing.assert_allclose(ray.data[-1, ::-1], arm.on_detector((4.5, 7.5)))
        projection, shown = marker.data[-1, ::-1], marker.data[-2, ::-1]
        np.testing.assert_allclose(shown, point)
        np.testing.assert_allclose(projection, arm.on_detector(arm.pixel(point)))
    scene.set_ray(None)
    scene.set_marker(None)
    assert not ray.visible
    assert not marker.visible


def test_the_camera_follows_until_it_is_moved_by_hand(scene):
    told = []
    scene.view_changed.connect(told.append)
    scene.update(RECIPE, ISOCENTER)
    camera = scene.viewer.scene.camera
    before = camera.angles
    scene.update(replace(RECIPE, pose=Pose(alpha_deg=90)), ISOCENTER)
    assert scene.view == "home"
    assert camera.angles != before
    scene.look("front")
    camera.angles = (10, 20, 30)
    assert scene.view is None
    scene.update(RECIPE, ISOCENTER)
    assert camera.angles == (10, 20, 30)
    scene.look("source")
    assert told == ["front", None, "source"]


def test_another_canvas_size_is_filled_again(scene):
    scene.update(RECIPE, ISOCENTER)
    before = scene.viewer.scene.camera.zoom
    scene.viewer.canvas.size = (800, 1200)
    # Letters, which do not grow, leave a little more room.
    assert 2 * before < scene.viewer.scene.camera.zoom < 2.1 * before


@pytest.mark.parametrize("recipe", POSES.values(), ids=POSES)
def test_letters_stand_outside_the_edges_that_they_name(scene, recipe):
    scene.update(RECIPE, ISOCENTER)
    scene.update(recipe, ISOCENTER)
    layer, arm = scene.viewer.layers["letters"], CArm.of(recipe, ISOCENTER)
    assert list(layer.text.values) == list(sides(recipe))
    height, width = arm.shape
    for zoom in (1.0, 4.0):
        scene.viewer.scene.camera.zoom = zoom
        pixels = np.array([arm.pixel(place) for place in in_world(layer, layer.data)])
        left, right, top, bottom = pixels - np.array([width, height]) / 2
        outside = [-width / 2 - left[0], right[0] - width / 2]
        outside += [-height / 2 - top[1], bottom[1] - height / 2]
        steps = np.repeat([np.linalg.norm(arm.column_step), np.linalg.norm(arm.row_step)], 2)
        # Off by a tenth at most.
        np.testing.assert_allclose(outside * steps * zoom, BESIDE_PIXELS, rtol=0.11)
        np.testing.assert_allclose([left[1], right[1], top[0], bottom[0]], 0, atol=1e-9)


def test_from_the_source_the_beam_is_not_in_the_way(scene):
    scene.update(RECIPE, ISOCENTER)
    layer = scene.viewer.layers["C-arm"]
    with_beam = len(layer.vertices)
    scene.look("source")
    assert len(layer.vertices) < with_beam
    scene.viewer.scene.camera.zoom *= 2
    assert len(layer.vertices) == with_beam


# In a real window


def dense_block(where, shape=(41, 41, 41), spacing=6.0):
    """A CT of air with a dense block, that many mm from its center at `ISOCENTER`."""
    import torch
    import torchio

    values = torch.full((1, *shape), -1000.0)
    index = [round(20 + offset / spacing) for offset in where]
    values[(0, *(slice(i - 1, i + 2) for i in index))] = 1500
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = np.subtract(ISOCENTER, 20 * spacing)
    return torchio.ScalarImage(tensor=values, affine=affine)


# To the patient's left, the front and the head.
BLOCK = (-60.0, 40.0, 70.0)


@pytest.fixture
def open_view(make_napari_viewer):
    """Dock a C-arm view in a window with a CT of one block, rendered."""

    def make(name="AP", angle=0.0, show=True):
        viewer = make_napari_viewer(show=show)
        data, how, _ = layers.image_layer_data(dense_block(BLOCK), "ct")
        viewer.add_image(data.copy(), **how)
        s = session(viewer)
        s.detector.update(height=60, width=60, pixel_spacing_x=6.0, pixel_spacing_y=6.0)
        s.view(name, angle)
        s.render()
        widget = CArmView(viewer)
        dock = viewer.window.add_dock_widget(widget, name="C-arm", area="right")
        widget.setMinimumSize(420, 400)
        return viewer, widget, dock

    return make


def wait_for_scene(qtbot, widget):
    layer = widget.scene.viewer.layers["C-arm"]
    qtbot.waitUntil(lambda: layer.visible and layer.texture.max() > 0 and layer.texture.size > 100)
    qtbot.waitUntil(lambda: widget.scene.viewer.layers["bone"].visible, timeout=20_000)


def picture(widget):
    QApplication.processEvents()
    return widget.canvas.screenshot(flash=False)[..., :3].astype(int)


def center_of(mask):
    """Middle of what is marked, right and up of the canvas's, as -1 to 1."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    assert len(rows) > 3
    return np.array([(columns.mean() + 0.5) / width * 2 - 1, 1 - (rows.mean() + 0.5) / height * 2])


def is_gray(colors, least):
    """Tell where a picture is bright and without color: the radiograph, in front of dark blue."""
    return (colors.min(axis=-1) > least) & (np.ptp(colors, axis=-1) < 8)


def is_ivory(colors):
    """Tell where a picture shows bone."""
    red, _, blue = np.moveaxis(colors, -1, 0)
    return (red > 60) & (red - blue > 8) & (red - blue < 60)


def center_of_bone(widget):
    letters = widget.scene.viewer.layers["letters"]
    letters.visible = False  # their edges blend to bone's color
    center = center_of(is_ivory(picture(widget)))
    letters.visible = True
    return center


def seen_at(widget, name, point):
    """Project a world point as the named camera does: right and up of the canvas's middle."""
    size = tuple(widget.scene.viewer.canvas.size)
    s = widget.session
    grid = layers.volume_from_layer(s.ct)
    corners = Box(grid[1], tuple(grid[0].shape)).corners
    camera = framing(name, CArm.of(s.recipe, s.center), corners, size)
    height, width = size
    tall = camera.extent * max(1.0, height / width)
    distance = tall / 2 / math.tan(math.radians(camera.fov_deg) / 2)
    offset = point - camera.center
    shrunk = distance / (distance + offset @ camera.view)
    right = np.cross(camera.view, camera.up)
    return np.array(
        [
            offset @ right * shrunk / (tall * width / height / 2),
            offset @ camera.up * shrunk / tall * 2,
        ]
    )


VIEWS = [("AP", 0.0), ("PA", 0.0), ("LAO", 35.0), ("left lateral", 0.0)]


@pytest.mark.gui
@pytest.mark.parametrize(("name", "angle"), VIEWS)
def test_the_radiograph_lies_behind_the_anatomy_that_throws_it(open_view, qtbot, name, angle):
    """Seen from the source, block and shadow coincide: neither of them is mirrored."""
    _, widget, _ = open_view(name, angle)
    wait_for_scene(qtbot, widget)
    widget.view_buttons["source"].click()
    bone = center_of_bone(widget)
    expected = seen_at(widget, "source", np.add(ISOCENTER, BLOCK))
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(bone, expected, atol=0.05)
    widget.ct_button.click()
    shadow = center_of(is_gray(picture(widget), 120))
    np.testing.assert_allclose(shadow, expected, atol=0.05)


@pytest.mark.gui
def test_seen_from_the_front_left_is_right_and_the_head_is_up(open_view, qtbot):
    _, widget, _ = open_view("left lateral")
    wait_for_scene(qtbot, widget)
    widget.view_buttons["front"].click()
    bone = center_of_bone(widget)
    middle = seen_at(widget, "front", np.array(ISOCENTER))
    assert bone[0] > middle[0] + 0.02
    assert bone[1] > middle[1] + 0.02
    np.testing.assert_allclose(bone, seen_at(widget, "front", np.add(ISOCENTER, BLOCK)), atol=0.05)


def is_amber(colors):
    """Tell where a picture shows a letter's text, no matter how it is blended with what is dark."""
    red, green, blue = np.moveaxis(colors, -1, 0)
    return (red > 120) & (red - green > 25) & (green - blue > 60)


@pytest.mark.gui
@pytest.mark.parametrize("view", ["home", "front", "side", "source"])
def test_letters_are_read_from_everywhere(open_view, qtbot, view):
    _, widget, _ = open_view("LAO", 35.0)
    wait_for_scene(qtbot, widget)
    widget.view_buttons[view].click()
    layer = widget.scene.viewer.layers["letters"]
    with_letters = picture(widget)
    layer.visible = False
    text = is_amber(with_letters) & (with_letters != picture(widget)).any(axis=-1)
    height, width = text.shape
    for place in in_world(layer, layer.data):
        right, up = seen_at(widget, view, place)
        column, row = (1 + right) / 2 * width, (1 - up) / 2 * height
        near = text[max(0, int(row) - 10) : int(row) + 10, max(0, int(column) - 16) :][:, :32]
        rows = np.flatnonzero(near.any(axis=1))
        # As high as text of 12 points is, which nothing turns edge-on.
        assert 13 <= np.ptp(rows) + 1 <= 17
    assert text.sum() > 4 * 20


@pytest.mark.gui
def test_it_follows_the_session(open_view, qtbot):
    viewer, widget, _ = open_view()
    wait_for_scene(qtbot, widget)
    s, scene = widget.session, widget.scene
    s.pose.alpha_deg = 25.0
    arm = CArm.of(s.recipe, s.center)
    qtbot.waitUntil(lambda: np.allclose(picture_corners(scene), arm.corners, atol=0.1))
    before = scene.viewer.layers["C-arm"].texture.copy()
    s.render()
    qtbot.waitUntil(lambda: not np.array_equal(before, scene.viewer.layers["C-arm"].texture))
    s.ray, s.marker = (30.0, 30.0), s.center
    assert scene.viewer.layers["ray"].visible
    assert scene.viewer.layers["marker"].visible
    s.ray = s.marker = None
    assert not scene.viewer.layers["ray"].visible
    # napari 0.9.2 crashes where its canvas has to draw what is left when the last volume goes.
    viewer.add_labels(np.zeros((2, 2, 2), np.uint8), visible=False)
    viewer.layers.remove(s.ct)
    assert not scene.viewer.layers["bone"].visible


@pytest.mark.gui
def test_what_the_user_does_to_the_radiographs_contrast_is_shown(open_view, qtbot):
    viewer, widget, _ = open_view()
    wait_for_scene(qtbot, widget)
    drr, texture = viewer.layers["DRR"], widget.scene.viewer.layers["C-arm"].texture
    limits = (0.1, drr.contrast_limits[1] / 2)
    drr.contrast_limits = limits
    wanted = Display(contrast_limits=limits).gray(drr.data)
    qtbot.waitUntil(lambda: np.allclose(texture[-60:], wanted, atol=1e-5))


@pytest.mark.gui
def test_nothing_is_drawn_while_it_is_hidden(open_view, qtbot):
    _, widget, dock = open_view()
    wait_for_scene(qtbot, widget)
    dock.hide()
    before = picture_corners(widget.scene)
    widget.session.pose.alpha_deg = 70.0
    widget.session.render()
    qtbot.wait(100)
    np.testing.assert_array_equal(picture_corners(widget.scene), before)
    dock.show()
    arm = CArm.of(widget.session.recipe, widget.session.center)
    qtbot.waitUntil(lambda: np.allclose(picture_corners(widget.scene), arm.corners, atol=0.1))


@pytest.mark.gui
def test_many_poses_cost_few_frames_and_the_last_one_stays(open_view, qtbot):
    _, widget, _ = open_view()
    wait_for_scene(qtbot, widget)
    moved = []
    layer = widget.scene.viewer.layers["C-arm"]
    layer.events.affine.connect(lambda event: moved.append(event))
    for alpha in range(60):
        widget.session.pose.alpha_deg = float(alpha)
    assert len(moved) <= 1
    arm = CArm.of(widget.session.recipe, widget.session.center)
    qtbot.waitUntil(lambda: np.allclose(picture_corners(widget.scene), arm.corners, atol=0.1))
    assert len(moved) < 10


def threads():
    return [thread for thread in threading.enumerate() if "anatomy" in thread.name]


@pytest.mark.gui
def test_a_closed_dock_leaves_nothing(open_view, qtbot):
    viewer, widget, dock = open_view()
    wait_for_scene(qtbot, widget)
    gone = [weakref.ref(part) for part in (widget, widget.canvas, widget.scene)]
    s = widget.session
    viewer.window.remove_dock_widget(dock)
    del dock, widget
    qtbot.waitUntil(lambda: not threads())
    QApplication.processEvents()
    gc.collect()
    QApplication.processEvents()
    gc.collect()
    assert [part() for part in gone] == [None] * 3
    s.pose.alpha_deg = 12.0
    s.render()
    viewer.layers["DRR"].contrast_limits = (0.0, 0.1)


@pytest.mark.gui
def test_a_closed_window_leaves_nothing(open_view, qtbot):
    viewer, widget, dock = open_view()
    s = widget.session
    del widget, dock
    viewer.close()
    s.pose.alpha_deg = 12.0
    qtbot.waitUntil(lambda: not threads())


@pytest.mark.gui
def test_it_opens_without_a_ct(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    widget = CArmView(viewer)
    viewer.window.add_dock_widget(widget, name="C-arm", area="bottom")
    qtbot.waitUntil(lambda: widget.scene.viewer.layers["C-arm"].visible)
    widget.session.pose.alpha_deg = 30.0
    arm = CArm.of(widget.session.recipe, (0, 0, 0))
    qtbot.waitUntil(lambda: np.allclose(picture_corners(widget.scene), arm.corners, atol=0.1))
