"""The letters of the patient's sides as pen strokes, for pictures that have no text."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

# Pen paths on a grid 2 wide and 4 high, origin at the bottom left. A, F, H, L, P and R are all that
# is ever written.
_PATHS: dict[str, list[list[tuple[float, float]]]] = {
    "A": [[(0, 0), (1, 4), (2, 0)], [(0.4, 1.5), (1.6, 1.5)]],
    "F": [[(0, 0), (0, 4), (2, 4)], [(0, 2.1), (1.6, 2.1)]],
    "H": [[(0, 0), (0, 4)], [(2, 0), (2, 4)], [(0, 2.1), (2, 2.1)]],
    "L": [[(0, 4), (0, 0), (2, 0)]],
    "P": [[(0, 0), (0, 4), (1.4, 4), (2, 3.5), (2, 2.5), (1.4, 2), (0, 2)]],
    "R": [
        [(0, 0), (0, 4), (1.4, 4), (2, 3.5), (2, 2.5), (1.4, 2), (0, 2)],
        [(1, 2), (2, 0)],
    ],
}
_WIDTH, _HEIGHT, _GAP = 2.0, 4.0, 1.0


def strokes(text: str) -> Float[NDArray[np.float64], "n 2 2"]:
    """Return letters as straight strokes.

    Args:
        text: Of the letters A, F, H, L, P and R.

    Returns:
        Starts and ends, (right, up); the text is 1 high, and its middle is at the origin.

    Examples:
        >>> strokes("L").tolist()
        [[[-0.25, 0.5], [-0.25, -0.5]], [[-0.25, -0.5], [0.25, -0.5]]]
    """
    parts = [
        np.stack([path[:-1], path[1:]], axis=1) + np.array([index * (_WIDTH + _GAP), 0])
        for index, letter in enumerate(text)
        for path in _PATHS[letter]
    ]
    whole = len(text) * (_WIDTH + _GAP) - _GAP
    placed: NDArray[np.float64] = np.concatenate(parts) - (whole / 2, _HEIGHT / 2)
    return placed / _HEIGHT
