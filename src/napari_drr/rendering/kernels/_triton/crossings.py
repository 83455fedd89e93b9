"""The gradient in a ray from where it crosses planes, which holds for Siddon's integrals."""

import triton
import triton.language as tl

from napari_drr.rendering.kernels._triton.rays import (
    pick,
    store_lines,
)


@triton.jit
def of_axis(axis, m, u, of_m, of_u, of_v):
    """Return what belongs to x, y or z, from what belongs to main and side axes."""
    return tl.where(m == axis, of_m, tl.where(u == axis, of_u, of_v))


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
