"""Shapes whose line integrals are known."""

import math

import numpy as np
import pytest
import torch
from shared_volumes import euler

from napari_drr import Detector, RigidTransform, project

RENDERERS = ["siddon", "trilinear"]


def centered(shape, spacing=1.0):
    """From iso mm to voxels, the iso origin in the middle of the grid."""
    matrix = torch.eye(4, dtype=torch.float64) / spacing
    matrix[:3, 3] = (torch.tensor(shape) - 1) / 2
    matrix[3, 3] = 1.0
    return RigidTransform(matrix)


def test_a_cube_is_as_long_as_the_ray_in_it():
    size, mu = 10, 0.03
    density = torch.full((size,) * 3, mu, dtype=torch.float64)
    detector = Detector(400.0, (9, 9), (1.0, 1.0))
    pose = euler((0.0, 0.0, 0.0), (0.0, 200.0, 0.0))
    image = project(density, centered((size,) * 3), pose, detector)[0, 0]
    _, target = detector.rays(pose)
    slope = torch.linalg.norm(target[0] - torch.tensor([0.0, 200, 0]), dim=-1) / 400
    torch.testing.assert_close(image.reshape(-1), mu * size * slope)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_sphere_is_as_long_as_its_chord(renderer):
    n, radius, mu = 120, 25.0, 0.02
    axis = (torch.arange(n) - (n - 1) / 2) * 0.5
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    density = mu * (x**2 + y**2 + z**2 < radius**2).double()
    detector = Detector(1000.0, (21, 21), (4.0, 4.0))
    pose = euler((0.4, -0.2, 0.1), (0.0, 500.0, 0.0))
    image = project(density, centered((n,) * 3, 0.5), pose, detector, renderer=renderer)[0, 0]
    row, column = torch.meshgrid(torch.arange(21) - 10, torch.arange(21) - 10, indexing="ij")
    angle = torch.atan(torch.hypot(row * 4.0, column * 4.0) / 1000)
    offset = 500 * torch.sin(angle)
    chord = 2 * torch.sqrt((radius**2 - offset**2).clamp_min(0))
    # Voxels of 0.5 mm cut the sphere's edge into steps: a voxel or two per side of the chord.
    assert (image - mu * chord).abs()[offset < 20].max() < mu * 1.5
    assert image[offset > radius + 1].max() == 0


@pytest.mark.parametrize("renderer", RENDERERS)
def test_only_what_lies_between_source_and_detector_counts(renderer):
    density = torch.ones(16, 16, 16, dtype=torch.float64)
    transform = centered((16,) * 3)
    render = {"renderer": renderer, "n_points": 2000}
    # The sum of trilinear's samples is off by rounding and by where its ramps have kinks.
    tolerance = 1e-5 if renderer == "trilinear" else 1e-9
    for distance, sdd, expected in (
        (8.0 + 100, 100 + 8.0, 8.0),
        (-50.0, 20.0, 0.0),
        (90.0, 50.0, 0.0),
    ):
        detector = Detector(sdd, (1, 1), (1.0, 1.0))
        image = project(density, transform, euler((0, 0, 0), (0, distance, 0)), detector, **render)
        assert image.item() == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_source_inside_the_volume(renderer):
    density = torch.ones(16, 16, 16, dtype=torch.float64)
    detector = Detector(100.0, (1, 1), (1.0, 1.0))
    pose = euler((0, 0, 0), (0, 3.0, 0))
    image = project(density, centered((16,) * 3), pose, detector, renderer=renderer, n_points=2000)
    # From y = +3 to the face at y = -8.
    assert image.item() == pytest.approx(11.0, abs=1e-5 if renderer == "trilinear" else 1e-9)


def test_trilinear_keeps_mass_where_voxels_end():
    # A single voxel spreads over a ramp of one voxel on each side: its integral along an axis is 1.
    density = torch.ones(1, 1, 1, dtype=torch.float64)
    detector = Detector(100.0, (1, 1), (1.0, 1.0))
    image = project(
        density,
        centered((1, 1, 1)),
        euler((0, 0, 0), (0, 50.0, 0)),
        detector,
        renderer="trilinear",
        n_points=1000,
    )
    assert image.item() == pytest.approx(1.0, rel=1e-5)


def test_reductions_of_known_segments():
    density = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64).reshape(1, 3, 1)
    detector = Detector(100.0, (1, 1), (1.0, 1.0))
    pose = euler((0, 0, 0), (0, 50.0, 0))
    transform = centered((1, 3, 1), spacing=4.0)
    for reduction, expected in (
        ("sum", 4 * 3.5),
        ("max", 8.0),
        ("mip", 2.0),
        (lambda samples: samples.sort(-1).values[..., -2:].sum(-1), 12.0),
    ):
        image = project(density, transform, pose, detector, reduction=reduction)
        assert image.item() == pytest.approx(expected)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("reduction", ["max", "mip"])
def test_a_maximum_is_at_least_the_nothing_outside(reduction, renderer, backend):
    density = torch.full((1, 3, 1), -2.0)
    detector = Detector(100.0, (1, 1), (1.0, 1.0))
    how = {"renderer": renderer, "reduction": reduction, "backend": backend}
    image = project(density, centered((1, 3, 1)), euler((0, 0, 0), (0, 50.0, 0)), detector, **how)
    assert image.item() == 0
    # Below nothing, only a sum tells how far.
    how["reduction"] = "sum"
    image = project(density, centered((1, 3, 1)), euler((0, 0, 0), (0, 50.0, 0)), detector, **how)
    assert image.item() == pytest.approx(-6.0, rel=1e-5)


@pytest.mark.parametrize(("x", "owner"), [(-0.5, 0), (0.5, 1), (1.5, None)])
def test_a_ray_in_a_voxel_plane_belongs_to_the_upper_voxel(x, owner):
    density = torch.tensor([3.0, 5.0], dtype=torch.float64).reshape(2, 1, 1)
    # Voxel i owns [i - 1/2, i + 1/2): the ray runs along y at voxel x.
    voxel_from_iso = torch.eye(4, dtype=torch.float64)
    voxel_from_iso[0, 3] = x
    detector = Detector(100.0, (1, 1), (1.0, 1.0), orientation="AP")
    pose = euler((0, 0, 0), (0, 50.0, 0))
    image = project(density, voxel_from_iso, pose, detector)
    expected = 0.0 if owner is None else float(density[owner, 0, 0])
    assert image.item() == pytest.approx(expected)


def test_no_sample_of_a_missing_ray_counts():
    density = torch.ones(4, 4, 4)
    detector = Detector(100.0, (3, 3), (40.0, 40.0))
    pose = euler((0, 0, 0), (0, 50.0, 0))
    for renderer in RENDERERS:
        image = project(density, centered((4, 4, 4)), pose, detector, renderer=renderer)[0, 0]
        hit = torch.zeros(3, 3, dtype=torch.bool)
        hit[1, 1] = True
        assert ((image > 0) == hit).all()
        assert image.isfinite().all()


def test_line_integrals_are_millimetres():
    # The same object on a grid twice as fine has the same radiograph.
    coarse = torch.rand(6, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    fine = coarse.repeat_interleave(2, 0).repeat_interleave(2, 1).repeat_interleave(2, 2)
    detector = Detector(300.0, (8, 7), (1.5, 1.3))
    pose = euler((0.5, 0.2, -0.3), (0.0, 150.0, 0.0))
    images = [
        project(coarse, centered((6, 5, 4), 2.0), pose, detector),
        project(fine, centered((12, 10, 8), 1.0), pose, detector),
    ]
    torch.testing.assert_close(*images)
    assert math.isfinite(float(images[0].sum()))
    assert np.count_nonzero(images[0]) > 0
