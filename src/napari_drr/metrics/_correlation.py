"""Normalized cross-correlation: of whole images, of windows, at several scales, of gradients."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from napari_drr.metrics._images import as_images
from napari_drr.metrics._sobel import Sobel


class NormalizedCrossCorrelation2d(nn.Module):
    """Zero-mean normalized cross-correlation (NCC) of two batches of images.

    `mean(z(x1) * z(x2))` with `z(x) = (x - mean(x)) / sqrt(var(x) + eps)`, mean and population
    variance over each image and channel, or over every `patch_size` x `patch_size` window of it
    (step 1, no padding), whose scores are averaged. In [-1, 1], and free of linear changes of
    intensity as long as the variance is large against `eps`; a constant image or window scores 0.

    Args:
        patch_size: Side of the windows in pixels, or None for the whole image. A window needs
            about `patch_size ** 2` times the memory of the image.
        eps: Added to each variance, in squared intensity units.

    Raises:
        TypeError: When called, if the images are no real tensors.
        ValueError: If `patch_size` or `eps` is out of range; when called, if the images are not
            two batches of the same shape, or are smaller than the window.

    Examples:
        >>> ramp = torch.arange(16.0).reshape(1, 1, 4, 4)
        >>> ncc = NormalizedCrossCorrelation2d()
        >>> ncc(ramp, 5 - 2 * ramp).round(decimals=3)
        tensor([-1.])
    """

    def __init__(self, patch_size: int | None = None, eps: float = 1e-5) -> None:
        super().__init__()
        if patch_size is not None and patch_size < 1:
            raise ValueError(f"`patch_size` must be at least 1 or None, got {patch_size}.")
        if eps < 0:
            raise ValueError(f"`eps` must not be negative, got {eps}.")
        self.patch_size = patch_size
        self.eps = eps

    def forward(
        self, x1: Float[Tensor, "b c h w"], x2: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, " b"]:
        """Correlate each image of `x1` with the one of `x2` at the same place in the batch.

        Args:
            x1: Images, in any intensity unit.
            x2: Images of the same shape.

        Returns:
            One score per pair, in [-1, 1]. Differentiable in both images.
        """
        x1, x2 = as_images(x1, x2)
        score = self._normalize(self._windows(x1)) * self._normalize(self._windows(x2))
        return score.flatten(1).mean(dim=1)

    def _windows(self, image: Tensor) -> Tensor:
        """View the image as `(b, c, rows, columns, patch, patch)`, or leave it whole."""
        size = self.patch_size
        if size is None:
            return image
        if min(image.shape[-2:]) < size:
            raise ValueError(
                f"`patch_size` must not exceed the image, got {size} for "
                f"{image.shape[-2]} x {image.shape[-1]} pixels. Choose a smaller window."
            )
        return image.unfold(2, size, 1).unfold(3, size, 1)

    def _normalize(self, x: Tensor) -> Tensor:
        centered = x - x.mean(dim=(-1, -2), keepdim=True)
        variance = centered.square().mean(dim=(-1, -2), keepdim=True)
        return centered / (variance + self.eps).sqrt()


class MultiscaleNormalizedCrossCorrelation2d(nn.Module):
    """Weighted sum of the NCC at several window sizes.

    Args:
        patch_sizes: Window sides in pixels; None is the whole image.
        patch_weights: One weight per size. With weights that sum to 1 the score is in [-1, 1].
        eps: Added to each variance, at every size.

    Raises:
        ValueError: If the numbers of sizes and weights differ.

    Examples:
        >>> ramp = torch.arange(16.0).reshape(1, 1, 4, 4)
        >>> measure = MultiscaleNormalizedCrossCorrelation2d([None, 3], [0.5, 0.5])
        >>> measure(ramp, ramp).round(decimals=3)
        tensor([1.])
    """

    def __init__(
        self,
        patch_sizes: Sequence[int | None] = (None,),
        patch_weights: Sequence[float] = (1.0,),
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        if len(patch_sizes) != len(patch_weights):
            raise ValueError(
                f"`patch_weights` must hold one weight for each of the {len(patch_sizes)} "
                f"`patch_sizes`, got {len(patch_weights)}."
            )
        self.nccs = nn.ModuleList(NormalizedCrossCorrelation2d(size, eps) for size in patch_sizes)
        self.patch_weights = list(patch_weights)

    def forward(
        self, x1: Float[Tensor, "b c h w"], x2: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, " b"]:
        """Add up the weighted NCC of each pair of images.

        Returns:
            One score per pair. Differentiable in both images.
        """
        scores = [w * ncc(x1, x2) for w, ncc in zip(self.patch_weights, self.nccs, strict=True)]
        return torch.stack(scores).sum(dim=0)


class GradientNormalizedCrossCorrelation2d(NormalizedCrossCorrelation2d):
    """NCC of the Sobel gradients of two batches of images: compares edges.

    Args:
        patch_size: Side of the windows in pixels, or None for the whole image.
        sigma: Width of the Gaussian that smooths the images first, in pixels; 0 for none.
        eps: Added to each variance of the gradients.

    Examples:
        >>> ramp = torch.arange(100.0).reshape(1, 1, 10, 10) ** 2
        >>> GradientNormalizedCrossCorrelation2d()(ramp, 3 * ramp).round(decimals=3)
        tensor([1.])
    """

    def __init__(
        self, patch_size: int | None = None, sigma: float = 1.0, eps: float = 1e-5
    ) -> None:
        super().__init__(patch_size, eps)
        self.sobel = Sobel(sigma)

    def forward(
        self, x1: Float[Tensor, "b c h w"], x2: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, " b"]:
        """Correlate the gradients of each pair of images: one score in [-1, 1] per pair."""
        x1, x2 = as_images(x1, x2)
        return super().forward(self.sobel(x1), self.sobel(x2))
