"""The midpoint rule over each ray's own way through the zero-padded volume.

Lanes step through their samples together. Every `FIX` samples they fix their position in float64:
the voxel as an integer and the rest in float32; in between all is float32. Where labels count,
every sample is fixed: one that lies between two voxels then goes to the same as the reference's.
"""

import triton
import triton.language as tl

from napari_drr.rendering.kernels._triton.cells import (
    cell_of,
    corners,
    fix,
    interpolate,
    owner,
)
from napari_drr.rendering.kernels._triton.rays import (
    CHANNELS,
    MIP,
    NUMBERS,
    SUM,
    add_to_run,
    channel_and_weight,
    flush_run,
    interval,
    rays_of_program,
)


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
        for i_group in range(0, tl.minimum(FIX, n_points - i_fix), UNROLL):
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
