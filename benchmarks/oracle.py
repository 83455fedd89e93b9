"""The float64 oracle: exact integrals along rays, by brute force.

Every plane that a ray crosses is computed, sorted, and each piece between two of them integrated
by itself; no increments, no skipping, nothing shared with the project's kernels. A voxel owns
[i - 1/2, i + 1/2): this half-open rule decides a ray that runs in a plane.

- `siddon`: voxels are constant. A piece lies in one voxel.
- `trilinear`: the interpolant of voxel centers, 0 one voxel outside. Along a piece between planes
  through the centers it is a cubic polynomial, which Gauss' rule of two points integrates exactly.
- `midpoints`: the interpolant by the rule that ours and nanodrr follow: midpoints of equal parts of
  a ray's own way through the box where the interpolant is not 0.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from benchmarks.geometry import Rays

RAYS_PER_TASK = 500
GAUSS = 0.5 / np.sqrt(3.0)  # the two points lie so far from a piece's middle, in its lengths


@njit(nogil=True)
def clip(source, way, low, high):
    """Return the part (first, last) of a ray inside a half-open box; (0, 0) if there is none."""
    first, last = 0.0, 1.0
    for axis in range(3):
        if way[axis] == 0.0:
            if not low[axis] <= source[axis] < high[axis]:
                return 0.0, 0.0
            continue
        near = (low[axis] - source[axis]) / way[axis]
        far = (high[axis] - source[axis]) / way[axis]
        first, last = max(first, min(near, far)), min(last, max(near, far))
    return (first, last) if last > first else (0.0, 0.0)


@njit(nogil=True)
def sorted_cuts(source, way, low, high, first, last, cuts):
    """Write where a ray crosses planes a unit apart, from `low` to `high`; return how many."""
    cuts[0], cuts[1], count = first, last, 2
    for axis in range(3):
        if way[axis] == 0.0:
            continue
        for k in range(int(np.round(high[axis] - low[axis])) + 1):
            at = (low[axis] + k - source[axis]) / way[axis]
            if first < at < last:
                cuts[count] = at
                count += 1
    cuts[:count].sort()
    return count


@njit(nogil=True)
def siddon_rays(volume, labels, sources, targets, out):
    """Add each piece to the channel of its voxel's label; `out` is (ray, channel)."""
    shape = np.array(volume.shape)
    low, high = np.full(3, -0.5), shape - 0.5
    cuts = np.empty(shape.sum() + 5)
    voxel = np.empty(3, np.int64)
    for ray in range(len(sources)):
        way = targets[ray] - sources[ray]
        first, last = clip(sources[ray], way, low, high)
        if last == first:
            continue
        count = sorted_cuts(sources[ray], way, low, high, first, last, cuts)
        for k in range(1, count):
            middle = 0.5 * (cuts[k] + cuts[k - 1])
            for axis in range(3):
                index = int(np.floor(sources[ray, axis] + middle * way[axis] + 0.5))
                voxel[axis] = min(max(index, 0), shape[axis] - 1)
            value = np.float64(volume[voxel[0], voxel[1], voxel[2]])
            channel = labels[voxel[0], voxel[1], voxel[2]] if out.shape[1] > 1 else 0
            out[ray, channel] += value * (cuts[k] - cuts[k - 1])


@njit(nogil=True)
def interpolate(volume, x, y, z):
    """Interpolate between voxel centers; what lies outside the volume is 0."""
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    value = 0.0
    for a in range(i, i + 2):
        for b in range(j, j + 2):
            for c in range(k, k + 2):
                inside = 0 <= a < volume.shape[0] and 0 <= b < volume.shape[1]
                if inside and 0 <= c < volume.shape[2]:
                    weight = (1 - abs(x - a)) * (1 - abs(y - b)) * (1 - abs(z - c))
                    value += weight * volume[a, b, c]
    return value


@njit(nogil=True)
def at_point(volume, source, way, at):
    """Interpolate at a share of a ray's way."""
    x, y, z = source[0] + at * way[0], source[1] + at * way[1], source[2] + at * way[2]
    return interpolate(volume, x, y, z)


@njit(nogil=True)
def trilinear_rays(volume, sources, targets, out):
    """Integrate each piece between planes through voxel centers with two Gauss points."""
    shape = np.array(volume.shape)
    low, high = np.full(3, -1.0), shape * 1.0
    cuts = np.empty(shape.sum() + 8)
    for ray in range(len(sources)):
        source, way = sources[ray], targets[ray] - sources[ray]
        first, last = clip(source, way, low, high)
        if last == first:
            continue
        count = sorted_cuts(source, way, low, high, first, last, cuts)
        for k in range(1, count):
            size, middle = cuts[k] - cuts[k - 1], 0.5 * (cuts[k] + cuts[k - 1])
            before = at_point(volume, source, way, middle - GAUSS * size)
            after = at_point(volume, source, way, middle + GAUSS * size)
            out[ray, 0] += 0.5 * size * (before + after)


@njit(nogil=True)
def midpoint_rays(volume, sources, targets, n_points, out):
    """Sum the interpolant at the midpoints of `n_points` equal parts."""
    shape = np.array(volume.shape)
    low, high = np.full(3, -1.0), shape * 1.0
    for ray in range(len(sources)):
        source, way = sources[ray], targets[ray] - sources[ray]
        first, last = clip(source, way, low, high)
        step = (last - first) / n_points
        for k in range(n_points if step > 0 else 0):
            out[ray, 0] += step * at_point(volume, source, way, first + (k + 0.5) * step)


def siddon(volume: np.ndarray, rays: Rays, labels: np.ndarray | None = None) -> np.ndarray:
    """Integrate constant voxels; returns (channel, ray), a channel per label if there are any."""
    n_channels = 1 if labels is None else int(labels.max()) + 1
    table = np.zeros((1, 1, 1), np.uint8) if labels is None else labels
    return _run(lambda s, t, out: siddon_rays(volume, table, s, t, out), rays, n_channels)


def trilinear(volume: np.ndarray, rays: Rays) -> np.ndarray:
    """Integrate the trilinear interpolant exactly; returns (1, ray)."""
    return _run(lambda s, t, out: trilinear_rays(volume, s, t, out), rays)


def midpoints(volume: np.ndarray, rays: Rays, n_points: int) -> np.ndarray:
    """Apply the midpoint rule to the trilinear interpolant; returns (1, ray)."""
    return _run(lambda s, t, out: midpoint_rays(volume, s, t, n_points, out), rays)


def _run(kernel: Callable[..., None], rays: Rays, n_channels: int = 1) -> np.ndarray:
    """Integrate some rays at a time, on all processors, and scale shares of rays to mm."""
    out = np.zeros((len(rays.source), n_channels))
    parts = [slice(i, i + RAYS_PER_TASK) for i in range(0, len(out), RAYS_PER_TASK)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda p: kernel(rays.source[p], rays.target[p], out[p]), parts))
    return (out * rays.length[:, None]).T
