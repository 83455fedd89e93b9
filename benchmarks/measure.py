"""Measures several programs in turns, so that what slows the machine slows all of them."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.case import Case
from benchmarks.client import NotMeasured, Program

TURN_SECONDS = 0.5
"""How long the fast programs go on at a turn; the slow ones render once."""

MOST_REPEATS = 60


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Args:
        seconds: Time to spend on a program's repeats of one case.
        least: Fewest repeats.
        least_slow: Fewest repeats of what takes longer than `slow_s` a time.
        slow_s: What is slow.
    """

    seconds: float = 10.0
    least: int = 5
    least_slow: int = 3
    slow_s: float = 4.0

    def enough(self, wall: list[float]) -> bool:
        """Tell whether a program was measured often enough."""
        least = self.least_slow if wall and median(wall) > self.slow_s else self.least
        spent = sum(wall) >= self.seconds or len(wall) >= MOST_REPEATS
        return len(wall) >= least and spent


FULL = Effort()
SHORT = Effort(seconds=2.0, least=3, least_slow=2, slow_s=10.0)
QUICK = Effort(seconds=2.0, least=3, least_slow=2, slow_s=1.0)


class Timing:
    """The repeats of one case, or why there are none."""

    def __init__(self, case: Case, program: Program) -> None:
        self.case, self.program = case, program
        self.warmup_s, self.note = float("nan"), ""
        self.wall: list[float] = []
        self.gpu: list[float] = []

    def prepare(self, image: Path | None) -> None:
        """Build and render once; keep the image where a file is named."""
        try:
            self.warmup_s = self.program.prepare(self.case, image)
        except NotMeasured as reason:
            self.note = f"not measured: {reason}"

    def turn(self, effort: Effort) -> None:
        """Time a few repeats."""
        last = self.wall[-1] if self.wall else self.warmup_s
        count = max(1, min(10, int(min(TURN_SECONDS, effort.seconds) / max(last, 1e-4))))
        try:
            wall, gpu = self.program.repeat(count)
        except NotMeasured as reason:
            self.note = f"not measured: {reason}"
            return
        self.wall += wall
        self.gpu += gpu

    def done(self, effort: Effort) -> bool:
        """Tell whether there is nothing more to measure."""
        return bool(self.note) or effort.enough(self.wall)

    def row(self) -> dict[str, Any]:
        """Return the case and its times for a table."""
        gpu = {"gpu_median_ms": _ms(median(self.gpu))} if self.gpu else {}
        return {
            **self.case.to_dict(),
            **_spread(self.wall, self.warmup_s),
            **gpu,
            "note": self.note,
        }


def take_turns(
    cases: list[Case], programs: dict[str, Program], effort: Effort, image: Path | None = None
) -> list[dict[str, Any]]:
    """Measure cases of different programs in turns; return a row for each."""
    timings = [Timing(case, programs[case.program]) for case in cases]
    if len({case.program for case in cases}) < len(cases):
        raise ValueError("a worker holds one case at a time: measure one case per program")
    for timing in timings:
        timing.prepare(image)
    while open_ones := [timing for timing in timings if not timing.done(effort)]:
        for timing in open_ones:
            timing.turn(effort)
    for timing in timings:
        print(_line(timing), flush=True)
    return [timing.row() for timing in timings]


def _spread(wall: list[float], warmup_s: float) -> dict[str, Any]:
    """Return milliseconds: median, quartiles, extremes, the number of repeats, the warm-up."""
    if not wall:
        return {"n": 0}
    low, middle, high = quantiles(wall, n=4, method="inclusive") if len(wall) > 1 else wall * 3
    names = ("median_ms", "q1_ms", "q3_ms", "min_ms", "max_ms", "warmup_ms")
    values = (middle, low, high, min(wall), max(wall), warmup_s)
    return {"n": len(wall), **dict(zip(names, map(_ms, values), strict=True))}


def _ms(seconds: float) -> float:
    return float(f"{seconds * 1e3:.4g}")


def _line(timing: Timing) -> str:
    case = timing.case
    what = [case.program, case.scene, case.pose, case.renderer, f"{case.size} px"]
    what += [f"{case.n_points} points"] if case.renderer == "trilinear" else []
    what += [f"batch {case.batch}"] if case.batch > 1 else []
    what += [
        word for word, said in (("channels", case.channels), ("backward", case.backward)) if said
    ]
    what += [f"weights: {case.weights}"] if case.weights else []
    result = timing.note or f"{_ms(median(timing.wall))} ms (n = {len(timing.wall)})"
    return f"  {', '.join(what)}: {result}"
