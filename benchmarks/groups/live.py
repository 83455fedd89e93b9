"""The live tool in a real window, in a process of its own, under Xvfb where there is no display."""

import json
import os
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.groups import Bench
from benchmarks.peers import ROOT
from benchmarks.scene import CT
from benchmarks.tables import Row

PATIENCE_SECONDS = 1200
OPENINGS = 5

# What each list of seconds is, in words.
TIMES = {
    "viewer": "napari's empty window opens",
    "dock": "the dock opens",
    "precomputed": "napari paints an image that is there already",
    "precomputed again": "the same, after the sliders",
    "painted": "a slider's position, until painted",
    "blocked": "of that, the main thread is busy with us",
    "blocked, 20 more layers": "the same with 20 more layers",
    "release": "full resolution after the release, until painted",
    "weight painted": "a weight or visibility, until painted",
    "weight blocked": "of that, the main thread is busy with us",
}


def measure(bench: Bench) -> list[Row]:
    """Open the window and go through all steps."""
    try:
        told = told_by(bench, "--quick" if bench.quick else "")
        for _ in range(1 if bench.quick else OPENINGS - 1):
            for key, seconds in told_by(bench, "--open").items():
                told[key] += seconds
    except subprocess.SubprocessError as error:
        print(getattr(error, "stderr", ""), flush=True)
        return [{"what": "window", "note": f"not measured: {type(error).__name__}"}]
    return rows_of(told)


def told_by(bench: Bench, option: str) -> dict[str, Any]:
    """Run a window of its own."""
    command = ["sh", "tools/with-display.sh", sys.executable, "-m", "benchmarks.live_window"]
    variables = {**os.environ, "NAPARI_CONFIG": str(bench.folder / "napari.yaml")}
    # Compiled once, as what pip installs is.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [*command, str(bench.scenes.folder / CT), option],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def rows_of(told: dict[str, Any]) -> list[Row]:
    """Make a row of every step."""
    rows: list[Row] = []
    for key, text in TIMES.items():
        rows.append({"what": key, "text": text, **spread(told[key])})
        print(f"  {rows[-1]}", flush=True)
    growth = told["endurance"]
    rows.append(
        {"what": "frames", "text": "frames painted a second in a drag", "value": told["frames"]}
    )
    for name in ("rss_mb", "threads", "layers"):
        text = f"{name} grown by {growth['changes']} pose changes"
        rows.append({"what": name, "text": text, "value": round(growth[name], 1)})
    rows.append(
        {"what": "preview", "text": "rows of a preview of 200", "value": told["preview"][0]}
    )
    return rows


def spread(seconds: list[float]) -> Row:
    """Summarize times, in ms."""
    ms = sorted(1000 * value for value in seconds)
    at95 = ms[min(len(ms) - 1, round(0.95 * (len(ms) - 1)))]
    numbers = {"median_ms": statistics.median(ms), "p95_ms": at95, "max_ms": ms[-1]}
    return {**{name: round(value, 2) for name, value in numbers.items()}, "n": len(ms)}
