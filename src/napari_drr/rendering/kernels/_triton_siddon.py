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
    NO_AXIS,
    NUMBERS,
    SUM,
    add_to_run,
    channel_and_weight,
    flush_run,
    interval,
    pick,
    rays_of_program,
    store_lines,
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


@triton.jit
def crossing_gradient(moment, level, extent, main_extent, length):
    """Return the gradients in source and direction of an axis, from its planes' crossings.

    At a plane p of axis a the fraction of the way is t = (p - s_a) / d_a, so that dt/ds_a = -1/d_a
    and dt/dd_a = -t/d_a. With c the value before the plane less the one beyond it, `level` is the
    sum of c and `moment` the sum of c t main_extent, in ascending order of the main axis.
    """
    safe_extent = tl.where(extent == 0.0, 1.0, extent)
    safe_main = tl.where(main_extent == 0.0, 1.0, main_extent)
    per_plane = tl.where(main_extent < 0.0, length, -length) / safe_extent
    per_plane = tl.where(extent == 0.0, 0.0, per_plane)
    return level * per_plane, moment * per_plane / safe_main


@triton.jit
def store_crossings(
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
    per_length,
    dx,
    dy,
    dz,
    wx,
    wy,
    wz,
    length,
    LANES_ARE_POSES: tl.constexpr,
):
    """Turn what main and side axes have gathered into the gradient of the rays' vectors."""
    extent = pick(m, dx, dy, dz)
    level_x, moment_x = (
        of_axis(0, m, u, level_m, level_u, level_v),
        of_axis(0, m, u, moment_m, moment_u, moment_v),
    )
    level_y, moment_y = (
        of_axis(1, m, u, level_m, level_u, level_v),
        of_axis(1, m, u, moment_m, moment_u, moment_v),
    )
    level_z, moment_z = (
        of_axis(2, m, u, level_m, level_u, level_v),
        of_axis(2, m, u, moment_m, moment_u, moment_v),
    )
    gsx, gdx = crossing_gradient(moment_x, level_x, dx, extent, length)
    gsy, gdy = crossing_gradient(moment_y, level_y, dy, extent, length)
    gsz, gdz = crossing_gradient(moment_z, level_z, dz, extent, length)
    store_lines(
        partials,
        pose,
        has_ray,
        column,
        row,
        gsx,
        gsy,
        gsz,
        gdx,
        gdy,
        gdz,
        per_length,
        wx,
        wy,
        wz,
        length,
        LANES_ARE_POSES,
    )


@triton.jit
def of_axis(axis, m, u, of_m, of_u, of_v):
    """Return what belongs to x, y or z, from what belongs to main and side axes."""
    return tl.where(m == axis, of_m, tl.where(u == axis, of_u, of_v))


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


@triton.jit
def at_ends(axis, low_axis, high_axis, low, high):
    """Return what a segment's ends add to an axis: the nearer one takes, the farther one gives."""
    return tl.where(high_axis == axis, high, 0.0) - tl.where(low_axis == axis, low, 0.0)
