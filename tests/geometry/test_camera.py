"""Projection and its inverse, pinhole cameras there and back."""

from types import SimpleNamespace

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from napari_drr.geometry.camera import (
    detector_from_camera,
    get_pinhole_camera,
    inverse_projection,
    parse_intrinsic_matrix,
    perspective_projection,
)
from napari_drr.geometry.detector import Detector
from napari_drr.geometry.pose import RigidTransform, convert

AT_AP_AND_PA = {"AP": 850.0, "PA": -850.0, None: -850.0}
detectors = st.builds(
    Detector,
    source_to_detector=st.floats(500, 1500) | st.floats(-1500, -500),
    shape=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    pixel_spacing=st.tuples(st.floats(0.1, 5), st.floats(0.1, 5)),
    principal_point=st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
    mirror=st.booleans(),
    orientation=st.sampled_from(["AP", "PA", None]),
)
rotations = st.tuples(*[st.floats(-3.1, 3.1)] * 3)
translations = st.tuples(*[st.floats(-900, 900)] * 3)


def pose_of(rotation=(0.2, -0.1, 0.3), translation=(5.0, 850.0, -3.0)):
    return convert(
        torch.tensor([rotation], dtype=torch.float64),
        torch.tensor([translation], dtype=torch.float64),
        parameterization="euler_angles",
        convention="ZXY",
    )


def camera_of(detector, pose, dtype=torch.float64):
    return get_pinhole_camera(SimpleNamespace(detector=detector), pose, dtype)


def points_in_front(detector, pose):
    """Points all over the cone of rays, at a tenth to twice the detector's distance."""
    source, target = detector(pose)
    reach = torch.linspace(0.1, 2.0, target.shape[1], dtype=torch.float64)[:, None]
    return source + reach * (target - source)


@given(detectors, rotations, translations, st.data())
@settings(deadline=None)
def test_projection_undoes_its_inverse(detector, rotation, translation, data):
    pose = pose_of(rotation, translation)
    coordinate = st.floats(-100, 400)
    pixels = torch.tensor(
        [data.draw(st.lists(st.tuples(coordinate, coordinate), min_size=1))], dtype=torch.float64
    )
    points = inverse_projection(detector, pose, pixels)
    again = perspective_projection(detector, pose, points)
    torch.testing.assert_close(again, pixels, rtol=0, atol=1e-6)


@given(detectors, rotations, translations)
@settings(deadline=None, max_examples=50)
def test_the_camera_projects_as_the_detector_does(detector, rotation, translation):
    pose = pose_of(rotation, translation)
    camera, points = camera_of(detector, pose), points_in_front(detector, pose)
    homogeneous = torch.cat([points, torch.ones_like(points[..., :1])], dim=-1)
    x, y, z = (homogeneous @ camera.projmat.mT).unbind(-1)
    pixels = torch.stack([x / z, y / z], dim=-1)
    expected = perspective_projection(detector, pose, points)
    torch.testing.assert_close(pixels, expected, rtol=0, atol=1e-6)


@given(detectors, rotations, translations)
@settings(deadline=None, max_examples=50)
def test_the_camera_is_a_camera(detector, rotation, translation):
    """R is a rotation, the center is the source, and `pose` is the inverse of [R | t]."""
    pose = pose_of(rotation, translation)
    camera = camera_of(detector, pose)
    turn = camera.extrinsics[0, :3, :3]
    torch.testing.assert_close(turn @ turn.mT, torch.eye(3, dtype=torch.float64))
    assert torch.linalg.det(turn) > 0
    torch.testing.assert_close(camera.center[:, None], detector(pose)[0], rtol=0, atol=0)
    identity = camera.extrinsics[0] @ camera.pose.matrix[0]
    torch.testing.assert_close(identity, torch.eye(4, dtype=torch.float64), rtol=0, atol=1e-9)


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("offset", [(0.0, 0.0), (7.0, -3.0)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("orientation", ["AP", "PA", None])
def test_the_camera_takes_the_same_picture(orientation, sign, offset, mirror):
    """Without an orientation, with the camera's pose and numbers: the same rays to the last bit."""
    detector = Detector(sign * 1020.0, (7, 10), (2.0, 2.6), offset, mirror, orientation)
    pose = pose_of(translation=(5.0, AT_AP_AND_PA[orientation], -3.0))
    camera = camera_of(detector, pose, torch.float32)
    again = Detector(
        source_to_detector=camera.sdd,
        shape=(camera.height, camera.width),
        pixel_spacing=(camera.delx, camera.dely),
        principal_point=(camera.x0, camera.y0),
        mirror=camera.reverse_x_axis,
        orientation=None,
    )
    assert again == camera.detector
    for actual, expected in zip(again(camera.pose), detector(pose), strict=True):
        assert torch.equal(actual, expected)


@pytest.mark.parametrize(
    ("orientation", "mirror", "signs"),
    [
        ("AP", True, (-1, -1)),
        ("PA", True, (1, 1)),
        (None, True, (-1, -1)),
        ("AP", False, (1, -1)),
        ("PA", False, (-1, 1)),
    ],
)
def test_signs_of_the_focal_lengths(orientation, mirror, signs):
    detector = Detector(1020.0, (200, 200), (2.0, 2.0), mirror=mirror, orientation=orientation)
    camera = camera_of(detector, pose_of())
    fx, fy = (camera.intrinsics[0, n, n].item() for n in (0, 1))
    assert (fx, fy) == (510.0 * signs[0], 510.0 * signs[1])
    assert camera.sdd == (-1020.0 if orientation == "PA" else 1020.0)
    assert camera.orientation is None


def test_batches_of_cameras():
    poses = RigidTransform(torch.cat([pose_of().matrix, pose_of((0.0, 0.1, 0.0)).matrix]))
    camera = camera_of(Detector(1020.0, (8, 8), (2.0, 2.0)), poses, torch.float32)
    assert camera.intrinsics.shape == camera.extrinsics.shape == (2, 4, 4)
    assert camera.projmat.shape == (2, 3, 4)
    assert camera.projmat.dtype == torch.float32


@given(detectors, rotations, translations)
@settings(deadline=None, max_examples=50)
def test_the_way_back_from_a_camera(detector, rotation, translation):
    pose = pose_of(rotation, translation)
    camera = camera_of(detector, pose)
    again, same_pose = detector_from_camera(
        camera.intrinsics,
        camera.extrinsics,
        detector.shape,
        sdd=camera.sdd,
        orientation=detector.orientation,
        mirror=detector.mirror,
    )
    torch.testing.assert_close(same_pose.matrix, pose.matrix, rtol=0, atol=1e-9)
    assert again.sdd == pytest.approx(detector.sdd, rel=1e-12)
    assert again.pixel_spacing == pytest.approx(detector.pixel_spacing, rel=1e-12)
    assert again.principal_point == pytest.approx(detector.principal_point, abs=1e-9)
    assert (again.shape, again.mirror) == (detector.shape, detector.mirror)


@pytest.mark.parametrize("orientation", ["AP", "PA", None])
@pytest.mark.parametrize("mirror", [True, False])
def test_a_camera_from_elsewhere(orientation, mirror):
    """A textbook camera (x right, y down, positive focal lengths) keeps its own picture."""
    intrinsics = torch.tensor([[500.0, 0.0, 60.0], [0.0, 400.0, 50.0], [0.0, 0.0, 1.0]]).double()
    extrinsics = pose_of().matrix[0, :3]
    detector, pose = detector_from_camera(
        intrinsics, extrinsics, (96, 128), sdd=1000.0, orientation=orientation, mirror=mirror
    )
    assert detector.pixel_spacing == (2.0, 2.5)
    torch.testing.assert_close(torch.linalg.det(pose.rotation), torch.ones(1, dtype=torch.float64))
    in_camera = torch.tensor([[[30.0, -20.0, 900.0], [0.0, 0.0, 300.0], [1.0, 2.0, -5.0]]])
    points = RigidTransform(pose_of().matrix).inverse()(in_camera)
    pixels = perspective_projection(detector, pose, points)
    expected = [[60 + 500 * 30 / 900, 50 - 400 * 20 / 900], [60.0, 50.0]]
    torch.testing.assert_close(
        pixels[0, :2], torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-9
    )
    assert torch.isnan(pixels[0, 2]).all()


def test_pixel_spacing_gives_the_distance():
    intrinsics = 3 * torch.diag(torch.tensor([500.0, 400.0, 1.0, 1.0]))
    detector, _ = detector_from_camera(
        intrinsics, torch.eye(4), (96, 128), pixel_spacing=(2.0, 2.5)
    )
    assert (detector.sdd, detector.pixel_spacing) == (1000.0, (2.0, 2.5))
    # K as a whole may be scaled; both numbers may be given where they agree.
    both, _ = detector_from_camera(
        intrinsics, torch.eye(4), (96, 128), sdd=1000.0, pixel_spacing=(2.0, 2.5)
    )
    assert both == detector


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sdd": None}, "`sdd` or `pixel_spacing` must be given"),
        ({"pixel_spacing": (2.0, 2.0)}, "must fit the focal lengths of `intrinsics`"),
        ({"intrinsics": torch.eye(2)}, r"`intrinsics` must be one matrix .* got \(2, 2\)"),
        (
            {"intrinsics": torch.tensor([[500.0, 3, 0], [0, 500, 0], [0, 0, 1]])},
            "no skew",
        ),
        (
            {"intrinsics": torch.tensor([[500.0, 0, 0], [0, 500, 0], [64, 48, 1]])},
            r"`intrinsics` must have the last row \(0, 0, 1\)",
        ),
        ({"extrinsics": torch.eye(3)}, r"`extrinsics` must have the shape .* got \(3, 3\)"),
        ({"extrinsics": 2 * torch.eye(4)}, "must hold a rotation"),
        ({"orientation": "LAT"}, "`orientation` must be"),
    ],
)
def test_wrong_cameras_are_named(changes, message):
    arguments = {
        "intrinsics": torch.diag(torch.tensor([500.0, 400.0, 1.0])),
        "extrinsics": torch.eye(4),
        "shape": (96, 128),
        "sdd": 1000.0,
    }
    with pytest.raises(ValueError, match=message):
        detector_from_camera(**(arguments | changes))


def test_intrinsics_in_millimeters_place_the_detector():
    """What `parse_intrinsic_matrix` reads, a mirrored detector has: the textbook camera's view."""
    intrinsics = torch.tensor([[510.0, 0, 105], [0, 510, 97], [0, 0, 1]], dtype=torch.float64)
    sdd, x0, y0 = parse_intrinsic_matrix(intrinsics, 200, 200, 2.0, 2.0)
    assert (sdd, x0, y0) == (1020.0, 10.0, -6.0)
    detector, _ = detector_from_camera(intrinsics, torch.eye(4), (200, 200), sdd=sdd)
    assert detector.principal_point == pytest.approx((x0, y0))


def test_projection_leaves_its_input_alone():
    detector, pose = Detector(1020.0, (8, 8), (2.0, 2.0)), pose_of()
    pixels, points = torch.rand(1, 4, 2), torch.rand(1, 4, 3)
    kept = pixels.clone(), points.clone()
    inverse_projection(detector, pose, pixels)
    perspective_projection(detector, pose, points)
    assert torch.equal(pixels, kept[0])
    assert torch.equal(points, kept[1])


def test_pixel_centers_are_the_ends_of_the_rays():
    detector = Detector(1020.0, (5, 8), (2.0, 3.0), (4.0, -1.0))
    y, x = torch.meshgrid(torch.arange(5) + 0.5, torch.arange(8) + 0.5, indexing="ij")
    pixels = torch.stack([x, y], dim=-1).reshape(1, 40, 2)
    _, target = detector(pose_of())
    assert torch.equal(inverse_projection(detector, pose_of(), pixels), target)


def test_points_behind_the_source_are_nan():
    detector, pose = Detector(1020.0, (200, 200), (2.0, 2.0)), pose_of((0.0, 0.0, 0.0))
    x, y, z = pose.translation[0].tolist()
    points = torch.tensor([[[x, y + 1, z], [x, y, z], [x, y - 1, z], [x + 1, y, z]]]).double()
    points.requires_grad_()
    pixels = perspective_projection(detector, pose, points)
    assert torch.isnan(pixels[0, [0, 1, 3]]).all()
    assert pixels[0, 2].tolist() == [100.0, 100.0]
    pixels.nansum().backward()
    assert torch.isfinite(points.grad).all()


def test_calibrations_project_too():
    """Also with skew and a tilt, which no K of a detector has."""
    detector, pose = Detector(1020.0, (9, 11), (2.0, 3.0)), pose_of()
    calibration = detector.calibration.matrix.clone()
    calibration[0, :3, :3] += torch.tensor(
        [[0.0, 0.3, 1.0], [0.1, 0.0, -2.0], [0.2, -0.1, 30.0]], dtype=torch.float64
    )
    _, target = detector(pose, calibration)
    pixels = perspective_projection(detector, pose, target, calibration)
    rows, columns = torch.arange(99) // 11, torch.arange(99) % 11
    expected = torch.stack([columns, rows], dim=-1)[None] + 0.5
    torch.testing.assert_close(pixels, expected.double(), rtol=0, atol=1e-9)
    again = inverse_projection(detector, pose, pixels, calibration)
    torch.testing.assert_close(again, target, rtol=0, atol=1e-9)


def test_a_batch_does_not_change_a_bit():
    detector = Detector(1020.0, (9, 11), (2.0, 3.0), (1.0, 2.0))
    poses = RigidTransform(
        torch.cat([pose_of((0.1 * n, 0.2 * n, -0.3 * n)).matrix for n in range(7)])
    )
    points = 50 * torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(0))
    pixels = perspective_projection(detector, poses, points)
    assert pixels.shape == (7, 5, 2)
    back = inverse_projection(detector, poses, pixels)
    for n in range(7):
        alone = RigidTransform(poses[n])
        assert torch.equal(perspective_projection(detector, alone, points)[0], pixels[n])
        assert torch.equal(
            perspective_projection(detector, alone, points[:, 3:4])[0, 0], pixels[n, 3]
        )
        assert torch.equal(inverse_projection(detector, alone, pixels[n : n + 1])[0], back[n])


@pytest.mark.parametrize(
    ("function", "name", "size"),
    [(perspective_projection, "points", 3), (inverse_projection, "pixels", 2)],
)
def test_shapes_are_named(function, name, size):
    detector = Detector(1020.0, (9, 11), (2.0, 3.0))
    with pytest.raises(ValueError, match=rf"`{name}` must have the shape \(B, N, {size}\)"):
        function(detector, pose_of(), torch.zeros(4, size))
