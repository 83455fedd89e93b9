"""A process that renders with one program and answers in JSON lines.

`python -m benchmarks.worker PROGRAM FOLDER`; a request is a line like `{"do": "prepare", ...}`, the
answer a line with `"ok"` or `"error"`. The folder holds the scenes.
"""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch

from benchmarks.case import Case
from benchmarks.clock import Clock
from benchmarks.memory import MEGABYTE, peak_while
from benchmarks.programs import Job
from benchmarks.scene_files import Scene, load_scene

MEMORY_WARM_UP_SCENE = "tiny"


class Worker:
    """Holds the prepared case."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program = importlib.import_module(f"benchmarks.programs.{program}")
        self.folder = folder
        self.scene: tuple[str, Scene] | None = None
        self.job: Job | None = None
        self.clock = Clock("cpu")

    def prepare(self, case: dict[str, Any], image: str | None = None) -> dict[str, Any]:
        """Build a case and render it once; the image goes into a file where one is named."""
        what = Case(**case)
        torch.set_num_threads(what.threads)
        self.job = None  # frees the volume before the next one is made
        self.job = self.program.build(self._scene(what.scene), what)
        self.clock = Clock(what.device)
        rendered = self.clock.run(self.job)
        if image is not None:
            np.save(image, rendered.cpu().numpy())
        return {"warmup_s": self.clock.wall.pop()}

    def repeat(self, count: int) -> dict[str, Any]:
        """Time the prepared case again."""
        assert self.job is not None
        for _ in range(count):
            self.clock.run(self.job)
        wall, gpu = self.clock.wall[-count:], self.clock.gpu[-count:]
        return {"wall_s": wall, "gpu_s": gpu}

    def memory(self, case: dict[str, Any]) -> dict[str, Any]:
        """Measure the peak while the case's module is made and renders for the first time.

        The CT is loaded before, and the same case was rendered in a tiny scene, which loads the
        program's code.
        """
        what = Case(**case)
        torch.set_num_threads(what.threads)
        tiny = self.program.build(
            load_scene(self.folder / MEMORY_WARM_UP_SCENE), what.of(what.program, size=16)
        )
        tiny.render(tiny.prepare(0))
        del tiny
        scene = self._scene(what.scene)
        self.program.load(scene, what)

        def run() -> Any:
            job = self.program.build(scene, what)
            return job, job.render(job.prepare(0))

        volume = scene.density.nbytes / MEGABYTE
        if what.device == "cuda":
            return {"peak_mb": _peak_on_gpu(run), "how": "torch's", "volume_mb": volume}
        peak, how = peak_while(run)
        return {"peak_mb": peak, "how": how, "volume_mb": volume}

    def density_difference(self, scene: str) -> dict[str, Any]:
        """Compare the program's density with the scene's."""
        return {"difference": self.program.density_difference(self._scene(scene))}

    def _scene(self, name: str) -> Scene:
        """Load a scene, unless it is the one before: a program keeps what it made of that."""
        if self.scene is None or self.scene[0] != name:
            self.scene = (name, load_scene(self.folder / name))
        return self.scene[1]


def _peak_on_gpu(run: Callable[[], Any]) -> float:
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    kept = run()
    torch.cuda.synchronize()
    peak = torch.cuda.max_memory_allocated() - before
    del kept
    return peak / MEGABYTE


def _answer(worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
    name = request.pop("do")
    try:
        return {"ok": True, **getattr(worker, name)(**request)}
    except Exception as error:  # noqa: BLE001 - whatever a peer raises is this case's result
        traceback.print_exc()
        return {"ok": False, "error": f"{type(error).__name__}: {error}".splitlines()[0]}


def _private_stdout() -> TextIO:
    """Keep the standard output for answers; what libraries print goes to the standard error."""
    private = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return private


def main() -> None:
    """Answer until the input ends."""
    answers = _private_stdout()
    worker = Worker(sys.argv[1], Path(sys.argv[2]))
    print(json.dumps({"ok": True}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(_answer(worker, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
