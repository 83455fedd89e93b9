"""Which bricks of a volume hold nothing: looked up once per volume, remembered while it stays.

A volume is known by its storage and its version, which torch counts up with every change made
through torch. Torch does not see changes through `.data` or a NumPy view: for their sake a voxel of
every fourth empty brick is looked at before each render, other ones each time, which takes a
hundredth of it. A small change may still be missed for some renders: see `forget`.
"""

import itertools
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from napari_drr.rendering.kernels._threads import run_units, split

_MOST_LABELS = 1024
"""With more, bricks tell only whether they hold anything: bits for each label would take memory."""

_REMEMBERED = 8

_probes = itertools.count()
_lock = threading.Lock()
_bits: OrderedDict[tuple[Any, ...], tuple[list[StorageWeakRef], NDArray[np.uint64]]] = OrderedDict()


@dataclass(frozen=True)
class Bricks:
    """Where something is.

    Args:
        full: For each brick (flat, x fastest), whether it holds anything.
        stride: Of bricks along x, y and z.
        low: The corner (x, y, z) of the box of full bricks, in voxels.
        high: The voxels after the box's last.
    """

    full: NDArray[np.uint8]
    stride: tuple[int, int, int]
    low: tuple[int, ...]
    high: tuple[int, ...]

    @property
    def empty(self) -> bool:
        """Whether no brick holds anything."""
        return any(high <= low for low, high in zip(self.low, self.high, strict=True))


def find_bricks(
    volume: Tensor, labels: Tensor | None, active: NDArray[np.bool_] | None, reach: int
) -> Bricks:
    """Return which bricks hold density of an active label.

    Args:
        volume: `[z, y, x]`, contiguous.
        labels: On the same grid, or None.
        active: Whether each label counts; None for all.
        reach: See `mark_bricks`.

    Returns:
        The bricks.
    """
    from napari_drr.rendering.kernels._numba.bricks import choose_bricks
    from napari_drr.rendering.kernels._numba.rays import BRICK

    if active is None or len(active) > _MOST_LABELS:
        labels = active = None
    full = choose_bricks(_remembered(volume, labels, active, reach), active)
    low, high = [], []
    for axis, size in zip(((0, 1), (0, 2), (1, 2)), reversed(volume.shape), strict=True):
        found = np.flatnonzero(full.any(axis))
        low.append(int(found[0]) * BRICK if len(found) else 0)
        high.append(min((int(found[-1]) + 1) * BRICK, size) if len(found) else 0)
    stride = (1, full.shape[2], full.shape[2] * full.shape[1])
    return Bricks(full.reshape(-1), stride, tuple(low), tuple(high))


def all_bricks(shape: tuple[int, int, int]) -> Bricks:
    """Return the bricks of a volume (x, y, z) as if all held something."""
    from napari_drr.rendering.kernels._numba.bricks import count_bricks

    x, y, z = count_bricks(shape)
    return Bricks(np.ones(x * y * z, np.uint8), (1, x, x * y), (0, 0, 0), shape)


def _renew_lock() -> None:
    """Make the lock anew in a forked child: the thread that holds it may not be there."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def forget() -> None:
    """Look at every volume anew, as after a change that torch did not see."""
    with _lock:
        _bits.clear()


def _remembered(
    volume: Tensor, labels: Tensor | None, active: NDArray[np.bool_] | None, reach: int
) -> NDArray[np.uint64]:
    tensors = [t for t in (volume, labels) if t is not None]
    words = 1 if active is None else -(-len(active) // 64)
    # Tensors made in inference mode count no versions: they are looked at every time.
    if any(t.is_inference() for t in tensors):
        return _look(volume, labels, words, reach)
    key = (*((_storage(t), t.data_ptr(), t._version, t.shape) for t in tensors), words, reach)
    with _lock:
        known = _bits.get(key)
        if known is not None and not any(_is_gone(storage) for storage in known[0]):
            _bits.move_to_end(key)
        else:
            known = None
    if known is not None and _is_unchanged(volume, known[1]):
        return known[1]
    found = _look(volume, labels, words, reach)
    with _lock:
        # The weak references keep storages' addresses from being given to others.
        _bits[key] = ([_weak(t) for t in tensors], found)
        while len(_bits) > _REMEMBERED:
            _bits.popitem(last=False)
    return found


def _is_unchanged(volume: Tensor, bits: NDArray[np.uint64]) -> bool:
    from napari_drr.rendering.kernels._numba.bricks import still_empty

    unchanged: bool = still_empty(
        volume.numpy().reshape(-1), tuple(reversed(volume.shape)), bits, next(_probes)
    )
    return unchanged


def _storage(tensor: Tensor) -> int:
    address: int = tensor.untyped_storage()._cdata
    return address


def _weak(tensor: Tensor) -> StorageWeakRef:
    return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call] # torch's


def _is_gone(storage: StorageWeakRef) -> bool:
    gone: bool = storage.expired()  # type: ignore[no-untyped-call] # torch's
    return gone


def _look(volume: Tensor, labels: Tensor | None, words: int, reach: int) -> NDArray[np.uint64]:
    from napari_drr.rendering.kernels._numba.bricks import count_bricks, mark_bricks

    depth, height, width = volume.shape
    shape = (width, height, depth)
    bits = np.empty((*reversed(count_bricks(shape)), words), np.uint64)
    flat = volume.detach().numpy().reshape(-1)
    flat_labels = np.empty(0, np.uint8) if labels is None else labels.numpy().reshape(-1)

    def kernel(layers: tuple[int, int]) -> None:
        mark_bricks(flat, flat_labels, shape, reach, bits, *layers)

    run_units(kernel, split(len(bits), 1))
    return bits


def active_labels(
    channel_of_label: Tensor | None, weight_of_label: Tensor | None
) -> NDArray[np.bool_] | None:
    """Return which labels can add to an image; None where all can."""
    tables = []
    if channel_of_label is not None:
        tables.append(channel_of_label.numpy() >= 0)
    if weight_of_label is not None:
        tables.append(weight_of_label.detach().numpy() != 0)
    if not tables:
        return None
    length = min(len(table) for table in tables)
    active: NDArray[np.bool_] = torch.ones(length, dtype=torch.bool).numpy()
    for table in tables:
        active &= table[:length]
    return None if active.all() else active
