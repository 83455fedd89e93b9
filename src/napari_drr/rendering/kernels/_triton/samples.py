"""The gradient in a ray from its samples, which holds for trilinear integrals."""

import triton
import triton.language as tl

from napari_drr.rendering.kernels._triton.rays import store_lines


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
