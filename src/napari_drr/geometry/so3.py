"""The exponential of SO(3), and quotients of the rotation angle that are 0/0 at zero.

roma's rotation vectors and Euler angles pass through the length of a vector, whose second
derivative is NaN at zero, the pose where most work begins. Here everything is a function of the
squared angle: a Taylor series where it is small, the closed form elsewhere.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

# Below theta^2 = 1/4 seven terms leave less than 2e-16 of the quotient.
_SMALL_SQUARE = 0.25


def _alternating(first_factorial: int) -> tuple[float, ...]:
    """Coefficients (-1)^n / (first_factorial + 2 n)! of theta^(2 n)."""
    return tuple((-1) ** n / math.factorial(first_factorial + 2 * n) for n in range(7))


_SINE = _alternating(1)
_COSINE = _alternating(2)
_SINE_REST = _alternating(3)
# |B_2n| / (2n)! with the Bernoulli numbers B_2n, n = 1, 2, ...
_HALF_COTANGENT = (
    1 / 12,
    1 / 720,
    1 / 30240,
    1 / 1209600,
    1 / 47900160,
    691 / 1307674368000,
    1 / 74724249600,
)


def axis_angle_to_matrix(rotation: Float[Tensor, "b 3"]) -> Float[Tensor, "b 3 3"]:
    """Turn rotation vectors into rotation matrices, by Rodrigues' formula.

    R = I + sin(theta)/theta W + (1 - cos(theta))/theta^2 W^2. Twice differentiable, also at zero.

    Args:
        rotation: Axis times angle in radians.

    Returns:
        Rotation matrices.

    Example:
        >>> import torch
        >>> axis_angle_to_matrix(torch.tensor([[0.0, 0.0, torch.pi / 2]]))[0].round().tolist()
        [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    first, second, _ = angle_quotients(rotation)
    identity = torch.eye(3, dtype=rotation.dtype, device=rotation.device)
    columns = [
        add_cross_products(rotation, axis.expand_as(rotation), first, second)
        for axis in identity.unbind(0)
    ]
    return torch.stack(columns, dim=-1)


def angle_quotients(
    rotation: Float[Tensor, "b 3"],
) -> tuple[Float[Tensor, "b 1"], Float[Tensor, "b 1"], Float[Tensor, "b 1"]]:
    """Return sin(t)/t, (1 - cos(t))/t^2 and (t - sin(t))/t^3 for the angle t of rotation vectors.

    Args:
        rotation: Axis times angle in radians.
    """
    square, safe_square, is_small = _angle_square(rotation)
    angle = torch.sqrt(safe_square)
    sine = torch.sin(angle)
    return (
        torch.where(is_small, _series(_SINE, square), sine / angle),
        torch.where(is_small, _series(_COSINE, square), (1 - torch.cos(angle)) / safe_square),
        torch.where(is_small, _series(_SINE_REST, square), (angle - sine) / (angle * safe_square)),
    )


def half_cotangent_quotient(rotation: Float[Tensor, "b 3"]) -> Float[Tensor, "b 1"]:
    """Return (1 - t/2 cot(t/2))/t^2 for the angle t of rotation vectors, t up to pi.

    Args:
        rotation: Axis times angle in radians.
    """
    square, safe_square, is_small = _angle_square(rotation)
    half = torch.sqrt(safe_square) / 2
    quotient = (1 - half * torch.cos(half) / torch.sin(half)) / safe_square
    return torch.where(is_small, _series(_HALF_COTANGENT, square), quotient)


def add_cross_products(
    rotation: Float[Tensor, "b 3"],
    vector: Float[Tensor, "b 3"],
    first: Float[Tensor, "b 1"],
    second: Float[Tensor, "b 1"],
) -> Float[Tensor, "b 3"]:
    """Return v + first * (w x v) + second * (w x (w x v)), w being the rotation vector."""
    once: Tensor = torch.linalg.cross(rotation, vector)
    twice: Tensor = torch.linalg.cross(rotation, once)
    return vector + (first * once + second * twice)


def _angle_square(rotation: Float[Tensor, "b 3"]) -> tuple[Tensor, Tensor, Tensor]:
    """The squared angle, the same with 1 in place of small values, and where they are small."""
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
