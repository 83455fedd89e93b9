"""Voxels that are read when they are first asked for: from a disk, a network, or by computing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


class Deferred:
    """A tensor (x, y, z) that is made once, by whichever thread first asks for it.

    Args:
        shape: Its shape.
        load: Makes it.
    """

    def __init__(self, shape: tuple[int, ...], load: Callable[[], torch.Tensor]) -> None:
        self.shape = shape
        self._load = load
        self._tensor: torch.Tensor | None = None
        self._lock = threading.Lock()

    @property
    def is_loaded(self) -> bool:
        """Whether it was made already."""
        return self._tensor is not None

    def tensor(self) -> torch.Tensor:
        """Return the tensor.

        Raises:
            MemoryError: If it does not fit into the memory that is free.
        """
        with self._lock:
            if self._tensor is None:
                self._tensor = self._load()
            return self._tensor


def is_lazy(data: object) -> bool:
    """Tell whether a layer's array has yet to be read or computed, as dask's and zarr's have."""
    return not isinstance(data, np.ndarray) or isinstance(data, np.memmap)


def loaded(data: object) -> NDArray[np.generic]:
    """Return a layer's array as NumPy's, its last axis fastest.

    Raises:
        MemoryError: If it does not fit into the memory that is free.
    """
    if (fault := too_large(data)) is not None:
        raise MemoryError(fault)
    return np.ascontiguousarray(data)


def too_large(data: object) -> str | None:
    """Return why a lazy array can't be loaded, and the way out; None if it can, or is there."""
    if not is_lazy(data):
        return None
    import psutil  # type: ignore[import-untyped]

    from napari_drr.io.files import WORKING_BYTES_PER_VOXEL

    shape, dtype = data.shape, np.dtype(data.dtype)  # type: ignore[attr-defined]
    needed = float(np.prod(shape, dtype=np.float64)) * (dtype.itemsize + WORKING_BYTES_PER_VOXEL)
    free = float(psutil.virtual_memory().available)
    if needed <= free:
        return None
    return (
        f"{' x '.join(map(str, shape))} voxels take about {needed / 2**30:.1f} GiB to render, and "
        f"{free / 2**30:.1f} GiB of memory are free: crop the volume, or take larger voxels, such "
        "as `layer.data = layer.data[::2, ::2, ::2]` with twice the scale."
    )
