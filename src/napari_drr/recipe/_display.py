"""How the image looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from jaxtyping import Float

from napari_drr.recipe._values import Positive, Rule, Values

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


Limits = Annotated[tuple[float, float], Rule("ascending", lambda pair: pair[0] <= pair[1])]


@dataclass(frozen=True)
class Display(Values):
    """How the image looks; the image itself stays line integrals.

    Args:
        mode: `"line_integral"` shows p, `"transmission"` shows exp(-p), as a detector counts.
        invert: Whether black and white are exchanged.
        gamma: Exponent on the gray value, after the mode and before `invert`; 1 is linear.
        contrast_limits: Line integrals p at the ends of the gray scale, in both modes; None is 0
            and the image's largest.
    """

    mode: Literal["line_integral", "transmission"] = "line_integral"
    invert: bool = False
    gamma: Positive = 1.0
    contrast_limits: Limits | None = None

    def gray(
        self, line_integrals: Float[ArrayLike, "*shape"]
    ) -> Float[NDArray[np.float64], "*shape"]:
        """Return the gray value of line integrals: 0 is black, 1 white.

        With the limits a and b, the value is `(p - a) / (b - a)`, or in transmission
        `(exp(-p) - exp(-b)) / (exp(-a) - exp(-b))`, cut to 0..1, to the power `gamma`.

        Args:
            line_integrals: An image, or any values.

        Returns:
            Gray values of the same shape; where the limits are one value, black and white only.

        Examples:
            >>> Display(contrast_limits=(0.0, 4.0)).gray([0.0, 1.0, 4.0, 5.0])
            array([0.  , 0.25, 1.  , 1.  ])
            >>> Display("transmission", contrast_limits=(0.0, 4.0)).gray([0.0, 4.0])
            array([1., 0.])
        """
        p = np.asarray(line_integrals, dtype=np.float64)
        low, high = self.contrast_limits or (0.0, p.max(initial=0.0) or 1.0)
        gray = self._stretched(p, float(low), float(high)) ** self.gamma
        return 1.0 - gray if self.invert else gray

    def _stretched(
        self, p: NDArray[np.float64], low: float, high: float
    ) -> Float[NDArray[np.float64], "*shape"]:
        """Map the limits to 0 and 1, in transmission to 1 and 0, and cut what lies outside."""
        transmits = self.mode == "transmission"
        if high == low:
            return np.where((p > low) != transmits, 1.0, 0.0)
        p = np.clip(p, low, high)
        if transmits:
            # Relative to the lower limit, so that large line integrals do not underflow; of
            # exp(x) - 1, so that close limits do not cancel.
            least = np.expm1(low - high)
            transmitted: NDArray[np.float64] = (np.expm1(low - p) - least) / -least
            return transmitted
        return (p - low) / (high - low)
