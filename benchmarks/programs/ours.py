"""napari-drr, by its public API."""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torchio

from benchmarks.case import SDD_MM, Case
from benchmarks.programs import Job, euler_pose, image_and_gradient
from benchmarks.scene_files import Scene
from napari_drr import DRR, read

EULER = {"parameterization": "euler_angles", "convention": "ZXY"}


def build(scene: Scene, case: Case) -> Job:
    """Make the module that renders a case."""
    drr = DRR(
        make_subject(scene),
        sdd=SDD_MM,
        height=case.size,
        delx=case.pixel_mm,
        renderer=case.renderer,
    ).to(case.device)
    if case.weights:
        return weights_job(drr, scene, case)
    options = image_options(case)

    def render(pose: Any) -> torch.Tensor:
        with torch.set_grad_enabled(case.backward):
            return image_and_gradient(drr(*pose, **EULER, **options), case.backward)

    return Job(lambda repeat: euler_pose(case, repeat), render)


def image_options(case: Case) -> dict[str, Any]:
    """Return what is asked of `DRR.forward`."""
    options: dict[str, Any] = {"mask_to_channels": case.channels}
    if case.renderer == "trilinear":
        options["n_points"] = case.n_points
    return options


def weights_job(drr: DRR, scene: Scene, case: Case) -> Job:
    """Change one structure's weight; at the same pose, which was rendered before, or at a new one.

    The structure is the one with the most voxels beside the background.
    """
    label = int(np.bincount(scene.labels.reshape(-1))[1:].argmax()) + 1
    fresh = case.weights == "fresh"

    def prepare(repeat: int) -> Any:
        return *euler_pose(case, repeat if fresh else 0), {label: 0.5 + 0.001 * repeat}

    def render(prepared: Any) -> torch.Tensor:
        rotation, translation, weights = prepared
        with torch.no_grad():
            return drr(rotation, translation, weights=weights, **EULER, **image_options(case))

    return Job(prepare, render)


def load(scene: Scene, case: Case) -> None:
    """Make the subject that `build` will use, which is the part that users do once."""
    make_subject(scene)


@lru_cache(maxsize=1)  # reading takes longer than rendering
def make_subject(scene: Scene) -> torchio.Subject:
    """Make the subject that a user would read from files."""
    return read(
        torchio.ScalarImage(
            tensor=torch.from_numpy(np.array(scene.hounsfield))[None], affine=scene.affine
        ),
        torchio.LabelMap(
            tensor=torch.from_numpy(np.array(scene.labels))[None], affine=scene.affine
        ),
    )
