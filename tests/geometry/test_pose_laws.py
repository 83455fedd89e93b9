"""What poses do to points and to each other, in batches and dtypes."""

import copy
import pickle

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from napari_drr.geometry.pose import (
    EULER_CONVENTIONS,
    PARAMETERIZATIONS,
    RigidTransform,
    convert,
    orientation_matrix,
)

angle = st.floats(-3.1, 3.1)
length = st.floats(-1000, 1000)
vector = st.tuples(length, length, length)
angles = st.tuples(angle, angle, angle)


def euler(rotation, translation, convention="ZXY", **options):
    return convert(
        torch.tensor([rotation], dtype=torch.float64),
        torch.tensor([translation], dtype=torch.float64),
        parameterization="euler_angles",
        convention=convention,
        **options,
    )


def random_poses(size, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    rotation = torch.randn(size, 3, dtype=torch.float64, generator=generator)
    translation = 100 * torch.randn(size, 3, dtype=torch.float64, generator=generator)
    return convert(rotation.to(dtype), translation.to(dtype), parameterization="axis_angle")


@given(angles, vector, angles, vector, vector)
@settings(deadline=None)
def test_compose_applies_self_first_and_inverse_undoes(r1, t1, r2, t2, point):
    first, second = euler(r1, t1), euler(r2, t2)
    points = torch.tensor([[point]], dtype=torch.float64)
    both = first.compose(second)
    torch.testing.assert_close(both(points), second(first(points)), rtol=0, atol=1e-9)
    torch.testing.assert_close(both.inverse()(both(points)), points, rtol=0, atol=1e-9)
    identity = both.compose(both.inverse()).matrix
    torch.testing.assert_close(identity[0], torch.eye(4, dtype=torch.float64), rtol=0, atol=1e-9)


@given(angles, vector, st.sampled_from(EULER_CONVENTIONS), st.sampled_from(PARAMETERIZATIONS))
@settings(deadline=None)
def test_every_parameterization_gives_the_pose_back(rotation, translation, convention, name):
    pose = euler(rotation, translation, convention)
    written = pose.convert(name, convention)
    again = convert(*written, parameterization=name, convention=convention)
    torch.testing.assert_close(again.matrix, pose.matrix, rtol=0, atol=1e-8)


@given(angles, vector, st.sampled_from(EULER_CONVENTIONS))
@settings(deadline=None)
def test_degrees_are_radians_times_180_over_pi(rotation, translation, convention):
    in_degrees = tuple(180 / torch.pi * value for value in rotation)
    pose = euler(rotation, translation, convention)
    same = euler(in_degrees, translation, convention, degrees=True)
    torch.testing.assert_close(same.matrix, pose.matrix, rtol=0, atol=1e-9)
    radians = pose.convert("euler_angles", convention)[0]
    degrees = pose.convert("euler_angles", convention, degrees=True)[0]
    torch.testing.assert_close(degrees, radians.rad2deg())


def test_the_translation_is_in_the_turned_frame():
    """AP at LAO 30: the source circles about the isocenter to the patient's left front."""
    pose = euler((30.0, 0.0, 0.0), (0.0, 500.0, 0.0), degrees=True)
    expected = torch.tensor([[-250.0, 433.0127, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(pose.translation, expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(pose(torch.zeros(1, 1, 3))[:, 0], expected, rtol=0, atol=1e-4)
    up = euler((0.0, 30.0, 0.0), (0.0, 500.0, 0.0), degrees=True)
    expected = torch.tensor([[0.0, 433.0127, 250.0]], dtype=torch.float64)
    torch.testing.assert_close(up.translation, expected, rtol=0, atol=1e-4)


def test_the_logarithm_is_of_the_pose_itself():
    """Unlike the others, "se3_log_map" couples its parts: without rotation it is the shift."""
    pose = convert([[0.0, 0.0, 0.0]], [[1.0, 2.0, 3.0]], parameterization="se3_log_map")
    assert pose.translation.tolist() == [[1.0, 2.0, 3.0]]
    turn = convert([[0.0, 0.0, torch.pi]], [[torch.pi, 0.0, 0.0]], parameterization="se3_log_map")
    torch.testing.assert_close(turn.translation, torch.tensor([[0.0, 2.0, 0.0]]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", PARAMETERIZATIONS)
@pytest.mark.parametrize("size", [2, 7, 33])
def test_a_batch_does_not_change_a_bit(name, size, dtype):
    convention = "ZXY" if name == "euler_angles" else None
    poses = random_poses(size, dtype)
    rotation, translation = poses.convert(name, convention)
    batch = convert(rotation, translation, parameterization=name, convention=convention)
    points = torch.randn(1, 5, 3, dtype=dtype)
    for n in range(size):
        alone = RigidTransform(poses[n])
        written = alone.convert(name, convention)
        assert torch.equal(written[0][0], rotation[n])
        assert torch.equal(written[1][0], translation[n])
        pose = convert(
            rotation[n : n + 1],
            translation[n : n + 1],
            parameterization=name,
            convention=convention,
        )
        assert torch.equal(pose.matrix[0], batch[n])
        assert torch.equal(pose.inverse()[0], batch.inverse()[n])
        assert torch.equal(pose.compose(alone)[0], batch.compose(poses)[n])
        assert torch.equal(pose(points)[0], batch(points)[n])
        assert torch.equal(pose(points[:, 2:3])[0, 0], batch(points)[n, 2])


def test_batches_of_one_broadcast():
    rotation, translation = torch.zeros(4, 3), torch.tensor([[0.0, 850.0, 0.0]])
    assert len(convert(rotation, translation, parameterization="axis_angle")) == 4
    assert len(convert(rotation[:1], translation.expand(3, 3), parameterization="axis_angle")) == 3
    one, many = random_poses(1), random_poses(5)
    assert one.compose(many).matrix.shape == many.compose(one).matrix.shape == (5, 4, 4)
    assert one(torch.zeros(6, 2, 3)).shape == (6, 2, 3)
    assert many(torch.zeros(1, 2, 3)).shape == (5, 2, 3)


def test_a_single_pose_needs_no_batch_axis():
    pose = convert([0.0, 0.0, 0.0], [0.0, 850.0, 0.0], parameterization="axis_angle")
    assert pose.matrix.shape == (1, 4, 4)
    assert torch.equal(RigidTransform(pose[0]).matrix, pose.matrix)
    same = convert(pose[0], parameterization="matrix")
    assert torch.equal(same.matrix, pose.matrix)
    pair = convert(*pose.convert("matrix"), parameterization="matrix")
    assert torch.equal(pair.matrix, pose.matrix)


def test_dtypes_are_promoted():
    narrow, wide = random_poses(2, torch.float32), random_poses(2, torch.float64)
    assert narrow.compose(wide).dtype == torch.float64
    assert narrow(torch.zeros(1, 1, 3, dtype=torch.float64)).dtype == torch.float64
    assert wide(torch.zeros(1, 1, 3)).dtype == torch.float64
    mixed = convert(
        narrow.convert("quaternion")[0], wide.translation, parameterization="quaternion"
    )
    assert mixed.dtype == torch.float64
    assert convert([0, 0, 0], [0, 850, 0], parameterization="axis_angle").dtype == torch.float32


def test_moving_and_casting():
    pose = random_poses(3)
    assert pose.float().dtype == torch.float32
    assert pose.float().double().dtype == torch.float64
    assert pose.to("cpu", torch.float32).dtype == torch.float32
    assert pose.cpu().device.type == "cpu"
    for copied in (copy.deepcopy(pose), pickle.loads(pickle.dumps(pose))):
        assert torch.equal(copied.matrix, pose.matrix)
    assert repr(pose[:1]) in repr(RigidTransform(pose[0]))


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        ("AP", [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
        ("PA", [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
        (None, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    ],
)
def test_orientations(orientation, expected):
    """Where the camera's x, y (image up) and z (along the beam) point in RAS."""
    reorient = RigidTransform(orientation_matrix(orientation))
    assert reorient(torch.eye(3, dtype=torch.float64)[None])[0].tolist() == expected


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0, 0, 0], [0, 0, 0]), {"parameterization": "euler"}, "`parameterization` must be one"),
        (([0, 0, 0], [0, 0, 0]), {"parameterization": "euler_angles"}, "`convention` must be one"),
        (
            ([0, 0, 0], [0, 0, 0]),
            {"parameterization": "euler_angles", "convention": "ZZX"},
            "got 'ZZX'",
        ),
        (
            ([0, 0, 0], [0, 0, 0]),
            {"parameterization": "axis_angle", "degrees": True},
            "`degrees` is for",
        ),
        (([0, 0, 0],), {"parameterization": "axis_angle"}, "got 1 arguments"),
        (
            ([0, 0, 0], [0, 0, 0]),
            {"parameterization": "quaternion"},
            r"`rotation` must have the shape \(4,\) or \(B, 4\) for 'quaternion', got \(3,\)",
        ),
        (
            ([0, 0, 0], [0, 0]),
            {"parameterization": "axis_angle"},
            r"`translation` must have the shape",
        ),
        (
            (torch.zeros(2, 3), torch.zeros(3, 3)),
            {"parameterization": "axis_angle"},
            "same batch size, or one of them 1, got 2 and 3",
        ),
        ((torch.eye(3),), {"parameterization": "matrix"}, r"got \(3, 3\)"),
    ],
)
def test_wrong_arguments_are_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        convert(*arguments, **options)


def test_matrices_for_row_vectors_are_refused():
    matrix = euler((0.1, 0.2, 0.3), (1.0, 2.0, 3.0)).matrix
    with pytest.raises(ValueError, match="Transpose it"):
        convert(matrix.mT, parameterization="matrix")


def test_points_need_a_batch_axis():
    with pytest.raises(ValueError, match=r"`points` must have the shape \(B, N, 3\)"):
        random_poses(2)(torch.zeros(4, 3))


def test_unknown_orientations_are_refused():
    with pytest.raises(ValueError, match="`orientation` must be 'AP', 'PA' or None, got 'LAT'"):
        orientation_matrix("LAT")
