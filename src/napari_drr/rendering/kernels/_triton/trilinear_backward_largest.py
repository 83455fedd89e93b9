"""The gradients of the largest sample of each ray."""

import triton
import triton.language as tl

from napari_drr.rendering.kernels._triton.cells import (
    cell_of,
    corners,
    fix,
    interpolate,
    owner,
    scatter,
    slopes,
)
from napari_drr.rendering.kernels._triton.rays import (
    MAX,
    NUMBERS,
    channel_and_weight,
    interval,
    rays_of_program,
)
from napari_drr.rendering.kernels._triton.samples import store_samples


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
        for i in range(0, tl.minimum(FIX, n_points - i_fix)):
            ahead = i * 1.0
            cell_x, fx = cell_of(voxel_x, rest_x + ahead * step_x, nx)
            cell_y, fy = cell_of(voxel_y, rest_y + ahead * step_y, ny)
            cell_z, fz = cell_of(voxel_z, rest_z + ahead * step_z, nz)
            c000, c100, c010, c110, c001, c101, c011, c111 = corners(
                volume, cell_x, cell_y, cell_z, nx, ny, nz, hit, WIDE
            )
            value = interpolate(c000, c100, c010, c110, c001, c101, c011, c111, fx, fy, fz)
            if WEIGHED:
                index, inside = owner(x, y, z, nx, ny, nz, WIDE)
                _channel, weight = channel_and_weight(
                    labels, channels, weights, index, inside, hit, MODE, WEIGHED
                )
                value *= weight
            better = hit & (value > best)
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
