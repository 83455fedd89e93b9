"""Too little memory, told in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_drr.recipe import DetectorSettings
from napari_drr.rendering._memory import is_shortage

if TYPE_CHECKING:
    import torch


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
        if not is_shortage(error):
            raise
        raise MemoryError(
            f"The memory of {device} does not suffice for {detector.height} x {detector.width} "
            "pixels of this CT. Render fewer (--height, --width), or fewer channels (--structures)"
            + (", or use --device cpu." if device.type != "cpu" else ".")
        ) from error
