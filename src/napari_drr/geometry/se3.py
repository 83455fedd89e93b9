"""The exponential and logarithm of SE(3), smooth at zero rotation.

With w the rotation vector, theta = |w|, and W its cross-product matrix,

    exp(v, w) = [R(w) | V v],   V = I + (1 - cos theta)/theta^2 W + (theta - sin theta)/theta^3 W^2,

and V^-1 = I - W/2 + (1 - theta/2 cot(theta/2))/theta^2 W^2.

References:
    J.L. Blanco, "A tutorial on SE(3) transformation parameterizations and on-manifold
    optimization", 2010, section 9.4.2.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.geometry.products import rigid_matrix
from napari_drr.geometry.rotations import matrix_to_axis_angle
from napari_drr.geometry.so3 import (
    add_cross_products,
    angle_quotients,
    axis_angle_to_matrix,
    half_cotangent_quotient,
)


def se3_exp(logarithm: Float[Tensor, "b 6"]) -> Float[Tensor, "b 4 4"]:
    """Exponentiate [translation | rotation] vectors to rigid 4x4 matrices.

    Differentiable in the logarithm, also twice at zero.

    Args:
        logarithm: The translation part v (mm), then the rotation vector w (radians).

    Returns:
        Matrices [R(w) | V(w) v] that act on column vectors.

    Example:
        >>> import torch
        >>> se3_exp(torch.tensor([[1.0, 2.0, 3.0, 0.0, 0.0, 0.0]]))[0, :3, 3].tolist()
        [1.0, 2.0, 3.0]
    """
    translation, rotation = logarithm[..., :3], logarithm[..., 3:]
    _, first, second = angle_quotients(rotation)
    moved = add_cross_products(rotation, translation, first, second)
    return rigid_matrix(axis_angle_to_matrix(rotation), moved)


def se3_log(matrix: Float[Tensor, "b 4 4"]) -> Float[Tensor, "b 6"]:
    """Take the logarithm of rigid 4x4 matrices: the inverse of `se3_exp` for angles up to pi.

    Differentiable in the matrix.

    Args:
        matrix: Rigid matrices that act on column vectors.

    Returns:
        [translation | rotation] vectors, in mm and radians.

    Example:
        >>> import torch
        >>> se3_log(torch.eye(4)[None]).tolist()
        [[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    rotation = matrix_to_axis_angle(matrix[..., :3, :3])
    second = half_cotangent_quotient(rotation)
    first = torch.full_like(second, -0.5)
    translation = add_cross_products(rotation, matrix[..., :3, 3], first, second)
    return torch.cat([translation, rotation], dim=-1)
