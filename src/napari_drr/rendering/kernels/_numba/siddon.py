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
    has_length,
    interval,
    is_number,
    length_of,
    line,
    pixel_of,
)
from napari_drr.rendering.kernels._numba.slabs import (
    cut_spans,
    place_edges,
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
        voxel_u, voxel_v = stack_float32(160), stack_float32(160)
        place_u, place_v = stack_int32(160), stack_int32(160)
        place, middle = stack_int32(160), stack_int32(160)
        span_0, span_1, span_2 = stack_float32(160), stack_float32(160), stack_float32(160)
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
            if not is_number(s, d):
                out[pose, :, ray] = np.nan
                continue
            first, last = interval(s, d, box)
            total = 0.0
            if last > first and has_length(d):
                frame = slab_frame(s, d, shape, first, last)
                m, u, v = frame[0], frame[1], frame[2]
                scale = length_of(lines, pose, column, row) / abs(d[m]) if in_mm else 1.0
                n_runs = plan_slabs(frame, shape, bricks, brick_stride, starts, counts)
                for run in range(n_runs):
                    q, n = starts[run], counts[run]
                    origin = run_origin(frame, q, n)
                    place_edges(
                        frame, origin, shape, stride, n, voxel_u, voxel_v, place_u, place_v, place
                    )
                    cut_spans(
                        frame, origin, n, voxel_u, voxel_v, place_u, place_v, middle, span_0,
                        span_1, span_2,
                    )  # fmt: skip
                    base = q * stride[m] + int(origin[0]) * stride[u] + int(origin[1]) * stride[v]
                    for i in range(n):
                        prefetch(volume, base + i * stride[m] + place[i])
                    if summed:
                        # Three sums, since each addition waits for the one before.
                        part_0, part_1, part_2 = np.float32(0), np.float32(0), np.float32(0)
                        for i in range(n):
                            at_0 = np.uint64(base + place[i])
                            at_1 = np.uint64(base + middle[i])
                            at_2 = np.uint64(base + place[i + 1])
                            value_0, value_1, value_2 = volume[at_0], volume[at_1], volume[at_2]
                            if weighed:
                                value_0 *= factors[labels[at_0]]
                                value_1 *= factors[labels[at_1]]
                                value_2 *= factors[labels[at_2]]
                            part_0 += value_0 * span_0[i]
                            part_1 += value_1 * span_1[i]
                            part_2 += value_2 * span_2[i]
                            base += stride[m]
                        total += np.float64(part_0) + np.float64(part_1) + np.float64(part_2)
                    else:
                        for i in range(n):
                            for segment in range(3):
                                if segment == 0:
                                    at, span = np.uint64(base + place[i]), span_0[i]
                                elif segment == 1:
                                    at, span = np.uint64(base + middle[i]), span_1[i]
                                else:
                                    at, span = np.uint64(base + place[i + 1]), span_2[i]
                                if span > 0.0:
                                    value = np.float64(volume[at])
                                    if weighed:
                                        value *= weights[labels[at]]
                                    if channelled:
                                        channel = channels[labels[at]]
                                        if channel >= 0:
                                            totals[channel] += value * span
                                    else:
                                        size = value * span if largest else value
                                        # What is no number stays.
                                        if not size <= total and total == total:
                                            total = size
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
