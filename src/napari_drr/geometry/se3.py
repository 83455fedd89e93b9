"""The exponential and logarithm of SE(3), smooth at zero rotation.

With w the rotation vector, |w| = theta, and W its cross-product matrix,

    exp(v, w) = [R(w) | V v],   V = I + (1 - cos theta)/theta^2 W + (theta - sin theta)/theta^3 W^2,

and V^-1 = I - W/2 + (1 - theta/2 cot(theta/2))/theta^2 W^2. Where theta is small the quotients are
0/0: their Taylor series take over, in powers of theta^2, so that no square root is derived at 0.

References:
    J.L. Blanco, "A tutorial on SE(3) transformation parameterizations and on-manifold
    optimization", 2010, section 9.4.2.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.geometry.products import rigid_matrix
from napari_drr.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle

# Below theta^2 = 1/4 seven terms leave less than 2e-17 of the quotient.
_SMALL_SQUARE = 0.25
_SERIES_COSINE = tuple(
    (-1) ** n / d for n, d in enumerate((2, 24, 720, 40320, 3628800, 479001600, 87178291200))
)
_SERIES_SINE = tuple(
    (-1) ** n / d for n, d in enumerate((6, 120, 5040, 362880, 39916800, 6227020800, 1307674368000))
)
_SERIES_COTANGENT = (
    1 / 12,
    1 / 720,
    1 / 30240,
    1 / 1209600,
    1 / 47900160,
    691 / 1307674368000,
    1 / 74724249600,
)


def se3_exp(logarithm: Float[Tensor, "b 6"]) -> Float[Tensor, "b 4 4"]:
    """Exponentiate [translation | rotation] vectors to rigid 4x4 matrices.

    Differentiable in the logarithm.

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
    square, safe_square, is_small = _angle_square(rotation)
    angle = torch.sqrt(safe_square)
    first = torch.where(
        is_small, _series(_SERIES_COSINE, square), (1 - torch.cos(angle)) / safe_square
    )
    second = torch.where(
        is_small,
        _series(_SERIES_SINE, square),
        (angle - torch.sin(angle)) / (angle * safe_square),
    )
    moved = translation + _cross_terms(rotation, translation, first, second)
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
    translation = matrix[..., :3, 3]
    square, safe_square, is_small = _angle_square(rotation)
    half = torch.sqrt(safe_square) / 2
    quotient = (1 - half * torch.cos(half) / torch.sin(half)) / safe_square
    second = torch.where(is_small, _series(_SERIES_COTANGENT, square), quotient)
    first = torch.full_like(second, -0.5)
    return torch.cat(
        [translation + _cross_terms(rotation, translation, first, second), rotation], dim=-1
    )


def _angle_square(rotation: Float[Tensor, "b 3"]) -> tuple[Tensor, Tensor, Tensor]:
    """theta^2, the same with 1 in place of small values, and where they are small."""
    x, y, z = rotation.unbind(-1)
    square = (x * x + y * y + z * z)[..., None]
    is_small = square < _SMALL_SQUARE
    return square, torch.where(is_small, 1.0, square), is_small


def _series(coefficients: tuple[float, ...], square: Tensor) -> Tensor:
    """Sum coefficients[n] * square**n by Horner's rule."""
    total = torch.full_like(square, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * square + coefficient
    return total


def _cross_terms(rotation: Tensor, vector: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Sum first * (w x v) + second * (w x (w x v))."""
    once: Tensor = torch.linalg.cross(rotation, vector)
    twice: Tensor = torch.linalg.cross(rotation, once)
    return first * once + second * twice
