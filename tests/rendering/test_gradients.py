"""Gradients against finite differences, in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from shared_volumes import euler, make_volume
from torch.autograd import gradcheck, gradgradcheck

from napari_drr import DRR, Detector, project, read

RENDERERS = ["siddon", "trilinear"]
VIEWS = {
    "frontal": (0.0, 0.0, 0.0),
    "lateral": (np.pi / 2, 0.0, 0.0),
    "oblique": (-0.75, 0.31, 0.2),
}


def tiny(renderer, **how):
    """Few rays through a few voxels, off every voxel plane."""
    generator = torch.Generator().manual_seed(3)
    density = torch.rand(4, 3, 5, generator=generator, dtype=torch.float64)
    voxel_from_iso = torch.eye(4, dtype=torch.float64)
    voxel_from_iso[:3, 3] = torch.tensor([1.53, 0.97, 2.11])
    detector = Detector(20.0, (2, 3), (1.7, 1.9), (0.13, -0.21))

    def render(density, rotation, translation, calibration=None):
        pose = euler_of(rotation, translation)
        return project(
            density,
            voxel_from_iso,
            pose,
            detector,
            renderer=renderer,
            n_points=9,
            calibration=calibration,
            **how,
        )

    return render, density, detector


def euler_of(rotation, translation):
    from napari_drr import convert

    return convert(rotation, translation, parameterization="euler_angles", convention="ZXY")


def pose_parameters():
    rotation = torch.tensor([[0.31, -0.22, 0.13], [-0.61, 0.17, 0.4]], dtype=torch.float64)
    translation = torch.tensor([[0.11, 12.0, -0.17], [0.3, 11.0, 0.2]], dtype=torch.float64)
    return rotation.requires_grad_(), translation.requires_grad_()


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("reduction", ["sum", "max", "mip"])
def test_gradcheck_volume_and_pose(renderer, reduction):
    render, density, _ = tiny(renderer, reduction=reduction)
    assert gradcheck(render, (density.requires_grad_(), *pose_parameters()))


@pytest.mark.parametrize("renderer", RENDERERS)
def test_gradcheck_in_chunks(renderer):
    # A budget of one byte takes rays one by one, and each is computed again for backward.
    render, density, _ = tiny(renderer, memory_budget=1)
    assert gradcheck(render, (density.requires_grad_(), *pose_parameters()))


@pytest.mark.parametrize("renderer", RENDERERS)
def test_double_backward(renderer):
    render, density, _ = tiny(renderer)
    assert gradgradcheck(render, (density.requires_grad_(), *pose_parameters()))


@pytest.mark.parametrize("renderer", RENDERERS)
def test_gradcheck_calibration(renderer):
    render, density, detector = tiny(renderer)
    rotation, translation = (p.detach() for p in pose_parameters())
    calibration = detector.calibration.matrix.clone().requires_grad_()
    assert gradcheck(lambda c: render(density, rotation, translation, c), (calibration,))


@pytest.mark.parametrize("renderer", RENDERERS)
def test_gradcheck_detector_numbers(renderer):
    _, density, detector = tiny(renderer)
    pose = euler_of(*(p.detach() for p in pose_parameters()))
    voxel_from_iso = torch.eye(4, dtype=torch.float64)
    voxel_from_iso[:3, 3] = torch.tensor([1.53, 0.97, 2.11])

    def render(sdd, delx, x0):
        moved = replace(
            detector, source_to_detector=sdd, pixel_spacing=(delx, 1.9), principal_point=(x0, 0.0)
        )
        return project(density, voxel_from_iso, pose, moved, renderer=renderer, n_points=9)

    numbers = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (20.0, 1.7, 0.13))
    assert gradcheck(render, tuple(numbers))


@pytest.mark.parametrize("renderer", RENDERERS)
def test_gradcheck_weights(renderer):
    _, density, detector = tiny(renderer)
    pose = euler_of(*(p.detach() for p in pose_parameters()))
    voxel_from_iso = torch.eye(4, dtype=torch.float64)
    voxel_from_iso[:3, 3] = 1.5
    labels = torch.arange(60).reshape(4, 3, 5) % 3

    def render(weights):
        return project(
            density,
            voxel_from_iso,
            pose,
            detector,
            labels=labels,
            weight_of_label=weights,
            renderer=renderer,
            n_points=9,
        )

    assert gradcheck(render, (torch.tensor([1.0, 0.5, 2.0]).double().requires_grad_(),))


def smooth_subject():
    """A volume without noise, so that finite differences of a useful step make sense."""
    volume, _, _ = make_volume(shape=(24, 22, 20), spacing=(2.0, 2.0, 2.0))
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in (24, 22, 20)), indexing="ij"))
    hu = 600 * np.exp(-3 * (grid**2).sum(0)) + 100 * grid[0] - 600
    volume.set_data(torch.from_numpy(hu.astype(np.float32))[None])
    return read(volume)


def loss(drr, parameters, weight):
    image = drr(euler_of(parameters[:, :3], parameters[:, 3:]))
    return (image * weight).sum()


def finite_differences(drr, parameters, weight, step):
    gradient = torch.zeros_like(parameters)
    for i in range(6):
        shift = torch.zeros_like(parameters)
        shift[0, i] = step
        with torch.no_grad():
            ahead, behind = (loss(drr, parameters + s, weight) for s in (shift, -shift))
        gradient[0, i] = (ahead - behind) / (2 * step)
    return gradient


def compare(renderer, rotation, step):
    drr = DRR(smooth_subject(), 600.0, 12, 7.0, renderer=renderer).double()
    parameters = torch.tensor([[*rotation, 1.0, 300.0, -2.0]], dtype=torch.float64)
    weight = torch.linspace(0, 1, 144, dtype=torch.float64).reshape(12, 12)
    moving = parameters.clone().requires_grad_()
    loss(drr, moving, weight).backward()
    expected = finite_differences(drr, parameters, weight, step)
    # Angles and millimetres have scales of their own.
    for part in (slice(0, 3), slice(3, 6)):
        scale = expected[0, part].abs().max()
        torch.testing.assert_close(
            moving.grad[0, part] / scale, expected[0, part] / scale, atol=1e-2, rtol=0
        )


@pytest.mark.parametrize("view", VIEWS)
def test_trilinear_agrees_with_finite_differences(view):
    compare("trilinear", VIEWS[view], step=1e-4)


@pytest.mark.parametrize("view", VIEWS)
def test_siddon_agrees_with_finite_differences_off_the_axes(view):
    # On the axes the line integral of constant voxels nearly jumps: see the design, section 5.
    rotation = np.add(VIEWS[view], (2e-3, -3e-3, 1.5e-3))
    compare("siddon", tuple(rotation), step=1e-7)


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("view", ["frontal", "lateral"])
def test_gradients_are_finite_on_the_axes(renderer, view):
    drr = DRR(smooth_subject(), 600.0, 12, 7.0, renderer=renderer)
    parameters = torch.tensor([[*VIEWS[view], 0.0, 300.0, 0.0]], dtype=torch.float64)
    parameters.requires_grad_()
    drr(euler_of(parameters[:, :3], parameters[:, 3:])).sum().backward()
    assert parameters.grad.isfinite().all()


def test_float32_parameters_get_float32_gradients():
    drr = DRR(smooth_subject(), 600.0, 12, 7.0, renderer="trilinear")
    pose = euler(VIEWS["oblique"], (0.0, 300.0, 0.0), dtype=torch.float32)
    pose.matrix.requires_grad_()
    drr(pose).sum().backward()
    assert pose.matrix.grad.dtype == torch.float32
    assert pose.matrix.grad.abs().max() > 0
