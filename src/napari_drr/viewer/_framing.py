"""Where a camera stands to show the C-arm and the patient: arithmetic only, no napari."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple, get_args

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
FILLED = 0.96
# What letters take outside of the image's edges, in pixels of the canvas; and the share of a very
# small canvas that they may take at most.
LETTER_PIXELS, LETTERED = 24, 0.3

# Home looks from within 65 degrees of the front, and down a little.
ASIDE = np.radians(np.arange(65, -66, -5))
DOWN = (0.1, 0.25, 0.4)

# Cosine to the beam that shows the picture and what throws it best: along the beam, the patient
# stands before the detector; against it, the detector hides the patient unless seen from aside.
ALONG, AGAINST = 0.8, -0.55
# What looking against the beam costs, in the same measure.
HIDDEN = 0.35
# What a canvas costs that is filled by less, for each factor of e; and what a picture costs that
# is seen flatter or more edge-on than these cosines say, or hides the patient.
EMPTY, FLAT, EDGE_ON, HIDES, BAD_ANGLE = 0.5, 0.93, 0.42, 0.65, 10.0

HEAD: Vector = np.array([0.0, 0.0, 1.0])

Points = Float[NDArray[np.float64], "n 3"]
Size = tuple[int, int]
Axes = Float[NDArray[np.float64], "3 3"]
"""To the right, up, and toward the camera, as rows of unit vectors."""


# Passes that center what perspective has shifted; a share that rounding may take.
CENTERINGS, ROUNDING = 4, 1e-9


class Outline(NamedTuple):
    """What a camera is to show."""

    points: Points
    """World mm."""
    margins: Float[NDArray[np.float64], " n"]
    """What is to be seen about each of them, in pixels of the canvas."""


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
    def around(cls, view: Vector, outline: Outline, size: Size) -> Framing:
        """Stand so that all of an outline is seen, as large as may be, head up.

        Args:
            view: Where to look to.
            outline: What is to be seen.
            size: The canvas's height and width.
        """
        axes = _axes(np.asarray(view), HEAD)
        fit = _fit(axes[None], outline, size)
        return cls(-axes[2], axes[1], fit.centers[0] @ axes, float(fit.extents[0]))

    def shows(self, outline: Outline, size: Size) -> bool:
        """Tell whether all of an outline is on the canvas.

        Args:
            outline: What is to be seen.
            size: The canvas's height and width.
        """
        offsets = (outline.points - self.center) @ _axes(self.view, self.up).T
        needed = np.max(_needed_extents(offsets, outline.margins, size))
        return bool(needed <= self.extent * (1 + ROUNDING))


def framing(view: View, arm: CArm, body: Points, size: Size) -> Framing:
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
        shown = outline(arm, body)
        return Framing.around(_beside(arm, shown, size), shown, size)
    if view in ("front", "side"):
        way = np.array([0.0, -1, 0] if view == "front" else [1.0, 0, 0])
        return Framing.around(way, outline(arm, body), size)
    raise ValueError(f"`view` must be one of {', '.join(VIEWS)}; got {view!r}.")


def outline(arm: CArm, body: Points) -> Outline:
    """Return the points between which all of C-arm and patient lies.

    Letters stand at the middles of the image's edges, and no farther to the side.
    """
    corners = arm.corners
    edges = (corners + np.roll(corners, -1, axis=0)) / 2
    points = np.concatenate([arm.source[None], corners, body, edges])
    margins = np.zeros(len(points))
    margins[-len(edges) :] = LETTER_PIXELS
    return Outline(points, margins)


def _beside(arm: CArm, shown: Outline, size: Size) -> Vector:
    """Return the way to look that shows best how the patient is thrown onto the detector.

    A canvas that is low or narrow is filled by a scene that is seen from the side of the beam, or
    more along it.
    """
    beam = (arm.center - arm.source) / np.linalg.norm(arm.center - arm.source)
    axes = _home_axes()
    ways = -axes[:, 2]
    cosines = ways @ beam
    costs = np.minimum(np.abs(cosines - ALONG), np.abs(cosines - AGAINST) + HIDDEN)
    angles = np.abs(cosines)
    costs += BAD_ANGLE * np.maximum(0, np.stack([angles - FLAT, EDGE_ON - angles])).sum(axis=0)
    costs += BAD_ANGLE * np.maximum(0, -cosines - HIDES)
    costs -= EMPTY * np.log(_fit(axes, shown, size).filled)
    # Rounded: where both sides are alike, as for AP and PA, the patient's left is taken.
    best: Vector = ways[np.argmin(np.round(costs, 6))]
    return best


@cache
def _home_axes() -> Float[NDArray[np.float64], "n 3 3"]:
    """Return the directions that Home chooses from."""
    aside, down = (grid.ravel() for grid in np.meshgrid(ASIDE, DOWN, indexing="ij"))
    ways = np.column_stack([np.sin(aside), -np.cos(aside), -down])
    return np.stack([_axes(way, HEAD) for way in ways])


def _from_source(arm: CArm, size: Size) -> Framing:
    """Look from the source itself, so that all that a pixel's ray meets is seen in that pixel."""
    beam = arm.center - arm.source
    axes = _axes(beam, -arm.row_step)
    distance = float(np.linalg.norm(beam))
    shown = outline(arm, np.empty((0, 3)))
    right, up, near = ((shown.points[1:] - arm.center) @ axes.T).T
    across = np.stack([right, up]) / _rooms(shown.margins[1:], size) * min(size)
    extent = float((np.abs(across) * distance / (distance - near)).max())
    height, width = size
    half = extent * max(1.0, height / width) / 2 / distance
    return Framing(-axes[2], axes[1], arm.center, extent, math.degrees(2 * math.atan(half)))


class _Fit(NamedTuple):
    """Cameras of several directions that each show all of an outline."""

    centers: Points
    """Along the axes of each."""
    extents: Float[NDArray[np.float64], " n"]
    filled: Float[NDArray[np.float64], " n"]
    """The share of the canvas that the outline's bounding box takes."""


def _fit(axes: Float[NDArray[np.float64], "n 3 3"], outline: Outline, size: Size) -> _Fit:
    seen = outline.points @ np.swapaxes(axes, 1, 2)
    centers = (seen.min(axis=1) + seen.max(axis=1)) / 2
    per_mm = _rooms(outline.margins, size).max(axis=1) / min(size)
    # Nearer points reach farther out: the center goes to where both sides need as much.
    for _ in range(CENTERINGS):
        needed = _needed_extents(seen - centers[:, None], outline.margins, size)
        positive, negative = needed.max(axis=-1)
        centers[:, :2] += ((positive - negative) / 2 * per_mm[:, None]).T
    needed = _needed_extents(seen - centers[:, None], outline.margins, size)
    sides = needed.max(axis=-1)
    extents = sides.max(axis=(0, 1))
    filled = np.prod(sides.mean(axis=0) / extents, axis=0)
    return _Fit(centers, extents, filled)


def _needed_extents(
    offsets: Float[NDArray[np.float64], "*n m 3"],
    margins: Float[NDArray[np.float64], " m"],
    size: Size,
) -> Float[NDArray[np.float64], "2 2 *n m"]:
    """Return the extents that hold points: to the right and up, then to the left and down.

    Args:
        offsets: From the center along `Axes`.
        margins: In pixels about each point.
        size: The canvas's height and width.
    """
    height, width = size
    # The camera stands at this many extents; nearer to it, the canvas shows less.
    distance = max(1.0, height / width) / (2 * math.tan(math.radians(FOV_DEG) / 2))
    rooms = _rooms(margins, size) / min(size)
    across = np.stack([offsets[..., axis] / rooms[axis] for axis in (0, 1)])
    nearer = offsets[..., 2] / distance
    return np.stack([across + nearer, -across + nearer])


def _rooms(margins: Float[NDArray[np.float64], " m"], size: Size) -> NDArray[np.float64]:
    """Return the pixels from the canvas's middle to its sides, then to its top, less margins."""
    halves = np.array(size[::-1]) / 2
    return FILLED * halves[:, None] - np.minimum(margins, LETTERED * halves[:, None])


def _axes(view: Vector, up: Vector) -> Axes:
    toward = -view / np.linalg.norm(view)
    right = np.cross(up, toward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(toward, right), toward])
