"""Sparse renders: a random share of the detector's pixels."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from napari_drr.geometry.detector import Detector


class PixelSubset:
    """Which pixels are rendered.

    Args:
        share: Share of the pixels, in (0, 1]; None for all.
        redraw: Draw anew whenever they are asked for.
        generator: Source of randomness; None for torch's own.

    Raises:
        ValueError: If the share is not in (0, 1].
    """

    def __init__(
        self, share: float | None, redraw: bool = False, generator: torch.Generator | None = None
    ) -> None:
        self.share = share
        self._redraw = redraw
        self._generator = generator
        self._pixels: Tensor | None = None
        self._seeded: tuple[float, int, tuple[int, int]] | None = None

    @property
    def is_seeded(self) -> bool:
        """Whether the pixels are those of a seed."""
        return self._seeded is not None

    def draw_by_seed(self, detector: Detector, share: float | None, seed: int) -> None:
        """Take another share of the pixels: for the same seed and detector's size the same ones."""
        drawn = None if share is None else (share, seed, detector.shape)
        if drawn is not None and drawn == self._seeded:
            return
        generator, self._generator = self._generator, torch.Generator().manual_seed(seed)
        self.share = share
        try:
            self.draw(detector)
        finally:
            self._generator = generator
        self._seeded = drawn

    def draw(self, detector: Detector) -> None:
        """Draw pixels of a detector, without repetition."""
        self._seeded = None
        if self.share is None:
            self._pixels = None
            return
        if not 0 < self.share <= 1:
            raise ValueError(f"`p_subsample` must be in (0, 1], got {self.share}.")
        n = detector.height * detector.width
        device = None if self._generator is None else self._generator.device
        order = torch.randperm(n, generator=self._generator, device=device)
        self._pixels = order[: max(1, int(n * self.share))]

    def current(self, detector: Detector) -> Int[Tensor, " pixel"] | None:
        """Return flat row-major pixel indices, or None for all pixels."""
        if self._redraw:
            self.draw(detector)
        return self._pixels

    @staticmethod
    def reshape(
        image: Float[Tensor, "batch channel pixel"], pixels: Tensor | None, detector: Detector
    ) -> Float[Tensor, "batch channel height width"]:
        """Lay rendered pixels out as an image; the others are zero."""
        if pixels is not None:
            full = image.new_zeros(*image.shape[:2], detector.height * detector.width)
            image = full.index_copy(-1, pixels.to(image.device), image)
        return image.reshape(*image.shape[:2], *detector.shape)
