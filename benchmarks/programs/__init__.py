"""The programs that are measured, each behind the same functions.

A program's module has `load(scene, case)`, which makes and keeps what a user loads once, and
`build(scene, case) -> Job`. `Job.prepare(repeat)` makes a repeat's pose,
which is not timed; `Job.render(pose)` is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.case import Case


@dataclass(frozen=True)
class Job:
    """A case that is ready to run."""

    prepare: Callable[[int], Any]
    render: Callable[[Any], torch.Tensor]


def euler_pose(case: Case, repeat: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return Euler angles and translations, as leaves of a gradient where one is asked for."""
    return tuple(  # type: ignore[return-value]
        torch.tensor(values, device=case.device, requires_grad=case.backward)
        for values in case.poses(repeat)
    )


def image_and_gradient(image: torch.Tensor, backward: bool) -> torch.Tensor:
    """Go back to the pose, if that is part of the case."""
    if backward:
        image.sum().backward()
    return image.detach()
