"""Finite values and gradients where a parameterization is singular."""

import math

import pytest
import torch

from napari_drr.geometry.pose import (
    EULER_CONVENTIONS,
    PARAMETERIZATIONS,
    RigidTransform,
    convert,
)

HALF_TURNS = [
    torch.diag(torch.tensor(signs, dtype=torch.float64))
    for signs in ([1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0])
]
DIAGONAL = torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64) / math.sqrt(3)
SINGULAR = {
    "zero": torch.eye(3, dtype=torch.float64),
    "half turn x": HALF_TURNS[0],
    "half turn y": HALF_TURNS[1],
    "half turn z": HALF_TURNS[2],
    "half turn diagonal": 2 * torch.outer(DIAGONAL, DIAGONAL) - torch.eye(3, dtype=torch.float64),
}
CASES = [
    (name, convention)
    for name in PARAMETERIZATIONS
    for convention in (EULER_CONVENTIONS if name == "euler_angles" else [None])
]


def pose_matrix(rotation, dtype):
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = torch.tensor([10.0, -850.0, 3.0])
    return matrix[None].to(dtype)


def arguments(matrix, parameterization, convention):
    rotation, translation = RigidTransform(matrix).convert(parameterization, convention)
    return rotation.detach().requires_grad_(), translation.detach().requires_grad_()


def assert_round_trip_is_finite(matrix, parameterization, convention):
    """Read, write, and derive both; `weights` makes the gradient see every entry."""
    matrix = matrix.requires_grad_()
    weights = torch.linspace(-1, 1, 16, dtype=matrix.dtype).reshape(4, 4)
    rotation, translation = RigidTransform(matrix).convert(parameterization, convention)
    (rotation * torch.linspace(0.5, 2, rotation[0].numel()).reshape(rotation[0].shape)).sum().add(
        translation.sum()
    ).backward()
    assert torch.isfinite(matrix.grad).all()

    given = arguments(matrix, parameterization, convention)
    pose = convert(*given, parameterization=parameterization, convention=convention)
    (pose.matrix * weights).sum().backward()
    assert all(torch.isfinite(value.grad).all() for value in given)

    # float32 keeps 7 digits; each way loses one of them.
    tolerance = 3e-6 if matrix.dtype == torch.float32 else 1e-13
    error = (pose.matrix - matrix).abs()
    assert error[:, :3, :3].max() < tolerance
    assert error[:, :3, 3].max() < 850 * tolerance


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rotation", SINGULAR.values(), ids=SINGULAR)
@pytest.mark.parametrize(("parameterization", "convention"), CASES)
def test_zero_and_half_turns(parameterization, convention, rotation, dtype):
    assert_round_trip_is_finite(pose_matrix(rotation, dtype), parameterization, convention)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("offset", [0.0, 1e-9, 1e-7, 1e-4, -1e-4])
@pytest.mark.parametrize("convention", EULER_CONVENTIONS)
def test_gimbal_lock(convention, offset, side, dtype):
    symmetric = convention[0] == convention[2]
    middle = math.pi * side if symmetric else math.pi * (side - 0.5)
    angles = torch.tensor([[0.7, middle + offset, -0.4]], dtype=torch.float64)
    matrix = convert(
        angles, [[0.0, 850.0, 0.0]], parameterization="euler_angles", convention=convention
    ).matrix.to(dtype)
    assert_round_trip_is_finite(matrix, "euler_angles", convention)
    if offset == 0.0:
        assert RigidTransform(matrix).convert("euler_angles", convention)[0][0, 2] == 0


@pytest.mark.parametrize("convention", EULER_CONVENTIONS)
def test_gimbal_lock_of_exact_matrices(convention):
    """All rotations by quarter turns: matrices of 0 and +-1 without any rounding."""
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    cyclic = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    found = {}
    frontier = [torch.eye(3)]
    while frontier:
        rotation = frontier.pop()
        key = tuple(rotation.flatten().tolist())
        if key not in found:
            found[key] = rotation
            frontier += [rotation @ quarter, rotation @ cyclic]
    assert len(found) == 24
    for rotation in found.values():
        matrix = pose_matrix(rotation, torch.float64)
        assert_round_trip_is_finite(matrix, "euler_angles", convention)


def test_se3_logarithm_is_smooth_through_zero():
    """The series and the closed form meet: compared with float64 matrix exponentials."""
    axis = torch.tensor([0.6, -0.48, 0.64], dtype=torch.float64)
    for angle in (0.0, 1e-12, 1e-6, 1e-3, 0.1, 0.499, 0.501, 1.5, 3.1, math.pi):
        rotation, translation = (angle * axis)[None], torch.tensor([[1.0, 2.0, 3.0]]).double()
        generator = torch.zeros(4, 4, dtype=torch.float64)
        x, y, z = rotation[0]
        generator[:3, :3] = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        generator[:3, 3] = translation[0]
        pose = convert(rotation, translation, parameterization="se3_log_map")
        torch.testing.assert_close(
            pose.matrix[0], torch.linalg.matrix_exp(generator), rtol=0, atol=1e-13
        )
        logarithm = pose.get_se3_log()
        torch.testing.assert_close(logarithm[:, :3], translation, rtol=0, atol=1e-12)
        torch.testing.assert_close(logarithm[:, 3:], rotation, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("parameterization", "size"),
    [("quaternion", 4), ("quaternion_adjugate", 10), ("rotation_9d", 9), ("rotation_10d", 10)],
)
def test_zeros_without_direction_are_no_rotation(parameterization, size):
    rotation = torch.zeros(2, size, dtype=torch.float64)
    rotation[1, 0] = -1.0 if parameterization == "rotation_10d" else 1.0
    rotation.requires_grad_()
    pose = convert(rotation, [[0.0, 1.0, 0.0]], parameterization=parameterization)
    assert torch.equal(pose.rotation[0], torch.eye(3, dtype=torch.float64))
    pose.matrix.sum().backward()
    assert torch.isfinite(rotation.grad).all()
