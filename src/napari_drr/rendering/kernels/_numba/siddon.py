"""Compiled loops for exact integration through constant voxels (Siddon), forward.

`reference.py` defines what they compute. A maker returns the loop for one kind of render, with what
it does not need compiled away.
"""

from functools import cache

import numpy as np
from numba import njit

from napari_drr.rendering.kernels._numba.rays import (
    BRICK,
    column_and_row,
    interval,
    length_of,
    line,
    pixel_of,
)
from napari_drr.rendering.kernels._numba.slabs import (
    cut_slabs,
    plan_slabs,
    run_origin,
    slab_frame,
)
from napari_drr.rendering.kernels._numba.tools import (
    OPTIONS,
    Loop,
    prefetch,
    stack_float32,
    stack_int32,
)


@cache
def make_siddon(mode: str, weighed: bool) -> Loop:
    """Return the exact integration through constant voxels.

    Args:
        mode: `"sum"`, `"max"`, `"mip"` or `"channels"`.
        weighed: Whether values are multiplied by their labels' weights.

    Returns:
        `loop(volume, labels, weights, channels, shape, bricks, brick_stride, box, lines, pixels,
        height, width, n_rays, out, start, stop)`: volume and labels flat, `shape` (x, y, z),
        `bricks` which bricks hold anything, `box` the corners of the box outside which nothing is,
        rays as in `RayBundle`, `out[pose, channel, ray]`; rays `start` to `stop` of all poses' are
        rendered.
    """
    # Plain values only: numba keeps what it compiled on disk by what the loop closes over, and a
    # compiled function among that would be another one in every process.
    in_mm, channelled, summed, largest = (
        mode != "mip",
        mode == "channels",
        mode == "sum",
        mode == "max",
    )

    @njit(**OPTIONS)
    def siddon(
        volume,
        labels,
        weights,
        channels,
        shape,
        bricks,
        brick_stride,
        box,
        lines,
        pixels,
        height,
        width,
        n_rays,
        out,
        start,
        stop,
    ):
        stride = (1, shape[0], shape[0] * shape[1])
        n_runs_at_most = max(shape) // BRICK + 2
        starts = np.empty(n_runs_at_most, np.int64)
        counts = np.empty(n_runs_at_most, np.int64)
        near, middle, far = stack_int32(80), stack_int32(80), stack_int32(80)
        cross_u, cross_v = stack_float32(80), stack_float32(80)
        totals = np.zeros(out.shape[1])
        factors = weights.astype(np.float32)
        for index in range(start, stop):
            pose = index // n_rays
            ray = index - pose * n_rays
            column, row = column_and_row(pixel_of(pixels, pose, ray), height, width)
            s = (lines[pose, 0, 0], lines[pose, 0, 1], lines[pose, 0, 2])
            d = (
                line(lines, pose, 1, 0, column, row),
                line(lines, pose, 1, 1, column, row),
                line(lines, pose, 1, 2, column, row),
            )
            first, last = interval(s, d, box)
            total = 0.0
            if last > first:
                frame = slab_frame(s, d, shape, first, last)
                m, u, v = frame[0], frame[1], frame[2]
                scale = length_of(lines, pose, column, row) / abs(d[m]) if in_mm else 1.0
                n_runs = plan_slabs(frame, shape, bricks, brick_stride, starts, counts)
                for run in range(n_runs):
                    q, n = starts[run], counts[run]
                    origin = run_origin(frame, q, n)
                    cut_slabs(frame, origin, shape, stride, n, near, middle, far, cross_u, cross_v)
                    enter, high = origin[4], origin[5]
                    base = q * stride[m] + int(origin[0]) * stride[u] + int(origin[1]) * stride[v]
                    for i in range(n):
                        prefetch(volume, base + i * stride[m] + near[i])
                    if summed:
                        # Three sums, since each addition waits for the one before.
                        part_0, part_1, part_2 = np.float32(0), np.float32(0), np.float32(0)
                        for i in range(n):
                            one = min(cross_u[i], cross_v[i])
                            two = max(cross_u[i], cross_v[i])
                            leave = min(np.float32(i + 1), high)
                            value_0 = volume[base + near[i]]
                            value_1 = volume[base + middle[i]]
                            value_2 = volume[base + far[i]]
                            if weighed:
                                value_0 *= factors[labels[base + near[i]]]
                                value_1 *= factors[labels[base + middle[i]]]
                                value_2 *= factors[labels[base + far[i]]]
                            part_0 += value_0 * (one - enter)
                            part_1 += value_1 * (two - one)
                            part_2 += value_2 * (leave - two)
                            enter = leave
                            base += stride[m]
                        total += np.float64(part_0) + np.float64(part_1) + np.float64(part_2)
                    else:
                        for i in range(n):
                            one = min(cross_u[i], cross_v[i])
                            two = max(cross_u[i], cross_v[i])
                            leave = min(np.float32(i + 1), high)
                            for segment in range(3):
                                if segment == 0:
                                    at, span = base + near[i], one - enter
                                elif segment == 1:
                                    at, span = base + middle[i], two - one
                                else:
                                    at, span = base + far[i], leave - two
                                if span > 0.0:
                                    value = np.float64(volume[at])
                                    if weighed:
                                        value *= weights[labels[at]]
                                    if channelled:
                                        channel = channels[labels[at]]
                                        if channel >= 0:
                                            totals[channel] += value * span
                                    elif largest:
                                        total = max(total, value * span)
                                    else:
                                        total = max(total, value)
                            enter = leave
                            base += stride[m]
                if channelled:
                    totals *= scale
                total *= scale
            if channelled:
                for channel in range(len(totals)):
                    out[pose, channel, ray] = totals[channel]
                    totals[channel] = 0.0
            else:
                out[pose, 0, ray] = total

    loop: Loop = siddon
    return loop
