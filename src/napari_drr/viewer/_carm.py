"""Where the C-arm stands in the CT's world: arithmetic only, no napari."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray

from napari_drr.recipe import DetectorSettings, Orientation, Pose, Recipe
from napari_drr.viewer._frames import Affine

Vector = Float[NDArray[np.float64], "3"]
Point = Sequence[float] | Vector
Segment = Float[NDArray[np.float64], "2 3"]
"""Start and end, world mm."""


@dataclass(frozen=True, eq=False)
class Box:
    """The space that a voxel grid fills, outer faces included.

    Args:
        affine: World RAS mm from voxel indices, whatever their order.
        shape: The grid's shape, in that order.
    """

    affine: Affine
    shape: tuple[int, ...]

    @property
    def corners(self) -> Float[NDArray[np.float64], "8 3"]:
        """The corners in world mm."""
        ends = np.stack(np.meshgrid(*([0, 1] for _ in range(3)), indexing="ij"), -1).reshape(8, 3)
        indices = ends * np.array(self.shape) - 0.5
        corners: NDArray[np.float64] = indices @ self.affine[:3, :3].T + self.affine[:3, 3]
        return corners

    @property
    def center(self) -> Vector:
        """The midpoint in world mm: the isocenter, unless it is moved."""
        last = np.array(self.shape, dtype=np.float64) - 1
        center: Vector = self.affine[:3, :3] @ (last / 2) + self.affine[:3, 3]
        return center

    def voxels(self, points: Float[ArrayLike, "*n 3"]) -> Float[NDArray[np.float64], "*n 3"]:
        """Return the voxel indices, with fractions, of world points.

        Args:
            points: World mm.
        """
        inverse = np.linalg.inv(self.affine)
        indices: NDArray[np.float64] = np.asarray(points) @ inverse[:3, :3].T + inverse[:3, 3]
        return indices

    def clip(self, segment: Segment) -> Segment | None:
        """Return the part of a segment that lies in the box.

        Args:
            segment: Start and end in world mm.

        Returns:
            Start and end of the part, in the same direction, or None if there is none.
        """
        start, end = self.voxels(segment)
        way = end - start + 0.0  # no -0: its sign would turn the infinities below around
        faces = np.array([[-0.5] * 3, np.array(self.shape) - 0.5])
        with np.errstate(divide="ignore", invalid="ignore"):
            crossings = (faces - start) / way
        # 0 / 0: it runs in a face's plane all along, which belongs to the box.
        crossings = np.where(np.isnan(crossings), [[-np.inf], [np.inf]], crossings)
        crossings.sort(axis=0)
        enters, leaves = max(0.0, crossings[0].max()), min(1.0, crossings[1].min())
        if enters >= leaves:
            return None
        first, last = segment
        return np.stack([first + share * (last - first) for share in (enters, leaves)])


@dataclass(frozen=True, eq=False)
class CArm:
    """Source and detector in world mm.

    Pixel points are (x = column, y = row) of the full detector, pixel centers at +0.5.

    Args:
        source: The X-ray source.
        center: The image's center on the detector.
        column_step: From one pixel to the next in a row, to the right of the image.
        row_step: From one pixel to the next in a column, downwards in the image.
        shape: Height and width of the image in pixels.
    """

    source: Vector
    center: Vector
    column_step: Vector
    row_step: Vector
    shape: tuple[int, int]

    @classmethod
    def of(cls, recipe: Recipe, isocenter: Point) -> CArm:
        """Place the C-arm of a recipe.

        Args:
            recipe: Its pose, orientation and detector count.
            isocenter: The origin of the recipe's iso frame in world mm: the recipe's own, or the
                center of the CT's grid where that is None.

        Returns:
            The C-arm in the CT's world.
        """
        iso = _in_iso(recipe.pose, recipe.orientation, recipe.detector)
        shift = np.asarray(isocenter, dtype=np.float64)
        source, center = iso.source + shift, iso.center + shift
        return cls(source, center, iso.column_step, iso.row_step, iso.shape)

    @property
    def corners(self) -> Float[NDArray[np.float64], "4 3"]:
        """The image's top left, top right, bottom right and bottom left corner."""
        height, width = self.shape
        return self.on_detector([[0, 0], [width, 0], [width, height], [0, height]])

    @property
    def principal_point(self) -> Vector:
        """Where the central ray meets the detector's plane, at a right angle."""
        normal = self._normal
        foot: Vector = self.source + normal * (normal @ (self.center - self.source))
        return foot

    @property
    def central_ray(self) -> Segment:
        """From the source to the principal point."""
        return np.stack([self.source, self.principal_point])

    @property
    def edges(self) -> Float[NDArray[np.float64], "4 2 3"]:
        """The beam's edges: from the source to each of `corners`."""
        return np.stack([np.broadcast_to(self.source, (4, 3)), self.corners], axis=1)

    def on_detector(self, pixels: Float[ArrayLike, "*n 2"]) -> Float[NDArray[np.float64], "*n 3"]:
        """Return where pixel points lie.

        Args:
            pixels: (column, row); they need not lie on the image.

        Returns:
            World mm.
        """
        height, width = self.shape
        offsets = np.asarray(pixels, dtype=np.float64) - (width / 2, height / 2)
        points: NDArray[np.float64] = self.center + offsets @ np.stack(
            [self.column_step, self.row_step]
        )
        return points

    def ray(self, pixel: Sequence[float]) -> Segment:
        """Return the ray that a pixel point sees, from the source to the detector.

        Args:
            pixel: (column, row).
        """
        return np.stack([self.source, self.on_detector(pixel)])

    def pixel(self, point: Point) -> tuple[float, float] | None:
        """Return the pixel point that a world point is projected to.

        Args:
            point: World mm.

        Returns:
            (column, row), which may lie outside the image, or None if the point is not before the
            source.
        """
        normal, away = self._normal, np.asarray(point, dtype=np.float64) - self.source
        depth, plane = normal @ away, normal @ (self.center - self.source)
        # Negative distances put the detector on the other side; before the source is toward it.
        if depth * plane <= 0:
            return None
        offset = away * (plane / depth) - (self.center - self.source)
        height, width = self.shape
        # Rows and columns are at right angles.
        column = offset @ self.column_step / (self.column_step @ self.column_step)
        row = offset @ self.row_step / (self.row_step @ self.row_step)
        return float(column + width / 2), float(row + height / 2)

    @property
    def _normal(self) -> Vector:
        normal = np.cross(self.column_step, self.row_step)
        unit: Vector = normal / np.linalg.norm(normal)
        return unit


@lru_cache(maxsize=8)
def _in_iso(pose: Pose, orientation: Orientation, detector: DetectorSettings) -> CArm:
    """Return the C-arm in iso mm: scene, letters and marks ask for one pose at the same time."""
    plane = detector.detector(orientation).plane(pose.rigid_transform())
    source, to_center, column_step, row_step = (vector[0].numpy() for vector in plane)
    shape = (detector.height, detector.width)
    arm = CArm(source, source + to_center, column_step, row_step, shape)
    for shared in (column_step, row_step):
        shared.flags.writeable = False
    return arm
