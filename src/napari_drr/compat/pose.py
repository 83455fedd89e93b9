"""`diffdrr.pose`: poses, and the conversions of rotations that scripts use most.

Rotations may have any number of leading dimensions, as in DiffDRR.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.compat._missing import not_offered
from napari_drr.geometry.pose import PARAMETERIZATIONS, RigidTransform, convert

__all__ = [
    "PARAMETERIZATIONS",
    "RigidTransform",
    "axis_angle_to_matrix",
    "convert",
    "euler_angles_to_matrix",
    "make_matrix",
    "matrix_to_axis_angle",
    "matrix_to_euler_angles",
    "matrix_to_quaternion",
    "matrix_to_rotation_6d",
    "matrix_to_rotation_9d",
    "quaternion_to_matrix",
    "rotation_6d_to_matrix",
    "rotation_9d_to_matrix",
]

Rotation = Float[Tensor, "*batch 3 3"]


def make_matrix(
    rotation: Float[Tensor, "b 3 3"], translation: Float[Tensor, "b 3"]
) -> Float[Tensor, "b 4 4"]:
    """Put a rotation matrix and a last column into a 4x4 matrix, `[rotation | translation]`.

    Examples:
        >>> make_matrix(torch.eye(3)[None], torch.tensor([[0.0, 850.0, 0.0]]))[0, :, 3]
        tensor([  0., 850.,   0.,   1.])
    """
    last_row = torch.tensor([0.0, 0.0, 0.0, 1.0]).to(rotation).expand(len(rotation), 1, 4)
    upper = torch.cat([rotation, translation.to(rotation).unsqueeze(-1)], dim=2)
    return torch.cat([upper, last_row], dim=1)


def euler_angles_to_matrix(euler_angles: Float[Tensor, "*batch 3"], convention: str) -> Rotation:
    """Convert Euler angles in radians, in the order of `convention`, for example `"ZXY"`.

    Examples:
        >>> turn = euler_angles_to_matrix(torch.tensor([torch.pi / 2, 0.0, 0.0]), "ZXY")
        >>> (turn @ torch.tensor([1.0, 0.0, 0.0])).round().abs()
        tensor([0., 1., 0.])
    """
    return _to_matrix(euler_angles, "euler_angles", convention)


def matrix_to_euler_angles(matrix: Rotation, convention: str) -> Float[Tensor, "*batch 3"]:
    """Convert to Euler angles in radians, in the order of `convention`."""
    return _from_matrix(matrix, "euler_angles", convention)


def axis_angle_to_matrix(axis_angle: Float[Tensor, "*batch 3"]) -> Rotation:
    """Convert rotation vectors: along the axis, as long as the angle in radians."""
    return _to_matrix(axis_angle, "axis_angle")


def matrix_to_axis_angle(matrix: Rotation) -> Float[Tensor, "*batch 3"]:
    """Convert to rotation vectors: along the axis, as long as the angle in radians."""
    return _from_matrix(matrix, "axis_angle")


def quaternion_to_matrix(quaternions: Float[Tensor, "*batch 4"]) -> Rotation:
    """Convert quaternions (w, x, y, z) of any length but 0."""
    return _to_matrix(quaternions, "quaternion")


def matrix_to_quaternion(matrix: Rotation) -> Float[Tensor, "*batch 4"]:
    """Convert to unit quaternions (w, x, y, z)."""
    return _from_matrix(matrix, "quaternion")


def rotation_6d_to_matrix(rotation: Float[Tensor, "*batch 6"]) -> Rotation:
    """Convert the first two rows of a matrix, made orthonormal (Zhou et al., CVPR 2019)."""
    return _to_matrix(rotation, "rotation_6d")


def matrix_to_rotation_6d(matrix: Rotation) -> Float[Tensor, "*batch 6"]:
    """Convert to the first two rows of the matrix."""
    return _from_matrix(matrix, "rotation_6d")


def rotation_9d_to_matrix(rotation: Float[Tensor, "*batch 9"]) -> Rotation:
    """Convert any nine numbers to the nearest rotation (Levinson et al., NeurIPS 2020)."""
    return _to_matrix(rotation, "rotation_9d")


def matrix_to_rotation_9d(matrix: Rotation) -> Float[Tensor, "*batch 9"]:
    """Convert to the nine numbers of the matrix, row by row."""
    return _from_matrix(matrix, "rotation_9d")


def _to_matrix(
    rotation: Tensor, parameterization: str, convention: str | None = None
) -> Float[Tensor, "*batch 3 3"]:
    flat = rotation.reshape(-1, rotation.shape[-1])
    origin = flat.new_zeros(len(flat), 3)
    pose = convert(flat, origin, parameterization=parameterization, convention=convention)
    return pose.rotation.reshape(*rotation.shape[:-1], 3, 3)


def _from_matrix(
    matrix: Float[Tensor, "*batch 3 3"], parameterization: str, convention: str | None = None
) -> Tensor:
    flat = matrix.reshape(-1, 3, 3)
    pose = RigidTransform(make_matrix(flat, flat.new_zeros(len(flat), 3)))
    rotation, _ = pose.convert(parameterization, convention)
    return rotation.reshape(*matrix.shape[:-2], -1)


_NAMES = (
    "axis_angle_to_quaternion",
    "quaternion_adjugate_to_quaternion",
    "quaternion_to_axis_angle",
    "quaternion_to_quaternion_adjugate",
    "quaternion_to_rotation_10d",
    "rotation_10d_to_quaternion",
    "se3_exp_map",
    "se3_log_map",
    "so3_exp_map",
    "so3_log_map",
)

__getattr__ = not_offered(
    __name__,
    dict.fromkeys(_NAMES, "Use `convert(..., parameterization=...)` and `RigidTransform.convert`."),
)
