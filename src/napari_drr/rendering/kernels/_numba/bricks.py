"""Bricks: which labels' density lies in which cube of 8 x 8 x 8 voxels, so that none is looked for.

A set of labels per brick, as bits, tells for every choice of structures at once which bricks are
empty, without a look at the volume.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from napari_drr.rendering.kernels._numba.rays import BRICK
from napari_drr.rendering.kernels._numba.tools import OPTIONS

WORD = 64
"""Labels that one word of bits tells of."""


@njit(**OPTIONS)
def mark_bricks(volume, labels, shape, reach, bits, start, stop):
    """Mark, for each brick whose z lies in start <= z < stop, the labels whose density is in it.

    Args:
        volume: Flat.
        labels: Flat; none if empty, then label 0 stands for all.
        shape: Of the volume (x, y, z).
        reach: Voxels beyond the brick that count to it: 1 where its last cell interpolates them,
            and then every label in a brick with any density, since a sample's label is not that of
            the voxels around it; 0 if not.
        bits: `[brick z, y, x, word]`, filled in.
        start: The first brick layer.
        stop: The one after the last.
    """
    n_x, n_y, n_z = shape
    for brick_z in range(start, stop):
        z_from, z_to = brick_z * BRICK, min((brick_z + 1) * BRICK + reach, n_z)
        for brick_y in range(bits.shape[1]):
            y_from, y_to = brick_y * BRICK, min((brick_y + 1) * BRICK + reach, n_y)
            for brick_x in range(bits.shape[2]):
                x_from, x_to = brick_x * BRICK, min((brick_x + 1) * BRICK + reach, n_x)
                brick = bits[brick_z, brick_y, brick_x]
                brick[:] = 0
                anything = False
                for z in range(z_from, z_to):
                    for y in range(y_from, y_to):
                        row = (z * n_y + y) * n_x
                        for x in range(x_from, x_to):
                            if volume[row + x] != 0.0:
                                anything = True
                                if len(labels) and reach == 0:
                                    label = int(labels[row + x])
                                    if 0 <= label >> 6 < len(brick):
                                        brick[label >> 6] |= np.uint64(1) << np.uint64(label & 63)
                if not anything:
                    continue
                if len(labels) == 0:
                    brick[0] = 1
                elif reach:
                    # Label 0 is that of positions beyond the grid, too.
                    brick[0] |= np.uint64(1)
                    for z in range(z_from, z_to):
                        for y in range(y_from, y_to):
                            row = (z * n_y + y) * n_x
                            for x in range(x_from, x_to):
                                label = int(labels[row + x])
                                if 0 <= label >> 6 < len(brick):
                                    brick[label >> 6] |= np.uint64(1) << np.uint64(label & 63)


@njit(**OPTIONS)
def still_empty(volume, shape, bits, probe):
    """Tell whether a voxel of every fourth brick that was empty still is, other ones each time."""
    n_x, n_y, n_z = shape
    for brick_z in range(bits.shape[0]):
        for brick_y in range(bits.shape[1]):
            for brick_x in range((probe + brick_y) & 3, bits.shape[2], 4):
                anything = np.uint64(0)
                for word in range(bits.shape[3]):
                    anything |= bits[brick_z, brick_y, brick_x, word]
                if anything:
                    continue
                # Odd steps visit all of the brick's 512 voxels, in another order for each brick.
                place = ((probe >> 2) * 151 + brick_x * 37 + brick_y * 101 + brick_z * 211) & 511
                x = min(brick_x * BRICK + (place & 7), n_x - 1)
                y = min(brick_y * BRICK + ((place >> 3) & 7), n_y - 1)
                z = min(brick_z * BRICK + (place >> 6), n_z - 1)
                if volume[(z * n_y + y) * n_x + x] != 0.0:
                    return False
    return True


def count_bricks(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the number of bricks along x, y and z."""
    x, y, z = (-(-n // BRICK) for n in shape)
    return x, y, z


def choose_bricks(bits: NDArray[np.uint64], active: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    """Return which bricks hold density of an active label, `[z, y, x]`; None for all labels."""
    if active is None:
        return np.asarray(bits.any(-1), dtype=np.uint8)
    words: NDArray[Any] = np.zeros(bits.shape[-1] * WORD, dtype=bool)
    words[: len(active)] = active[: len(words)]
    chosen = np.packbits(words, bitorder="little").view(np.uint64)
    return np.asarray((bits & chosen).any(-1), dtype=np.uint8)
