"""The gradients of Siddon's line integrals; see `slabs`."""

import triton
import triton.language as tl

from napari_drr.rendering.kernels._triton.crossings import store_crossings
from napari_drr.rendering.kernels._triton.rays import (
    CHANNELS,
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
def pull_segment(
    index,
    span,
    active,
    scale,
    gradient,
    at,
    n_rays,
    grad_volume,
    volume,
    labels,
    channels,
    weights,
    MODE: tl.constexpr,
    WEIGHED: tl.constexpr,
    WANT_VOLUME: tl.constexpr,
    WANT_LINES: tl.constexpr,
):
    """Return the gradient in a segment's length, per mm; add that in its voxel to the volume's."""
    channel, weight = channel_and_weight(
        labels, channels, weights, index, active, active, MODE, WEIGHED
    )
    if MODE == CHANNELS:
        kept = active & (channel >= 0)
        gradient = tl.load(at + channel.to(tl.int64) * n_rays, mask=kept, other=0.0)
    gradient = gradient * weight
    if WANT_VOLUME:
        amount = gradient * (scale * span).to(tl.float32)
        tl.atomic_add(grad_volume + index, amount, mask=active & (span > 0.0), sem="relaxed")
    if WANT_LINES:
        gradient *= tl.load(volume + index, mask=active, other=0.0)
    return gradient


@triton.jit(do_not_specialize=NUMBERS)
def siddon_backward_sum(
    grad_volume,
    partials,
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
):
    """Add a sum's gradient to `grad_volume[z, y, x]`, write that in the rays to `partials`.

    `partials[program, vector, axis]` are to be added up.
    """
    REAL: tl.constexpr = tl.float32
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
    at = grad + pose * n_channels * n_rays + ray
    gradient = tl.load(at, mask=has_ray, other=0.0)
    # Levels and moments: see `crossing_gradient`.
    total = tl.zeros([LANES], tl.float64)
    level_m, level_u, level_v = total, total, total
    moment_m, moment_u, moment_v = total, total, total
    started = tl.full([LANES], 0, tl.int32)
    begin_value = tl.zeros([LANES], tl.float32)
    end_value = tl.zeros([LANES], tl.float32)
    k_stop = tl.max(k_end, axis=0) + 1
    for k_fix in range(tl.min(k_begin, axis=0), k_stop, SLABS):
        origin = k_fix - 0.5
        plane_u, rest_u = rebase(offset_u, slope_u, origin, REAL)
        plane_v, rest_v = rebase(offset_v, slope_v, origin, REAL)
        begin_here, end_here = (begin - origin).to(REAL), (end - origin).to(REAL)
        part = tl.zeros([LANES], tl.float32)
        part_m, part_u, part_v = part, part, part
        lever_m, lever_u, lever_v = part, part, part
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
            active = leave > enter
            value_0 = pull_segment(
                index_0,
                one - enter,
                active,
                scale,
                gradient,
                at,
                n_rays,
                grad_volume,
                volume,
                labels,
                channels,
                weights,
                MODE,
                WEIGHED,
                WANT_VOLUME,
                WANT_LINES,
            )
            value_1 = pull_segment(
                index_1,
                two - one,
                active,
                scale,
                gradient,
                at,
                n_rays,
                grad_volume,
                volume,
                labels,
                channels,
                weights,
                MODE,
                WEIGHED,
                WANT_VOLUME,
                WANT_LINES,
            )
            value_2 = pull_segment(
                index_2,
                leave - two,
                active,
                scale,
                gradient,
                at,
                n_rays,
                grad_volume,
                volume,
                labels,
                channels,
                weights,
                MODE,
                WEIGHED,
                WANT_VOLUME,
                WANT_LINES,
            )
            if WANT_LINES:
                part += value_0 * (one - enter) + value_1 * (two - one) + value_2 * (leave - two)
                jump_1, jump_2 = value_0 - value_1, value_1 - value_2
                jump_u, jump_v = (
                    tl.where(u_first, jump_1, jump_2),
                    tl.where(u_first, jump_2, jump_1),
                )
                part_m += value_2 - value_0
                part_u += jump_u
                part_v += jump_v
                lever_m += value_2 * leave - value_0 * enter
                lever_u += jump_u * cross_u
                lever_v += jump_v * cross_v
                begin_value = tl.where(active & (started == 0), value_0, begin_value)
                end_value = tl.where(active, value_2, end_value)
                started = tl.where(active, 1, started)
            here_u, here_v = there_u, there_v
        if WANT_LINES:
            arm = origin - start
            total += part
            level_m += part_m
            level_u += part_u
            level_v += part_v
            moment_m += lever_m + arm * part_m
            moment_u += lever_u + arm * part_u
            moment_v += lever_v + arm * part_v
    if WANT_LINES:
        # The main axis has gathered both ends, also of rays that a side face or their own end cuts.
        begin_axis = tl.where(extent < 0.0, last_axis, first_axis)
        end_axis = tl.where(extent < 0.0, first_axis, last_axis)
        begin_moment, end_moment = begin_value * (begin - start), end_value * (end - start)
        level_m += tl.where(begin_axis == m, 0.0, begin_value)
        level_m -= tl.where(end_axis == m, 0.0, end_value)
        level_u += tl.where(end_axis == u, end_value, 0.0)
        level_u -= tl.where(begin_axis == u, begin_value, 0.0)
        level_v += tl.where(end_axis == v, end_value, 0.0)
        level_v -= tl.where(begin_axis == v, begin_value, 0.0)
        moment_m += tl.where(begin_axis == m, 0.0, begin_moment)
        moment_m -= tl.where(end_axis == m, 0.0, end_moment)
        moment_u += tl.where(end_axis == u, end_moment, 0.0)
        moment_u -= tl.where(begin_axis == u, begin_moment, 0.0)
        moment_v += tl.where(end_axis == v, end_moment, 0.0)
        moment_v -= tl.where(begin_axis == v, begin_moment, 0.0)
        store_crossings(
            partials,
            pose,
            has_ray,
            column,
            row,
            m,
            u,
            level_m,
            moment_m,
            level_u,
            moment_u,
            level_v,
            moment_v,
            total / tl.where(extent == 0.0, 1.0, tl.abs(extent)),
            dx,
            dy,
            dz,
            wx,
            wy,
            wz,
            length,
            LANES_ARE_POSES,
        )
