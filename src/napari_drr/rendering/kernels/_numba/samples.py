"""Samples: where a ray looks up the interpolated volume, and which samples may meet something."""

import math

import numpy as np
from numba import njit

from napari_drr.rendering.kernels._numba.rays import BRICK, brick_of, interval
from napari_drr.rendering.kernels._numba.tools import INLINE, OPTIONS

RUN = 64
"""The most samples, and the most voxels along an axis, of a run; stack arrays of 80 hold them."""

LANES = 16
"""Loops go on to a multiple of this, so that vectors need no remainder."""

OUTSIDE = np.int32(-(2**31))
"""Marks a sample whose eight voxels are not all in the volume."""


@njit(**OPTIONS)
def sample_frame(s, d, padded_box, n_points):
    """Return a ray's interval in the zero-padded volume, a sample's share of it, and positions.

    Returns:
        Where the interval begins and ends and what part of the way a sample stands for; the first
        sample's position and the step to the next, in voxels.
    """
    first, last = interval(s, d, padded_box)
    share = (last - first) / n_points
    at = first + 0.5 * share
    position = (s[0] + at * d[0], s[1] + at * d[1], s[2] + at * d[2])
    return first, last, share, position, (share * d[0], share * d[1], share * d[2])


@njit(**OPTIONS)
def plan_samples(s, d, frame, box, shape, n_points, bricks, brick_stride, starts, counts):
    """List the runs of samples that may meet something; return how many there are.

    A brick of cells counts as empty if all voxels that its cells interpolate are.
    """
    first, last, share, position, step = frame
    from_, to = interval(s, d, box)
    if to <= from_:
        return 0
    # One sample more on either side: rounding may not lose one.
    i = min(max(int(math.floor((from_ - first) / share - 0.5)), 0), n_points)
    i_stop = min(max(int(math.ceil((to - first) / share + 0.5)), 0), n_points)
    x, y, z = abs(step[0]), abs(step[1]), abs(step[2])
    if x >= y and x >= z:
        m, u, v = 0, 1, 2
    elif y >= z:
        m, u, v = 1, 0, 2
    else:
        m, u, v = 2, 0, 1
    at_most = min(max(int(RUN / max(abs(step[m]), 1e-9)), 1), RUN)
    n_m, n_u, n_v = shape[m], shape[u], shape[v]
    stride_m, stride_u, stride_v = brick_stride[m], brick_stride[u], brick_stride[v]
    n_runs, count = 0, 0
    while i < i_stop:
        # The samples up to the next brick along the main axis: they move at most a brick aside.
        brick = brick_of(position[m] + i * step[m], n_m)
        if step[m] > 0.0:
            stop = int(math.ceil(((brick + 1) * BRICK - position[m]) / step[m]))
        else:
            stop = int(math.floor((brick * BRICK - position[m]) / step[m])) + 1
        stop = min(max(stop, i + 1), i_stop)
        here_u = brick_of(position[u] + i * step[u], n_u) * stride_u
        here_v = brick_of(position[v] + i * step[v], n_v) * stride_v
        there_u = brick_of(position[u] + (stop - 1) * step[u], n_u) * stride_u
        there_v = brick_of(position[v] + (stop - 1) * step[v], n_v) * stride_v
        at = brick * stride_m
        full = (
            bricks[at + here_u + here_v]
            | bricks[at + there_u + here_v]
            | bricks[at + here_u + there_v]
            | bricks[at + there_u + there_v]
        )
        if full:
            if count == 0:
                starts[n_runs] = i
            count = stop - starts[n_runs]
        while count >= at_most or (count > 0 and (not full or stop == i_stop)):
            part = min(count, at_most)
            counts[n_runs] = part
            n_runs += 1
            count -= part
            if count > 0:
                starts[n_runs] = starts[n_runs - 1] + part
        i = stop
    return n_runs


@njit(**INLINE)
def place_samples(frame, shape, q, n, offset, rest_x, rest_y, rest_z):
    """Find the cells of a run of samples.

    Fills in, for each sample, its cell's first voxel relative to the run's, or `OUTSIDE`, and how
    far it lies in the cell. Returns the run's first voxel (flat).
    """
    position, step = frame[3], frame[4]
    x = position[0] + q * step[0]
    y = position[1] + q * step[1]
    z = position[2] + q * step[2]
    whole_x, whole_y, whole_z = math.floor(x), math.floor(y), math.floor(z)
    from_x, from_y, from_z = (
        np.float32(x - whole_x),
        np.float32(y - whole_y),
        np.float32(z - whole_z),
    )
    step_x, step_y, step_z = np.float32(step[0]), np.float32(step[1]), np.float32(step[2])
    low_x, high_x = np.float32(-whole_x), np.float32(shape[0] - 1 - whole_x)
    low_y, high_y = np.float32(-whole_y), np.float32(shape[1] - 1 - whole_y)
    low_z, high_z = np.float32(-whole_z), np.float32(shape[2] - 1 - whole_z)
    n_x, n_y = np.int32(shape[0]), np.int32(shape[1])
    outside = np.int32(-(2**31))
    for i in range(np.int32((n + LANES - 1) & -LANES)):
        at_x = from_x + np.float32(i) * step_x
        at_y = from_y + np.float32(i) * step_y
        at_z = from_z + np.float32(i) * step_z
        cell_x, cell_y, cell_z = np.floor(at_x), np.floor(at_y), np.floor(at_z)
        rest_x[i] = at_x - cell_x
        rest_y[i] = at_y - cell_y
        rest_z[i] = at_z - cell_z
        inside = (
            (cell_x >= low_x)
            & (cell_x < high_x)
            & (cell_y >= low_y)
            & (cell_y < high_y)
            & (cell_z >= low_z)
            & (cell_z < high_z)
        )
        place = (np.int32(cell_z) * n_y + np.int32(cell_y)) * n_x + np.int32(cell_x)
        offset[i] = np.int32(place) if inside else outside
    return (int(whole_z) * shape[1] + int(whole_y)) * shape[0] + int(whole_x)


@njit(**OPTIONS)
def corners(volume, shape, frame, sample):
    """Return the eight voxels around a sample at the volume's rim, zeros outside, and its place.

    Returns:
        The voxels, x fastest, then how far the sample lies in its cell, in float32.
    """
    position, step = frame[3], frame[4]
    x = position[0] + sample * step[0]
    y = position[1] + sample * step[1]
    z = position[2] + sample * step[2]
    cell_x, cell_y, cell_z = int(math.floor(x)), int(math.floor(y)), int(math.floor(z))
    found = np.zeros(8, np.float32)
    for corner in range(8):
        i = cell_x + (corner & 1)
        j = cell_y + ((corner >> 1) & 1)
        k = cell_z + (corner >> 2)
        if 0 <= i < shape[0] and 0 <= j < shape[1] and 0 <= k < shape[2]:
            found[corner] = volume[(k * shape[1] + j) * shape[0] + i]
    return found, np.float32(x - cell_x), np.float32(y - cell_y), np.float32(z - cell_z)


@njit(**INLINE)
def label_at(labels, shape, s, d, frame, sample):
    """Return the label of the voxel that owns a sample; 0 outside the grid.

    Positions are rounded as the reference's: a sample may lie exactly between two voxels.
    """
    at = frame[0] + frame[2] * (sample + 0.5)
    # Shifted by one, since truncation is floor for positive numbers only.
    i = int(s[0] + at * d[0] + 0.5 + 1.0) - 1
    j = int(s[1] + at * d[1] + 0.5 + 1.0) - 1
    k = int(s[2] + at * d[2] + 0.5 + 1.0) - 1
    if 0 <= i < shape[0] and 0 <= j < shape[1] and 0 <= k < shape[2]:
        return int(labels[(k * shape[1] + j) * shape[0] + i])
    return 0
