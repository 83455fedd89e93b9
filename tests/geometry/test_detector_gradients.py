"""Rays and projections, differentiated in all that they are made from, in float64."""

from types import SimpleNamespace

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from napari_drr.geometry.camera import (
    detector_from_camera,
    get_pinhole_camera,
    inverse_projection,
    perspective_projection,
)
from napari_drr.geometry.detector import Detector
from napari_drr.geometry.pose import convert

# Lengths are near 1, so that the finite differences of step 1e-6 keep their digits.
POINTS = torch.tensor([[[0.3, -0.2, 0.1], [0.0, 0.5, -0.4]]], dtype=torch.float64)
PIXELS = torch.tensor([[[0.5, 3.0], [7.2, -1.0]]], dtype=torch.float64)


def leaf(values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def numbers():
    """sdd, delx, dely, x0, y0, and the pose's rotation and translation."""
    return (
        *(leaf(value) for value in (6.0, 2.0, 3.0, 1.0, -0.5)),
        leaf([[0.3, -0.2, 0.5], [0.0, 0.0, 0.0]]),
        leaf([[0.1, 5.0, 0.3], [0.0, 4.0, 0.0]]),
    )


def build(sdd, delx, dely, x0, y0, rotation, translation, orientation="AP", mirror=True):
    detector = Detector(sdd, (3, 4), (delx, dely), (x0, y0), mirror, orientation)
    pose = convert(rotation, translation, parameterization="euler_angles", convention="ZXY")
    return detector, pose


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("orientation", ["AP", "PA", None])
def test_rays(orientation, mirror):
    def rays(*values):
        detector, pose = build(*values, orientation=orientation, mirror=mirror)
        return detector(pose)

    assert gradcheck(rays, numbers())


def test_chosen_rays():
    def rays(*values):
        detector, pose = build(*values)
        return detector.rays(pose, pixels=torch.tensor([0, 5, 11]))[1]

    assert gradcheck(rays, numbers())
    assert gradgradcheck(rays, numbers())


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("orientation", ["AP", "PA"])
def test_projections(orientation, mirror):
    def project(points, *values):
        detector, pose = build(*values, orientation=orientation, mirror=mirror)
        return perspective_projection(detector, pose, points)

    assert gradcheck(project, (POINTS.clone().requires_grad_(), *with_source_at(orientation)))


def with_source_at(orientation):
    *values, translation = numbers()
    sign = 1.0 if orientation == "AP" else -1.0
    return (*values, (translation * sign).detach().requires_grad_())


def test_inverse_projections():
    def backproject(pixels, *values):
        return inverse_projection(*build(*values), pixels)

    assert gradcheck(backproject, (PIXELS.clone().requires_grad_(), *numbers()))


def test_calibrations():
    *values, rotation, translation = (value.detach() for value in numbers())
    detector, pose = build(*values, rotation, translation)
    calibration = detector.calibration.matrix.clone().requires_grad_()
    assert gradcheck(lambda matrix: detector(pose, matrix)[1], (calibration,))
    assert gradcheck(
        lambda matrix: perspective_projection(detector, pose, POINTS, matrix), (calibration,)
    )
    assert gradcheck(
        lambda matrix: inverse_projection(detector, pose, PIXELS, matrix), (calibration,)
    )


@pytest.mark.parametrize("orientation", ["AP", "PA"])
def test_cameras(orientation):
    def matrices(*values):
        detector, pose = build(*values, orientation=orientation)
        camera = get_pinhole_camera(SimpleNamespace(detector=detector), pose, torch.float64)
        return camera.intrinsics, camera.extrinsics, camera.projmat, camera.center

    assert gradcheck(matrices, numbers())


def test_poses_of_cameras():
    intrinsics = torch.diag(torch.tensor([500.0, 400.0, 1.0]))
    extrinsics = convert(
        [[0.3, -0.2, 0.5]], [[1.0, 2.0, 3.0]], parameterization="axis_angle"
    ).double()

    def pose(matrix):
        return detector_from_camera(intrinsics, matrix, (8, 8), sdd=1000.0)[1].matrix

    assert gradcheck(pose, (extrinsics.matrix.clone().requires_grad_(),))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_frontal_pose_has_gradients(dtype):
    """Zero rotation, where most start."""
    rotation = torch.zeros(1, 3, dtype=dtype, requires_grad=True)
    translation = torch.tensor([[0.0, 850.0, 0.0]], dtype=dtype, requires_grad=True)
    pose = convert(rotation, translation, parameterization="euler_angles", convention="ZXY")
    _, target = Detector(1020.0, (3, 4), (2.0, 2.0))(pose)
    (target * torch.linspace(-1, 1, 36).reshape(1, 12, 3)).sum().backward()
    assert torch.isfinite(rotation.grad).all()
    assert (rotation.grad != 0).all()
    assert torch.isfinite(translation.grad).all()
