"""What is measured: one module per table, each with `measure(bench) -> rows`."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import Program
from benchmarks.measure import FULL, QUICK, SHORT, Effort
from benchmarks.scene import Scenes


@dataclass(frozen=True)
class Bench:
    """What every group needs.

    Args:
        programs: The workers by name.
        scenes: The volumes.
        folder: For files that are thrown away.
        quick: Whether to spend little.
    """

    programs: dict[str, Program]
    scenes: Scenes
    folder: Path
    quick: bool

    @property
    def effort(self) -> Effort:
        """For the numbers that the README shows."""
        return QUICK if self.quick else FULL

    @property
    def short(self) -> Effort:
        """For series of many numbers."""
        return QUICK if self.quick else SHORT
