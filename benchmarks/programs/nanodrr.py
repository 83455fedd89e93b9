"""nanodrr 0.1.7 (MIT license), unchanged, by its public API.

It samples the trilinear interpolant at the midpoints of `n_samples` parts of each ray's way through
the volume. It has one renderer; its plain torch path runs on the CPU, Triton's on a GPU.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torchio
from nanodrr.camera import make_rt_inv
from nanodrr.data import Subject
from nanodrr.drr import DRR

from benchmarks.case import SDD_MM, Case
from benchmarks.programs import Job, euler_pose, image_and_gradient
from benchmarks.scene_files import Scene


def build(scene: Scene, case: Case) -> Job:
    """Make the module that renders a case."""
    if case.renderer != "trilinear":
        raise ValueError("nanodrr renders the trilinear interpolant only")
    subject = make_subject(scene, case.channels).to(case.device)
    drr = DRR.from_carm_intrinsics(
        SDD_MM, case.pixel_mm, case.pixel_mm, 0.0, 0.0, case.size, case.size, device=case.device
    )

    def prepare(repeat: int) -> torch.Tensor:
        rotation, translation = (value.detach() for value in euler_pose(case, repeat))
        pose = make_rt_inv(rotation * (180 / math.pi), translation, orientation="AP")
        return pose.requires_grad_(case.backward)

    def render(pose: Any) -> torch.Tensor:
        with torch.set_grad_enabled(case.backward):
            image = drr(subject, pose, n_samples=case.n_points)
            return image_and_gradient(image, case.backward)

    return Job(prepare, render)


def load(scene: Scene, case: Case) -> None:
    """Make the subject that `build` will use, which is the part that users do once."""
    make_subject(scene, case.channels)


@lru_cache(maxsize=1)  # reading takes longer than rendering
def make_subject(scene: Scene, labelled: bool) -> Subject:
    """Hold the density as it is; with labels, every one gets a channel."""
    density = torch.from_numpy(np.array(scene.density))[None]
    labels = torch.from_numpy(np.array(scene.labels))[None] if labelled else None
    return Subject.from_images(
        torchio.ScalarImage(tensor=density, affine=scene.affine),
        torchio.LabelMap(tensor=labels, affine=scene.affine) if labelled else None,
        convert_to_mu=False,
    )
