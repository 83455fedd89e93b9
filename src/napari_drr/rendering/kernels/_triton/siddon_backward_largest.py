"""The gradients of the largest segment of each ray; see `slabs`."""

import triton
import triton.language as tl

from napari_drr.rendering.kernels._triton.crossings import store_crossings
from napari_drr.rendering.kernels._triton.rays import (
    MAX,
    MIP,
    NO_AXIS,
    NUMBERS,
    channel_and_weight,
    interval,
    pick,
    rays_of_program,
)
from napari_drr.rendering.kernels._triton.slabs import (
    SLABS,
    crossing,
    main_axis,
    middle_voxel,
    rebase,
    side_axis,
    stride_of,
)


@triton.jit
def larger_segment(
    index,
    low,
    high,
    low_axis,
    high_axis,
    origin,
    best,
    best_index,
    best_low,
    best_high,
    best_low_axis,
    best_high_axis,
    volume,
    labels,
    channels,
    weights,
    MODE: tl.constexpr,
    WEIGHED: tl.constexpr,
):
    """Return the larger of a segment and the best one so far: value, voxel, both ends."""
    taken = high > low
    _channel, weight = channel_and_weight(
        labels, channels, weights, index, taken, taken, MODE, WEIGHED
    )
    value = tl.load(volume + index, mask=taken, other=0.0) * weight
    if MODE == MAX:
        value *= high - low
    better = taken & (value > best)
    return (
        tl.where(better, value, best),
        tl.where(better, index, best_index),
        tl.where(better, low + origin, best_low),
        tl.where(better, high + origin, best_high),
        tl.where(better, low_axis, best_low_axis),
        tl.where(better, high_axis, best_high_axis),
    )


@triton.jit
def at_ends(axis, low_axis, high_axis, low, high):
    """Return what a segment's ends add to an axis: the nearer one takes, the farther one gives."""
    return tl.where(high_axis == axis, high, 0.0) - tl.where(low_axis == axis, low, 0.0)


@triton.jit(do_not_specialize=NUMBERS)
def siddon_backward_largest(
    grad_volume,
    partials,
    best_label,
    best_amount,
    grad,
    volume,
    lines,
    pixels,
    labels,
    channels,
    weights,
    n_poses,
    n_rays,
    n_blocks,
    n_channels,
    height,
    width,
    nx,
    ny,
    nz,
    pixel_stride,
    n_points,
    MODE: tl.constexpr,
    WEIGHED: tl.constexpr,
    HAS_PIXELS: tl.constexpr,
    LANES_ARE_POSES: tl.constexpr,
    WIDE: tl.constexpr,
    TILE_HEIGHT: tl.constexpr,
    TILE_WIDTH: tl.constexpr,
    WANT_VOLUME: tl.constexpr,
    WANT_LINES: tl.constexpr,
    WANT_WEIGHTS: tl.constexpr,
):
    """Do as `siddon_backward_sum` for the largest segment, the only one that counts.

    `best_label[pose, ray]` and `best_amount` tell the gradient in the weights.
    """
    REAL: tl.constexpr = tl.float64 if MODE == MIP else tl.float32
    LANES: tl.constexpr = TILE_HEIGHT * TILE_WIDTH
    pose, ray, has_ray, column, row, sx, sy, sz, dx, dy, dz, wx, wy, wz = rays_of_program(
        lines,
        pixels,
        pixel_stride,
        n_poses,
        n_rays,
        n_blocks,
        height,
        width,
        HAS_PIXELS,
        LANES_ARE_POSES,
        TILE_HEIGHT,
        TILE_WIDTH,
    )
    first, last, first_axis, last_axis = interval(sx, sy, sz, dx, dy, dz, nx, ny, nz, 0.5)
    m, begin, end, k_begin, k_end = main_axis(
        has_ray, sx, sy, sz, dx, dy, dz, first, last, nx, ny, nz
    )
    u, v = tl.where(m == 2, 0, m + 1), tl.where(m == 0, 2, m - 1)
    offset_u, slope_u, inverse_u, here_u, count_u, step_u = side_axis(
        u, m, first, last, sx, sy, sz, dx, dy, dz, nx, ny, nz, REAL
    )
    offset_v, slope_v, inverse_v, here_v, count_v, step_v = side_axis(
        v, m, first, last, sx, sy, sz, dx, dy, dz, nx, ny, nz, REAL
    )
    stride_m = stride_of(m, nx, ny, WIDE)
    stride_u, stride_v = stride_of(u, nx, ny, WIDE), stride_of(v, nx, ny, WIDE)
    start, extent = pick(m, sx, sy, sz), pick(m, dx, dy, dz)
    length = tl.sqrt(wx * wx + wy * wy + wz * wz)
    scale = length / tl.where(extent == 0.0, 1.0, tl.abs(extent))
    begin_axis = tl.where(extent < 0.0, last_axis, first_axis)
    end_axis = tl.where(extent < 0.0, first_axis, last_axis)
    best = tl.zeros([LANES], tl.float32)
    best_low, best_high = tl.zeros([LANES], tl.float64), tl.zeros([LANES], tl.float64)
    best_low_axis, best_high_axis = m * 0 + NO_AXIS, m * 0 + NO_AXIS
    best_index = here_u * stride_u * 0
    k_stop = tl.max(k_end, axis=0) + 1
    for k_fix in range(tl.min(k_begin, axis=0), k_stop, SLABS):
        origin = k_fix - 0.5
        plane_u, rest_u = rebase(offset_u, slope_u, origin, REAL)
        plane_v, rest_v = rebase(offset_v, slope_v, origin, REAL)
        begin_here, end_here = (begin - origin).to(REAL), (end - origin).to(REAL)
        for k in range(0, tl.minimum(SLABS, k_stop - k_fix)):
            near = k * 1.0
            enter, leave = tl.maximum(near, begin_here), tl.minimum(near + 1.0, end_here)
            cross_u, there_u = crossing(
                here_u, step_u, plane_u, rest_u, inverse_u, count_u, enter, leave
            )
            cross_v, there_v = crossing(
                here_v, step_v, plane_v, rest_v, inverse_v, count_v, enter, leave
            )
            u_first = cross_u < cross_v
            one, two = tl.minimum(cross_u, cross_v), tl.maximum(cross_u, cross_v)
            slab = (k_fix + k) * stride_m
            index_0 = slab + here_u * stride_u + here_v * stride_v
            index_1 = slab + middle_voxel(
                u_first, here_u, here_v, there_u, there_v, stride_u, stride_v
            )
            index_2 = slab + there_u * stride_u + there_v * stride_v
            low_axis = tl.where(enter > near, begin_axis, m)
            high_axis = tl.where(leave < near + 1.0, end_axis, m)
            low_axis = tl.where(begin_here == near, begin_axis, low_axis)
            high_axis = tl.where(end_here == near + 1.0, end_axis, high_axis)
            axis_1, axis_2 = tl.where(u_first, u, v), tl.where(u_first, v, u)
            best, best_index, best_low, best_high, best_low_axis, best_high_axis = larger_segment(
                index_0,
                enter,
                one,
                low_axis,
                tl.where(one < leave, axis_1, high_axis),
                origin,
                best,
                best_index,
                best_low,
                best_high,
                best_low_axis,
                best_high_axis,
                volume,
                labels,
                channels,
                weights,
                MODE,
                WEIGHED,
            )
            best, best_index, best_low, best_high, best_low_axis, best_high_axis = larger_segment(
                index_1,
                one,
                two,
                axis_1,
                tl.where(two < leave, axis_2, high_axis),
                origin,
                best,
                best_index,
                best_low,
                best_high,
                best_low_axis,
                best_high_axis,
                volume,
                labels,
                channels,
                weights,
                MODE,
                WEIGHED,
            )
            best, best_index, best_low, best_high, best_low_axis, best_high_axis = larger_segment(
                index_2,
                two,
                leave,
                axis_2,
                high_axis,
                origin,
                best,
                best_index,
                best_low,
                best_high,
                best_low_axis,
                best_high_axis,
                volume,
                labels,
                channels,
                weights,
                MODE,
                WEIGHED,
            )
            here_u, here_v = there_u, there_v
    # A largest value of zero is the empty space's: nothing moves it.
    found = has_ray & (best > 0.0)
    gradient = tl.load(grad + pose * n_rays + ray, mask=has_ray, other=0.0)
    if MODE == MAX:
        gradient *= (scale * (best_high - best_low)).to(tl.float32)
    value = tl.load(volume + best_index, mask=found, other=0.0)
    _channel, weight = channel_and_weight(
        labels, channels, weights, best_index, found, found, MODE, WEIGHED
    )
    if WANT_WEIGHTS:
        label = tl.load(labels + best_index, mask=found, other=0).to(tl.int32)
        tl.store(best_label + pose * n_rays + ray, label, mask=has_ray)
        tl.store(best_amount + pose * n_rays + ray, gradient * value, mask=has_ray)
    if WANT_VOLUME:
        tl.atomic_add(grad_volume + best_index, gradient * weight, mask=found, sem="relaxed")
    if WANT_LINES:
        # For "max": "mip" does not change with a ray but where it leaps.
        per_mm = tl.load(grad + pose * n_rays + ray, mask=found, other=0.0) * (value * weight)
        per_mm = per_mm.to(tl.float64)
        low_moment, high_moment = per_mm * (best_low - start), per_mm * (best_high - start)
        store_crossings(
            partials,
            pose,
            has_ray,
            column,
            row,
            m,
            u,
            at_ends(m, best_low_axis, best_high_axis, per_mm, per_mm),
            at_ends(m, best_low_axis, best_high_axis, low_moment, high_moment),
            at_ends(u, best_low_axis, best_high_axis, per_mm, per_mm),
            at_ends(u, best_low_axis, best_high_axis, low_moment, high_moment),
            at_ends(v, best_low_axis, best_high_axis, per_mm, per_mm),
            at_ends(v, best_low_axis, best_high_axis, low_moment, high_moment),
            per_mm * (best_high - best_low) / tl.where(extent == 0.0, 1.0, tl.abs(extent)),
            dx,
            dy,
            dz,
            wx,
            wy,
            wz,
            length,
            LANES_ARE_POSES,
        )
