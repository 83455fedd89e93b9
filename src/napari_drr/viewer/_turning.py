"""What a drag on the radiograph does to the C-arm: arithmetic only, no napari."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.recipe import Pose, Recipe
from napari_drr.viewer._carm import CArm

Offset = Float[NDArray[np.float64], "2"]
"""How far the hand has moved over the radiograph, (right, down), mm on the detector."""

# A drag along the radiograph's longer side turns by this.
DEGREES_ACROSS = 90.0
# A drag along its height doubles or halves the distance.
DOUBLING = 2.0
NEAREST_MM = 1.0

# Where the anatomy is that follows the hand: this share of the way from the isocenter to the
# source. Any share shows the same direction.
NEAR_SIDE = 0.1
SMALL_DEG = 0.01
# An axis that moves the anatomy less than this share of what the other one does points along the
# beam: it rolls the picture.
ALONG_BEAM = 0.1

# What is kept of angles and lengths, so that a recipe is read with pleasure.
DECIMALS_DEG, DECIMALS_MM = 3, 3

ORIGIN = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Grip:
    """A radiograph that was taken hold of; how the C-arm then follows the hand.

    All is measured from where it was taken hold of, so that the way of the hand does not matter.

    Args:
        recipe: What the radiograph shows.
        arm: Its C-arm, iso mm.
        ways: The directions, (right, down), in which anatomy on the source's side moves as the
            C-arm turns about the body's long axis, and as it tilts toward the head.
    """

    recipe: Recipe
    arm: CArm
    ways: Float[NDArray[np.float64], "2 2"]

    @classmethod
    def of(cls, recipe: Recipe) -> Grip:
        """Take hold of a radiograph.

        Args:
            recipe: What it shows.
        """
        return cls(recipe, CArm.of(recipe, ORIGIN), _ways(recipe))

    def turned(self, offset: Offset) -> Recipe:
        """Turn the C-arm about the isocenter, so that what is near the source follows the hand.

        Across turns about the body's long axis, up and down tilts toward head and feet; where the
        picture is rolled, each about as much of both.

        Args:
            offset: Of the hand.

        Returns:
            The recipe with another pose.
        """
        detector = self.recipe.detector
        longer = max(
            detector.width * detector.pixel_spacing_x, detector.height * detector.pixel_spacing_y
        )
        long_axis, tilt = self.ways @ offset * (DEGREES_ACROSS / longer)
        pose = turned(self.recipe.pose, float(long_axis), float(tilt))
        angles = ("alpha_deg", "beta_deg", "gamma_deg")
        short = {name: round(getattr(pose, name), DECIMALS_DEG) for name in angles}
        return replace(self.recipe, pose=replace(pose, **short))

    def shifted(self, offset: Offset) -> Recipe:
        """Move the C-arm along its detector, so that the isocenter's picture follows the hand.

        Args:
            offset: Of the hand.

        Returns:
            The recipe with another pose.
        """
        _, depth, plane = self._depths()
        right, down = (
            step / np.linalg.norm(step) for step in (self.arm.column_step, self.arm.row_step)
        )
        # What stands still moves in the picture against the source, magnified.
        return self._moved(-(offset[0] * right + offset[1] * down) * depth / plane)

    def moved_away(self, offset: Offset) -> Recipe:
        """Move source and detector along the central ray: down is farther from the isocenter.

        Args:
            offset: Of the hand.

        Returns:
            The recipe with another pose; the isocenter stays between source and detector.
        """
        beam, depth, plane = self._depths()
        detector = self.recipe.detector
        share = offset[1] / (detector.height * detector.pixel_spacing_y)
        nearest, farthest = min(NEAREST_MM, depth), max(plane, depth)
        wanted = float(np.clip(depth * DOUBLING**share, nearest, farthest))
        return self._moved(beam * (depth - wanted))

    def _depths(self) -> tuple[NDArray[np.float64], float, float]:
        """Return the beam's direction, and how far along it isocenter and detector are."""
        source, foot = self.arm.central_ray
        plane = float(np.linalg.norm(foot - source))
        beam = (foot - source) / plane
        return beam, float(-source @ beam), plane

    def _moved(self, way: NDArray[np.float64]) -> Recipe:
        """Move the whole C-arm by a way in iso mm."""
        pose = self.recipe.pose
        rotation = pose.rigid_transform().matrix[0, :3, :3].numpy()
        # The translation is in the rotated frame: x_iso = R (M x_camera + t).
        x, y, z = np.round(np.array([pose.x, pose.y, pose.z]) + rotation.T @ way, DECIMALS_MM)
        return replace(self.recipe, pose=replace(pose, x=float(x), y=float(y), z=float(z)))


def turned(pose: Pose, long_axis: float, tilt: float) -> Pose:
    """Turn a pose about the body's long axis, and tilt it toward head and feet.

    Args:
        pose: In any convention.
        long_axis: Degrees about the iso frame's z.
        tilt: Degrees about the x axis that turns along: beta of the ZXY convention.

    Returns:
        The pose in its own convention; source and isocenter stay as far apart.
    """
    zxy = pose if pose.convention == "ZXY" else Pose.from_matrix(_matrix(pose), "ZXY")
    alpha, beta = wrapped(zxy.alpha_deg + long_axis), wrapped(zxy.beta_deg + tilt)
    moved = replace(zxy, alpha_deg=alpha, beta_deg=beta)
    if pose.convention == "ZXY":
        return moved
    angles = Pose.from_matrix(_matrix(moved), pose.convention)
    return replace(angles, x=pose.x, y=pose.y, z=pose.z)


def wrapped(angle_deg: float) -> float:
    """Return an angle as the sliders have it, above -180 to 180 degrees.

    Examples:
        >>> wrapped(190.0), wrapped(180.0), wrapped(-180.0)
        (-170.0, 180.0, 180.0)
    """
    return 180.0 - (180.0 - angle_deg) % 360.0


def _matrix(pose: Pose) -> NDArray[np.float64]:
    matrix: NDArray[np.float64] = pose.rigid_transform().matrix[0].numpy()
    return matrix


def _ways(recipe: Recipe) -> NDArray[np.float64]:
    """Return the picture's directions in which the near side moves, for both angles.

    Looked up in the projection itself: whatever mirrors or rolls the picture is then heeded.
    """
    found = [_speed(recipe, *angles) for angles in ((SMALL_DEG, 0.0), (0.0, SMALL_DEG))]
    lengths = [float(np.linalg.norm(speed)) for speed in found]
    least = ALONG_BEAM * max(lengths)
    is_seen = [length > least for length in lengths]
    units = [
        speed / length if length else speed for speed, length in zip(found, lengths, strict=True)
    ]
    if not any(is_seen):
        return np.eye(2)
    if not is_seen[0]:
        units[0] = np.array([-units[1][1], units[1][0]])
    if not is_seen[1]:
        units[1] = np.array([-units[0][1], units[0][0]])
    return np.stack(units)


def _speed(recipe: Recipe, long_axis: float, tilt: float) -> NDArray[np.float64]:
    """Return how a point on the source's side moves in the picture, mm, in a small turn."""
    before = CArm.of(recipe, ORIGIN)
    after = CArm.of(replace(recipe, pose=turned(recipe.pose, long_axis, tilt)), ORIGIN)
    point = NEAR_SIDE * before.source
    start, end = before.pixel(point.tolist()), after.pixel(point.tolist())
    if start is None or end is None:
        return np.zeros(2)
    detector = recipe.detector
    return np.subtract(end, start) * (detector.pixel_spacing_x, detector.pixel_spacing_y)
