"""Compiled loops for the gradients of the midpoint rule, which are computed again, not stored.

A sample lies at x = s + t d with t = first + (last - first) (i + 1/2) / n. Its value changes with x
by the interpolation's slope; and where a face of the padded volume clips the ray, `first` or `last`
moves with the ray, and with it all samples and the length that each stands for.
"""

from functools import cache

import numpy as np
from numba import njit

from napari_drr.rendering.kernels._numba.rays import (
    BRICK,
    add_ray_gradient,
    clipping_axis,
    column_and_row,
    fill_factors,
    has_length,
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
def _slopes(v000, v100, v010, v110, v001, v101, v011, v111, x, y, z):
    """Return the interpolated value and its slopes along x, y and z."""
    dx_low_front, dx_low_back = v100 - v000, v110 - v010
    dx_high_front, dx_high_back = v101 - v001, v111 - v011
    low_front, low_back = v000 + x * dx_low_front, v010 + x * dx_low_back
    high_front, high_back = v001 + x * dx_high_front, v011 + x * dx_high_back
    dy_low, dy_high = low_back - low_front, high_back - high_front
    low, high = low_front + y * dy_low, high_front + y * dy_high
    dx_low = dx_low_front + y * (dx_low_back - dx_low_front)
    dx_high = dx_high_front + y * (dx_high_back - dx_high_front)
    return (
        low + z * (high - low),
        dx_low + z * (dx_high - dx_low),
        dy_low + z * (dy_high - dy_low),
        high - low,
    )


@njit(**OPTIONS)
def _finish(
    s, d, frame, n_points, length, box, value, slope, slope_i, largest_in_mm, by_length,
    gradient, lines, pose, column, row,
):  # fmt: skip
    """Turn a ray's sums into its gradient, and that into its pose's.

    `value` sums the samples, `slope` their slopes, `slope_i` their slopes times i + 1/2.
    """
    first, last, share = frame[0], frame[1], frame[2]
    scale = length * share if largest_in_mm else 1.0
    by_source, by_direction = np.zeros(3), np.zeros(3)
    along, along_i = 0.0, 0.0
    for axis in range(3):
        by_source[axis] = scale * slope[axis]
        by_direction[axis] = scale * (first * slope[axis] + share * slope_i[axis])
        along += slope[axis] * d[axis]
        along_i += slope_i[axis] * d[axis] / n_points
    in_scale = length / n_points * value if largest_in_mm else 0.0
    axis = clipping_axis(s, d, box, first, 0)
    if axis >= 0:
        pull = (scale * (along - along_i) - in_scale) / d[axis]
        by_source[axis] -= pull
        by_direction[axis] -= pull * first
    axis = clipping_axis(s, d, box, last, 1)
    if axis >= 0:
        pull = (scale * along_i + in_scale) / d[axis]
        by_source[axis] -= pull
        by_direction[axis] -= pull * last
    add_ray_gradient(gradient, lines, pose, column, row, by_source, by_direction, by_length)


@cache
def make_trilinear_backward(mode: str, weighed: bool, labelled: bool, by_weight: bool) -> Loop:
    """Return the gradient in the rays, and in the labels' weights.

    Args:
        mode: `"sum"` (channels included), `"max"` or `"mip"`.
        weighed: Whether values are multiplied by their labels' weights.
        labelled: Whether samples count by their labels.
        by_weight: Whether the weights' gradient is wanted (sums; the others have `picks`).

    Returns:
        `loop(volume, labels, weights, channels, shape, bricks, brick_stride, box, lines, pixels,
        height, width, n_rays, n_points, gradient, by_lines, by_weights, picks, shares, start,
        stop)`: as in `make_siddon_backward`; for `"max"` and `"mip"` each ray's sample (-1 if none
        counts) and what the loss makes of its value are written too.
    """
    summed, in_mm = mode == "sum", mode != "mip"

    @njit(**OPTIONS)
    def trilinear_backward(
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
        gradient,
        by_lines,
        by_weights,
        picks,
        shares,
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
        n_labels = max(len(weights), len(channels))
        factors = np.zeros(max(n_labels, 1), np.float32)
        for index in range(start, stop):
            if not summed:
                picks[index] = -1
                shares[index] = 0.0
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
                by_lines[pose, :, :] = np.nan
                continue
            frame = sample_frame(s, d, padded_box, n_points)
            if frame[1] <= frame[0] or not has_length(d):
                continue
            length = length_of(lines, pose, column, row)
            if labelled and summed:
                fill_factors(factors, gradient, pose, ray, weights, channels, n_labels)
            n_runs = plan_samples(
                s, d, frame, box, shape, n_points, bricks, brick_stride, starts, counts
            )
            value, best = 0.0, 0.0
            slope_x, slope_y, slope_z = 0.0, 0.0, 0.0
            far_x, far_y, far_z = 0.0, 0.0, 0.0
            zero = np.float32(0)
            for run in range(n_runs):
                q, n = starts[run], counts[run]
                base = place_samples(frame, shape, q, n, offset, rest_x, rest_y, rest_z)
                for i in range(n):
                    if offset[i] != OUTSIDE:
                        prefetch(volume, base + offset[i])
                        prefetch(volume, base + offset[i] + page)
                sum_, sum_x, sum_y, sum_z = zero, zero, zero, zero
                sum_ix, sum_iy, sum_iz = zero, zero, zero
                for i in range(n):
                    if offset[i] != OUTSIDE:
                        at = np.uint64(base + offset[i])
                        up = at + step_z
                        here, x, y, z = _slopes(
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
                        c, at_x, at_y, at_z = corners(volume, shape, frame, q + i)
                        here, x, y, z = _slopes(
                            c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], at_x, at_y, at_z
                        )
                    if summed:
                        if labelled:
                            label = label_at(labels, shape, s, d, frame, q + i)
                            if by_weight:
                                channel = channels[label] if len(channels) else 0
                                if channel >= 0:
                                    by_weights[label] += (
                                        np.float64(here)
                                        * gradient[pose, channel, ray]
                                        * (length * frame[2])
                                    )
                            factor = factors[label]
                            here, x, y, z = here * factor, x * factor, y * factor, z * factor
                        place = np.float32(i)
                        sum_ += here
                        sum_x += x
                        sum_y += y
                        sum_z += z
                        sum_ix += x * place
                        sum_iy += y * place
                        sum_iz += z * place
                    else:
                        exact, factor = np.float64(here), 1.0
                        if weighed:
                            factor = weights[label_at(labels, shape, s, d, frame, q + i)]
                        exact *= factor
                        if exact > best:
                            best = exact
                            picks[index] = q + i
                            value = exact
                            slope_x, slope_y, slope_z = x * factor, y * factor, z * factor
                            half = q + i + 0.5
                            far_x, far_y, far_z = slope_x * half, slope_y * half, slope_z * half
                if summed:
                    edge = q + 0.5
                    value += np.float64(sum_)
                    slope_x += np.float64(sum_x)
                    slope_y += np.float64(sum_y)
                    slope_z += np.float64(sum_z)
                    far_x += np.float64(sum_ix) + edge * np.float64(sum_x)
                    far_y += np.float64(sum_iy) + edge * np.float64(sum_y)
                    far_z += np.float64(sum_iz) + edge * np.float64(sum_z)
            factor = 1.0
            if not (summed and labelled):
                factor = np.float64(gradient[pose, 0, ray])
            if not summed:
                if picks[index] < 0:
                    continue
                shares[index] = factor * (length * frame[2] if in_mm else 1.0)
            value *= factor
            by_length = value * frame[2] if in_mm else 0.0
            _finish(
                s,
                d,
                frame,
                n_points,
                length,
                padded_box,
                value,
                (slope_x * factor, slope_y * factor, slope_z * factor),
                (far_x * factor, far_y * factor, far_z * factor),
                in_mm,
                by_length,
                by_lines[pose],
                lines,
                pose,
                column,
                row,
            )

    loop: Loop = trilinear_backward
    return loop
