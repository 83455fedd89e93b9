"""Products of small matrices, written out term by term.

BLAS, `einsum` and `bmm` choose the order of a sum by the shapes they get, so that a pose in a batch
of seven could differ in its last bit from the same pose alone. Here each term is one elementwise
operation, in one order, whatever the batch size and the number of points.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def compose_matrices(
    left: Float[Tensor, "*#batch n k"], right: Float[Tensor, "*#batch k m"]
) -> Float[Tensor, "*#batch n m"]:
    """Multiply small matrices: `left @ right`, the same bits for every batch size.

    Batch axes broadcast and dtypes are promoted. Differentiable in both.

    Args:
        left: The matrix that is applied last.
        right: The matrix that is applied first.

    Returns:
        The products.

    Example:
        >>> import torch
        >>> double = torch.diag(torch.tensor([2.0, 2.0, 2.0, 1.0]))
        >>> compose_matrices(double, double)[0, 0].item()
        4.0
    """
    total = left[..., :, 0, None] * right[..., None, 0, :]
    for k in range(1, right.shape[-2]):
        total = total + left[..., :, k, None] * right[..., None, k, :]
    return total


def transform_points(
    matrix: Float[Tensor, "#batch 4 4"], points: Float[Tensor, "#batch n 3"]
) -> Float[Tensor, "#batch n 3"]:
    """Apply affine 4x4 matrices to points, the same bits for every batch size and point count.

    The bottom row is taken as (0, 0, 0, 1) and not read. Differentiable in both.

    Args:
        matrix: The matrices `to_from`.
        points: Points (x, y, z) in the frame `from`.

    Returns:
        The points in the frame `to`.

    Example:
        >>> import torch
        >>> shift = torch.eye(4)[None]
        >>> shift[0, :3, 3] = torch.tensor([1.0, 2.0, 3.0])
        >>> transform_points(shift, torch.zeros(1, 1, 3)).tolist()
        [[[1.0, 2.0, 3.0]]]
    """
    total = points[..., 0, None] * matrix[..., None, :3, 0]
    total = total + points[..., 1, None] * matrix[..., None, :3, 1]
    total = total + points[..., 2, None] * matrix[..., None, :3, 2]
    return total + matrix[..., None, :3, 3]


def multiply_vectors(
    matrix: Float[Tensor, "*#batch n k"], vectors: Float[Tensor, "*#batch k"]
) -> Float[Tensor, "*#batch n"]:
    """Multiply each matrix by its own vector: `matrix @ vector`."""
    return compose_matrices(matrix, vectors[..., None])[..., 0]


def rigid_matrix(
    rotation: Float[Tensor, "#batch 3 3"], translation: Float[Tensor, "#batch 3"]
) -> Float[Tensor, "batch 4 4"]:
    """Join rotations and translations to 4x4 matrices [R | t; 0 0 0 1]; batch axes broadcast."""
    columns = (*rotation.unbind(-1), translation)
    top = torch.stack(torch.broadcast_tensors(*columns), dim=-1)  # type: ignore[no-untyped-call] # untyped in torch
    # Filled on the device: a constant copied from the host would stall a GPU's queue.
    bottom = torch.cat([torch.zeros_like(top[..., :1, :3]), torch.ones_like(top[..., :1, :1])], -1)
    return torch.cat([top, bottom], dim=-2)


def invert_rigid(matrix: Float[Tensor, "*batch 4 4"]) -> Float[Tensor, "*batch 4 4"]:
    """Invert rigid matrices (reflections included) in closed form: [R^T | -R^T t]."""
    rotation_inverse = matrix[..., :3, :3].mT
    return rigid_matrix(rotation_inverse, -multiply_vectors(rotation_inverse, matrix[..., :3, 3]))
