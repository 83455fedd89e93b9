"""Slabs: how a ray's way through constant voxels is cut without a sort or a branch.

Take the axis m in which a ray moves most, in voxels. Within a slab of one voxel along m it crosses
at most one plane of each other axis, u and v. So a slab holds three segments, whose ends are the
lesser and the greater of two crossings in closed form, and no slab needs to know of the one before.

Runs of slabs start anew from float64: the position in a run's middle is split into a whole voxel
and a fraction, and within 64 slabs of it float32 is exact to some 1e-6 voxel.
"""

import math

import numpy as np
from numba import njit

from napari_drr.rendering.kernels._numba.rays import BRICK, brick_of
from napari_drr.rendering.kernels._numba.tools import INLINE, OPTIONS

RUN = 128
"""The most slabs that are cut at once; stack arrays of 160 hold their edges, in whole vectors."""

LANES = 16
"""Loops go on to a multiple of this, so that vectors need no remainder."""


@njit(**OPTIONS)
def slab_frame(s, d, shape, first, last):
    """Turn a ray to its main axis m and the others, u and v.

    Returns:
        The axes m, u, v; slopes of u and v over m and their values at m = 0, shifted by 1/2 so that
        truncation gives the voxel; the positions in m where the ray begins and ends; the first slab
        and the one after the last.
    """
    x, y, z = abs(d[0]), abs(d[1]), abs(d[2])
    if x >= y and x >= z:
        m, u, v = 0, 1, 2
    elif y >= z:
        m, u, v = 1, 0, 2
    else:
        m, u, v = 2, 0, 1
    slope_u, slope_v = d[u] / d[m], d[v] / d[m]
    offset_u = s[u] - slope_u * s[m] + 0.5
    offset_v = s[v] - slope_v * s[m] + 0.5
    begin, end = s[m] + first * d[m], s[m] + last * d[m]
    if begin > end:
        begin, end = end, begin
    k_first = max(int(begin + 0.5), 0)
    k_stop = min(int(end + 0.5), shape[m] - 1) + 1
    return m, u, v, slope_u, slope_v, offset_u, offset_v, begin, end, k_first, k_stop


@njit(**OPTIONS)
def plan_slabs(frame, shape, bricks, brick_stride, starts, counts):
    """List the runs of slabs that may meet something; return how many there are.

    Within a brick's depth a ray moves at most a brick along u and v: it meets no other bricks than
    those of the four pairs of where it enters and leaves. Indices are unsigned here and in all hot
    loops: signed ones are asked whether they count from the end.
    """
    m, u, v, slope_u, slope_v, offset_u, offset_v, begin, end, k_first, k_stop = frame
    n_u, n_v = shape[u], shape[v]
    stride_m, stride_u, stride_v = brick_stride[m], brick_stride[u], brick_stride[v]
    here_u = brick_of(offset_u + slope_u * begin, n_u) * stride_u
    here_v = brick_of(offset_v + slope_v * begin, n_v) * stride_v
    n_runs, count, k, begin_run = 0, 0, k_first, k_first
    while k < k_stop:
        stop = min((k // BRICK + 1) * BRICK, k_stop)
        leave = min(stop - 0.5, end)
        there_u = brick_of(offset_u + slope_u * leave, n_u) * stride_u
        there_v = brick_of(offset_v + slope_v * leave, n_v) * stride_v
        at = (k // BRICK) * stride_m
        full = (
            bricks[np.uint64(at + here_u + here_v)]
            | bricks[np.uint64(at + there_u + here_v)]
            | bricks[np.uint64(at + here_u + there_v)]
            | bricks[np.uint64(at + there_u + there_v)]
        )
        here_u, here_v = there_u, there_v
        if full:
            if count == 0:
                begin_run = k
            count = stop - begin_run
        if count > 0 and (not full or count > RUN - BRICK or stop == k_stop):
            starts[n_runs] = begin_run
            counts[n_runs] = count
            n_runs += 1
            count = 0
        k = stop
    return n_runs


@njit(**INLINE)
def run_origin(frame, q, n):
    """Return where a run begins.

    Positions within a run are counted from its middle, `edge` along m, where float32 is finest.

    Returns:
        Whole voxels of u and v there, and fractions; `edge`; the run's ends, counted from it, and
        half of its slabs.
    """
    m, u, v, slope_u, slope_v, offset_u, offset_v, begin, end, k_first, k_stop = frame
    half = n >> 1
    edge = q + half - 0.5
    at_u, at_v = offset_u + slope_u * edge, offset_v + slope_v * edge
    whole_u, whole_v = math.floor(at_u), math.floor(at_v)
    low = np.float32(max(begin - edge, -float(half)))
    high = np.float32(min(end - edge, float(n - half)))
    rest = np.float32(at_u - whole_u), np.float32(at_v - whole_v)
    return whole_u, whole_v, rest[0], rest[1], edge, low, high, half


@njit(**INLINE)
def place_edges(frame, origin, shape, stride, n, voxel_u, voxel_v, place_u, place_v, place):
    """Find the voxels of u and v at the slabs' edges, n + 1 of them, relative to the run's.

    Fills in the voxels and what they add to a flat index, apart and together.
    """
    whole_u, whole_v, rest_u, rest_v, edge, low, high, half = origin
    m, u, v, exact_slope_u, exact_slope_v = frame[:5]
    slope_u, slope_v = np.float32(exact_slope_u), np.float32(exact_slope_v)
    first_u, last_u = np.float32(-whole_u), np.float32(shape[u] - 1 - whole_u)
    first_v, last_v = np.float32(-whole_v), np.float32(shape[v] - 1 - whole_v)
    stride_u, stride_v = np.int32(stride[u]), np.int32(stride[v])
    middle = np.float32(half)
    for i in range(np.int32((n + LANES) & -LANES)):
        position = min(max(np.float32(i) - middle, low), high)
        at_u = min(max(np.floor(rest_u + slope_u * position), first_u), last_u)
        at_v = min(max(np.floor(rest_v + slope_v * position), first_v), last_v)
        voxel_u[i] = at_u
        voxel_v[i] = at_v
        by_u = np.int32(np.int32(at_u) * stride_u)
        by_v = np.int32(np.int32(at_v) * stride_v)
        place_u[i] = by_u
        place_v[i] = by_v
        place[i] = np.int32(by_u + by_v)


@njit(**INLINE)
def inverses(frame):
    """Return 1 / slope of u and v; 0 for a ray along them, which crosses none of their planes."""
    by_u = np.float32(1.0 / frame[3]) if frame[3] != 0.0 else np.float32(0.0)
    by_v = np.float32(1.0 / frame[4]) if frame[4] != 0.0 else np.float32(0.0)
    return by_u, by_v


@njit(**INLINE)
def cross(origin, inverse_u, inverse_v, i, voxel_u, voxel_v):
    """Return where a slab begins, crosses to its next voxels of u and v, and ends.

    A slab without a crossing crosses at its end.
    """
    rest_u, rest_v, low, high = origin[2], origin[3], origin[5], origin[6]
    middle = np.float32(origin[7])
    enter = max(np.float32(i) - middle, low)
    leave = min(np.float32(i) + np.float32(1.0) - middle, high)
    here_u, there_u = voxel_u[i], voxel_u[i + 1]
    here_v, there_v = voxel_v[i], voxel_v[i + 1]
    at_u = (max(here_u, there_u) - rest_u) * inverse_u
    at_v = (max(here_v, there_v) - rest_v) * inverse_v
    at_u = min(max(at_u, enter), leave) if here_u != there_u else leave
    at_v = min(max(at_v, enter), leave) if here_v != there_v else leave
    return enter, at_u, at_v, leave


@njit(**INLINE)
def middle_place(u_first, i, place_u, place_v):
    """Return the place of a slab's second segment."""
    # Loaded before the choice: a choice between loads is no vector instruction.
    here_u, there_u, here_v, there_v = place_u[i], place_u[i + 1], place_v[i], place_v[i + 1]
    one, other = np.int32(there_u + here_v), np.int32(here_u + there_v)
    return one if u_first else other


@njit(**INLINE)
def cut_spans(frame, origin, n, voxel_u, voxel_v, place_u, place_v, middle, span_0, span_1, span_2):
    """Cut a run of slabs into three segments each: their lengths along m, the middle one's place.

    The first one's place is that of the slab's first edge, the last one's that of its last edge.
    """
    inverse_u, inverse_v = inverses(frame)
    for i in range(np.int32((n + LANES - 1) & -LANES)):
        enter, at_u, at_v, leave = cross(origin, inverse_u, inverse_v, i, voxel_u, voxel_v)
        middle[i] = middle_place(at_u < at_v, i, place_u, place_v)
        one, two = min(at_u, at_v), max(at_u, at_v)
        span_0[i] = one - enter
        span_1[i] = two - one
        span_2[i] = leave - two


@njit(**INLINE)
def cut_crossings(frame, origin, n, voxel_u, voxel_v, place_u, place_v, middle, cross_u, cross_v):
    """Cut a run of slabs into three segments each: where they cross, the middle one's place."""
    inverse_u, inverse_v = inverses(frame)
    for i in range(np.int32((n + LANES - 1) & -LANES)):
        enter, at_u, at_v, leave = cross(origin, inverse_u, inverse_v, i, voxel_u, voxel_v)
        middle[i] = middle_place(at_u < at_v, i, place_u, place_v)
        cross_u[i] = at_u
        cross_v[i] = at_v
