"""Compiled loops for Siddon's gradient in the volume, and for reductions that keep one segment."""

from functools import cache

import numpy as np
from numba import njit

from napari_drr.rendering.kernels._numba.rays import (
    BRICK,
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
from napari_drr.rendering.kernels._numba.siddon_backward import finish_siddon
from napari_drr.rendering.kernels._numba.slabs import (
    cut_crossings,
    cut_spans,
    place_edges,
    plan_slabs,
    run_origin,
    slab_frame,
)
from napari_drr.rendering.kernels._numba.tools import (
    OPTIONS,
    Loop,
    stack_float32,
    stack_int32,
)


@cache
def make_siddon_volume(labelled: bool) -> Loop:
    """Return the adjoint of sums and channels: what each ray's gradient says of each voxel.

    Args:
        labelled: Whether segments count by their labels.

    Returns:
        `loop(by_volume, labels, weights, channels, shape, bricks, brick_stride, box, lines, pixels,
        height, width, n_rays, gradient, start, stop)`: as in `make_siddon`, added to `by_volume`
        (flat). One thread at a time may write to a volume.
    """

    @njit(**OPTIONS)
    def siddon_volume(
        by_volume,
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
        n_labels = max(len(weights), len(channels))
        factors = np.zeros(max(n_labels, 1), np.float32)
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
                continue
            first, last = interval(s, d, box)
            if last <= first or not has_length(d):
                continue
            if labelled:
                fill_factors(factors, gradient, pose, ray, weights, channels, n_labels)
            frame = slab_frame(s, d, shape, first, last)
            m, u, v = frame[0], frame[1], frame[2]
            scale = length_of(lines, pose, column, row) / abs(d[m])
            if not labelled:
                scale *= gradient[pose, 0, ray]
            n_runs = plan_slabs(frame, shape, bricks, brick_stride, starts, counts)
            for run in range(n_runs):
                q, n = starts[run], counts[run]
                origin = run_origin(frame, q, n)
                place_edges(
                    frame, origin, shape, stride, n, voxel_u, voxel_v, place_u, place_v, place
                )
                cut_spans(
                    frame, origin, n, voxel_u, voxel_v, place_u, place_v, middle, span_0, span_1,
                    span_2,
                )  # fmt: skip
                base = q * stride[m] + int(origin[0]) * stride[u] + int(origin[1]) * stride[v]
                for i in range(n):
                    at = base + i * stride[m]
                    for segment in range(3):
                        if segment == 0:
                            voxel, part = at + place[i], span_0[i]
                        elif segment == 1:
                            voxel, part = at + middle[i], span_1[i]
                        else:
                            voxel, part = at + place[i + 1], span_2[i]
                        if part > 0.0:
                            share = part * scale
                            if labelled:
                                share *= factors[labels[voxel]]
                            by_volume[voxel] += np.float32(share)

    loop: Loop = siddon_volume
    return loop


@cache
def make_siddon_pick(largest: bool, weighed: bool) -> Loop:
    """Return the gradient of `"max"` and `"mip"`, which flows through one segment of each ray.

    Args:
        largest: The reduction is `"max"`; `"mip"` if not.
        weighed: Whether values are multiplied by their labels' weights.

    Returns:
        `loop(volume, labels, weights, shape, bricks, brick_stride, box, lines, pixels, height,
        width, n_rays, gradient, by_lines, picks, shares, start, stop)`: adds to `by_lines`, and
        writes each ray's voxel (-1 if none counts) and what the loss makes of its value.
    """

    @njit(**OPTIONS)
    def siddon_pick(
        volume,
        labels,
        weights,
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
        picks,
        shares,
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
        differences, moments = np.zeros(3), np.zeros(3)
        for index in range(start, stop):
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
            first, last = interval(s, d, box)
            if last <= first or not has_length(d):
                continue
            frame = slab_frame(s, d, shape, first, last)
            m, u, v = frame[0], frame[1], frame[2]
            axis_first = clipping_axis(s, d, box, first, 0)
            axis_last = clipping_axis(s, d, box, last, 1)
            if d[m] < 0.0:
                axis_first, axis_last = axis_last, axis_first
            best, best_value = 0.0, 0.0
            from_axis, to_axis, from_at, to_at = -1, -1, 0.0, 0.0
            n_runs = plan_slabs(frame, shape, bricks, brick_stride, starts, counts)
            for run in range(n_runs):
                q, n = starts[run], counts[run]
                origin = run_origin(frame, q, n)
                place_edges(
                    frame, origin, shape, stride, n, voxel_u, voxel_v, place_u, place_v, place
                )
                cut_crossings(
                    frame, origin, n, voxel_u, voxel_v, place_u, place_v, middle, cross_u, cross_v
                )
                edge, enter, high = origin[4], origin[5], origin[6]
                base = q * stride[m] + int(origin[0]) * stride[u] + int(origin[1]) * stride[v]
                for i in range(n):
                    at = base + i * stride[m]
                    leave = min(np.float32(i + 1) - np.float32(origin[7]), high)
                    one, two = min(cross_u[i], cross_v[i]), max(cross_u[i], cross_v[i])
                    for segment in range(3):
                        if segment == 0:
                            voxel, here, there = at + place[i], enter, one
                        elif segment == 1:
                            voxel, here, there = at + middle[i], one, two
                        else:
                            voxel, here, there = at + place[i + 1], two, leave
                        if there <= here:
                            continue
                        value = np.float64(volume[voxel])
                        if weighed:
                            value *= weights[labels[voxel]]
                        size = value * (there - here) if largest else value
                        if size > best:
                            best, best_value = size, value
                            picks[index] = voxel
                            from_at, to_at = edge + here, edge + there
                            axis_one = u if cross_u[i] < cross_v[i] else v
                            from_axis = m
                            if segment == 0 and q + i == frame[9]:
                                from_axis = axis_first
                            elif segment == 1 or (segment == 2 and cross_u[i] == cross_v[i]):
                                from_axis = axis_one
                            elif segment == 2:
                                from_axis = u + v - axis_one
                            to_axis = axis_last if q + i + 1 == frame[10] else m
                            if segment == 0 and one < leave:
                                to_axis = axis_one
                            elif segment == 1 and two < leave:
                                to_axis = u + v - axis_one
                    enter = leave
            if picks[index] < 0:
                continue
            factor = np.float64(gradient[pose, 0, ray])
            length = length_of(lines, pose, column, row)
            shares[index] = factor
            if not largest:
                continue
            span = to_at - from_at
            shares[index] *= span * length / abs(d[m])
            differences[:] = 0.0
            moments[:] = 0.0
            pull = factor * best_value
            if to_axis >= 0:
                differences[to_axis] += pull
                moments[to_axis] += pull * to_at
            if from_axis >= 0:
                differences[from_axis] -= pull
                moments[from_axis] -= pull * from_at
            finish_siddon(
                s, d, m, length, differences, moments, pull * span, by_lines[pose], lines, pose,
                column, row,
            )  # fmt: skip

    loop: Loop = siddon_pick
    return loop
