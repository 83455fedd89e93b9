"""Cells of the zero-padded volume: which one a position is in, and its corners."""

import triton
import triton.language as tl


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
def slopes(c000, c100, c010, c110, c001, c101, c011, c111, fx, fy, fz):
    """Return a cell's interpolated value and its derivatives along x, y and z."""
    c00, c10 = lerp(fx, c000, c100), lerp(fx, c010, c110)
    c01, c11 = lerp(fx, c001, c101), lerp(fx, c011, c111)
    c0, c1 = lerp(fy, c00, c10), lerp(fy, c01, c11)
    along_x = lerp(fz, lerp(fy, c100 - c000, c110 - c010), lerp(fy, c101 - c001, c111 - c011))
    return lerp(fz, c0, c1), along_x, lerp(fz, c10 - c00, c11 - c01), c1 - c0


@triton.jit
def owner(x, y, z, nx, ny, nz, WIDE: tl.constexpr):
    """Return the voxel that owns a position, [i - 1/2, i + 1/2), and whether there is one."""
    inside = (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)
    inside &= (z >= -0.5) & (z < nz - 0.5)
    i, j, k = tl.floor(x + 0.5), tl.floor(y + 0.5), tl.floor(z + 0.5)
    index = flat_index(i.to(tl.int32), j.to(tl.int32), k.to(tl.int32), nx, ny, WIDE)
    return index, inside


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
