"""The C-arm's geometry against the one that renders."""

import numpy as np
import pytest
import torch

from napari_drr.geometry.camera import perspective_projection
from napari_drr.recipe import DetectorSettings, Pose, Recipe
from napari_drr.viewer._carm import Box, CArm

ISOCENTER = (12.0, -34.0, 56.0)
DETECTOR = DetectorSettings(
    source_to_detector=1000.0,
    height=30,
    width=40,
    pixel_spacing_x=9.0,
    pixel_spacing_y=7.0,
    x0=13.0,
    y0=-21.0,
)
RECIPES = {
    "frontal": Recipe(detector=DETECTOR),
    "oblique": Recipe(pose=Pose(20, -30, 40, 5, 800, -6), detector=DETECTOR),
    "PA": Recipe(pose=Pose(20, -30, 40, 5, -800, -6), orientation="PA", detector=DETECTOR),
    "unmirrored": Recipe(
        pose=Pose(alpha_deg=50), detector=DetectorSettings(width=50, mirror=False)
    ),
    "behind": Recipe(
        pose=Pose(y=-800), detector=DetectorSettings(source_to_detector=-1000.0, x0=30.0)
    ),
    "no orientation": Recipe(pose=Pose(10, 20, 30, 0, 0, -700), orientation=None),
}


@pytest.fixture(params=RECIPES.values(), ids=RECIPES)
def recipe(request):
    return request.param


def rays(recipe, pixels=None):
    """Source and pixel centers in world mm, from the geometry that renders."""
    detector = recipe.detector.detector(recipe.orientation)
    source, targets = detector.rays(recipe.pose.rigid_transform(), pixels=pixels)
    return source[0, 0].numpy() + ISOCENTER, targets[0].numpy() + ISOCENTER


def test_source_and_pixel_centers_are_the_renderers(recipe):
    arm = CArm.of(recipe, ISOCENTER)
    height, width = arm.shape
    source, targets = rays(recipe)
    rows, columns = np.mgrid[:height, :width] + 0.5
    pixels = np.stack([columns, rows], axis=-1).reshape(-1, 2)
    np.testing.assert_allclose(arm.source, source, atol=1e-9)
    np.testing.assert_allclose(arm.on_detector(pixels), targets, atol=1e-9)


def test_corners_go_around_the_image_as_it_is_shown(recipe):
    arm = CArm.of(recipe, ISOCENTER)
    height, width = arm.shape
    _, targets = rays(recipe)
    targets = targets.reshape(height, width, 3)
    inner = targets[[0, 0, -1, -1], [0, -1, -1, 0]]
    # Each corner lies half a pixel's diagonal outside its pixel's center.
    half = np.linalg.norm([recipe.detector.pixel_spacing_x, recipe.detector.pixel_spacing_y]) / 2
    np.testing.assert_allclose(np.linalg.norm(arm.corners - inner, axis=1), half)
    np.testing.assert_allclose(arm.corners.mean(axis=0), inner.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(arm.edges[:, 1], arm.corners)


def test_the_central_ray_meets_the_detector_at_a_right_angle(recipe):
    arm = CArm.of(recipe, ISOCENTER)
    start, end = arm.central_ray
    np.testing.assert_allclose(start, arm.source)
    distance = abs(recipe.detector.source_to_detector)
    assert np.linalg.norm(end - start) == pytest.approx(distance)
    for step in (arm.column_step, arm.row_step):
        assert (end - start) @ step == pytest.approx(0, abs=1e-6)
    column, row = arm.pixel(end)
    detector, way = recipe.detector, 1 if recipe.detector.mirror else -1
    assert column == pytest.approx(
        detector.width / 2 + way * detector.x0 / detector.pixel_spacing_x
    )
    assert row == pytest.approx(detector.height / 2 + detector.y0 / detector.pixel_spacing_y)


def test_points_are_projected_as_the_renderer_projects_them(recipe):
    arm = CArm.of(recipe, ISOCENTER)
    points = np.random.default_rng(0).uniform(-150, 150, (20, 3))
    detector = recipe.detector.detector(recipe.orientation)
    expected = perspective_projection(
        detector, recipe.pose.rigid_transform(), torch.from_numpy(points)[None]
    )[0]
    found = [arm.pixel(point + ISOCENTER) for point in points]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


def test_a_pixels_ray_and_back(recipe):
    arm = CArm.of(recipe, ISOCENTER)
    start, end = arm.ray((3.5, 8.25))
    np.testing.assert_allclose(start, arm.source)
    assert arm.pixel(start + 0.4 * (end - start)) == pytest.approx((3.5, 8.25))


def test_nothing_is_projected_from_behind_the_source(recipe):
    arm = CArm.of(recipe, ISOCENTER)
    away = arm.center - arm.source
    assert arm.pixel(arm.source - 0.1 * away) is None
    assert arm.pixel(arm.source) is None
    assert arm.pixel(arm.source + 3 * away) is not None


def box(turned=False):
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    if turned:
        angle = np.radians(30)
        affine[:2, :2] = [
            [2 * np.cos(angle), -3 * np.sin(angle)],
            [2 * np.sin(angle), 3 * np.cos(angle)],
        ]
    affine[:3, 3] = (10, 20, 30)
    return Box(affine, (5, 6, 7))


def test_a_box_covers_whole_voxels():
    corners = box().corners
    np.testing.assert_allclose(corners.min(axis=0), [9, 18.5, 28])
    np.testing.assert_allclose(corners.max(axis=0), [19, 36.5, 56])
    np.testing.assert_allclose(box().center, [14, 27.5, 42])


@pytest.mark.parametrize("turned", [False, True])
def test_a_segment_is_clipped_where_it_enters_and_leaves(turned):
    grid = box(turned)
    middle, way = grid.center, np.array([100.0, 40.0, -30.0])
    clipped = grid.clip(np.stack([middle - way, middle + way]))
    np.testing.assert_allclose(np.cross(clipped[1] - clipped[0], way), 0, atol=1e-9)
    assert (clipped[1] - clipped[0]) @ way > 0
    for end in grid.voxels(clipped):
        outside = np.maximum(-0.5 - end, end - (np.array(grid.shape) - 0.5))
        assert outside.max() == pytest.approx(0, abs=1e-9)


def test_a_segment_inside_stays_and_one_outside_goes():
    grid = box()
    inside = np.stack([grid.center, grid.center + 1])
    np.testing.assert_allclose(grid.clip(inside), inside)
    assert grid.clip(inside + 1000) is None
    # It would meet the box behind its end.
    short = np.array([[0.0, 27.5, 42], [8, 27.5, 42]])
    assert grid.clip(short) is None


@pytest.mark.parametrize("way", [1, -1])
def test_a_segment_along_an_axis_is_clipped(way):
    grid = box()
    line = np.array([[14.0, 27.5, 42 - 100 * way], [14.0, 27.5, 42 + 100 * way]])
    np.testing.assert_allclose(grid.clip(line)[:, 2], [42 - 14 * way, 42 + 14 * way])
    # In a face's plane, and just outside.
    np.testing.assert_allclose(grid.clip(line - [5, 0, 0])[:, 2], [42 - 14 * way, 42 + 14 * way])
    assert grid.clip(line - [5.01, 0, 0]) is None


def test_a_ray_is_cut_at_the_box_or_misses_it(recipe):
    arm = CArm.of(recipe, ISOCENTER)
    affine = np.eye(4)
    affine[:3, 3] = np.subtract(ISOCENTER, 20)
    grid = Box(affine, (41, 41, 41))
    start, end = grid.clip(arm.ray(arm.pixel(ISOCENTER)))
    assert 0 < np.linalg.norm(start - arm.source) < np.linalg.norm(end - arm.source)
    np.testing.assert_allclose((start + end) / 2, ISOCENTER, atol=1)
    assert grid.clip(arm.ray((-500, -500))) is None
