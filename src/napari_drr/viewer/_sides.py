"""Which side of the patient each edge of a radiograph is on.

The letters are those of DICOM's Patient Orientation (PS3.3, C.7.6.1.1.1): R and L, A and P, H and
F, the letter of the largest component first, and more letters where a direction is oblique.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from napari_drr.recipe import Recipe
from napari_drr.viewer._carm import CArm, Point

# Toward +x, +y, +z and -x, -y, -z of a world in RAS.
LETTERS = ("RAH", "LPF")

# A direction within 15 degrees of an axis is called by that axis alone: a hand-held view is never
# straight to the degree, and "RA" for nearly "R" only makes the reader stop.
OBLIQUE = math.sin(math.radians(15))


class Sides(NamedTuple):
    """The letters at the image's edges, such as "R", or "RA" for right and somewhat in front."""

    left: str
    right: str
    top: str
    bottom: str


def side(direction: Point) -> str:
    """Name a direction by the sides of the patient that it points to.

    Args:
        direction: In world RAS; of any length but 0.

    Returns:
        One letter, or two where the direction lies 15 degrees or more off the nearest axis.

    Examples:
        >>> side((-1, 0, 0)), side((0, 0.5, 0.9)), side((0, 0.2, 0.9))
        ('L', 'HA', 'H')
    """
    # Rounded, so that at 45 degrees the order of the axes decides and not the last bit.
    unit = np.round(np.asarray(direction, dtype=np.float64) / np.linalg.norm(direction), 9)
    first, second, _ = np.argsort(-np.abs(unit), kind="stable")
    axes = [first, second] if abs(unit[second]) >= OBLIQUE else [first]
    return "".join(LETTERS[int(unit[axis] < 0)][axis] for axis in axes)


def sides(recipe: Recipe) -> Sides:
    """Return the patient's sides at the edges of a recipe's image.

    Args:
        recipe: Its pose, orientation and detector (mirror) count.

    Returns:
        The letters, as the image is shown: row 0 on top, column 0 on the left.

    Examples:
        >>> sides(Recipe())  # AP: the patient's right on the left, as radiologists read it
        Sides(left='R', right='L', top='H', bottom='F')
    """
    arm = CArm.of(recipe, (0.0, 0.0, 0.0))
    across, down = arm.column_step, arm.row_step
    return Sides(side(-across), side(across), side(-down), side(down))
