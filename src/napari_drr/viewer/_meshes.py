"""Triangles for the 3-D scene: tubes, balls and sheets, colored and shaded once.

napari's own shading follows the camera, but is wrong once the camera's axes are flipped, as they
are for a world in RAS; a fixed light in the vertex colors also costs nothing per frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike, NDArray

Vector = Float[NDArray[np.float64], "3"]
Vertices = Float[NDArray[np.float64], "n 3"]
Faces = Int[NDArray[np.intp], "m 3"]
Color = tuple[float, float, float, float]

# From the front, somewhat from the patient's left and from above.
LIGHT = np.array([-0.35, 0.80, 0.49])
DARKEST = 0.25

SIDES_OF_A_TUBE = 6


class Mesh(NamedTuple):
    """Triangles in world mm.

    Either side of a face is seen; faces are drawn in their order.
    """

    vertices: Vertices
    faces: Faces
    colors: Float[NDArray[np.float32], "n 4"]
    """RGBA of each vertex, 0 to 1."""


def joined(meshes: Iterable[Mesh]) -> Mesh:
    """Return several meshes as one, which is drawn at the cost of one layer."""
    parts = list(meshes)
    starts = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=True)]),
        np.concatenate([part.colors for part in parts]),
    )


def tubes(segments: Float[ArrayLike, "n 2 3"], radius: float, color: Color) -> Mesh:
    """Return straight lines of some thickness, open at their ends.

    Args:
        segments: Starts and ends, world mm.
        radius: In mm.
        color: Of all of them.
    """
    ends = np.asarray(segments, dtype=np.float64)
    along = ends[:, 1] - ends[:, 0]
    # Any axis that is far from parallel to the segment.
    helper = np.eye(3)[np.abs(along).argmin(axis=1)]
    first = _unit(np.cross(along, helper))
    second = _unit(np.cross(along, first))
    angles = 2 * np.pi * np.arange(SIDES_OF_A_TUBE) / SIDES_OF_A_TUBE
    ring = radius * (
        np.cos(angles)[:, None] * first[:, None] + np.sin(angles)[:, None] * second[:, None]
    )
    vertices = (ends[:, :, None] + ring[:, None]).reshape(-1, 3)
    here = np.arange(SIDES_OF_A_TUBE)
    following = np.roll(here, -1)
    wall = np.concatenate(
        [
            np.column_stack([here, following, here + SIDES_OF_A_TUBE]),
            np.column_stack([following, following + SIDES_OF_A_TUBE, here + SIDES_OF_A_TUBE]),
        ]
    )
    starts = np.arange(len(ends)) * 2 * SIDES_OF_A_TUBE
    faces = (wall[None] + starts[:, None, None]).reshape(-1, 3)
    return Mesh(vertices, faces, _plain(len(vertices), color))


def ball(center: Sequence[float] | Vector, radius: float, color: Color) -> Mesh:
    """Return a ball of 120 triangles.

    Args:
        center: World mm.
        radius: In mm.
        color: Where the light falls.
    """
    normals, faces = _unit_ball()
    return Mesh(np.asarray(center) + radius * normals, faces, shaded(normals, color))


def shaded(normals: Vertices, color: Color) -> Float[NDArray[np.float32], "n 4"]:
    """Return a color under the fixed light, for each vertex.

    Args:
        normals: Unit normals; their sign does not matter.
        color: Where the light falls straight.
    """
    light = LIGHT / np.linalg.norm(LIGHT)
    brightness = DARKEST + (1 - DARKEST) * np.abs(normals @ light)
    colors: NDArray[np.float32] = np.empty((len(normals), 4), np.float32)
    colors[:, :3] = brightness[:, None] * np.array(color[:3])
    colors[:, 3] = color[3]
    return colors


def vertex_normals(vertices: Vertices, faces: Faces, smoothings: int = 0) -> Vertices:
    """Return the unit normal at each vertex: the mean of its faces', weighted by area.

    Args:
        vertices: World mm.
        faces: Triangles, all wound alike.
        smoothings: How often each is replaced by the mean of its faces' corners, which takes the
            noise out of the shading and leaves the shape.
    """
    first, second, third = (vertices[faces[:, corner]] for corner in range(3))
    normals = np.cross(second - first, third - first)
    means = _unit(_sums(faces, normals, len(vertices)))
    for _ in range(smoothings):
        means = _unit(_sums(faces, means[faces].sum(axis=1), len(vertices)))
    return means


def coarser(vertices: Vertices, faces: Faces, size: float) -> tuple[Vertices, Faces]:
    """Merge the vertices that share a cell of a cubic grid into their mean.

    Vertex clustering after Rossignac and Borrel (1993): crude, but it is a few array operations,
    and the surface stays within a cell.

    Args:
        vertices: World mm.
        faces: Triangles.
        size: The cells' edge, mm.

    Returns:
        Fewer vertices, and the faces that did not collapse, each once and wound as before.
    """
    cells = np.floor((vertices - vertices.min(axis=0)) / size).astype(np.int64)
    key = np.ravel_multi_index(tuple(cells.T), tuple(cells.max(axis=0) + 1))
    _, merged, counts = np.unique(key, return_inverse=True, return_counts=True)
    means = [np.bincount(merged, vertices[:, axis]) / counts for axis in range(3)]
    wound = merged[faces]
    triangles = np.sort(wound, axis=1)
    whole = (np.diff(triangles, axis=1) > 0).all(axis=1)
    # One number per triangle: sorting these is far faster than sorting rows.
    number = (triangles[:, 0] * len(counts) + triangles[:, 1]) * len(counts) + triangles[:, 2]
    _, once = np.unique(number[whole], return_index=True)
    return np.column_stack(means), wound[whole][np.sort(once)]


def _sums(faces: Faces, values: Vertices, count: int) -> Vertices:
    """Return, for each vertex, the sum of a value of its faces."""
    corners = faces.ravel()
    sums = [np.bincount(corners, np.repeat(values[:, axis], 3), count) for axis in range(3)]
    return np.column_stack(sums)


def _plain(count: int, color: Color) -> NDArray[np.float32]:
    return np.tile(np.asarray(color, dtype=np.float32), (count, 1))


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: NDArray[np.float64] = vectors / np.maximum(lengths, np.finfo(float).tiny)
    return unit


@cache
def _unit_ball() -> tuple[Vertices, Faces]:
    """Return a ball of rings; its poles are rings of no size."""
    rings, around = 6, 12
    latitude = np.linspace(-np.pi / 2, np.pi / 2, rings)[:, None]
    longitude = 2 * np.pi * np.arange(around) / around
    height = np.broadcast_to(np.sin(latitude), (rings, around))
    x, y = np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude)
    vertices = np.stack([x, y, height], axis=-1).reshape(-1, 3)
    here = (np.arange(rings - 1)[:, None] * around + np.arange(around)).ravel()
    beside = here - here % around + (here + 1) % around
    faces = np.concatenate(
        [
            np.column_stack([here, beside, here + around]),
            np.column_stack([beside, beside + around, here + around]),
        ]
    )
    return vertices, faces
