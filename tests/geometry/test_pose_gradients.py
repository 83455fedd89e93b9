"""Derivatives of poses, first and second, against finite differences in float64."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from napari_drr.geometry.eigenvector import lowest_eigenvector
from napari_drr.geometry.pose import EULER_CONVENTIONS, PARAMETERIZATIONS, RigidTransform, convert

CASES = [
    (name, convention)
    for name in PARAMETERIZATIONS
    for convention in (EULER_CONVENTIONS if name == "euler_angles" else [None])
]


def arguments(name, convention):
    """Two generic poses."""
    poses = convert(
        torch.tensor([[0.3, -0.7, 0.5], [-1.1, 0.4, 0.9]], dtype=torch.float64),
        torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], dtype=torch.float64),
        parameterization="axis_angle",
    )
    return tuple(part.detach().requires_grad_() for part in poses.convert(name, convention))


@pytest.mark.parametrize(("name", "convention"), CASES)
def test_poses_in_their_parameters(name, convention):
    def matrix(rotation, translation):
        return convert(rotation, translation, parameterization=name, convention=convention).matrix

    assert gradcheck(matrix, arguments(name, convention))
    assert gradgradcheck(matrix, arguments(name, convention))


@pytest.mark.parametrize(("name", "convention"), CASES)
def test_parameters_in_their_poses(name, convention):
    """Through a pose of the SE(3) group: what is read from a matrix off it is nobody's business."""

    def parameters(logarithm):
        pose = convert(logarithm[:, 3:], logarithm[:, :3], parameterization="se3_log_map")
        return RigidTransform(pose.matrix).convert(name, convention)

    logarithm = torch.tensor(
        [[1.0, -2.0, 3.0, 0.3, -0.7, 0.5], [0.5, 4.0, -1.0, -0.2, 0.4, 0.9]],
        dtype=torch.float64,
        requires_grad=True,
    )
    assert gradcheck(parameters, (logarithm,))


@pytest.mark.parametrize(("name", "convention"), CASES)
def test_derivatives_at_zero_rotation(name, convention):
    """Not only finite: the identity is where every registration starts."""
    identity = RigidTransform(torch.eye(4, dtype=torch.float64))
    rotation, translation = identity.convert(name, convention)
    given = rotation.detach().requires_grad_(), (translation + 1.0).detach().requires_grad_()

    def matrix(rotation, translation):
        return convert(rotation, translation, parameterization=name, convention=convention).matrix

    assert gradcheck(matrix, given)
    assert gradgradcheck(matrix, given)


def test_eigenvector_of_repeated_others():
    """-q q^T, as every quaternion gives: its other three eigenvalues are all 0."""
    vector = torch.tensor([[0.5, -0.5, 0.1, 0.7]], dtype=torch.float64)
    vector = torch.nn.functional.normalize(vector, dim=-1)
    matrix = -(vector[..., None] * vector[..., None, :]).requires_grad_()

    def projector(matrix):
        symmetric = (matrix + matrix.mT) / 2
        found = lowest_eigenvector(symmetric)
        return found[..., None] * found[..., None, :]

    assert gradcheck(projector, (matrix,))
    assert gradgradcheck(projector, (matrix,))


def test_eigenvector_that_is_not_unique_has_finite_gradients():
    matrix = torch.eye(4, dtype=torch.float64)[None].requires_grad_()
    lowest_eigenvector(matrix).sum().backward()
    assert torch.isfinite(matrix.grad).all()
