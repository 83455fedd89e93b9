"""Where a camera stands to show the C-arm and the patient: arithmetic only, no napari."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.viewer._carm import CArm, Vector

View = Literal["home", "front", "side", "source"]
"""From the front and beside the beam, from the front, from the patient's left, from the source."""

VIEWS: tuple[View, ...] = get_args(View)

FOV_DEG = 20.0
"""The vertical angle of view: depth is felt, and the source, often nearest, does not get huge."""

# The part of the canvas that is filled.
FILLED = 0.94
# The letters around the image make it larger by this share.
LETTERED = 0.23

# Home looks from within 60 degrees of the front, and down a little.
ASIDE = np.radians(np.arange(60, -61, -5))
DOWN = 0.25

# Cosine to the beam that shows the picture and what throws it best: along the beam, the patient
# stands before the detector; against it, the detector hides the patient unless seen from aside.
ALONG, AGAINST = 0.8, -0.55
# What looking against the beam costs, in the same measure.
HIDDEN = 0.35

HEAD: Vector = np.array([0.0, 0.0, 1.0])

Points = Float[NDArray[np.float64], "n 3"]
Axes = Float[NDArray[np.float64], "3 3"]
"""To the right, up, and toward the camera, as rows of unit vectors."""


@dataclass(frozen=True, eq=False)
class Framing:
    """A camera that turns about the point in its canvas's middle; all in world RAS, mm.

    Args:
        view: Where it looks to, a unit vector.
        up: What is up on the canvas, a unit vector.
        center: The point in the canvas's middle.
        extent: What the canvas shows there: its height or its width, whichever is less.
        fov_deg: Its vertical angle of view.
    """

    view: Vector
    up: Vector
    center: Vector
    extent: float
    fov_deg: float = FOV_DEG

    @classmethod
    def around(cls, view: Vector, points: Points, size: tuple[int, int]) -> Framing:
        """Stand so that all points are seen, head up.

        Args:
            view: Where to look to.
            points: World mm.
            size: The canvas's height and width.
        """
        axes = _axes(view, HEAD)
        seen = points @ axes.T
        center = (seen.min(axis=0) + seen.max(axis=0)) / 2
        extent = _needed_extent(seen - center, size) / FILLED
        return cls(-axes[2], axes[1], center @ axes, extent)

    def shows(self, points: Points, size: tuple[int, int]) -> bool:
        """Tell whether all points are on the canvas.

        Args:
            points: World mm.
            size: The canvas's height and width.
        """
        offsets = (points - self.center) @ _axes(self.view, self.up).T
        return _needed_extent(offsets, size) <= self.extent


def framing(view: View, arm: CArm, body: Points, size: tuple[int, int]) -> Framing:
    """Return the camera of a named view.

    Args:
        view: One of `VIEWS`.
        arm: The C-arm, all of which is shown.
        body: Points of the patient that are shown too.
        size: The canvas's height and width.

    Raises:
        ValueError: If there is no such view.
    """
    if view == "source":
        return _from_source(arm, size)
    if view == "home":
        return Framing.around(_beside(arm), outline(arm, body), size)
    if view in ("front", "side"):
        way = np.array([0.0, -1, 0] if view == "front" else [1.0, 0, 0])
        return Framing.around(way, outline(arm, body), size)
    raise ValueError(f"`view` must be one of {', '.join(VIEWS)}; got {view!r}.")


def outline(arm: CArm, body: Points) -> Points:
    """Return the points between which all of C-arm and patient lies."""
    lettered = arm.center + (1 + LETTERED) * (arm.corners - arm.center)
    return np.concatenate([arm.source[None], lettered, body])


def _beside(arm: CArm) -> Vector:
    """Return the way to look that shows best how the patient is thrown onto the detector."""
    beam = (arm.center - arm.source) / np.linalg.norm(arm.center - arm.source)
    ways = np.column_stack([np.sin(ASIDE), -np.cos(ASIDE), np.full(len(ASIDE), -DOWN)])
    cosines = ways @ beam / np.linalg.norm(ways, axis=1)
    costs = np.minimum(np.abs(cosines - ALONG), np.abs(cosines - AGAINST) + HIDDEN)
    # Rounded: where both sides are alike, as for AP and PA, the patient's left is taken.
    way: Vector = ways[np.argmin(np.round(costs, 6))]
    return way


def _from_source(arm: CArm, size: tuple[int, int]) -> Framing:
    """Look from the source itself, so that all that a pixel's ray meets is seen in that pixel."""
    beam = arm.center - arm.source
    axes = _axes(beam, -arm.row_step)
    distance = float(np.linalg.norm(beam))
    right, up, near = ((1 + LETTERED) * (arm.corners - arm.center) @ axes.T).T
    across = np.maximum(*_across(right, up, size)) * distance / (distance - near)
    extent = float(across.max()) / FILLED
    height, width = size
    half = extent * max(1.0, height / width) / 2 / distance
    return Framing(-axes[2], axes[1], arm.center, extent, math.degrees(2 * math.atan(half)))


def _needed_extent(offsets: Points, size: tuple[int, int]) -> float:
    """Return the extent that holds points, given from the center along `Axes`."""
    right, up, near = offsets.T
    height, width = size
    # The camera stands at this many extents; nearer to it, the canvas shows less.
    distance = max(1.0, height / width) / (2 * math.tan(math.radians(FOV_DEG) / 2))
    return float((np.maximum(*_across(right, up, size)) + near / distance).max())


def _across(
    right: NDArray[np.float64], up: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the extents that widths and heights call for, of a canvas longer one way."""
    height, width = size
    shorter = min(size)
    return 2 * np.abs(right) * shorter / width, 2 * np.abs(up) * shorter / height


def _axes(view: Vector, up: Vector) -> Axes:
    toward = -view / np.linalg.norm(view)
    right = np.cross(up, toward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(toward, right), toward])
