"""Euler angles to and from rotations, with finite gradients at zero and at gimbal lock.

roma does neither: towards the matrix it takes the length of a rotation vector, whose second
derivative is NaN at zero; and on the way back `atan2` and `hypot` of (0, 0) where the first and
third axis coincide, whose first derivatives are NaN.
"""

import math
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.geometry._roma import roma
from napari_drr.geometry.products import compose_matrices

EULER_CONVENTIONS: tuple[str, ...] = tuple(
    "".join(axes) for axes in product("XYZ", repeat=3) if axes[1] not in (axes[0], axes[2])
)
"""The twelve orders of axes, each turned about in the frame that the former turns have made."""


def check_convention(convention: str | None) -> str:
    """Return the convention if it is one of the twelve, else raise a ValueError that lists them."""
    if convention not in EULER_CONVENTIONS:
        raise ValueError(
            f"`convention` must be one of {', '.join(EULER_CONVENTIONS)} for Euler angles, "
            f"got {convention!r}."
        )
    return convention


def euler_angles_to_matrix(angles: Float[Tensor, "b 3"], convention: str) -> Float[Tensor, "b 3 3"]:
    """Turn Euler angles into matrices: R = R_1(angle 1) R_2(angle 2) R_3(angle 3).

    Differentiable in the angles, any number of times.

    Args:
        angles: The three angles in radians, in the order of the convention's letters.
        convention: One of `EULER_CONVENTIONS`, as "ZXY".

    Returns:
        Rotation matrices.

    Raises:
        ValueError: The convention is unknown.

    Example:
        >>> import torch
        >>> quarter = torch.tensor([[torch.pi / 2, 0.0, 0.0]], dtype=torch.float64)
        >>> (euler_angles_to_matrix(quarter, "ZXY") @ torch.eye(3).double()[0]).round().tolist()
        [[0.0, 1.0, 0.0]]
    """
    first, second, third = (
        _elementary_rotation(axis, angle)
        for axis, angle in zip(check_convention(convention), angles.unbind(-1), strict=True)
    )
    return compose_matrices(compose_matrices(first, second), third)


def matrix_to_euler_angles(matrix: Float[Tensor, "b 3 3"], convention: str) -> Float[Tensor, "b 3"]:
    """Read Euler angles from rotation matrices.

    The first and third angle are in [-pi, pi], the second in [-pi/2, pi/2] (three different axes)
    or [0, pi] (first and third the same). At gimbal lock only a sum or difference of the first and
    third is known: the third is then 0, and the angles still give the matrix. Gradients are finite
    everywhere; at the lock those of the undetermined direction are 0.

    Args:
        matrix: Rotation matrices.
        convention: One of `EULER_CONVENTIONS`.

    Returns:
        The three angles in radians.

    Raises:
        ValueError: The convention is unknown.

    References:
        E. Bernardes, S. Viollet, "Quaternion to Euler angles conversion", PLoS ONE 17(11), 2022,
        doi:10.1371/journal.pone.0276302.

    Example:
        >>> import torch
        >>> matrix_to_euler_angles(torch.eye(3)[None], "ZXY").tolist()
        [[0.0, 0.0, 0.0]]
    """
    first, second, third = ("XYZ".index(axis) for axis in check_convention(convention))
    symmetric = first == third
    if symmetric:
        third = 3 - first - second
    sign = (first - second) * (second - third) * (third - first) // 2
    quaternion = roma.rotmat_to_unitquat(matrix)
    w, i, j, k = (quaternion[..., n] for n in (3, first, second, third))
    if symmetric:
        a, b, c, d = w, i, j, sign * k
    else:
        # A quarter turn more about the second axis carries the first axis onto the third: what is
        # left is the symmetric case, its third angle times -sign, its second pi/2 larger.
        a, b, c, d = w - j, i - sign * k, w + j, i + sign * k
    angles = _symmetric_angles(a, b, c, d)
    if not symmetric:
        angles = (angles[0], angles[1] - math.pi / 2, -sign * angles[2])
    return torch.stack([_wrap(angle) for angle in angles], dim=-1)


def _elementary_rotation(axis: str, angle: Float[Tensor, " b"]) -> Float[Tensor, "b 3 3"]:
    """Matrices that turn about the axis "X", "Y" or "Z"."""
    cosine, sine = torch.cos(angle), torch.sin(angle)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    # In the plane of the two axes that follow in the cycle x, y, z.
    n = "XYZ".index(axis)
    rows = [[zero] * 3 for _ in range(3)]
    u, v = (n + 1) % 3, (n + 2) % 3
    rows[n][n] = one
    rows[u][u], rows[u][v] = cosine, -sine
    rows[v][u], rows[v][v] = sine, cosine
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def _symmetric_angles(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Angles (x, y, z) of the quaternion of R_1(x) R_2(y) R_1(z), up to a positive factor.

    Its parts are a = cos(y/2) cos((x+z)/2), b = cos(y/2) sin((x+z)/2), along the second axis
    c = sin(y/2) cos((x-z)/2), and d = sin(y/2) sin((x-z)/2).
    """
    cosine, no_cosine = _safe_hypot(a, b)
    sine, no_sine = _safe_hypot(c, d)
    half_sum = _angle(torch.where(no_cosine, 1.0, a), torch.where(no_cosine, 0.0, b))
    half_difference = _angle(torch.where(no_sine, 1.0, c), torch.where(no_sine, 0.0, d))
    # At the lock the unknown one is taken as the other: their difference, the third angle, is 0.
    half_sum, half_difference = (
        torch.where(no_cosine, half_difference, half_sum),
        torch.where(no_sine, half_sum, half_difference),
    )
    return half_sum + half_difference, 2 * _angle(cosine, sine), half_sum - half_difference


def _safe_hypot(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Length of (x, y), and where it is rounding noise: there the length is 0 without gradient."""
    square = x * x + y * y
    is_noise = square < (64 * torch.finfo(square.dtype).eps) ** 2
    length = torch.sqrt(torch.where(is_noise, 1.0, square))
    return torch.where(is_noise, 0.0, length), is_noise


def _angle(x: Tensor, y: Tensor) -> Tensor:
    """Angle of (x, y) from the x axis."""
    # Over contiguous memory, atan2 rounds whole SIMD vectors and what is left over differently: a
    # result would depend on its place in the batch. With strided arguments it does not.
    pairs = torch.stack([x, y], dim=-1)
    return torch.atan2(pairs[..., 1], pairs[..., 0])


def _wrap(angle: Tensor) -> Tensor:
    """Bring angles from [-2 pi, 2 pi] into [-pi, pi]."""
    turns = (angle < -math.pi).to(angle.dtype) - (angle > math.pi).to(angle.dtype)
    return angle + 2 * math.pi * turns
