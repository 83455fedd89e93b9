"""The live tool's table in Markdown."""

from collections.abc import Sequence

from benchmarks.markdown_layout import number, table
from benchmarks.tables import Row
from benchmarks.targets import NOT_MEASURED

# Against the time that napari takes, in the same run, to paint an image that is there already.
MEDIAN_RATIO, P95_RATIO = 1.5, 2.5
MOST_BLOCKED_MS, MOST_RELEASE_MS, MOST_DOCK_MS = 10.0, 150.0, 1000.0
LEAST_FRAMES, MOST_GROWTH_MB = 15.0, 20.0


def baseline_ms(rows: dict[str, Row]) -> float:
    """Return what napari itself takes, the mean of before and after."""
    return float(rows["precomputed"]["median_ms"] + rows["precomputed again"]["median_ms"]) / 2


def live_table(rows: list[Row]) -> str:
    """Show every step."""
    times = [row for row in rows if "median_ms" in row]
    if not times:
        return NOT_MEASURED.capitalize() + "."
    keys = ("median_ms", "p95_ms", "max_ms")
    lines: list[Sequence[str]] = [
        (str(row["text"]), *[number(row[key]) for key in keys], str(row["n"])) for row in times
    ]
    return table(["ms", "median", "95th percentile", "longest", "n"], lines)


def live_goals(rows: list[Row]) -> str:
    """Show what was asked for."""
    by_name = {row["what"]: row for row in rows}
    if "precomputed" not in by_name:
        return NOT_MEASURED.capitalize() + "."
    base = baseline_ms(by_name)
    lines: list[Sequence[str]] = []
    for what, key, most in (
        ("painted", "median_ms", MEDIAN_RATIO),
        ("painted", "p95_ms", P95_RATIO),
        ("weight painted", "median_ms", MEDIAN_RATIO),
    ):
        row, kind = by_name[what], "median" if key == "median_ms" else "95th percentile"
        ratio = row[key] / base
        text = f"{row['text']}, {kind}, of napari's {number(base)} ms"
        lines.append((text, f"{ratio:.2f} x", f"at most {most} x", _verdict(ratio <= most)))
    for what, key, most in (
        ("blocked", "p95_ms", MOST_BLOCKED_MS),
        ("blocked, 20 more layers", "p95_ms", MOST_BLOCKED_MS),
        ("weight blocked", "p95_ms", MOST_BLOCKED_MS),
        ("release", "max_ms", MOST_RELEASE_MS),
        ("dock", "max_ms", MOST_DOCK_MS),
    ):
        row = by_name[what]
        shown, asked = f"{number(row[key])} ms", f"at most {most:.0f} ms"
        kind = {"p95_ms": ", 95th percentile", "max_ms": ""}[key]
        lines.append((f"{row['text']}{kind}", shown, asked, _verdict(row[key] <= most)))
    lines += _counts(by_name)
    return table(["", "", "asked for", ""], lines)


def _counts(by_name: dict[str, Row]) -> list[Sequence[str]]:
    frames, growth = by_name["frames"], by_name["rss_mb"]
    lines: list[Sequence[str]] = [
        (
            str(frames["text"]),
            number(frames["value"]),
            f"at least {LEAST_FRAMES:.0f}",
            _verdict(frames["value"] >= LEAST_FRAMES),
        ),
        (
            "memory" + str(growth["text"]).removeprefix("rss_mb"),
            f"{number(growth['value'])} MB",
            f"less than {MOST_GROWTH_MB:.0f} MB",
            _verdict(growth["value"] < MOST_GROWTH_MB),
        ),
    ]
    for what in ("threads", "layers"):
        row = by_name[what]
        grown = f"{row['value']:.0f}"
        lines.append((str(row["text"]), grown, "0", _verdict(row["value"] <= 0)))
    return lines


def live_sentence(rows: list[Row]) -> str:
    """Tell the README's readers how the slider feels."""
    by_name = {row["what"]: row for row in rows}
    if "precomputed" not in by_name:
        return ""
    moved, base = by_name["painted"], baseline_ms(by_name)
    return (
        f"In napari, a slider's position is painted after {number(moved['median_ms'])} ms, where "
        f"napari takes {number(base)} ms to paint an image that is there already (software OpenGL)."
    )


def _verdict(is_reached: bool) -> str:
    return "reached" if is_reached else "not reached"
