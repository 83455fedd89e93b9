"""The cameras that show C-arm and patient."""

import math

import numpy as np
import pytest

from napari_drr.recipe import DetectorSettings, Recipe, view
from napari_drr.viewer._carm import Box, CArm
from napari_drr.viewer._framing import FILLED, VIEWS, Outline, framing, outline

BODY = Box(np.diag([4.0, 4, 4, 1]), (80, 60, 90))
SIZES = [(300, 1000), (500, 500), (900, 400)]


def arm(name="AP", angle=0.0, **detector):
    orientation, pose = view(name, 850.0, angle)
    recipe = Recipe(pose=pose, orientation=orientation, detector=DetectorSettings(**detector))
    return CArm.of(recipe, BODY.center)


def on_canvas(camera, points, size):
    """Project points as napari's camera does: -1 to 1 along the canvas's width and height."""
    right = np.cross(camera.view, camera.up)
    offsets = points - camera.center
    height, width = size
    tall = camera.extent * max(1.0, height / width)
    distance = tall / 2 / math.tan(math.radians(camera.fov_deg) / 2)
    depth = distance + offsets @ camera.view
    x, y = offsets @ right * distance / depth, offsets @ camera.up * distance / depth
    return np.stack([x / (tall * width / height / 2), y / (tall / 2)])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["home", "front", "side"])
@pytest.mark.parametrize(
    ("pose", "angle"), [("AP", 0), ("PA", 0), ("LAO", 40), ("CRA", 30), ("left lateral", 0)]
)
def test_all_is_on_the_canvas_and_fills_it(name, pose, angle, size):
    shown = outline(arm(pose, angle), BODY.corners)
    camera = framing(name, arm(pose, angle), BODY.corners, size)
    places = np.abs(on_canvas(camera, shown.points, size))
    with_letters = places + shown.margins / (np.array(size[::-1]) / 2)[:, None]
    # All of it, letters included, and no smaller than it has to be.
    assert with_letters.max() == pytest.approx(FILLED, abs=1e-6)
    assert camera.shows(shown, size)
    larger = shown.points * 1.01 - 0.01 * camera.center
    assert not camera.shows(Outline(larger, shown.margins), size)


@pytest.mark.parametrize("name", ["home", "front", "side"])
def test_the_head_is_up(name):
    camera = framing(name, arm(), BODY.corners, (500, 500))
    assert camera.up[2] > 0.9
    assert camera.up @ camera.view == pytest.approx(0, abs=1e-12)


def test_front_and_side_look_to_the_back_and_to_the_right():
    np.testing.assert_allclose(framing("front", arm(), BODY.corners, (9, 9)).view, (0, -1, 0))
    np.testing.assert_allclose(framing("side", arm(), BODY.corners, (9, 9)).view, (1, 0, 0))


@pytest.mark.parametrize(
    ("pose", "angle"),
    [
        *((name, 0) for name in ("AP", "PA", "left lateral", "right lateral")),
        *((name, angle) for name in ("LAO", "RAO", "CRA", "CAU") for angle in (20, 45)),
    ],
)
def test_home_is_in_front_and_shows_the_picture_neither_flat_nor_edge_on(pose, angle):
    c_arm = arm(pose, angle)
    looks = framing("home", c_arm, BODY.corners, (500, 800)).view
    assert looks[1] < 0
    normal = np.cross(c_arm.column_step, c_arm.row_step)
    assert 0.35 < abs(looks @ normal) / np.linalg.norm(normal) < 0.95


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pose", ["AP", "PA", "left lateral"])
def test_from_the_source_each_pixel_hides_behind_its_ray(pose, size):
    c_arm = arm(pose, x0=30.0, height=150)
    camera = framing("source", c_arm, BODY.corners, size)
    for pixel in [(0, 0), (200, 0), (13, 140), (100, 75)]:
        start, end = c_arm.ray(pixel)
        along = start + np.linspace(0.2, 1, 5)[:, None] * (end - start)
        places = on_canvas(camera, along, size)
        np.testing.assert_allclose(places, places[:, :1] * np.ones(5), atol=1e-9)
        assert np.abs(places).max() < 1
    # Up is up in the picture.
    assert camera.up @ c_arm.row_step < 0


def test_views_are_checked():
    assert set(VIEWS) == {"home", "front", "side", "source"}
    with pytest.raises(ValueError, match="must be one of home, front"):
        framing("back", arm(), BODY.corners, (9, 9))
