"""A process that renders the same case from the very beginning, and tells what each step took.

`python -m benchmarks.first_render FOLDER CASE` prints one JSON line; the case is JSON as well.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

LEAST_RENDERS, MOST_RENDERS, MOST_SECONDS = 2, 8, 8.0


def main() -> None:
    """Import, build, render until warm."""
    from benchmarks.case import Case

    folder, case = Path(sys.argv[1]), Case(**json.loads(sys.argv[2]))
    imported, program = import_seconds(case.program)

    import torch

    from benchmarks.scene_files import load_scene

    torch.set_num_threads(case.threads)
    scene = load_scene(folder / case.scene)
    program.load(scene, case)

    built = time.perf_counter()
    job = program.build(scene, case)
    build_s = time.perf_counter() - built
    renders: list[float] = []
    while len(renders) < MOST_RENDERS and not (
        len(renders) >= LEAST_RENDERS and sum(renders) > MOST_SECONDS
    ):
        pose = job.prepare(len(renders))
        start = time.perf_counter()
        job.render(pose)
        renders.append(time.perf_counter() - start)
    print(json.dumps({"import_s": imported, "build_s": build_s, "renders_s": renders}))


def import_seconds(name: str) -> "tuple[float, Any]":
    """Import a program, with all that it needs."""
    from importlib import import_module

    begin = time.perf_counter()
    program = import_module(f"benchmarks.programs.{name}")
    return time.perf_counter() - begin, program


if __name__ == "__main__":
    main()
