"""A float64 brute-force oracle, written ray by ray in numpy and sharing no code with the project.

A voxel owns [i - 1/2, i + 1/2): the half-open rule decides a ray that runs in a plane.
"""

import numpy as np

Rays = np.ndarray


def voxel_rays(affine, source, target):
    """Bring iso mm points to voxels with a plain float64 solve."""
    inverse = np.linalg.inv(np.asarray(affine, dtype=np.float64))
    move = lambda p: np.asarray(p, np.float64) @ inverse[:3, :3].T + inverse[:3, 3]  # noqa: E731
    target = np.asarray(target, np.float64).reshape(-1, 3)
    source = np.broadcast_to(np.asarray(source, np.float64).reshape(-1, 3), target.shape)
    return move(source), move(target), np.linalg.norm(target - source, axis=-1)


def _clip(source, direction, low, high):
    first, last = 0.0, 1.0
    for s, d, a, b in zip(source, direction, low, high, strict=True):
        if d == 0.0:
            if not a <= s < b:
                return 0.0, 0.0
            continue
        near, far = sorted(((a - s) / d, (b - s) / d))
        first, last = max(first, near), min(last, far)
    return (first, last) if last > first else (0.0, 0.0)


def segments(shape, source, target):
    """Cut one ray at every voxel plane; return voxel indices (n, 3) and shares of its length."""
    size = np.asarray(shape, dtype=np.float64)
    direction = target - source
    first, last = _clip(source, direction, np.full(3, -0.5), size - 0.5)
    cuts = [first, last]
    for axis in range(3):
        if direction[axis] != 0.0:
            planes = np.arange(shape[axis] + 1) - 0.5
            cuts.append((planes - source[axis]) / direction[axis])
    cuts = np.unique(np.clip(np.hstack(cuts), first, last))
    middle = (cuts[1:] + cuts[:-1]) / 2
    voxel = np.floor(source + middle[:, None] * direction + 0.5).astype(int)
    return np.clip(voxel, 0, np.asarray(shape) - 1), np.diff(cuts)


def siddon(volume, affine, source, target):
    """Line integral of every ray through constant voxels."""
    volume = np.asarray(volume, dtype=np.float64)
    result = []
    for s, t, length in zip(*voxel_rays(affine, source, target), strict=True):
        voxel, share = segments(volume.shape, s, t)
        result.append((volume[tuple(voxel.T)] * share).sum() * length)
    return np.asarray(result)


def trilinear(volume, affine, source, target, n_points):
    """The midpoint rule over every ray's own way through the zero-padded volume."""
    volume = np.pad(np.asarray(volume, dtype=np.float64), 2)
    size = np.asarray(volume.shape, dtype=np.float64) - 4
    result = []
    for s, t, length in zip(*voxel_rays(affine, source, target), strict=True):
        first, last = _clip(s, t - s, np.full(3, -1.0), size)
        if last == first:
            result.append(0.0)
            continue
        at = first + (last - first) * (np.arange(n_points) + 0.5) / n_points
        points = s + at[:, None] * (t - s)
        result.append(_interpolate(volume, points).sum() * (last - first) / n_points * length)
    return np.asarray(result)


def _interpolate(padded, points):
    corner = np.floor(points).astype(int)
    fraction = points - corner
    value = np.zeros(len(points))
    for offset in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(offset, fraction, 1 - fraction), axis=-1)
        value += weight * padded[tuple((corner + offset + 2).T)]
    return value


def in_plane(affine, shape, source, target):
    """Tell which rays run within 1e-4 voxel of a voxel plane all along, where rounding decides."""
    found = []
    for s, t, _ in zip(*voxel_rays(affine, source, target), strict=True):
        first, last = _clip(s, t - s, np.full(3, -0.5), np.asarray(shape) - 0.5)
        ends = np.stack([s + first * (t - s), s + last * (t - s)]) + 0.5
        distance = np.abs(ends - np.round(ends.mean(0)))
        found.append(bool((distance < 1e-4).all(0).any()))
    return np.asarray(found)
