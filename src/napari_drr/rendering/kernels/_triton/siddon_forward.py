"""Siddon's integral, exact through constant voxels; see `slabs`."""

import triton
import triton.language as tl

from napari_drr.rendering.kernels._triton.rays import (
    CHANNELS,
    MAX,
    MIP,
    NUMBERS,
    SUM,
    add_to_run,
    channel_and_weight,
    flush_run,
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
def add_segment(
    index,
    span,
    scale,
    volume,
    labels,
    channels,
    weights,
    out,
    stride,
    total,
    run_channel,
    MODE: tl.constexpr,
    WEIGHED: tl.constexpr,
):
    """Add a segment to what a ray has so far; one of no length counts for nothing."""
    taken = span > 0.0
    channel, weight = channel_and_weight(
        labels, channels, weights, index, taken, taken, MODE, WEIGHED
    )
    value = tl.load(volume + index, mask=taken, other=0.0) * weight
    if MODE == SUM:
        total += value * span
    elif MODE == MAX:
        total = tl.maximum(total, value * span)
    elif MODE == MIP:
        total = tl.maximum(total, value)
    else:
        run_channel, total = add_to_run(
            out, stride, scale, channel, value * span, taken, run_channel, total
        )
    return total, run_channel


@triton.jit(do_not_specialize=NUMBERS)
def siddon_forward(
    out,
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
):
    """Integrate to `out[pose, channel, ray]`, which must be zero where there are channels."""
    REAL: tl.constexpr = tl.float64 if MODE == MIP else tl.float32
    LANES: tl.constexpr = TILE_HEIGHT * TILE_WIDTH
    # Slabs whose loads are in flight together: an image has too few rays to hide them otherwise.
    UNROLL: tl.constexpr = 1 if MODE == CHANNELS else 4
    pose, ray, has_ray, _column, _row, sx, sy, sz, dx, dy, dz, wx, wy, wz = rays_of_program(
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
    first, last, _first_axis, _last_axis = interval(sx, sy, sz, dx, dy, dz, nx, ny, nz, 0.5)
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
    extent = tl.abs(pick(m, dx, dy, dz))
    length = tl.sqrt(wx * wx + wy * wy + wz * wz)
    scale = length / tl.where(extent > 0.0, extent, 1.0)
    at = out + pose * n_channels * n_rays + ray
    total = tl.zeros([LANES], tl.float64)
    part = tl.zeros([LANES], tl.float32)
    run_channel = tl.full([LANES], -1, tl.int32)
    k_stop = tl.max(k_end, axis=0) + 1
    for k_fix in range(tl.min(k_begin, axis=0), k_stop, SLABS):
        origin = k_fix - 0.5
        plane_u, rest_u = rebase(offset_u, slope_u, origin, REAL)
        plane_v, rest_v = rebase(offset_v, slope_v, origin, REAL)
        begin_here, end_here = (begin - origin).to(REAL), (end - origin).to(REAL)
        for k_group in range(0, tl.minimum(SLABS, k_stop - k_fix), UNROLL):
            for k in tl.static_range(UNROLL):
                near = (k_group + k) * 1.0
                enter, leave = tl.maximum(near, begin_here), tl.minimum(near + 1.0, end_here)
                cross_u, there_u = crossing(
                    here_u, step_u, plane_u, rest_u, inverse_u, count_u, enter, leave
                )
                cross_v, there_v = crossing(
                    here_v, step_v, plane_v, rest_v, inverse_v, count_v, enter, leave
                )
                one, two = tl.minimum(cross_u, cross_v), tl.maximum(cross_u, cross_v)
                slab = (k_fix + k_group + k) * stride_m
                middle = middle_voxel(
                    cross_u < cross_v, here_u, here_v, there_u, there_v, stride_u, stride_v
                )
                for segment in tl.static_range(3):
                    if segment == 0:
                        index, span = here_u * stride_u + here_v * stride_v, one - enter
                    elif segment == 1:
                        index, span = middle, two - one
                    else:
                        index, span = there_u * stride_u + there_v * stride_v, leave - two
                    part, run_channel = add_segment(
                        slab + index,
                        span,
                        scale,
                        volume,
                        labels,
                        channels,
                        weights,
                        at,
                        n_rays,
                        part,
                        run_channel,
                        MODE,
                        WEIGHED,
                    )
                here_u, here_v = there_u, there_v
        if MODE == SUM:
            total += part
            part = tl.zeros([LANES], tl.float32)
        elif MODE == CHANNELS:
            flush_run(at, n_rays, scale, run_channel, part, has_ray)
            part = tl.zeros([LANES], tl.float32)
    if MODE == SUM:
        tl.store(at, (total * scale).to(tl.float32), mask=has_ray)
    elif MODE == MAX:
        tl.store(at, (part * scale).to(tl.float32), mask=has_ray)
    elif MODE == MIP:
        tl.store(at, part, mask=has_ray)
