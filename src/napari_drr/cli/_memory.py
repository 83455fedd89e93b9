"""Too little memory, told in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_drr.recipe import DetectorSettings

if TYPE_CHECKING:
    import torch

# How torch says so, on the CPU, on a GPU, and of sizes beyond 64 bits.
_SHORTAGES = ("allocate memory", "out of memory", "overflow")


@contextmanager
def shortage_told(detector: DetectorSettings, device: "torch.device") -> Iterator[None]:
    """Raise `MemoryError` with a way out where memory does not suffice for rendering.

    Args:
        detector: What is rendered.
        device: Where.

    Raises:
        MemoryError: If memory does not suffice.
    """
    try:
        yield
    except (MemoryError, OverflowError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _is_shortage(error):
            raise
        raise MemoryError(
            f"The memory of {device} does not suffice for {detector.height} x {detector.width} "
            "pixels of this CT. Render fewer (--height, --width), or fewer channels (--structures)"
            + (", or use --device cpu." if device.type != "cpu" else ".")
        ) from error


def _is_shortage(error: RuntimeError) -> bool:
    return any(words in str(error).lower() for words in _SHORTAGES)
