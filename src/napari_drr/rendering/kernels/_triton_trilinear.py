"""The midpoint rule over each ray's own way through the zero-padded volume, in Triton.

Lanes step through their samples together. Every `FIX` samples they fix their position in float64:
the voxel as an integer and the rest in float32; in between all is float32. Where labels count,
every sample is fixed: one that lies between two voxels then goes to the same as the reference's.
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
    rays_of_program,
    store_lines,
)


@triton.jit
def fix(at):
    """Return a position as a voxel and the rest."""
    voxel = tl.floor(at)
    return voxel.to(tl.int32), (at - voxel).to(tl.float32)


@triton.jit
def cell_of(voxel, rest, count):
    """Return the lower corner of the cell that holds a position, and the fraction beyond it.

    The cells are those of the padded volume: the first begins at -1, the last ends at `count`.
    """
    cell = tl.minimum(tl.maximum(voxel + tl.floor(rest).to(tl.int32), -1), count - 1)
    return cell, rest - (cell - voxel).to(tl.float32)


@triton.jit
def flat_index(i, j, k, nx, ny, WIDE: tl.constexpr):
    """Return where a voxel is in memory; `WIDE` for 2**31 voxels on."""
    if WIDE:
        k = k.to(tl.int64)
    return (k * ny + j) * nx + i


@triton.jit
def edge(volume, at, taken, low, high):
    """Return both ends of an edge along x; zero outside the volume."""
    left = tl.load(volume + at, mask=taken & low, other=0.0)
    right = tl.load(volume + at + 1, mask=taken & high, other=0.0)
    return left, right


@triton.jit
def corners(volume, i, j, k, nx, ny, nz, taken, WIDE: tl.constexpr):
    """Return the values at the corners of a cell, x fastest; zero outside the volume."""
    at = flat_index(i, j, k, nx, ny, WIDE)
    page = flat_index(0, ny, 0 * k, nx, ny, WIDE)
    low, high = i >= 0, i + 1 < nx
    front, back = taken & (j >= 0), taken & (j + 1 < ny)
    bottom, top = k >= 0, k + 1 < nz
    c000, c100 = edge(volume, at, front & bottom, low, high)
    c010, c110 = edge(volume, at + nx, back & bottom, low, high)
    c001, c101 = edge(volume, at + page, front & top, low, high)
    c011, c111 = edge(volume, at + page + nx, back & top, low, high)
    return c000, c100, c010, c110, c001, c101, c011, c111


@triton.jit
def lerp(fraction, low, high):
    """Interpolate between two values."""
    return tl.fma(fraction, high - low, low)


@triton.jit
def interpolate(c000, c100, c010, c110, c001, c101, c011, c111, fx, fy, fz):
    """Return a cell's interpolated value."""
    c00, c10 = lerp(fx, c000, c100), lerp(fx, c010, c110)
    c01, c11 = lerp(fx, c001, c101), lerp(fx, c011, c111)
    return lerp(fz, lerp(fy, c00, c10), lerp(fy, c01, c11))


@triton.jit
def owner(x, y, z, nx, ny, nz, WIDE: tl.constexpr):
    """Return the voxel that owns a position, [i - 1/2, i + 1/2), and whether there is one."""
    inside = (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)
    inside &= (z >= -0.5) & (z < nz - 0.5)
    i, j, k = tl.floor(x + 0.5), tl.floor(y + 0.5), tl.floor(z + 0.5)
    index = flat_index(i.to(tl.int32), j.to(tl.int32), k.to(tl.int32), nx, ny, WIDE)
    return index, inside


@triton.jit(do_not_specialize=NUMBERS)
def trilinear_forward(
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
    FIX: tl.constexpr,
):
    """Integrate to `out[pose, channel, ray]`, which must be zero where there are channels."""
    LANES: tl.constexpr = TILE_HEIGHT * TILE_WIDTH
    UNROLL: tl.constexpr = 2 if FIX > 1 else 1  # samples whose loads are in flight together
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
    first, last, _first_axis, _last_axis = interval(sx, sy, sz, dx, dy, dz, nx, ny, nz, 1.0)
    hit = has_ray & (last > first)
    step = (last - first) / n_points
    step_x, step_y = (step * dx).to(tl.float32), (step * dy).to(tl.float32)
    step_z = (step * dz).to(tl.float32)
    length = tl.sqrt(wx * wx + wy * wy + wz * wz)
    scale = step * length
    at = out + pose * n_channels * n_rays + ray
    total = tl.zeros([LANES], tl.float64)
    part = tl.zeros([LANES], tl.float32)
    run_channel = tl.full([LANES], -1, tl.int32)
    # A program whose rays all miss has nothing to do.
    n_samples = n_points * tl.max(hit.to(tl.int32), axis=0)
    for i_fix in range(0, n_samples, FIX):
        t = first + step * (i_fix + 0.5)
        x, y, z = sx + t * dx, sy + t * dy, sz + t * dz
        voxel_x, rest_x = fix(x)
        voxel_y, rest_y = fix(y)
        voxel_z, rest_z = fix(z)
        for i_group in range(0, FIX, UNROLL):
            for i in tl.static_range(UNROLL):
                ahead = (i_group + i) * 1.0
                taken = hit & (i_fix + i_group + i < n_points)
                cell_x, fx = cell_of(voxel_x, rest_x + ahead * step_x, nx)
                cell_y, fy = cell_of(voxel_y, rest_y + ahead * step_y, ny)
                cell_z, fz = cell_of(voxel_z, rest_z + ahead * step_z, nz)
                c000, c100, c010, c110, c001, c101, c011, c111 = corners(
                    volume, cell_x, cell_y, cell_z, nx, ny, nz, taken, WIDE
                )
                value = interpolate(c000, c100, c010, c110, c001, c101, c011, c111, fx, fy, fz)
                if WEIGHED or MODE == CHANNELS:
                    index, inside = owner(x, y, z, nx, ny, nz, WIDE)
                    channel, weight = channel_and_weight(
                        labels, channels, weights, index, inside, taken, MODE, WEIGHED
                    )
                    value *= weight
                if MODE == SUM:
                    part += value
                elif MODE == CHANNELS:
                    run_channel, part = add_to_run(
                        at, n_rays, scale, channel, value, taken, run_channel, part
                    )
                else:
                    part = tl.maximum(part, value)
        if MODE == SUM:
            total += part
            part = tl.zeros([LANES], tl.float32)
    if MODE == SUM:
        tl.store(at, (total * scale).to(tl.float32), mask=has_ray)
    elif MODE == CHANNELS:
        flush_run(at, n_rays, scale, run_channel, part, has_ray)
    elif MODE == MIP:
        tl.store(at, part, mask=has_ray)
    else:
        tl.store(at, (part * scale).to(tl.float32), mask=has_ray)


@triton.jit
def slopes(c000, c100, c010, c110, c001, c101, c011, c111, fx, fy, fz):
    """Return a cell's interpolated value and its derivatives along x, y and z."""
    c00, c10 = lerp(fx, c000, c100), lerp(fx, c010, c110)
    c01, c11 = lerp(fx, c001, c101), lerp(fx, c011, c111)
    c0, c1 = lerp(fy, c00, c10), lerp(fy, c01, c11)
    along_x = lerp(fz, lerp(fy, c100 - c000, c110 - c010), lerp(fy, c101 - c001, c111 - c011))
    return lerp(fz, c0, c1), along_x, lerp(fz, c10 - c00, c11 - c01), c1 - c0


@triton.jit
def scatter_edge(grad_volume, at, amount, fraction, taken, low, high):
    """Add a gradient to both ends of an edge along x."""
    tl.atomic_add(grad_volume + at, amount * (1.0 - fraction), mask=taken & low, sem="relaxed")
    tl.atomic_add(grad_volume + at + 1, amount * fraction, mask=taken & high, sem="relaxed")


@triton.jit
def scatter(grad_volume, i, j, k, fx, fy, fz, amount, nx, ny, nz, taken, WIDE: tl.constexpr):
    """Add a sample's gradient to the corners of its cell that the volume has."""
    at = flat_index(i, j, k, nx, ny, WIDE)
    page = flat_index(0, ny, 0 * k, nx, ny, WIDE)
    low, high = i >= 0, i + 1 < nx
    front, back = taken & (j >= 0), taken & (j + 1 < ny)
    below, above = k >= 0, k + 1 < nz
    bottom, top = amount * (1.0 - fz), amount * fz
    scatter_edge(grad_volume, at, bottom * (1.0 - fy), fx, front & below, low, high)
    scatter_edge(grad_volume, at + nx, bottom * fy, fx, back & below, low, high)
    scatter_edge(grad_volume, at + page, top * (1.0 - fy), fx, front & above, low, high)
    scatter_edge(grad_volume, at + page + nx, top * fy, fx, back & above, low, high)


@triton.jit
def store_samples(
    partials,
    pose,
    has_ray,
    column,
    row,
    value,
    slope_x,
    slope_y,
    slope_z,
    lever_x,
    lever_y,
    lever_z,
    first,
    last,
    first_axis,
    last_axis,
    dx,
    dy,
    dz,
    wx,
    wy,
    wz,
    length,
    scale,
    n_points,
    IN_MM: tl.constexpr,
    LANES_ARE_POSES: tl.constexpr,
):
    """Turn what samples have gathered into the gradient of the rays' vectors.

    A sample at p_i = s + t_i d, with t_i = first + (last - first) a_i, has the slope g_i = dL/dp_i;
    `slope` is the sum of g_i, `lever` that of a_i g_i, `value` the sum of gradient times value.
    `scale` is what a sample is multiplied by, (last - first) |w| / n, or 1 where not `IN_MM`.
    """
    way = last - first
    per_last = scale * (lever_x * dx + lever_y * dy + lever_z * dz)
    per_first = scale * (slope_x * dx + slope_y * dy + slope_z * dz) - per_last
    per_length = value * 0.0
    if IN_MM:
        per_length = value * way / n_points
        per_last += value * length / n_points
        per_first -= value * length / n_points
    gsx, gdx = end_gradient(
        0, slope_x, lever_x, first, last, first_axis, last_axis, per_first, per_last, dx, scale
    )
    gsy, gdy = end_gradient(
        1, slope_y, lever_y, first, last, first_axis, last_axis, per_first, per_last, dy, scale
    )
    gsz, gdz = end_gradient(
        2, slope_z, lever_z, first, last, first_axis, last_axis, per_first, per_last, dz, scale
    )
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
def end_gradient(
    axis, slope, lever, first, last, first_axis, last_axis, per_first, per_last, extent, scale
):
    """Return the gradients in source and direction of an axis.

    Where a face of axis a cuts the ray, at t, dt/ds_a = -1/d_a and dt/dd_a = -t/d_a.
    """
    safe_extent = tl.where(extent == 0.0, 1.0, extent)
    at_first = tl.where(first_axis == axis, per_first / safe_extent, 0.0)
    at_last = tl.where(last_axis == axis, per_last / safe_extent, 0.0)
    source = scale * slope - at_first - at_last
    direction = scale * (first * slope + (last - first) * lever) - first * at_first - last * at_last
    return source, direction


@triton.jit(do_not_specialize=NUMBERS)
def trilinear_backward_sum(
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
    FIX: tl.constexpr,
    WANT_VOLUME: tl.constexpr,
    WANT_LINES: tl.constexpr,
):
    """Add a sum's gradient to `grad_volume[z, y, x]`, write that in the rays to `partials`.

    `partials[program, vector, axis]` are to be added up.
    """
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
    first, last, first_axis, last_axis = interval(sx, sy, sz, dx, dy, dz, nx, ny, nz, 1.0)
    hit = has_ray & (last > first)
    step = (last - first) / n_points
    step_x, step_y = (step * dx).to(tl.float32), (step * dy).to(tl.float32)
    step_z = (step * dz).to(tl.float32)
    length = tl.sqrt(wx * wx + wy * wy + wz * wz)
    scale = step * length
    at = grad + pose * n_channels * n_rays + ray
    gradient = tl.load(at, mask=has_ray, other=0.0)
    total = tl.zeros([LANES], tl.float64)
    total_x, total_y, total_z = total, total, total
    lever_x, lever_y, lever_z = total, total, total
    # A program whose rays all miss has nothing to do.
    n_samples = n_points * tl.max(hit.to(tl.int32), axis=0)
    for i_fix in range(0, n_samples, FIX):
        t = first + step * (i_fix + 0.5)
        x, y, z = sx + t * dx, sy + t * dy, sz + t * dz
        voxel_x, rest_x = fix(x)
        voxel_y, rest_y = fix(y)
        voxel_z, rest_z = fix(z)
        part = tl.zeros([LANES], tl.float32)
        part_x, part_y, part_z = part, part, part
        moment_x, moment_y, moment_z = part, part, part
        for i in range(0, FIX):
            ahead = i * 1.0
            taken = hit & (i_fix + i < n_points)
            cell_x, fx = cell_of(voxel_x, rest_x + ahead * step_x, nx)
            cell_y, fy = cell_of(voxel_y, rest_y + ahead * step_y, ny)
            cell_z, fz = cell_of(voxel_z, rest_z + ahead * step_z, nz)
            factor = gradient
            if WEIGHED or MODE == CHANNELS:
                index, inside = owner(x, y, z, nx, ny, nz, WIDE)
                channel, weight = channel_and_weight(
                    labels, channels, weights, index, inside, taken, MODE, WEIGHED
                )
                if MODE == CHANNELS:
                    kept = taken & (channel >= 0)
                    factor = tl.load(at + channel.to(tl.int64) * n_rays, mask=kept, other=0.0)
                factor *= weight
            if WANT_VOLUME:
                amount = factor * scale.to(tl.float32)
                scatter(
                    grad_volume,
                    cell_x,
                    cell_y,
                    cell_z,
                    fx,
                    fy,
                    fz,
                    amount,
                    nx,
                    ny,
                    nz,
                    taken,
                    WIDE,
                )
            if WANT_LINES:
                c000, c100, c010, c110, c001, c101, c011, c111 = corners(
                    volume, cell_x, cell_y, cell_z, nx, ny, nz, taken, WIDE
                )
                value, slope_x, slope_y, slope_z = slopes(
                    c000, c100, c010, c110, c001, c101, c011, c111, fx, fy, fz
                )
                part += factor * value
                part_x += factor * slope_x
                part_y += factor * slope_y
                part_z += factor * slope_z
                moment_x += ahead * (factor * slope_x)
                moment_y += ahead * (factor * slope_y)
                moment_z += ahead * (factor * slope_z)
        if WANT_LINES:
            total += part
            total_x += part_x
            total_y += part_y
            total_z += part_z
            lever_x += (i_fix + 0.5) * part_x.to(tl.float64) + moment_x
            lever_y += (i_fix + 0.5) * part_y.to(tl.float64) + moment_y
            lever_z += (i_fix + 0.5) * part_z.to(tl.float64) + moment_z
    if WANT_LINES:
        store_samples(
            partials,
            pose,
            has_ray,
            column,
            row,
            total,
            total_x,
            total_y,
            total_z,
            lever_x / n_points,
            lever_y / n_points,
            lever_z / n_points,
            first,
            last,
            first_axis,
            last_axis,
            dx,
            dy,
            dz,
            wx,
            wy,
            wz,
            length,
            scale,
            n_points,
            True,
            LANES_ARE_POSES,
        )


@triton.jit(do_not_specialize=NUMBERS)
def trilinear_backward_largest(
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
    FIX: tl.constexpr,
    WANT_VOLUME: tl.constexpr,
    WANT_LINES: tl.constexpr,
    WANT_WEIGHTS: tl.constexpr,
):
    """Do as `trilinear_backward_sum` for the largest sample, the only one that counts.

    `best_label[pose, ray]` and `best_amount` tell the gradient in the weights.
    """
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
    first, last, first_axis, last_axis = interval(sx, sy, sz, dx, dy, dz, nx, ny, nz, 1.0)
    hit = has_ray & (last > first)
    step = (last - first) / n_points
    step_x, step_y = (step * dx).to(tl.float32), (step * dy).to(tl.float32)
    step_z = (step * dz).to(tl.float32)
    best = tl.zeros([LANES], tl.float32)
    best_sample = tl.zeros([LANES], tl.int32)
    # A program whose rays all miss has nothing to do.
    n_samples = n_points * tl.max(hit.to(tl.int32), axis=0)
    for i_fix in range(0, n_samples, FIX):
        t = first + step * (i_fix + 0.5)
        x, y, z = sx + t * dx, sy + t * dy, sz + t * dz
        voxel_x, rest_x = fix(x)
        voxel_y, rest_y = fix(y)
        voxel_z, rest_z = fix(z)
        for i in range(0, FIX):
            ahead = i * 1.0
            taken = hit & (i_fix + i < n_points)
            cell_x, fx = cell_of(voxel_x, rest_x + ahead * step_x, nx)
            cell_y, fy = cell_of(voxel_y, rest_y + ahead * step_y, ny)
            cell_z, fz = cell_of(voxel_z, rest_z + ahead * step_z, nz)
            c000, c100, c010, c110, c001, c101, c011, c111 = corners(
                volume, cell_x, cell_y, cell_z, nx, ny, nz, taken, WIDE
            )
            value = interpolate(c000, c100, c010, c110, c001, c101, c011, c111, fx, fy, fz)
            if WEIGHED:
                index, inside = owner(x, y, z, nx, ny, nz, WIDE)
                _channel, weight = channel_and_weight(
                    labels, channels, weights, index, inside, taken, MODE, WEIGHED
                )
                value *= weight
            better = taken & (value > best)
            best = tl.where(better, value, best)
            best_sample = tl.where(better, i_fix + i, best_sample)
    # A largest value of zero is the empty space's: nothing moves it.
    found = hit & (best > 0.0)
    part = best_sample + 0.5
    t = first + step * part
    x, y, z = sx + t * dx, sy + t * dy, sz + t * dz
    voxel_x, rest_x = fix(x)
    voxel_y, rest_y = fix(y)
    voxel_z, rest_z = fix(z)
    cell_x, fx = cell_of(voxel_x, rest_x, nx)
    cell_y, fy = cell_of(voxel_y, rest_y, ny)
    cell_z, fz = cell_of(voxel_z, rest_z, nz)
    c000, c100, c010, c110, c001, c101, c011, c111 = corners(
        volume, cell_x, cell_y, cell_z, nx, ny, nz, found, WIDE
    )
    value, slope_x, slope_y, slope_z = slopes(
        c000, c100, c010, c110, c001, c101, c011, c111, fx, fy, fz
    )
    index, inside = owner(x, y, z, nx, ny, nz, WIDE)
    _channel, weight = channel_and_weight(
        labels, channels, weights, index, inside, found, MODE, WEIGHED
    )
    length = tl.sqrt(wx * wx + wy * wy + wz * wz)
    scale = first * 0.0 + 1.0
    if MODE == MAX:
        scale = step * length
    gradient = tl.load(grad + pose * n_rays + ray, mask=found, other=0.0)
    amount = gradient * scale.to(tl.float32)
    if WANT_WEIGHTS:
        label = tl.load(labels + index, mask=found & inside, other=0).to(tl.int32)
        tl.store(best_label + pose * n_rays + ray, label, mask=has_ray)
        tl.store(best_amount + pose * n_rays + ray, amount * value, mask=has_ray)
    if WANT_VOLUME:
        scatter(
            grad_volume,
            cell_x,
            cell_y,
            cell_z,
            fx,
            fy,
            fz,
            amount * weight,
            nx,
            ny,
            nz,
            found,
            WIDE,
        )
    if WANT_LINES:
        factor = (gradient * weight).to(tl.float64)
        share = part.to(tl.float64) / n_points
        store_samples(
            partials,
            pose,
            has_ray,
            column,
            row,
            factor * value,
            factor * slope_x,
            factor * slope_y,
            factor * slope_z,
            share * factor * slope_x,
            share * factor * slope_y,
            share * factor * slope_z,
            first,
            last,
            first_axis,
            last_axis,
            dx,
            dy,
            dz,
            wx,
            wy,
            wz,
            length,
            scale,
            n_points,
            MODE == MAX,
            LANES_ARE_POSES,
        )
