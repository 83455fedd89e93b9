"""Tables of what was measured on a GPU."""

from collections.abc import Sequence

from benchmarks.markdown_layout import number, table
from benchmarks.tables import Row
from benchmarks.targets import GPU_NEEDED, NAMES, NOT_MEASURED


def gpu_goals(rows: list[Row]) -> list[Sequence[str]]:
    """Compare the least ratio of all cases with what is asked for."""
    lines: list[Sequence[str]] = []
    for (renderer, peer), needed in GPU_NEEDED.items():
        text = f"on a GPU, least ratio of all cases: {renderer}, against {NAMES[peer]}"
        asked = f"at least {needed:g} x"
        found = ratios(rows, renderer, peer)
        if not found:
            lines.append((text, NOT_MEASURED, asked, NOT_MEASURED))
            continue
        wall, gpu = (min(pair[i] for pair in found) for i in (0, 1))
        verdict = "reached" if min(wall, gpu) >= needed else "not reached"
        lines.append((text, f"{wall:.2g} x wall, {gpu:.2g} x GPU time", asked, verdict))
    return lines


def gpu_sentence(rows: list[Row]) -> str:
    """Tell the least ratios, or that there are none."""
    told = []
    for renderer, peer in GPU_NEEDED:
        if found := ratios(rows, renderer, peer):
            least = min(wall for wall, _ in found)
            told.append(f"{renderer} at least {least:.2g} x faster than {NAMES[peer]}")
    return f"On a GPU: {', '.join(told) or NOT_MEASURED}."


def ratios(rows: list[Row], renderer: str, peer: str) -> list[tuple[float, float]]:
    """Return ratios of wall and of GPU time for every case that both programs rendered."""
    times: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.get("gpu_median_ms") and str(row["what"]).startswith(renderer):
            times.setdefault(str(row["what"]), {})[row["program"]] = row
    return [
        (
            pair[peer]["median_ms"] / pair["ours"]["median_ms"],
            pair[peer]["gpu_median_ms"] / pair["ours"]["gpu_median_ms"],
        )
        for pair in times.values()
        if {"ours", peer} <= set(pair)
    ]


def gpu_table(rows: list[Row]) -> str:
    """Show wall and GPU times, or the one line that says why there are none."""
    measured = [row for row in rows if row.get("median_ms")]
    if not measured:
        return f"{NOT_MEASURED.capitalize()}: there was no CUDA GPU."
    header = ["", "program", "wall ms", "GPU ms", "share of copy bandwidth"]
    lines: list[Sequence[str]] = []
    for row in rows:
        if "program" not in row:
            continue
        share = f"{row['share_of_copy']:.2f}" if "share_of_copy" in row else ""
        numbers = [number(row[k]) if k in row else "" for k in ("median_ms", "gpu_median_ms")]
        numbers = numbers if row.get("median_ms") else [str(row.get("note", NOT_MEASURED)), ""]
        lines.append((str(row["what"]), NAMES[row["program"]], *numbers, share))
    return table(header, lines)
