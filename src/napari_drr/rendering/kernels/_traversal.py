"""Compiled loops over rays. `reference.py` defines what they compute; this module only computes it.

Coordinates are float64 throughout; the volume is float32, indexed flat with strides (x, y, z). A
maker returns the loop for one kind of render, with what it does not need compiled away.

Siddon goes by slabs: along the axis in which the ray moves most (in voxels) it crosses, per slab of
one voxel, at most one plane of each other axis. So a slab holds three segments, whose ends are the
lesser and the greater of two crossings in closed form: no sort, and no state carried along the ray.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit

# No fast math: positions round as the reference's do, so that a sample exactly between two voxels
# goes to the same one (rays from face to face have many such samples).
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
}

Loop = Callable[..., None]


@njit(**_OPTIONS)
def _clip(position, direction, low, high, first, last):
    """Clip a ray's interval to low <= x < high; a ray along the faces is inside, or never is."""
    if direction == 0.0:
        if low <= position < high:
            return first, last
        return 1.0, 0.0
    near = (low - position) / direction
    far = (high - position) / direction
    if near > far:
        near, far = far, near
    return max(first, near), min(last, far)


@njit(**_OPTIONS)
def _interval(source, target, ray, low, high):
    """Return the part of a ray inside a box, as fractions of the way from source to target."""
    first, last = 0.0, 1.0
    for axis in range(3):
        start = source[ray, axis]
        first, last = _clip(start, target[ray, axis] - start, low[axis], high[axis], first, last)
    return first, last


@njit(**_OPTIONS)
def _main_axis(source, target, ray):
    """Return the axis in which a ray moves most."""
    x = abs(target[ray, 0] - source[ray, 0])
    y = abs(target[ray, 1] - source[ray, 1])
    z = abs(target[ray, 2] - source[ray, 2])
    if x >= y and x >= z:
        return 0
    return 1 if y >= z else 2


@njit(**_OPTIONS)
def _voxel(position, previous, count):
    """Return the voxel that owns a position, at most one from the previous one of the ray."""
    # Positions are above -1/2 but for rounding, so truncation is floor.
    voxel = min(max(int(position + 0.5), previous - 1), previous + 1)
    return min(max(voxel, 0), count - 1)


@njit(**_OPTIONS)
def _crossing(here, there, offset, slope, end):
    """Return where a ray passes from one voxel of an axis to the next; its end if it does not."""
    if here == there or slope == 0.0:
        return end
    return (max(here, there) - 0.5 - offset) / slope


@cache
def make_siddon(mode: str, weighed: bool) -> Loop:
    """Return the exact integration through constant voxels.

    Args:
        mode: `"sum"`, `"max"`, `"mip"` or `"channels"`.
        weighed: Whether values are multiplied by their labels' weights.

    Returns:
        `loop(volume, labels, weights, channels, shape, low, high, source, target, length, out,
        start, stop)`: volume and labels flat, `shape` (x, y, z), `low` and `high` the corners of
        the box outside which all is zero, rays `[ray, 3]` in voxels, `out[ray, channel]`.
    """
    # Plain values only: numba keeps what it compiled on disk by what the loop closes over, and a
    # compiled function among that would be another one in every process.
    in_mm, channelled, summed, largest = (
        mode != "mip",
        mode == "channels",
        mode == "sum",
        mode == "max",
    )

    @njit(**_OPTIONS)
    def siddon(
        volume,
        labels,
        weights,
        channels,
        shape,
        low,
        high,
        source,
        target,
        length,
        out,
        start,
        stop,
    ):
        stride = (1, shape[0], shape[0] * shape[1])
        total = np.zeros(out.shape[1])
        for ray in range(start, stop):
            total[:] = 0.0
            first, last = _interval(source, target, ray, low, high)
            if last > first:
                m = _main_axis(source, target, ray)
                u, v = (m + 1) % 3, (m + 2) % 3
                # Positions of the other axes as lines over the main axis' position p.
                extent = target[ray, m] - source[ray, m]
                slope_u = (target[ray, u] - source[ray, u]) / extent
                slope_v = (target[ray, v] - source[ray, v]) / extent
                offset_u = source[ray, u] - slope_u * source[ray, m]
                offset_v = source[ray, v] - slope_v * source[ray, m]
                begin, end = source[ray, m] + first * extent, source[ray, m] + last * extent
                if begin > end:
                    begin, end = end, begin
                enter = begin
                k_last = min(int(end + 0.5), shape[m] - 1)
                here_u = min(max(int(offset_u + slope_u * enter + 0.5), 0), shape[u] - 1)
                here_v = min(max(int(offset_v + slope_v * enter + 0.5), 0), shape[v] - 1)
                scale = length[ray] / abs(extent) if in_mm else 1.0
                for k in range(max(int(begin + 0.5), 0), k_last + 1):
                    leave = min(k + 0.5, end)
                    there_u = _voxel(offset_u + slope_u * leave, here_u, shape[u])
                    there_v = _voxel(offset_v + slope_v * leave, here_v, shape[v])
                    cross_u = _crossing(here_u, there_u, offset_u, slope_u, leave)
                    cross_v = _crossing(here_v, there_v, offset_v, slope_v, leave)
                    cross_u = min(max(cross_u, enter), leave)
                    cross_v = min(max(cross_v, enter), leave)
                    base = k * stride[m]
                    at_here_u, at_there_u = base + here_u * stride[u], base + there_u * stride[u]
                    at_here_v, at_there_v = here_v * stride[v], there_v * stride[v]
                    if cross_u < cross_v:
                        middle, one, two = at_there_u + at_here_v, cross_u, cross_v
                    else:
                        middle, one, two = at_here_u + at_there_v, cross_v, cross_u
                    for part in range(3):
                        if part == 0:
                            index, span = at_here_u + at_here_v, one - enter
                        elif part == 1:
                            index, span = middle, two - one
                        else:
                            index, span = at_there_u + at_there_v, leave - two
                        if span <= 0.0:
                            continue
                        value = np.float64(volume[index])
                        if weighed:
                            value *= weights[labels[index]]
                        if channelled:
                            channel = channels[labels[index]]
                            if channel >= 0:
                                total[channel] += value * (span * scale)
                        elif summed:
                            total[0] += value * (span * scale)
                        elif largest:
                            total[0] = max(total[0], value * (span * scale))
                        else:
                            total[0] = max(total[0], value)
                    enter, here_u, here_v = leave, there_u, there_v
            out[ray] = total

    loop: Loop = siddon
    return loop


@cache
def make_trilinear(mode: str, weighed: bool) -> Loop:
    """Return the midpoint rule over each ray's own way through the zero-padded volume.

    Args:
        mode: As in `make_siddon`.
        weighed: As in `make_siddon`.

    Returns:
        `loop(volume, labels, weights, channels, shape, n_points, source, target, length, out,
        start, stop)`, as in `make_siddon`.
    """
    channelled, in_mm, summed = mode == "channels", mode != "mip", mode in ("sum", "channels")
    labelled = weighed or channelled

    @njit(**_OPTIONS)
    def trilinear(
        volume, labels, weights, channels, shape, n_points, source, target, length, out, start, stop
    ):
        nx, ny, nz = shape[0], shape[1], shape[2]
        low, high = (-1.0, -1.0, -1.0), (float(nx), float(ny), float(nz))
        total = np.zeros(out.shape[1])
        for ray in range(start, stop):
            total[:] = 0.0
            first, last = _interval(source, target, ray, low, high)
            if last > first:
                share = (last - first) / n_points
                dx = target[ray, 0] - source[ray, 0]
                dy = target[ray, 1] - source[ray, 1]
                dz = target[ray, 2] - source[ray, 2]
                step = share * length[ray] if in_mm else 1.0
                for sample in range(n_points):
                    at = first + share * (sample + 0.5)
                    x = source[ray, 0] + at * dx
                    y = source[ray, 1] + at * dy
                    z = source[ray, 2] + at * dz
                    value = _interpolate(volume, nx, ny, nz, x, y, z)
                    channel = 0
                    if labelled:
                        label = _label(labels, nx, ny, nz, x, y, z)
                        if weighed:
                            value *= weights[label]
                        if channelled:
                            channel = channels[label]
                    if summed:
                        if channel >= 0:
                            total[channel] += value
                    else:
                        total[0] = max(total[0], value)
                total *= step
            out[ray] = total

    loop: Loop = trilinear
    return loop


@njit(**_OPTIONS)
def _interpolate(volume, nx, ny, nz, x, y, z):
    """Interpolate a volume that is zero outside; positions lie within [-1, n]."""
    # Shifted by one, since truncation is floor for positive numbers only.
    i, j, k = int(x + 1.0) - 1, int(y + 1.0) - 1, int(z + 1.0) - 1
    fx, fy, fz = x - i, y - j, z - k
    if 0 <= i < nx - 1 and 0 <= j < ny - 1 and 0 <= k < nz - 1:
        at = (k * ny + j) * nx + i
        page = ny * nx
        c00 = volume[at] + fx * (volume[at + 1] - volume[at])
        c10 = volume[at + nx] + fx * (volume[at + nx + 1] - volume[at + nx])
        c01 = volume[at + page] + fx * (volume[at + page + 1] - volume[at + page])
        at += page + nx
        c11 = volume[at] + fx * (volume[at + 1] - volume[at])
        bottom = c00 + fy * (c10 - c00)
        return bottom + fz * (c01 + fy * (c11 - c01) - bottom)
    value = 0.0
    for corner in range(8):
        ci, cj, ck = i + (corner & 1), j + ((corner >> 1) & 1), k + (corner >> 2)
        if 0 <= ci < nx and 0 <= cj < ny and 0 <= ck < nz:
            wx = fx if corner & 1 else 1.0 - fx
            wy = fy if corner & 2 else 1.0 - fy
            wz = fz if corner & 4 else 1.0 - fz
            value += wx * wy * wz * volume[(ck * ny + cj) * nx + ci]
    return value


@njit(**_OPTIONS)
def _label(labels, nx, ny, nz, x, y, z):
    """Return the label of the voxel that owns a position; 0 outside the grid."""
    # Shifted by one, since truncation is floor for positive numbers only.
    i, j, k = int(x + 1.5) - 1, int(y + 1.5) - 1, int(z + 1.5) - 1
    if 0 <= i < nx and 0 <= j < ny and 0 <= k < nz:
        return int(labels[(k * ny + j) * nx + i])
    return 0
