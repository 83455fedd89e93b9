"""The eigenvector of the smallest eigenvalue of symmetric 4x4 matrices, twice differentiable.

Rotations written as 9 or 10 numbers are read as a quaternion q that minimizes q^T A q. PyTorch's
own derivative of `eigh` is NaN as soon as any two eigenvalues are equal, and of a matrix made from
a rotation the other three are. What roma 1.8 offers is either not twice differentiable ("svd") or
not independent of the batch size ("horn"). Hence this one.
"""

from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.geometry.products import multiply_vectors

# Gaps between eigenvalues below this share of the largest entry are damped instead of inverted, so
# that gradients stay finite where the minimizer is not unique.
_RELATIVE_GAP = 1e-9


def lowest_eigenvector(matrix: Float[Tensor, "b 4 4"]) -> Float[Tensor, "b 4"]:
    """Unit eigenvectors of the smallest eigenvalue, of arbitrary sign.

    Computed in float64 (on the CPU where the device has none) and returned in the input's dtype.
    Twice differentiable in `matrix`. Where the smallest eigenvalue is repeated, some vector of its
    eigenspace is returned, with a finite gradient; of a zero matrix, (1, 0, 0, 0).

    Args:
        matrix: Symmetric matrices; only their symmetric part has a gradient.

    Returns:
        The unit vectors q that minimize q^T A q.

    Example:
        >>> import torch
        >>> lowest_eigenvector(torch.diag(torch.tensor([3.0, 1.0, 2.0, 4.0]))[None]).abs().tolist()
        [[0.0, 1.0, 0.0, 0.0]]
    """
    home = "cpu" if matrix.device.type == "mps" else matrix.device
    work = matrix.to(device=home, dtype=torch.float64)
    vector = cast(Tensor, _LowestEigenvector.apply(work))  # type: ignore[no-untyped-call] # untyped in torch
    return vector.to(device=matrix.device, dtype=matrix.dtype)


class _LowestEigenvector(torch.autograd.Function):
    """First-order perturbation: dq = -C^+ dA q with C = A - lambda I, lambda = q^T A q."""

    generate_vmap_rule = True

    @staticmethod
    def forward(matrix: Tensor) -> Tensor:
        vectors: Tensor = torch.linalg.eigh(matrix).eigenvectors
        return vectors[..., 0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0], output)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        # Written with differentiable operations on the saved input and output: autograd itself
        # then finds the second derivative.
        matrix, vector = ctx.saved_tensors
        response = _pseudo_solve(matrix, vector, grads[0])
        outer: Tensor = response[..., :, None] * vector[..., None, :]
        return -(outer + outer.mT) / 2


def _pseudo_solve(
    matrix: Float[Tensor, "b 4 4"], vector: Float[Tensor, "b 4"], target: Float[Tensor, "b 4"]
) -> Float[Tensor, "b 4"]:
    """Solve (A - lambda I) x = target in the space orthogonal to the eigenvector."""
    value = (vector * multiply_vectors(matrix, vector)).sum(-1)[..., None, None]
    scale = matrix.detach().abs().amax((-2, -1), keepdim=True)
    scale = torch.where(scale == 0, 1.0, scale)
    identity = torch.eye(4, dtype=matrix.dtype, device=matrix.device)
    # Adding scale * q q^T gives the null direction an eigenvalue; the target has no part along it.
    own = scale * vector[..., :, None] * vector[..., None, :]
    shifted = matrix - value * identity + own + _RELATIVE_GAP * scale * identity
    orthogonal = target - (target * vector).sum(-1, keepdim=True) * vector
    response: Tensor = torch.linalg.solve(shifted, orthogonal[..., None])
    return response[..., 0]
