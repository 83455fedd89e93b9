"""Slabs: how a ray's way through constant voxels is cut without a sort or a branch.

Take the axis m in which a ray moves most, in voxels. Within a slab of one voxel along m it crosses
at most one plane of each other axis, u and v. So a slab holds three segments, whose ends are the
lesser and the greater of two crossings in closed form, and no slab needs to know of the one before.

Runs of slabs start anew from float64: a run's first position is split into a whole voxel and a
fraction, and within a run of 64 slabs float32 is exact to some 1e-6 voxel.
"""

import math

import numpy as np
from numba import njit

from napari_drr.rendering.kernels._numba.rays import BRICK, brick_of
from napari_drr.rendering.kernels._numba.tools import INLINE, OPTIONS

RUN = 64
"""The most slabs that are cut at once."""

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
    those of the four pairs of where it enters and leaves.
    """
    m, u, v, slope_u, slope_v, offset_u, offset_v, begin, end, k_first, k_stop = frame
    n_u, n_v = shape[u], shape[v]
    stride_m, stride_u, stride_v = brick_stride[m], brick_stride[u], brick_stride[v]
    here_u = brick_of(offset_u + slope_u * begin, n_u) * stride_u
    here_v = brick_of(offset_v + slope_v * begin, n_v) * stride_v
    n_runs, count, k = 0, 0, k_first
    while k < k_stop:
        stop = min((k // BRICK + 1) * BRICK, k_stop)
        leave = min(stop - 0.5, end)
        there_u = brick_of(offset_u + slope_u * leave, n_u) * stride_u
        there_v = brick_of(offset_v + slope_v * leave, n_v) * stride_v
        at = (k // BRICK) * stride_m
        full = (
            bricks[at + here_u + here_v]
            | bricks[at + there_u + here_v]
            | bricks[at + here_u + there_v]
            | bricks[at + there_u + there_v]
        )
        here_u, here_v = there_u, there_v
        if full:
            if count == 0:
                starts[n_runs] = k
            count = stop - starts[n_runs]
        if count > 0 and (not full or count > RUN - BRICK or stop == k_stop):
            counts[n_runs] = count
            n_runs += 1
            count = 0
        k = stop
    return n_runs


@njit(**INLINE)
def run_origin(frame, q, n):
    """Return whole voxels and fractions (u, v) where a run's first slab begins, and its ends."""
    m, u, v, slope_u, slope_v, offset_u, offset_v, begin, end, k_first, k_stop = frame
    edge = q - 0.5
    at_u, at_v = offset_u + slope_u * edge, offset_v + slope_v * edge
    whole_u, whole_v = math.floor(at_u), math.floor(at_v)
    low = np.float32(max(begin - edge, 0.0))
    high = np.float32(min(end - edge, float(n)))
    return whole_u, whole_v, np.float32(at_u - whole_u), np.float32(at_v - whole_v), low, high


@njit(**INLINE)
def cut_slabs(frame, origin, shape, stride, n, near, middle, far, cross_u, cross_v):
    """Cut a run of slabs into segments.

    Fills in, for each slab, the voxels of its three segments, relative to the run's first (`near`
    the one it enters by, `far` the one it leaves by), and where it crosses from one voxel of u and
    v to the next, counted from the run's beginning; the slab's end where it does not.
    """
    whole_u, whole_v, rest_u, rest_v, low, high = origin
    m, u, v, exact_slope_u, exact_slope_v = frame[:5]
    slope_u, slope_v = np.float32(exact_slope_u), np.float32(exact_slope_v)
    inverse_u = np.float32(1.0 / exact_slope_u) if exact_slope_u != 0.0 else np.float32(0.0)
    inverse_v = np.float32(1.0 / exact_slope_v) if exact_slope_v != 0.0 else np.float32(0.0)
    first_u, last_u = np.float32(-whole_u), np.float32(shape[u] - 1 - whole_u)
    first_v, last_v = np.float32(-whole_v), np.float32(shape[v] - 1 - whole_v)
    stride_u, stride_v = np.int32(stride[u]), np.int32(stride[v])
    one = np.float32(1.0)
    for i in range(np.int32((n + LANES - 1) & -LANES)):
        enter = max(np.float32(i), low)
        leave = min(np.float32(i) + one, high)
        here_u = min(max(np.floor(rest_u + slope_u * enter), first_u), last_u)
        here_v = min(max(np.floor(rest_v + slope_v * enter), first_v), last_v)
        there_u = min(max(np.floor(rest_u + slope_u * leave), first_u), last_u)
        there_v = min(max(np.floor(rest_v + slope_v * leave), first_v), last_v)
        at_u = (max(here_u, there_u) - rest_u) * inverse_u
        at_v = (max(here_v, there_v) - rest_v) * inverse_v
        at_u = min(max(at_u, enter), leave) if here_u != there_u else leave
        at_v = min(max(at_v, enter), leave) if here_v != there_v else leave
        middle_u = there_u if at_u < at_v else here_u
        middle_v = here_v if at_u < at_v else there_v
        near[i] = np.int32(here_u) * stride_u + np.int32(here_v) * stride_v
        middle[i] = np.int32(middle_u) * stride_u + np.int32(middle_v) * stride_v
        far[i] = np.int32(there_u) * stride_u + np.int32(there_v) * stride_v
        cross_u[i] = at_u
        cross_v[i] = at_v
