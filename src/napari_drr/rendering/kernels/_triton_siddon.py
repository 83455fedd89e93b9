"""Siddon's integral by slabs, in Triton: exact through constant voxels, without a sort.

Along the axis in which a ray moves most, its main axis m, it crosses per slab of one voxel at most
one plane of each other axis, u and v. So a slab holds three segments, whose ends are the lesser and
the greater of two crossings in closed form.

Lanes step through the slabs together. Every 16 slabs they fix their position in float64: the
nearest plane as an integer and a small float32 rest, which tells a crossing to a millionth of a
voxel however shallow the ray. In between all is float32, which GPUs for the desk are made for.
Largest values (`"mip"`) are float64 throughout: a segment too short for float32 may hold one.

Which voxel a ray is in is carried along and moves by one per crossing, so that rounding may shift a
crossing but never loses or doubles one.
"""

import triton
import triton.language as tl

from napari_drr.rendering.kernels._triton_rays import (
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

SLABS: tl.constexpr = tl.constexpr(16)
"""From one fix in float64 to the next."""


@triton.jit
def main_axis(has_ray, sx, sy, sz, dx, dy, dz, first, last, nx, ny, nz):
    """Return each ray's main axis, and along it where the ray begins and ends in the volume.

    Returns:
        The axis; beginning and end in voxels, in ascending order; the slabs that these are in. A
        ray that misses has none.
    """
    ax, ay, az = tl.abs(dx), tl.abs(dy), tl.abs(dz)
    m = tl.where((ax >= ay) & (ax >= az), 0, tl.where(ay >= az, 1, 2))
    start, extent = pick(m, sx, sy, sz), pick(m, dx, dy, dz)
    hit = has_ray & (last > first) & (extent != 0.0)
    one, two = start + first * extent, start + last * extent
    highest = pick(m, nx, ny, nz) - 1
    # Rounding must not take a ray to a slab beyond the volume, where there is nothing to read.
    begin = tl.maximum(tl.minimum(one, two), -0.5)
    end = tl.minimum(tl.maximum(one, two), highest + 0.5)
    k_begin = tl.minimum(tl.maximum(tl.floor(begin + 0.5).to(tl.int32), 0), highest)
    k_end = tl.minimum(tl.maximum(tl.floor(end + 0.5).to(tl.int32), 0), highest)
    return (
        m,
        tl.where(hit, begin, 1e9),
        tl.where(hit, end, -1e9),
        tl.where(hit, k_begin, 1000000000),
        tl.where(hit, k_end, -1),
    )


@triton.jit
def side_axis(axis, m, first, last, sx, sy, sz, dx, dy, dz, nx, ny, nz, REAL: tl.constexpr):
    """Return a ray's position on a side axis as a line over its position on the main axis.

    Returns:
        Position where the main axis is 0 (voxel i is [i, i + 1) here), slope, its inverse, the
        voxel at the beginning, the number of voxels, and the step from a voxel to the next.
    """
    start, extent, count = pick(axis, sx, sy, sz), pick(axis, dx, dy, dz), pick(axis, nx, ny, nz)
    main_start, main_extent = pick(m, sx, sy, sz), pick(m, dx, dy, dz)
    slope = extent / tl.where(main_extent == 0.0, 1.0, main_extent)
    offset = start - slope * main_start + 0.5
    # A ray along the planes crosses none: the next one is as good as infinitely far.
    sign = tl.where(slope < 0.0, -1.0, 1.0)
    inverse = sign / tl.maximum(tl.abs(slope), 1e-30)
    begin = start + tl.where(main_extent < 0.0, last, first) * extent
    voxel = tl.minimum(tl.maximum(tl.floor(begin + 0.5).to(tl.int32), 0), count - 1)
    return offset, slope, inverse.to(REAL), voxel, count, tl.where(slope < 0.0, -1, 1)


@triton.jit
def stride_of(axis, nx, ny, WIDE: tl.constexpr):
    """Return how far apart neighbors along an axis are in memory; `WIDE` for 2**31 voxels on."""
    page = nx * ny
    if WIDE:
        page = nx.to(tl.int64) * ny
    return pick(axis, 1, nx, page)


@triton.jit
def rebase(offset, slope, origin, REAL: tl.constexpr):
    """Return a position on a side axis as the nearest plane and the rest."""
    at = offset + slope * origin
    plane = tl.floor(at + 0.5)
    return plane.to(tl.int32), (at - plane).to(REAL)


@triton.jit
def crossing(here, step, plane, rest, inverse, count, enter, leave):
    """Return where in a slab a ray crosses a plane of a side axis, and in which voxel it is then.

    A ray that crosses none does so at the end, and stays in its voxel.
    """
    ahead = here - plane + tl.where(step > 0, 1, 0)
    cross = (ahead.to(rest.dtype) - rest) * inverse
    cross = tl.minimum(tl.maximum(cross, enter), leave)
    there = tl.minimum(tl.maximum(here + step, 0), count - 1)
    return cross, tl.where(cross < leave, there, here)


@triton.jit
def middle_voxel(u_first, here_u, here_v, there_u, there_v, stride_u, stride_v):
    """Return where in its slab the voxel between both crossings is."""
    u, v = tl.where(u_first, there_u, here_u), tl.where(u_first, here_v, there_v)
    return u * stride_u + v * stride_v


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
    pose, ray, has_ray, _, _, sx, sy, sz, dx, dy, dz, wx, wy, wz = rays_of_program(
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
    first, last, _, _ = interval(sx, sy, sz, dx, dy, dz, nx, ny, nz, 0.5)
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
