"""Compiled loops for the midpoint rule over the interpolated, zero-padded volume, forward."""

from functools import cache

import numpy as np
from numba import njit

from napari_drr.rendering.kernels._numba.rays import (
    BRICK,
    column_and_row,
    is_number,
    length_of,
    line,
    pixel_of,
)
from napari_drr.rendering.kernels._numba.samples import (
    OUTSIDE,
    corners,
    label_at,
    place_samples,
    plan_samples,
    sample_frame,
)
from napari_drr.rendering.kernels._numba.tools import (
    INLINE,
    OPTIONS,
    Loop,
    prefetch,
    stack_float32,
    stack_int32,
)


@njit(**INLINE)
def mix(v000, v100, v010, v110, v001, v101, v011, v111, x, y, z):
    """Interpolate eight voxels."""
    low_front, low_back = v000 + x * (v100 - v000), v010 + x * (v110 - v010)
    high_front, high_back = v001 + x * (v101 - v001), v011 + x * (v111 - v011)
    low = low_front + y * (low_back - low_front)
    high = high_front + y * (high_back - high_front)
    return low + z * (high - low)


@cache
def make_trilinear(mode: str, weighed: bool) -> Loop:
    """Return the midpoint rule over each ray's own way through the zero-padded volume.

    Args:
        mode: `"sum"`, `"max"`, `"mip"` or `"channels"`.
        weighed: Whether values are multiplied by their labels' weights.

    Returns:
        `loop(volume, labels, weights, channels, shape, bricks, brick_stride, box, lines, pixels,
        height, width, n_rays, n_points, out, start, stop)`, as `make_siddon`'s.
    """
    channelled, in_mm, summed = mode == "channels", mode != "mip", mode == "sum"

    @njit(**OPTIONS)
    def trilinear(
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
        n_points,
        out,
        start,
        stop,
    ):
        padded_box = (-1.0, -1.0, -1.0, float(shape[0]), float(shape[1]), float(shape[2]))
        page = shape[0] * shape[1]
        step_x, step_y, step_z = np.uint64(1), np.uint64(shape[0]), np.uint64(page)
        n_runs_at_most = n_points + max(shape) // BRICK + 2
        starts = np.empty(n_runs_at_most, np.int64)
        counts = np.empty(n_runs_at_most, np.int64)
        offset = stack_int32(80)
        rest_x, rest_y, rest_z = stack_float32(80), stack_float32(80), stack_float32(80)
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
            frame = sample_frame(s, d, padded_box, n_points)
            total = 0.0
            if frame[1] > frame[0]:
                scale = length_of(lines, pose, column, row) * frame[2] if in_mm else 1.0
                n_runs = plan_samples(
                    s, d, frame, box, shape, n_points, bricks, brick_stride, starts, counts
                )
                for run in range(n_runs):
                    q, n = starts[run], counts[run]
                    base = place_samples(frame, shape, q, n, offset, rest_x, rest_y, rest_z)
                    for i in range(n):
                        if offset[i] != OUTSIDE:
                            prefetch(volume, base + offset[i])
                            prefetch(volume, base + offset[i] + page)
                    part = np.float32(0)
                    for i in range(n):
                        if offset[i] != OUTSIDE:
                            at = np.uint64(base + offset[i])
                            up = at + step_z
                            value = mix(
                                volume[at],
                                volume[at + step_x],
                                volume[at + step_y],
                                volume[at + step_y + step_x],
                                volume[up],
                                volume[up + step_x],
                                volume[up + step_y],
                                volume[up + step_y + step_x],
                                rest_x[i],
                                rest_y[i],
                                rest_z[i],
                            )
                        else:
                            c, x, y, z = corners(volume, shape, frame, q + i)
                            value = mix(c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], x, y, z)
                        label = 0
                        if weighed or channelled:
                            label = label_at(labels, shape, s, d, frame, q + i)
                        if weighed:
                            value *= factors[label]
                        if channelled:
                            channel = channels[label]
                            if channel >= 0:
                                totals[channel] += np.float64(value)
                        elif summed:
                            part += value
                        elif not value <= total and total == total:  # what is no number stays
                            total = np.float64(value)
                    total += np.float64(part)
                if channelled:
                    totals *= scale
                total *= scale
            if channelled:
                for channel in range(len(totals)):
                    out[pose, channel, ray] = totals[channel]
                    totals[channel] = 0.0
            else:
                out[pose, 0, ray] = total

    loop: Loop = trilinear
    return loop
