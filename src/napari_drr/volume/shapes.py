"""Solid shapes in mm, and a canvas of voxels to paint them on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Point: TypeAlias = Sequence[float] | np.ndarray
Coordinates: TypeAlias = np.ndarray
Inside: TypeAlias = Callable[[Coordinates, Coordinates, Coordinates], np.ndarray]


@dataclass(frozen=True)
class Shape:
    """A solid: the box it lies in (mm), and a test for points (x, y, z: arrays that broadcast)."""

    low: Point
    high: Point
    inside: Inside

    def on_side(self, side: int) -> "Shape":
        """Return the shape itself (`side` > 0), or its mirror image across the plane x = 0."""
        if side > 0:
            return self
        low, high = (-self.high[0], *self.low[1:]), (-self.low[0], *self.high[1:])
        return Shape(low, high, lambda x, y, z: self.inside(-x, y, z))

    def __and__(self, other: "Shape") -> "Shape":
        low, high = np.maximum(self.low, other.low), np.minimum(self.high, other.high)
        return Shape(low, high, lambda x, y, z: self.inside(x, y, z) & other.inside(x, y, z))

    def __invert__(self) -> "Shape":
        return Shape((-np.inf,) * 3, (np.inf,) * 3, lambda x, y, z: ~self.inside(x, y, z))


class Canvas:
    """HU and labels on a grid of voxels; later paint covers earlier.

    Args:
        axes: the voxel centers' coordinates along x, y and z, in mm; each rising or falling.
        background: HU of the empty canvas.
    """

    def __init__(self, axes: Sequence[np.ndarray], background: float) -> None:
        self.axes = [np.asarray(axis, dtype=np.float64) for axis in axes]
        shape = tuple(len(axis) for axis in self.axes)
        self.hounsfield = np.full(shape, background, dtype=np.float32)
        self.labels = np.zeros(shape, dtype=np.uint8)

    def paint(
        self,
        shape: Shape,
        hounsfield: float | Inside,
        label: int | None = None,
        over: Sequence[int] | None = None,
    ) -> None:
        """Fill a shape.

        Args:
            shape: what to fill.
            hounsfield: HU, or a function of the points that gives them.
            label: the label to write; None leaves labels as they are.
            over: paint only on these labels; None paints on all.
        """
        box = tuple(
            _within(axis, low, high)
            for axis, low, high in zip(self.axes, shape.low, shape.high, strict=True)
        )
        points = np.ix_(*(axis[part] for axis, part in zip(self.axes, box, strict=True)))
        inside = shape.inside(*points)
        if over is not None:
            inside = inside & np.isin(self.labels[box], over)
        values = hounsfield(*points) if callable(hounsfield) else hounsfield
        np.copyto(self.hounsfield[box], values, where=inside, casting="same_kind")
        if label is not None:
            np.copyto(self.labels[box], label, where=inside)


def half_space(height: float, tilt: float = 0.0) -> Shape:
    """Return all points below the plane z = height + tilt y."""
    return Shape((-np.inf,) * 3, (np.inf,) * 3, lambda x, y, z: z < height + tilt * y + 0.0 * x)


def ellipsoid(center: Point, radii: Point, long_axis: Point | None = None) -> Shape:
    """Return an ellipsoid.

    Args:
        center: in mm.
        radii: along x, y, z; or, with `long_axis`, along it, and twice across it.
        long_axis: direction of the first radius; the other two must then be equal.

    Returns:
        The solid.
    """
    reach = list(radii) if long_axis is None else [max(radii)] * 3
    axis = np.zeros(3) if long_axis is None else np.asarray(long_axis) / np.linalg.norm(long_axis)

    def upright(x: Coordinates, y: Coordinates, z: Coordinates) -> np.ndarray:
        u, v, w = (x - center[0]) / radii[0], (y - center[1]) / radii[1], (z - center[2]) / radii[2]
        held: np.ndarray = u**2 + v**2 + w**2 <= 1.0
        return held

    def tilted(x: Coordinates, y: Coordinates, z: Coordinates) -> np.ndarray:
        dx, dy, dz = x - center[0], y - center[1], z - center[2]
        along = dx * axis[0] + dy * axis[1] + dz * axis[2]
        across = dx**2 + dy**2 + dz**2 - along**2
        held: np.ndarray = (along / radii[0]) ** 2 + across / radii[1] ** 2 <= 1.0
        return held

    low = [c - r for c, r in zip(center, reach, strict=True)]
    high = [c + r for c, r in zip(center, reach, strict=True)]
    return Shape(low, high, upright if long_axis is None else tilted)


def capsule(start: Point, end: Point, radius: float, end_radius: float | None = None) -> Shape:
    """Return all points near a segment: within `radius` at its start, `end_radius` at its end."""
    a, b = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    last = radius if end_radius is None else end_radius
    d = b - a

    def inside(x: Coordinates, y: Coordinates, z: Coordinates) -> np.ndarray:
        px, py, pz = x - a[0], y - a[1], z - a[2]
        t = np.clip((px * d[0] + py * d[1] + pz * d[2]) / (d @ d), 0.0, 1.0)
        distance2 = (px - t * d[0]) ** 2 + (py - t * d[1]) ** 2 + (pz - t * d[2]) ** 2
        held: np.ndarray = distance2 <= (radius + t * (last - radius)) ** 2
        return held

    reach = max(radius, last)
    return Shape(np.minimum(a, b) - reach, np.maximum(a, b) + reach, inside)


def tube(points: Sequence[Point], radius: float, end_radius: float | None = None) -> list[Shape]:
    """Return capsules along a smooth curve through `points` (Catmull-Rom), thinning to its end."""
    p = np.asarray(points, dtype=float)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0.0, 1.0, 6, endpoint=False)[:, None]
    spans = [
        0.5
        * (
            2 * p[i]
            + (p[i + 1] - p[i - 1]) * t
            + (2 * p[i - 1] - 5 * p[i] + 4 * p[i + 1] - p[i + 2]) * t**2
            + (3 * (p[i] - p[i + 1]) + p[i + 2] - p[i - 1]) * t**3
        )
        for i in range(1, len(p) - 2)
    ]
    curve = np.vstack([*spans, p[-2]])
    radii = np.linspace(radius, radius if end_radius is None else end_radius, len(curve))
    return [
        capsule(curve[i], curve[i + 1], float(radii[i]), float(radii[i + 1]))
        for i in range(len(curve) - 1)
    ]


def plate(corners: Sequence[Point], thickness: float) -> Shape:
    """Return a flat triangle of the given thickness."""
    a, b, c = (np.asarray(corner, dtype=float) for corner in corners)
    u, v = b - a, c - a
    normal = np.cross(u, v)
    area2 = float(normal @ normal)
    unit = normal / np.sqrt(area2)

    def inside(x: Coordinates, y: Coordinates, z: Coordinates) -> np.ndarray:
        px, py, pz = x - a[0], y - a[1], z - a[2]
        height = px * unit[0] + py * unit[1] + pz * unit[2]
        # Barycentric coordinates of the foot of the perpendicular.
        wu, wv = np.cross(v, normal) / area2, np.cross(normal, u) / area2
        s = px * wu[0] + py * wu[1] + pz * wu[2]
        t = px * wv[0] + py * wv[1] + pz * wv[2]
        held: np.ndarray = (np.abs(height) <= thickness / 2) & (s >= 0) & (t >= 0) & (s + t <= 1)
        return held

    low, high = np.min([a, b, c], axis=0), np.max([a, b, c], axis=0)
    return Shape(low - thickness, high + thickness, inside)


def hoop(
    radii: tuple[float, float],
    center_y: float,
    sweep: tuple[float, float],
    height: tuple[float, float],
    section: tuple[float, float],
) -> Shape:
    """Return a rib-like arc on the right side (x > 0): part of an upright elliptic barrel.

    Args:
        radii: of the barrel, along x and y.
        center_y: of the barrel.
        sweep: where the arc starts and ends, in radians from straight back (-y) toward +x.
        height: z at its start and at its end.
        section: half thickness (across the barrel's wall) and half height of the arc's section.

    Returns:
        The solid.
    """
    (a, b), (first, last), (top, bottom) = radii, sweep, height

    def inside(x: Coordinates, y: Coordinates, z: Coordinates) -> np.ndarray:
        u, v = x / a, (center_y - y) / b
        angle, rho = np.arctan2(u, v), np.hypot(u, v)
        share = np.clip((angle - first) / (last - first), 0.0, 1.0)
        middle = top + (bottom - top) * 0.5 * (1.0 - np.cos(np.pi * share))
        wall = (rho - 1.0) * np.hypot(a * np.sin(angle), b * np.cos(angle))
        near = (wall / section[0]) ** 2 + ((z - middle) / section[1]) ** 2 <= 1.0
        held: np.ndarray = near & (angle >= first) & (angle <= last)
        return held

    grow = section[0]
    low = (0.0, center_y - b - grow, min(height) - section[1])
    return Shape(low, (a + grow, center_y + b + grow, max(height) + section[1]), inside)


def stack(
    levels: Sequence[tuple[float, float, float, float, float]], exponent: float = 2.0
) -> Shape:
    """Return a solid of stacked superellipses.

    Args:
        levels: (z, center x, center y, half width, half depth) from the lowest up; linear between.
        exponent: 2 for ellipses, larger for boxier sections.

    Returns:
        The solid.
    """
    table = np.asarray(levels, dtype=float)

    def inside(x: Coordinates, y: Coordinates, z: Coordinates) -> np.ndarray:
        cx, cy, a, b = (np.interp(z, table[:, 0], table[:, i]) for i in range(1, 5))
        held: np.ndarray = (
            np.abs((x - cx) / a) ** exponent + np.abs((y - cy) / b) ** exponent <= 1.0
        )
        return held

    low = [*(table[:, 1:3] - table[:, 3:5]).min(axis=0), table[0, 0]]
    return Shape(low, [*(table[:, 1:3] + table[:, 3:5]).max(axis=0), table[-1, 0]], inside)


def _within(axis: np.ndarray, low: float, high: float) -> slice:
    """Return the run of voxels whose centers lie in [low, high]."""
    hits = np.flatnonzero((axis >= low) & (axis <= high))
    return slice(hits[0], hits[-1] + 1) if len(hits) else slice(0, 0)
