r"""Compiled loops for the gradients of Siddon's integral, which are computed again, not stored.

With p the position along the main axis m, and e the density of a segment times what the loss makes
of its label, the loss of a ray is

    L = length / |d_m| * sum_c p_c (e_before - e_after)

over the planes c that it crosses. The plane P of axis a is met at t = (P - s_a) / d_a, so
dt/ds_a = -1 / d_a and dt/dd_a = -t / d_a: two sums per axis, of the differences and of the
differences times p, are all that is to be kept.
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
    interval,
    is_number,
    length_of,
    line,
    pixel_of,
)
from napari_drr.rendering.kernels._numba.slabs import (
    LANES,
    cut_crossings,
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


@njit(**OPTIONS)
def _add_end(differences, moments, axis_m, axis, position, change):
    """Move the end of a ray's way from the main axis' sums to those of the axis that clips it."""
    differences[axis_m] -= change
    moments[axis_m] -= change * position
    if axis >= 0:
        differences[axis] += change
        moments[axis] += change * position


@njit(**OPTIONS)
def finish_siddon(s, d, m, length, differences, moments, span, gradient, lines, pose, column, row):
    """Turn a ray's sums into its gradient, and that into its pose's."""
    sign = 1.0 if d[m] > 0.0 else -1.0
    by_source, by_direction = np.zeros(3), np.zeros(3)
    for axis in range(3):
        if d[axis] != 0.0 and (differences[axis] != 0.0 or moments[axis] != 0.0):
            pull = -length * sign / d[axis]
            by_source[axis] = pull * differences[axis]
            by_direction[axis] = pull * (moments[axis] - s[m] * differences[axis]) / d[m]
    add_ray_gradient(gradient, lines, pose, column, row, by_source, by_direction, span / abs(d[m]))


@cache
def make_siddon_backward(labelled: bool, by_weight: bool) -> Loop:
    """Return the gradient of sums and channels in the rays, and in the labels' weights.

    Args:
        labelled: Whether segments count by their labels.
        by_weight: Whether the weights' gradient is wanted.

    Returns:
        `loop(volume, labels, weights, channels, shape, bricks, brick_stride, box, lines, pixels,
        height, width, n_rays, gradient, by_lines, by_weights, start, stop)`: as in `make_siddon`;
        `gradient[pose, channel, ray]` of the loss in the image, added to `by_lines[pose, 7, 3]` and
        `by_weights[label]`.
    """

    @njit(**OPTIONS)
    def siddon_backward(
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
        gradient,
        by_lines,
        by_weights,
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
        cross_u, cross_v = stack_float32(160), stack_float32(160)
        value_0, value_1, value_2 = stack_float32(160), stack_float32(160), stack_float32(160)
        lane_u, lane_v, lane_m = stack_float32(16), stack_float32(16), stack_float32(16)
        moment_u, moment_v, moment_m = stack_float32(16), stack_float32(16), stack_float32(16)
        lane_span = stack_float32(16)
        differences, moments = np.zeros(3), np.zeros(3)
        n_labels = max(len(weights), len(channels))
        factors = np.zeros(max(n_labels, 1), np.float32)
        zero, one_more = np.float32(0), np.float32(1)
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
                by_lines[pose, :, :] = np.nan
                continue
            first, last = interval(s, d, box)
            if last <= first or not has_length(d):
                continue
            if labelled:
                fill_factors(factors, gradient, pose, ray, weights, channels, n_labels)
            frame = slab_frame(s, d, shape, first, last)
            m, u, v = frame[0], frame[1], frame[2]
            length = length_of(lines, pose, column, row)
            n_runs = plan_slabs(frame, shape, bricks, brick_stride, starts, counts)
            differences[:] = 0.0
            moments[:] = 0.0
            span = 0.0
            value_first, value_last = 0.0, 0.0
            for run in range(n_runs):
                q, n = starts[run], counts[run]
                origin = run_origin(frame, q, n)
                place_edges(
                    frame, origin, shape, stride, n, voxel_u, voxel_v, place_u, place_v, place
                )
                cut_crossings(
                    frame, origin, n, voxel_u, voxel_v, place_u, place_v, middle, cross_u, cross_v
                )
                half = np.float32(origin[7])
                edge, low, high = origin[4], origin[5], origin[6]
                base = q * stride[m] + int(origin[0]) * stride[u] + int(origin[1]) * stride[v]
                for i in range(n):
                    prefetch(volume, base + i * stride[m] + place[i])
                for i in range(n):
                    at = base + i * stride[m]
                    at_0 = np.uint64(at + place[i])
                    at_1 = np.uint64(at + middle[i])
                    at_2 = np.uint64(at + place[i + 1])
                    if labelled:
                        value_0[i] = volume[at_0] * factors[labels[at_0]]
                        value_1[i] = volume[at_1] * factors[labels[at_1]]
                        value_2[i] = volume[at_2] * factors[labels[at_2]]
                    else:
                        value_0[i] = volume[at_0]
                        value_1[i] = volume[at_1]
                        value_2[i] = volume[at_2]
                for i in range(n, (n + LANES - 1) & -LANES):
                    value_0[i], value_1[i], value_2[i] = zero, zero, zero
                if q == frame[9]:
                    value_first = np.float64(value_0[0])
                if q + n == frame[10]:
                    value_last = np.float64(value_2[n - 1])
                for lane in range(LANES):
                    lane_u[lane], lane_v[lane], lane_m[lane] = zero, zero, zero
                    moment_u[lane], moment_v[lane], moment_m[lane] = zero, zero, zero
                    lane_span[lane] = zero
                for block in range(0, np.int32((n + LANES - 1) & -LANES), LANES):
                    for lane in range(LANES):
                        i = block + lane
                        position = np.float32(np.int32(i)) - half
                        enter, leave = max(position, low), min(position + one_more, high)
                        at_u, at_v = cross_u[i], cross_v[i]
                        before, between, after = value_0[i], value_1[i], value_2[i]
                        drop_1, drop_2 = before - between, between - after
                        drop_u = drop_1 if at_u < at_v else drop_2
                        drop_v = drop_2 if at_u < at_v else drop_1
                        one, two = min(at_u, at_v), max(at_u, at_v)
                        lane_u[lane] += drop_u
                        lane_v[lane] += drop_v
                        lane_m[lane] += after - before
                        moment_u[lane] += at_u * drop_u
                        moment_v[lane] += at_v * drop_v
                        moment_m[lane] += leave * after - enter * before
                        lane_span[lane] += (
                            before * (one - enter) + between * (two - one) + after * (leave - two)
                        )
                sum_u, sum_v, sum_m, far_u, far_v, far_m = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
                for lane in range(LANES):
                    sum_u += lane_u[lane]
                    sum_v += lane_v[lane]
                    sum_m += lane_m[lane]
                    far_u += moment_u[lane]
                    far_v += moment_v[lane]
                    far_m += moment_m[lane]
                    span += lane_span[lane]
                differences[u] += sum_u
                differences[v] += sum_v
                differences[m] += sum_m
                moments[u] += far_u + edge * sum_u
                moments[v] += far_v + edge * sum_v
                moments[m] += far_m + edge * sum_m
                if by_weight:
                    scale = length / abs(d[m])
                    enter = low
                    for i in range(n):
                        at = base + i * stride[m]
                        leave = min(np.float32(i + 1) - half, high)
                        one, two = min(cross_u[i], cross_v[i]), max(cross_u[i], cross_v[i])
                        for segment in range(3):
                            if segment == 0:
                                voxel, part = at + place[i], one - enter
                            elif segment == 1:
                                voxel, part = at + middle[i], two - one
                            else:
                                voxel, part = at + place[i + 1], leave - two
                            label = labels[voxel]
                            channel = channels[label] if len(channels) else 0
                            if channel >= 0 and part > 0.0:
                                by_weights[label] += (
                                    np.float64(volume[voxel])
                                    * gradient[pose, channel, ray]
                                    * (part * scale)
                                )
                        enter = leave
            clip_first = clipping_axis(s, d, box, first, 0)
            clip_last = clipping_axis(s, d, box, last, 1)
            if d[m] < 0.0:
                clip_first, clip_last = clip_last, clip_first
            if clip_first != m:
                _add_end(differences, moments, m, clip_first, frame[7], -value_first)
            if clip_last != m:
                _add_end(differences, moments, m, clip_last, frame[8], value_last)
            if not labelled:
                factor = np.float64(gradient[pose, 0, ray])
                differences *= factor
                moments *= factor
                span *= factor
            finish_siddon(
                s,
                d,
                m,
                length,
                differences,
                moments,
                span,
                by_lines[pose],
                lines,
                pose,
                column,
                row,
            )

    loop: Loop = siddon_backward
    return loop
