"""What the values of a volume look like, found in no time by looking at some of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# So many are looked at in less than a millisecond; air, bone and a wrong offset show in them.
ENOUGH = 100_000

AIR_HU = -1000.0

# CTs hold air. Where nothing is lower than this, HU were stored with an offset, or are none.
NO_AIR_ABOVE_HU = -200.0
# What a CT with an offset of 1024 holds: 12 bits.
HIGHEST_STORED = 4095.0


@dataclass(frozen=True)
class Scan:
    """What was seen of a volume.

    Args:
        low: The lowest finite value.
        high: The highest one.
        not_finite: How many of the values seen are NaN or infinite.
        is_whole: Whether every value was seen.
    """

    low: float
    high: float
    not_finite: int
    is_whole: bool

    @classmethod
    def of(cls, voxels: NDArray[Any], *, whole: bool = False) -> Scan:
        """Look at a volume.

        Args:
            voxels: Real numbers, on any axes.
            whole: Look at every value, which takes a tenth of a second for a large CT.
        """
        step = 1 if whole else max(1, math.ceil((voxels.size / ENOUGH) ** (1 / voxels.ndim)))
        seen = voxels[(slice(None, None, step),) * voxels.ndim]
        low, high = float(seen.min()), float(seen.max())
        if math.isfinite(low) and math.isfinite(high):
            return cls(low, high, 0, step == 1)
        finite = seen[np.isfinite(seen)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        return cls(low, high, seen.size - finite.size, step == 1)

    @property
    def is_flat(self) -> bool:
        """Whether all finite values seen are one."""
        return self.low == self.high

    @property
    def is_hounsfield(self) -> bool:
        """Whether there is air, as in every CT in HU."""
        return self.low <= NO_AIR_ABOVE_HU

    @property
    def air(self) -> float:
        """What air is in these values."""
        return AIR_HU if self.is_hounsfield else self.low

    @property
    def is_stored_with_offset(self) -> bool:
        """Whether the values look like HU + 1024, as scanners store them."""
        return 0 <= self.low <= self.high <= HIGHEST_STORED and self.high > 1024
