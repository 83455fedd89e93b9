"""How a render went, in a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_drr.viewer._requests import Result


@dataclass(frozen=True)
class Status:
    """How a render went.

    Args:
        seconds: What it took.
        paint_seconds: What the window takes to paint it; None if that was not measured.
        backend: Which kernels rendered.
        device: On which device.
        threads: How many threads a CPU's kernels take.
        shape: Rows and columns that were rendered.
        is_preview: Whether a better image follows.

    Examples:
        >>> print(Status(0.0123, None, "cpu", "cpu", 2, (200, 240), False))
        12 ms | cpu, 2 threads | full 240 x 200
    """

    seconds: float
    paint_seconds: float | None
    backend: str
    device: str
    threads: int
    shape: tuple[int, int]
    is_preview: bool

    @classmethod
    def of(cls, result: Result, paint_seconds: float | None) -> Status:
        """Tell how the render of a result went."""
        import torch

        return cls(
            result.seconds,
            paint_seconds,
            result.backend,
            result.device,
            torch.get_num_threads(),
            result.shape,
            result.is_preview,
        )

    def __str__(self) -> str:
        """Return the line: time, backend and device, and what was rendered."""
        height, width = self.shape
        where = f"{self.threads} threads" if self.device == "cpu" else self.device
        size = "preview" if self.is_preview else "full"
        time = f"{self.seconds * 1000:.0f} ms" if self.seconds >= 0.0005 else "< 1 ms"
        return f"{time} | {self.backend}, {where} | {size} {width} x {height}"
