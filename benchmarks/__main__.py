"""`python -m benchmarks`: measure, write the tables, then the report."""

import argparse
import importlib
import json
import tempfile
from pathlib import Path

from benchmarks.client import Program
from benchmarks.groups import Bench
from benchmarks.machine import facts
from benchmarks.peers import VERSIONS, make_peers
from benchmarks.report import GROUPS, RESULTS, make_report
from benchmarks.scene import Scenes
from benchmarks.tables import write_rows

QUICK_GROUPS = ("must_reach", "live", "start", "gpu")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="promised numbers only, few repeats")
    parser.add_argument("--only", help=f"some of the tables: {','.join(GROUPS)}")
    parser.add_argument("--phantom", action="store_true", help="the phantom, not the chest CT")
    parser.add_argument("--out", type=Path, help="folder of the tables")
    return parser.parse_args()


def main() -> None:
    """Measure and report."""
    options = arguments()
    out = options.out or (RESULTS / "quick" if options.quick else RESULTS)
    groups = options.only.split(",") if options.only else QUICK_GROUPS if options.quick else GROUPS
    peers = make_peers()
    with tempfile.TemporaryDirectory(prefix="napari-drr-bench-") as name:
        folder = Path(name)
        scenes = Scenes(folder / "scenes", options.phantom)
        programs = {name: Program(name, peers, scenes.folder) for name in ("ours", *VERSIONS)}
        bench = Bench(programs, scenes, folder, options.quick)
        try:
            for group in groups:
                measure(group, bench, out)
        finally:
            for program in programs.values():
                program.close()
    make_report(out, publish=out == RESULTS)


def measure(group: str, bench: Bench, out: Path) -> None:
    """Measure one table and write it, with what it was measured on."""
    print(f"{group}:", flush=True)
    rows = importlib.import_module(f"benchmarks.groups.{group}").measure(bench)
    write_rows(out / f"{group}.csv", rows)
    path = out / "machine.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    known[group] = facts(bench.scenes.name)
    path.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
