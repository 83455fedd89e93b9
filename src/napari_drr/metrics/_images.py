"""What the image measures take."""

import torch
from jaxtyping import Float
from torch import Tensor


def as_images(x1: Tensor, x2: Tensor) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b c h w"]]:
    """Check two batches of images, and bring them to one dtype fit to compute in.

    Args:
        x1: Images of any real dtype.
        x2: Images of the same shape.

    Returns:
        Both in the wider of their float types; half precision and integers as float32.

    Raises:
        TypeError: If one is no tensor, or complex.
        ValueError: If they are not two batches of the same shape, or images have no pixels.
    """
    if not isinstance(x1, Tensor) or not isinstance(x2, Tensor):
        raise TypeError(
            "`x1` and `x2` must be tensors, "
            f"got {type(x1).__name__} and {type(x2).__name__}. Use torch.as_tensor."
        )
    if x1.ndim != 4 or x1.shape != x2.shape or 0 in x1.shape[1:]:
        raise ValueError(
            "`x1` and `x2` must be two batches of images of one shape (b, c, h, w), "
            f"got {tuple(x1.shape)} and {tuple(x2.shape)}."
        )
    dtype = torch.promote_types(as_float(x1).dtype, as_float(x2).dtype)
    return x1.to(dtype), x2.to(dtype)


def as_float(image: Tensor) -> Tensor:
    """Return the image in float32 or float64: sums over half precision overflow or vanish.

    Raises:
        TypeError: If it is complex.
    """
    if image.is_complex():
        raise TypeError(f"Images must be real, got {image.dtype}. Measure their `abs()`.")
    return image if image.dtype == torch.float64 else image.float()
