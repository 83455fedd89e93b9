"""The float32 renderer against a float64 brute-force oracle with the same tie rule."""

import numpy as np
import oracle
import pytest
import torch
from shared_volumes import POSES, euler, make_volume

from napari_drr import DRR, read

# What the design promises, relative to the largest pixel.
RMS, WORST = 1e-6, 1e-5


def rays_of(drr, pose):
    source, target = drr.detector.rays(pose)
    return source[0].numpy(), target[0].numpy()


def assert_exact(image, expected, excluded):
    error = (image.double().numpy().ravel() - expected)[~excluded] / expected.max()
    assert np.sqrt((error**2).mean()) <= RMS
    assert np.abs(error).max() <= WORST


def plain(drr, pose, **how):
    with torch.no_grad():
        return drr(pose, **how)[0, 0]


@pytest.mark.parametrize(
    ("backend", "dtype"),
    [("cpu", torch.float32), ("reference", torch.float32), ("reference", torch.float64)],
)
def test_siddon_is_exact(subject, pose, backend, dtype):
    drr = DRR(subject, 600.0, 23, 4.1, width=27, backend=backend).to(dtype)
    source, target = rays_of(drr, pose)
    affine = drr.affine.matrix[0].numpy()
    expected = oracle.siddon(drr.density, affine, source, target)
    excluded = oracle.in_plane(affine, drr.density.shape, source, target)
    assert_exact(plain(drr, pose), expected, excluded)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("n_points", [2, 77])
def test_trilinear_is_the_midpoint_rule(subject, pose, n_points, backend):
    drr = DRR(subject, 600.0, 23, 4.1, width=27, renderer="trilinear", backend=backend)
    source, target = rays_of(drr, pose)
    affine = drr.affine.matrix[0].numpy()
    expected = oracle.trilinear(drr.density, affine, source, target, n_points)
    assert_exact(plain(drr, pose, n_points=n_points), expected, np.zeros(len(expected), bool))


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_oblique_affine_is_exact(pose, backend):
    volume, mask, table = make_volume(oblique=True)
    drr = DRR(read(volume, mask, structures=table), 600.0, 19, 5.0, backend=backend)
    source, target = rays_of(drr, pose)
    affine = drr.affine.matrix[0].numpy()
    expected = oracle.siddon(drr.density, affine, source, target)
    assert_exact(plain(drr, pose), expected, np.zeros(len(expected), bool))


@pytest.mark.chest
@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("view", ["frontal", "lateral", "oblique"])
def test_chest_is_exact(chest, view, backend):
    rotation, _ = POSES[view]
    pose = euler(rotation, (0.0, 850.0, 0.0))
    drr = DRR(chest, 1020.0, 40, 10.0, backend=backend)
    source, target = rays_of(drr, pose)
    affine = drr.affine.matrix[0].numpy()
    expected = oracle.siddon(drr.density, affine, source, target)
    excluded = oracle.in_plane(affine, drr.density.shape, source, target)
    assert_exact(plain(drr, pose), expected, excluded)
