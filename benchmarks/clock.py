"""Timing of a job's repeats, on the wall and on a GPU's own clock."""

import time
from dataclasses import dataclass, field

import torch

from benchmarks.programs import Job


@dataclass
class Clock:
    """Counts repeats, so that every one gets a pose of its own.

    Args:
        device: `"cpu"` or `"cuda"`.
    """

    device: str
    repeat: int = 0
    wall: list[float] = field(default_factory=list)
    gpu: list[float] = field(default_factory=list)

    def run(self, job: Job) -> torch.Tensor:
        """Time one repeat and return its image."""
        pose = job.prepare(self.repeat)
        self.repeat += 1
        if self.device == "cpu":
            begin = time.perf_counter()
            image = job.render(pose)
            self.wall.append(time.perf_counter() - begin)
            return image
        return self._run_gpu(job, pose)

    def _run_gpu(self, job: Job, pose: object) -> torch.Tensor:
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        begin = time.perf_counter()
        first.record()
        image = job.render(pose)
        last.record()
        torch.cuda.synchronize()
        self.wall.append(time.perf_counter() - begin)
        self.gpu.append(first.elapsed_time(last) / 1e3)
        return image
