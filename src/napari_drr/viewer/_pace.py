"""How large a preview may be, so that it is there in time."""

from __future__ import annotations

import math
import statistics
from collections import deque

# Seconds of rendering that nobody notices, where painting takes hardly any.
LEAST = 0.003
# The longest that the main thread waits for a preview: longer, and it would be felt elsewhere. What
# comes later than this is painted one frame later.
PATIENCE = 0.005
# The share of it that a preview may take usually, so that nearly all are there in time.
SURE = 0.75
# What a window takes until it was measured.
FIRST_PAINT = 0.025

FIRST_PIXELS = 120 * 120
# With fewer, a render takes hardly less.
LEAST_PIXELS = 64 * 64
# One step changes the number of pixels by a quarter.
STEP = 0.75
# Within these shares of the time that may be taken, the size stays: else it would flicker.
TOO_LONG, TOO_SHORT = 1.15, 0.7
MEASURED = 9


class Pace:
    """Chooses the size of previews: they take at most half of what the window takes to paint.

    It is less where the main thread would not wait so long, see `PATIENCE`.

    Args:
        budget: Seconds that a preview may take instead; None for half of the paint.
    """

    def __init__(self, budget: float | None = None) -> None:
        self.budget = budget
        self._paints: deque[float] = deque(maxlen=MEASURED)
        self._steps = 0
        self._recent: deque[float] = deque(maxlen=3)

    @property
    def paint_seconds(self) -> float | None:
        """What the window takes to paint an update, the median of the last; None if unknown."""
        return statistics.median(self._paints) if self._paints else None

    @property
    def target(self) -> float:
        """Seconds that a preview may take."""
        if self.budget is not None:
            return self.budget
        half = (self.paint_seconds or FIRST_PAINT) / 2
        return min(max(half, LEAST), PATIENCE * SURE)

    def painted(self, seconds: float) -> None:
        """Take note of how long a paint took."""
        self._paints.append(seconds)

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the rows and columns of a preview of an image.

        Args:
            height: The image's rows.
            width: Its columns.

        Returns:
            At most the image's own; the ratio of its sides is kept.
        """
        pixels = max(FIRST_PIXELS * STEP**-self._steps, LEAST_PIXELS)
        share = min(1.0, math.sqrt(pixels / (height * width)))
        return max(1, round(height * share)), max(1, round(width * share))

    def rendered(self, pixels: int, seconds: float) -> None:
        """Take note of how long a preview took; the next one may be larger or smaller.

        Args:
            pixels: How many it had.
            seconds: How long it took.
        """
        self._recent.append(seconds)
        if len(self._recent) < self._recent.maxlen:  # type: ignore[operator] # it has one
            return
        ratio = statistics.median(self._recent) / self.target
        # An image that is smaller than asked for tells nothing of larger ones.
        wanted = FIRST_PIXELS * STEP**-self._steps
        if ratio > TOO_LONG and wanted > LEAST_PIXELS:
            self._step(-1 if ratio < TOO_LONG / STEP else -2)
        elif ratio < TOO_SHORT and pixels >= 0.9 * wanted:
            self._step(1)

    def _step(self, steps: int) -> None:
        self._steps += steps
        self._recent.clear()
