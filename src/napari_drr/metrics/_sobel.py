"""Gradients of images."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from napari_drr.metrics._images import as_float


class Sobel(nn.Module):
    """Smooth with a Gaussian, then take Sobel's 3x3 derivatives along x and y.

    The Gaussian is sampled at the pixel centers of a window of `int(6 sigma + 1)` pixels, made
    odd, normalized to sum 1, and continued by reflection at the border, as torchvision's
    `gaussian_blur` does; the derivatives are continued by zeros.

    Args:
        sigma: Width of the Gaussian in pixels; 0 takes the derivatives of the image as it is.

    Raises:
        ValueError: If `sigma` is negative, or an image is too small for the Gaussian's window.

    Examples:
        >>> Sobel(0)(torch.arange(9.0).reshape(1, 1, 3, 3))[0, :, 1, 1]
        tensor([ -8., -24.])
    """

    kernels: Tensor

    def __init__(self, sigma: float) -> None:
        super().__init__()
        if sigma < 0:
            raise ValueError(f"`sigma` must not be negative, got {sigma}.")
        self.sigma = sigma
        along_x = torch.tensor([1.0, 2.0, 1.0]).outer(torch.tensor([1.0, 0.0, -1.0]))
        kernels = torch.stack([along_x, along_x.T]).unsqueeze(1)
        self.register_buffer("kernels", kernels, persistent=False)

    def forward(self, img: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 2c h w"]:
        """Differentiate each channel.

        Args:
            img: Images, in any intensity unit.

        Returns:
            The derivatives along x and y of the first channel, then of the next. Differentiable.
        """
        batch, channels, height, width = img.shape
        image = as_float(img).reshape(batch * channels, 1, height, width)
        if self.sigma > 0:
            image = _gaussian_blur(image, self.sigma)
        gradient = conv2d(image, self.kernels.to(image), padding=1)
        return gradient.reshape(batch, 2 * channels, height, width)


def _gaussian_blur(image: Float[Tensor, "b 1 h w"], sigma: float) -> Float[Tensor, "b 1 h w"]:
    size = int(6 * sigma + 1) | 1
    half = size // 2
    if half >= min(image.shape[-2:]):
        raise ValueError(
            f"`sigma` = {sigma} needs images of more than {half} x {half} pixels, got "
            f"{image.shape[-2]} x {image.shape[-1]}. Choose a smaller `sigma`."
        )
    x = torch.arange(-half, half + 1, dtype=image.dtype, device=image.device)
    kernel = torch.exp(-0.5 * (x / sigma).square())
    kernel = kernel / kernel.sum()
    image = pad(image, (half, half, half, half), mode="reflect")
    image = conv2d(image, kernel.reshape(1, 1, -1, 1))
    return conv2d(image, kernel.reshape(1, 1, 1, -1))
