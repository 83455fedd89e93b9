"""`diffdrr.pose`: poses, and the conversions between rotations.

Rotations are batches `(b, ...)`; angles are radians; quaternions are (w, x, y, z).
"""

import torch

from napari_drr.compat._missing import not_offered
from napari_drr.geometry.euler import euler_angles_to_matrix, matrix_to_euler_angles
from napari_drr.geometry.pose import PARAMETERIZATIONS, RigidTransform, convert
from napari_drr.geometry.products import rigid_matrix as make_matrix
from napari_drr.geometry.rotations import (
    axis_angle_to_matrix,
    matrix_to_axis_angle,
    matrix_to_quaternion,
    matrix_to_rotation_6d,
    matrix_to_rotation_9d,
    quaternion_adjugate_to_quaternion,
    quaternion_to_matrix,
    quaternion_to_quaternion_adjugate,
    quaternion_to_rotation_10d,
    rotation_6d_to_matrix,
    rotation_9d_to_matrix,
    rotation_10d_to_quaternion,
)

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
    "quaternion_adjugate_to_quaternion",
    "quaternion_to_matrix",
    "quaternion_to_quaternion_adjugate",
    "quaternion_to_rotation_10d",
    "random_rigid_transform",
    "rotation_6d_to_matrix",
    "rotation_9d_to_matrix",
    "rotation_10d_to_quaternion",
    "so3_exp_map",
    "so3_log_map",
]

so3_exp_map = axis_angle_to_matrix
so3_log_map = matrix_to_axis_angle

_LOGARITHMS = (
    "Use `convert(..., parameterization='se3_log_map')` and `RigidTransform.get_se3_log()`."
)
_MATRICES = "Go through matrices: `quaternion_to_matrix` and `matrix_to_quaternion`."
_ANGLE = "The angle of rotation matrices is `so3_log_map({}).norm(dim=-1)`."
_GENERATORS = "Use `so3_exp_map` and `so3_log_map`, which take and return vectors."

__getattr__ = not_offered(
    __name__,
    {
        "acos_linear_extrapolation": _ANGLE.format("R"),
        "axis_angle_to_quaternion": "Use `matrix_to_quaternion(axis_angle_to_matrix(...))`.",
        "hat": _GENERATORS,
        "hat_inv": _GENERATORS,
        "quaternion_apply": "Use `quaternion_to_matrix`, and multiply.",
        "quaternion_invert": "The inverse of a unit quaternion is (w, -x, -y, -z).",
        "quaternion_multiply": _MATRICES,
        "quaternion_raw_multiply": _MATRICES,
        "quaternion_to_axis_angle": "Use `matrix_to_axis_angle(quaternion_to_matrix(...))`.",
        "se3_exp_map": _LOGARITHMS,
        "se3_log_map": _LOGARITHMS,
        "so3_exponential_map": "It is `so3_exp_map`.",
        "so3_relative_angle": _ANGLE.format("R1 @ R2.mT"),
        "so3_rotation_angle": _ANGLE.format("R"),
        "standardize_quaternion": "`matrix_to_quaternion` returns w >= 0.",
    },
)


def random_rigid_transform(batch_size: int = 1) -> RigidTransform:
    """Draw poses, as DiffDRR's tests do.

    Args:
        batch_size: Number of poses.

    Returns:
        Rotations spread evenly over all there are, and translations `t` with normal coordinates of
        standard deviation 100 mm; `E = [R | t]`, float32. From torch's generator: set its seed to
        draw the same again.

    Examples:
        >>> random_rigid_transform(3).matrix.shape
        torch.Size([3, 4, 4])
    """
    # Four normal numbers point evenly over the sphere of unit quaternions.
    rotation = quaternion_to_matrix(torch.randn(batch_size, 4))
    return RigidTransform(make_matrix(rotation, 100 * torch.randn(batch_size, 3)))
