"""DiffDRR's rays, projections and pinhole camera, of the phantom and the chest CT."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_drr.geometry.camera import (
    detector_from_camera,
    get_pinhole_camera,
    inverse_projection,
    perspective_projection,
)
from napari_drr.geometry.detector import Detector
from napari_drr.geometry.pose import RigidTransform, convert

PHANTOM = Path(__file__).parents[1] / "data" / "phantom.npz"


@pytest.fixture(scope="module", params=["phantom", pytest.param("chest", marks=pytest.mark.chest)])
def golden(request):
    path = PHANTOM
    if request.param == "chest":
        path = Path(os.environ["NAPARI_DRR_DATA"]).parent / "golden" / "chest.npz"
        if not path.is_file():
            pytest.skip("no golden/chest.npz beside the folder that NAPARI_DRR_DATA names")
    with np.load(path) as file:
        prefix = f"{request.param}/"
        return {key.removeprefix(prefix): file[key] for key in file}


def poses(golden):
    return convert(
        golden["rotation"],
        golden["translation"],
        parameterization="euler_angles",
        convention="ZXY",
    )


def odd_detector(golden, mirror):
    """The detector of `odd`; DiffDRR keeps its numbers in float32, so they are rounded here."""
    size, delx = int(golden["size"]), float(golden["delx"])
    spacing = tuple(np.float32([delx, 1.3 * delx]).tolist())
    return Detector(
        source_to_detector=float(golden["sdd"]),
        shape=(size - 7, size + 10),
        pixel_spacing=spacing,
        principal_point=(11.0, -6.5),
        mirror=mirror,
    )


def tensor(golden, key):
    return torch.tensor(golden[key], dtype=torch.float64)


@pytest.mark.parametrize("mirror", [True, False])
def test_rays_are_those_of_diffdrr(golden, mirror):
    source, target = odd_detector(golden, mirror)(poses(golden))
    for actual, key in ((source, "source"), (target[:, ::97], "target")):
        expected = tensor(golden, f"rays_odd_flip{mirror}/{key}")
        # Both are float64: 1e-9 of the distances leaves room for the order of the sums.
        assert (actual - expected).abs().max() < 1e-9 * expected.abs().max()


@pytest.mark.parametrize("mirror", [True, False])
def test_projections_are_those_of_diffdrr(golden, mirror):
    detector, points = odd_detector(golden, mirror), tensor(golden, "points_3d")
    pixels = perspective_projection(detector, poses(golden), points)
    expected = tensor(golden, f"projection_odd_flip{mirror}")
    # DiffDRR's intrinsic matrix is in float32: some hundred pixels to seven digits.
    assert (pixels - expected).abs().max() < 1e-4


@pytest.mark.parametrize("mirror", [True, False])
def test_projections_are_where_the_rays_are(golden, mirror):
    """The ray that ends in a point's pixel passes through the point."""
    detector, points = odd_detector(golden, mirror), tensor(golden, "points_3d")
    pixels = perspective_projection(detector, poses(golden), points)
    source, _ = detector(poses(golden))
    target = inverse_projection(detector, poses(golden), pixels)
    along = torch.nn.functional.normalize(target - source, dim=-1)
    off = torch.linalg.cross(points - source, along).norm(dim=-1)
    assert off.max() < 1e-9


def test_the_pinhole_camera_is_that_of_diffdrr(golden):
    size, delx = int(golden["size"]), float(golden["delx"])
    detector = Detector(float(golden["sdd"]), (size, size), (delx, delx))
    pose = RigidTransform(poses(golden)[:1])
    camera = get_pinhole_camera(SimpleNamespace(detector=detector), pose)
    for actual, key in ((camera.intrinsics, "intrinsics"), (camera.extrinsics, "extrinsics")):
        expected = torch.tensor(golden[f"pinhole_{key}"])
        assert actual.shape == (1, 4, 4)
        assert actual.dtype == torch.float32
        assert (actual - expected).abs().max() < 1e-4 * expected.abs().max()


def test_detector_and_pose_come_back_from_diffdrrs_camera(golden):
    size, delx, sdd = int(golden["size"]), float(golden["delx"]), float(golden["sdd"])
    detector, pose = detector_from_camera(
        torch.tensor(golden["pinhole_intrinsics"]),
        torch.tensor(golden["pinhole_extrinsics"]),
        (size, size),
        sdd=sdd,
    )
    assert detector.pixel_spacing == pytest.approx((delx, delx), rel=1e-6)
    assert detector.principal_point == pytest.approx((0.0, 0.0), abs=1e-3)
    assert detector.source_to_detector == sdd
    # DiffDRR's camera is in float32, its translation of some hundred mm.
    assert (pose.rotation - poses(golden).rotation[:1]).abs().max() < 1e-5
    assert (pose.translation - poses(golden).translation[:1]).abs().max() < 1e-2
