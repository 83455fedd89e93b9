"""How rays cross voxels slab by slab, in Triton: Siddon's cuts without a sort.

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

from napari_drr.rendering.kernels._triton.rays import pick

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
