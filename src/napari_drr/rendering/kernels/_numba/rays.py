"""What the compiled loops of both renderers say of a ray."""

import math

import numpy as np
from numba import njit

from napari_drr.rendering.kernels._numba.tools import INLINE, OPTIONS

BRICK = 8
"""Voxels along the edge of a brick, the unit in which empty space is skipped."""


@njit(**INLINE)
def pixel_of(pixels, pose, ray):
    """Return the pixel of a pose's ray; a table without columns stands for all pixels."""
    if pixels.shape[1] == 0:
        return ray
    return pixels[pose if pixels.shape[0] > 1 else 0, ray]


@njit(**INLINE)
def column_and_row(pixel, height, width):
    """Return a pixel's place from the detector's center, in pixels."""
    row = pixel // width
    return (pixel - row * width) - (width - 1) / 2, row - (height - 1) / 2


@njit(**INLINE)
def line(lines, pose, first, axis, column, row):
    """Return one component of the way from source to pixel, rounded as `RayBundle.expand` does."""
    return column * lines[pose, first + 1, axis] + (
        row * lines[pose, first + 2, axis] + lines[pose, first, axis]
    )


@njit(**INLINE)
def length_of(lines, pose, column, row):
    """Return a ray's length in mm."""
    x = line(lines, pose, 4, 0, column, row)
    y = line(lines, pose, 4, 1, column, row)
    z = line(lines, pose, 4, 2, column, row)
    return math.sqrt(x * x + y * y + z * z)


@njit(**OPTIONS)
def clip(position, direction, low, high, first, last):
    """Clip a ray's interval to low <= x < high; a ray along the faces is inside, or never is."""
    if direction == 0.0:
        if low <= position < high:
            return first, last
        return 1.0, 0.0
    near = (low - position) / direction
    far = (high - position) / direction
    if near > far:
        near, far = far, near
    return max(first, near), min(last, far)


@njit(**OPTIONS)
def interval(s, d, box):
    """Return the part of a ray inside a box (x, y, z from, to), as fractions of its way."""
    first, last = clip(s[0], d[0], box[0], box[3], 0.0, 1.0)
    first, last = clip(s[1], d[1], box[1], box[4], first, last)
    return clip(s[2], d[2], box[2], box[5], first, last)


@njit(**OPTIONS)
def is_number(s, d):
    """Tell whether a ray is finite: what is not can't be cast to an index."""
    total = s[0] + s[1] + s[2] + d[0] + d[1] + d[2]
    return total - total == 0.0


@njit(**OPTIONS)
def has_length(d):
    """Tell whether a ray goes anywhere."""
    return d[0] != 0.0 or d[1] != 0.0 or d[2] != 0.0


@njit(**OPTIONS)
def clipping_axis(s, d, box, at, side):
    """Return the axis whose face ends a ray's interval at `at`, or -1 where the ray itself ends.

    `side` is 0 for the interval's first end, 1 for its last.
    """
    found = -1
    for axis in range(3):
        if d[axis] != 0.0:
            near = (box[axis] - s[axis]) / d[axis]
            far = (box[axis + 3] - s[axis]) / d[axis]
            end = min(near, far) if side == 0 else max(near, far)
            if end == at and 0.0 <= at <= 1.0:
                found = axis
    return found


@njit(**OPTIONS)
def brick_of(position, count):
    """Return the brick of a voxel coordinate that was shifted by 1/2, so that truncation is right.

    Positions outside belong to the outermost bricks.
    """
    return min(max(int(position), 0), count - 1) // BRICK


@njit(**OPTIONS)
def add_ray_gradient(gradient, lines, pose, column, row, by_source, by_direction, by_length):
    """Carry the gradient in a ray's source, direction and length to the vectors of its pose."""
    x = line(lines, pose, 4, 0, column, row)
    y = line(lines, pose, 4, 1, column, row)
    z = line(lines, pose, 4, 2, column, row)
    pull = by_length / math.sqrt(x * x + y * y + z * z)
    way = (x * pull, y * pull, z * pull)
    for axis in range(3):
        gradient[0, axis] += by_source[axis]
        gradient[1, axis] += by_direction[axis]
        gradient[2, axis] += by_direction[axis] * column
        gradient[3, axis] += by_direction[axis] * row
        gradient[4, axis] += way[axis]
        gradient[5, axis] += way[axis] * column
        gradient[6, axis] += way[axis] * row


@njit(**OPTIONS)
def fill_factors(factors, gradient, pose, ray, weights, channels, n_labels):
    """Fill in what one unit of each label's density adds to the loss, for one ray."""
    for label in range(n_labels):
        factor = weights[label] if len(weights) else 1.0
        if len(channels):
            channel = channels[label]
            factor *= gradient[pose, channel, ray] if channel >= 0 else 0.0
        else:
            factor *= gradient[pose, 0, ray]
        factors[label] = np.float32(factor)
