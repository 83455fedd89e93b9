"""Compiled loops for the midpoint rule's gradient in the volume, and for picked samples."""

import math
from functools import cache

import numpy as np
from numba import njit

from napari_drr.rendering.kernels._numba.rays import (
    column_and_row,
    fill_factors,
    is_number,
    length_of,
    line,
    pixel_of,
)
from napari_drr.rendering.kernels._numba.samples import corners, label_at, sample_frame
from napari_drr.rendering.kernels._numba.tools import OPTIONS, Loop
from napari_drr.rendering.kernels._numba.trilinear import mix


@njit(**OPTIONS)
def spread(by_volume, shape, frame, sample, share):
    """Add a sample's share to its eight voxels, as far as they are in the volume."""
    position, step = frame[3], frame[4]
    x = position[0] + sample * step[0]
    y = position[1] + sample * step[1]
    z = position[2] + sample * step[2]
    cell_x, cell_y, cell_z = int(math.floor(x)), int(math.floor(y)), int(math.floor(z))
    rest_x, rest_y, rest_z = x - cell_x, y - cell_y, z - cell_z
    for corner in range(8):
        i = cell_x + (corner & 1)
        j = cell_y + ((corner >> 1) & 1)
        k = cell_z + (corner >> 2)
        if 0 <= i < shape[0] and 0 <= j < shape[1] and 0 <= k < shape[2]:
            part = share * (rest_x if corner & 1 else 1.0 - rest_x)
            part *= rest_y if corner & 2 else 1.0 - rest_y
            part *= rest_z if corner & 4 else 1.0 - rest_z
            by_volume[(k * shape[1] + j) * shape[0] + i] += np.float32(part)


@cache
def make_trilinear_volume(labelled: bool) -> Loop:
    """Return the adjoint of sums and channels: what each ray's gradient says of each voxel.

    Args:
        labelled: Whether samples count by their labels.

    Returns:
        `loop(by_volume, labels, weights, channels, shape, lines, pixels, height, width, n_rays,
        n_points, gradient, low, high, start, stop)`: adds to `by_volume` (flat) what samples whose
        cells begin at low <= z < high say of the voxels from `low` to `high`.
    """

    @njit(**OPTIONS)
    def trilinear_volume(
        by_volume,
        labels,
        weights,
        channels,
        shape,
        lines,
        pixels,
        height,
        width,
        n_rays,
        n_points,
        gradient,
        low,
        high,
        start,
        stop,
    ):
        padded_box = (-1.0, -1.0, -1.0, float(shape[0]), float(shape[1]), float(shape[2]))
        n_labels = max(len(weights), len(channels))
        factors = np.zeros(max(n_labels, 1), np.float32)
        for index in range(start, stop):
            pose = index // n_rays
            ray = index - pose * n_rays
            column, row = column_and_row(pixel_of(pixels, pose, ray), height, width)
            s = (lines[pose, 0, 0], lines[pose, 0, 1], lines[pose, 0, 2])
            d = (
                line(lines, pose, 1, 0, column, row),
                line(lines, pose, 1, 1, column, row),
                line(lines, pose, 1, 2, column, row),
            )
            if not is_number(s, d):
                continue
            frame = sample_frame(s, d, padded_box, n_points)
            if frame[1] <= frame[0]:
                continue
            z, step = frame[3][2], frame[4][2]
            from_, to = 0, n_points
            if step != 0.0:
                # One sample more on either side: which part a sample belongs to is asked below.
                ends = (low - z) / step, (high - z) / step
                from_ = int(min(max(math.floor(min(ends)), 0.0), float(n_points)))
                to = int(min(max(math.ceil(max(ends)) + 1.0, 0.0), float(n_points)))
            if to <= from_:
                continue
            if labelled:
                fill_factors(factors, gradient, pose, ray, weights, channels, n_labels)
            scale = length_of(lines, pose, column, row) * frame[2]
            if not labelled:
                scale *= gradient[pose, 0, ray]
            for sample in range(from_, to):
                if low <= math.floor(z + sample * step) < high:
                    share = scale
                    if labelled:
                        share *= factors[label_at(labels, shape, s, d, frame, sample)]
                    spread(by_volume, shape, frame, sample, share)

    loop: Loop = trilinear_volume
    return loop


@cache
def make_scatter(sampled: bool, weighed: bool) -> Loop:
    """Return the gradient in volume and weights of reductions that keep one sample of each ray.

    Args:
        sampled: Picks are samples (trilinear); voxels if not.
        weighed: Whether values are multiplied by their labels' weights.

    Returns:
        `loop(volume, labels, weights, shape, lines, pixels, height, width, n_rays, n_points, picks,
        shares, by_volume, by_weights)`: adds to `by_volume` and `by_weights`, which may be empty.
    """

    @njit(**OPTIONS)
    def scatter(
        volume,
        labels,
        weights,
        shape,
        lines,
        pixels,
        height,
        width,
        n_rays,
        n_points,
        picks,
        shares,
        by_volume,
        by_weights,
    ):
        padded_box = (-1.0, -1.0, -1.0, float(shape[0]), float(shape[1]), float(shape[2]))
        for index in range(len(picks)):
            pick, share, label = picks[index], shares[index], 0
            if pick < 0:
                continue
            if not sampled:
                if weighed:
                    label = labels[pick]
                    if len(by_weights):
                        by_weights[label] += share * volume[pick]
                    share *= weights[label]
                if len(by_volume):
                    by_volume[pick] += np.float32(share)
                continue
            pose = index // n_rays
            ray = index - pose * n_rays
            column, row = column_and_row(pixel_of(pixels, pose, ray), height, width)
            s = (lines[pose, 0, 0], lines[pose, 0, 1], lines[pose, 0, 2])
            d = (
                line(lines, pose, 1, 0, column, row),
                line(lines, pose, 1, 1, column, row),
                line(lines, pose, 1, 2, column, row),
            )
            frame = sample_frame(s, d, padded_box, n_points)
            if weighed:
                label = label_at(labels, shape, s, d, frame, pick)
                if len(by_weights):
                    c, x, y, z = corners(volume, shape, frame, pick)
                    by_weights[label] += share * np.float64(
                        mix(c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], x, y, z)
                    )
                share *= weights[label]
            if len(by_volume):
                spread(by_volume, shape, frame, pick, share)

    loop: Loop = scatter
    return loop
