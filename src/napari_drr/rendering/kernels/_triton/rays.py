"""What the Triton kernels share: which ray a lane has, where it meets the volume, what it adds up.

A program takes a block of neighboring rays, a lane each. Rays are set up in float64, with the same
operations in the same order as `reference.py`, and kernels must be launched with
`enable_fp_fusion=False`: then a ray enters, leaves and is sampled where the reference's is.
"""

import triton
import triton.language as tl

SUM: tl.constexpr = tl.constexpr(0)
MAX: tl.constexpr = tl.constexpr(1)
MIP: tl.constexpr = tl.constexpr(2)
CHANNELS: tl.constexpr = tl.constexpr(3)

NO_AXIS: tl.constexpr = tl.constexpr(3)
"""In place of an axis: the ray's own end, which no face of the volume moves."""

NUMBERS = [
    "n_poses",
    "n_rays",
    "n_blocks",
    "n_channels",
    "height",
    "width",
    "nx",
    "ny",
    "nz",
    "pixel_stride",
    "n_points",
]
"""The kernels' integers: the same code for all, or it is compiled anew for a 1 and for every 16."""

FAR: tl.constexpr = tl.constexpr(1e300)


@triton.jit
def pick(axis, x, y, z):
    """Return what belongs to each lane's axis."""
    return tl.where(axis == 0, x, tl.where(axis == 1, y, z))


@triton.jit
def rays_of_program(
    lines,
    pixels,
    pixel_stride,
    n_poses,
    n_rays,
    n_blocks,
    height,
    width,
    HAS_PIXELS: tl.constexpr,
    LANES_ARE_POSES: tl.constexpr,
    TILE_HEIGHT: tl.constexpr,
    TILE_WIDTH: tl.constexpr,
):
    """Return the rays of a program: a tile of pixels, a part of a list, or many poses' only ray.

    Returns:
        Pose and ray (as int64), whether the lane has a ray at all, its column and row from the
        detector's middle, source and direction in voxels, and the way from end to end in mm.
    """
    program = tl.program_id(0)
    pose = (program // n_blocks).to(tl.int64)
    block = program % n_blocks
    lane = tl.arange(0, TILE_HEIGHT * TILE_WIDTH)
    item = block * (TILE_HEIGHT * TILE_WIDTH) + lane
    if LANES_ARE_POSES:
        has_ray = item < n_poses
        pose = tl.where(has_ray, item, 0).to(tl.int64)
        ray = lane * 0
        pixel = (lane * 0).to(tl.int64)
    elif HAS_PIXELS:
        has_ray = item < n_rays
        ray = item
        pixel = (lane * 0).to(tl.int64)
    else:
        tiles_across = (width + TILE_WIDTH - 1) // TILE_WIDTH
        across = (block % tiles_across) * TILE_WIDTH + lane % TILE_WIDTH
        down = (block // tiles_across) * TILE_HEIGHT + lane // TILE_WIDTH
        has_ray = (across < width) & (down < height)
        ray = down * width + across
        pixel = ray.to(tl.int64)
    if HAS_PIXELS:
        pixel = tl.load(pixels + pose * pixel_stride + ray, mask=has_ray, other=0)
    column = (pixel % width).to(tl.float64) - (width - 1) * 0.5
    row = (pixel // width).to(tl.float64) - (height - 1) * 0.5
    at = lines + pose * 21
    return (
        pose,
        ray.to(tl.int64),
        has_ray,
        column,
        row,
        tl.load(at),
        tl.load(at + 1),
        tl.load(at + 2),
        along(at + 3, column, row),
        along(at + 4, column, row),
        along(at + 5, column, row),
        along(at + 12, column, row),
        along(at + 13, column, row),
        along(at + 14, column, row),
    )


@triton.jit
def along(at, column, row):
    """Return one component of center + column * c + row * r."""
    return column * tl.load(at + 3) + (row * tl.load(at + 6) + tl.load(at))


@triton.jit
def clip(start, slope, low, high):
    """Return where a ray enters and leaves low <= x < high of one axis."""
    parallel = slope == 0.0
    safe_slope = tl.where(parallel, 1.0, slope)
    at_low = (low - start) / safe_slope
    at_high = (high - start) / safe_slope
    # A ray along the faces never crosses them: it is inside all along, or never.
    inside = (low <= start) & (start < high)
    enter = tl.where(parallel, tl.where(inside, -FAR, FAR), tl.minimum(at_low, at_high))
    leave = tl.where(parallel, tl.where(inside, FAR, -FAR), tl.maximum(at_low, at_high))
    return enter, leave


@triton.jit
def interval(sx, sy, sz, dx, dy, dz, nx, ny, nz, MARGIN: tl.constexpr):
    """Return the part of each ray inside the volume that reaches MARGIN beyond voxel centers.

    Returns:
        The first and last fraction of the way, and for each the axis whose face it lies on. A ray
        that misses has both fractions zero.
    """
    enter_x, leave_x = clip(sx, dx, -MARGIN, nx - 1 + MARGIN)
    enter_y, leave_y = clip(sy, dy, -MARGIN, ny - 1 + MARGIN)
    enter_z, leave_z = clip(sz, dz, -MARGIN, nz - 1 + MARGIN)
    first = tl.maximum(tl.maximum(enter_x, enter_y), enter_z)
    last = tl.minimum(tl.minimum(leave_x, leave_y), leave_z)
    first_axis = tl.where(first == enter_x, 0, tl.where(first == enter_y, 1, 2))
    last_axis = tl.where(last == leave_x, 0, tl.where(last == leave_y, 1, 2))
    first_axis = tl.where(first > 0.0, first_axis, NO_AXIS)
    last_axis = tl.where(last < 1.0, last_axis, NO_AXIS)
    first = tl.maximum(first, 0.0)
    last = tl.minimum(last, 1.0)
    miss = first >= last
    return tl.where(miss, 0.0, first), tl.where(miss, 0.0, last), first_axis, last_axis


@triton.jit
def channel_and_weight(
    labels, channels, weights, index, inside, taken, MODE: tl.constexpr, WEIGHED: tl.constexpr
):
    """Return what becomes of the label at each index, which is 0 outside the grid.

    What is not asked for is not read. A channel below zero drops the sample.
    """
    channel = tl.zeros(taken.shape, tl.int32)
    weight = tl.full(taken.shape, 1.0, tl.float32)
    if WEIGHED or MODE == CHANNELS:
        label = tl.load(labels + index, mask=taken & inside, other=0).to(tl.int32)
        if WEIGHED:
            weight = tl.load(weights + label, mask=taken, other=0.0)
        if MODE == CHANNELS:
            channel = tl.load(channels + label, mask=taken, other=-1)
    return channel, weight


@triton.jit
def add_to_run(out, stride, scale, channel, amount, taken, run_channel, run_total):
    """Add to what a lane gathers for one channel; write that out when the channel changes.

    Only one lane ever adds to an address, in its own order, so results are always the same.
    """
    changed = taken & (channel != run_channel)
    flush_run(out, stride, scale, run_channel, run_total, changed)
    run_total = tl.where(changed, amount, run_total + tl.where(taken, amount, 0.0))
    return tl.where(changed, channel, run_channel), run_total


@triton.jit
def flush_run(out, stride, scale, run_channel, run_total, mask):
    """Write out what a lane has gathered for one channel."""
    amount = (run_total * scale).to(tl.float32)
    tl.atomic_add(
        out + run_channel.to(tl.int64) * stride,
        amount,
        mask=mask & (run_channel >= 0),
        sem="relaxed",
    )


@triton.jit
def store_gradient(at, value, mask, LANES_ARE_POSES: tl.constexpr):
    """Store a number per lane, or the sum of a program's lanes."""
    if LANES_ARE_POSES:
        tl.store(at, value, mask=mask)
    else:
        tl.store(at, tl.sum(tl.where(mask, value, 0.0), axis=0))


@triton.jit
def store_vector(at, x, y, z, mask, LANES_ARE_POSES: tl.constexpr):
    """Store the three components of a vector's gradient."""
    store_gradient(at, x, mask, LANES_ARE_POSES)
    store_gradient(at + 1, y, mask, LANES_ARE_POSES)
    store_gradient(at + 2, z, mask, LANES_ARE_POSES)


@triton.jit
def store_direction(at, x, y, z, column, row, mask, LANES_ARE_POSES: tl.constexpr):
    """Store the gradients of center, column and row vector, of which a direction is the sum."""
    store_vector(at, x, y, z, mask, LANES_ARE_POSES)
    store_vector(at + 3, x * column, y * column, z * column, mask, LANES_ARE_POSES)
    store_vector(at + 6, x * row, y * row, z * row, mask, LANES_ARE_POSES)


@triton.jit
def store_lines(
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
    LANES_ARE_POSES: tl.constexpr,
):
    """Turn gradients in source, direction and length into those of the seven vectors."""
    at = partials + tl.program_id(0).to(tl.int64) * 21
    if LANES_ARE_POSES:
        at = partials + pose * 21
    # d|w|/dw = w / |w|; a ray of no length has no gradient.
    per_way = tl.where(length > 0.0, per_length / tl.where(length > 0.0, length, 1.0), 0.0)
    store_vector(at, gsx, gsy, gsz, has_ray, LANES_ARE_POSES)
    store_direction(at + 3, gdx, gdy, gdz, column, row, has_ray, LANES_ARE_POSES)
    store_direction(
        at + 12, per_way * wx, per_way * wy, per_way * wz, column, row, has_ray, LANES_ARE_POSES
    )
