"""Where rays run, in float64 and numpy: what an image is compared with owes nothing to a program.

A pixel (row r, column c) of the camera lies at (-(c - (W - 1) / 2) d, -(r - (H - 1) / 2) d, sdd),
the source at 0. An AP C-arm looks along the patient's -y: (x, y, z) becomes (x, -z, y). Then the
translation is added, and the Euler rotation Rz(alpha) Rx(beta) Ry(gamma) turns all about 0.
"""

from typing import NamedTuple

import numpy as np

from benchmarks.case import SDD_MM, Case


class Rays(NamedTuple):
    """Ends of rays in voxels, voxel i with its center at i, and their lengths in mm."""

    source: np.ndarray
    target: np.ndarray
    length: np.ndarray


def voxel_rays(case: Case, affine: np.ndarray) -> Rays:
    """Return the rays of a case's first pose, row by row."""
    rotations, translations = case.poses()
    turn, shift = euler_zxy(*rotations[0]), np.asarray(translations[0])
    target = np.column_stack([*_detector(case)])
    target = (np.column_stack([target[:, 0], -target[:, 2], target[:, 1]]) + shift) @ turn.T
    source = np.broadcast_to(shift @ turn.T, target.shape)
    inverse = np.linalg.inv(affine)
    ends = [np.ascontiguousarray(p @ inverse[:3, :3].T + inverse[:3, 3]) for p in (source, target)]
    return Rays(*ends, np.linalg.norm(target - source, axis=1))


def _detector(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    offsets = -(np.arange(case.size) - (case.size - 1) / 2) * case.pixel_mm
    y, x = np.meshgrid(offsets, offsets, indexing="ij")
    return x.ravel(), y.ravel(), np.full(x.size, SDD_MM)


def euler_zxy(alpha: float, beta: float, gamma: float) -> np.ndarray:
    """Return Rz(alpha) Rx(beta) Ry(gamma)."""
    (ca, cb, cg), (sa, sb, sg) = (f([alpha, beta, gamma]) for f in (np.cos, np.sin))
    about_z = np.array([[ca, -sa, 0], [sa, ca, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, cb, -sb], [0, sb, cb]])
    about_y = np.array([[cg, 0, sg], [0, 1, 0], [-sg, 0, cg]])
    return about_z @ about_x @ about_y


def span(rays: Rays, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of each ray's length at which it enters and leaves the volume."""
    way = rays.target - rays.source
    low, high = np.full(3, -0.5), np.asarray(shape) - 0.5
    inside = (low <= rays.source) & (rays.source < high)
    with np.errstate(divide="ignore", invalid="ignore"):
        cuts = np.sort(np.stack([(edge - rays.source) / way for edge in (low, high)]), axis=0)
    always = np.where(inside, [[[-np.inf]], [[np.inf]]], [[[np.inf]], [[-np.inf]]])
    cuts = np.where(way == 0, always, cuts)
    first, last = np.clip(cuts[0].max(1), 0, 1), np.clip(cuts[1].min(1), 0, 1)
    return first, np.maximum(first, last)


def crossings(rays: Rays, shape: tuple[int, ...]) -> float:
    """Return how many voxel planes the rays cross in all."""
    first, last = span(rays, shape)
    return float((np.abs(rays.target - rays.source).sum(1) * (last - first)).sum())


def in_plane(rays: Rays, shape: tuple[int, ...]) -> np.ndarray:
    """Tell which rays run within 1e-4 voxel of a voxel plane all along the volume.

    There rounding decides which of two voxels is met, and any program may be right.
    """
    first, last = span(rays, shape)
    way = rays.target - rays.source
    ends = np.stack([rays.source + at[:, None] * way for at in (first, last)]) + 0.5
    near = np.abs(ends - np.round(ends.mean(0))) < 1e-4
    return np.asarray(near.all(0).any(1) & (last > first))
