"""The gradients of trilinear line integrals."""

import triton
import triton.language as tl

from napari_drr.rendering.kernels._triton.cells import (
    cell_of,
    corners,
    fix,
    owner,
    scatter,
    slopes,
)
from napari_drr.rendering.kernels._triton.rays import (
    CHANNELS,
    NUMBERS,
    channel_and_weight,
    interval,
    rays_of_program,
)
from napari_drr.rendering.kernels._triton.samples import store_samples


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
        for i in range(0, tl.minimum(FIX, n_points - i_fix)):
            ahead = i * 1.0
            cell_x, fx = cell_of(voxel_x, rest_x + ahead * step_x, nx)
            cell_y, fy = cell_of(voxel_y, rest_y + ahead * step_y, ny)
            cell_z, fz = cell_of(voxel_z, rest_z + ahead * step_z, nz)
            factor = gradient
            if WEIGHED or MODE == CHANNELS:
                index, inside = owner(x, y, z, nx, ny, nz, WIDE)
                channel, weight = channel_and_weight(
                    labels, channels, weights, index, inside, hit, MODE, WEIGHED
                )
                if MODE == CHANNELS:
                    kept = hit & (channel >= 0)
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
                    hit,
                    WIDE,
                )
            if WANT_LINES:
                c000, c100, c010, c110, c001, c101, c011, c111 = corners(
                    volume, cell_x, cell_y, cell_z, nx, ny, nz, hit, WIDE
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
