"""DiffDRR 0.6.1 (MIT license), unchanged, by its public API.

Its renderer, reader and poses need torch, torchio, einops, scipy, pandas and fastcore only; what
else the package names (plots, image models, VTK) is not installed.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torchio
from diffdrr.data import read
from diffdrr.drr import DRR

from benchmarks.case import SDD_MM, Case
from benchmarks.programs import Job, euler_pose, image_and_gradient
from benchmarks.scene_files import Scene

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
    options: dict[str, Any] = {"mask_to_channels": case.channels}
    if case.renderer == "trilinear":
        options["n_points"] = case.n_points

    def render(pose: Any) -> torch.Tensor:
        with torch.set_grad_enabled(case.backward):
            return image_and_gradient(drr(*pose, **EULER, **options), case.backward)

    return Job(lambda repeat: euler_pose(case, repeat), render)


def load(scene: Scene, case: Case) -> None:
    """Make the subject that `build` will use, which is the part that users do once."""
    make_subject(scene)


@lru_cache(maxsize=1)  # reading takes longer than rendering
def make_subject(scene: Scene) -> torchio.Subject:
    """Read the CT with DiffDRR's own map from HU to density."""
    return read(
        torchio.ScalarImage(
            tensor=torch.from_numpy(np.array(scene.hounsfield))[None], affine=scene.affine
        ),
        torchio.LabelMap(
            tensor=torch.from_numpy(np.array(scene.labels))[None], affine=scene.affine
        ),
        orientation="AP",
    )


def density_difference(scene: Scene) -> float:
    """Return how far DiffDRR's density is from the scene's, at most."""
    density = make_subject(scene).density.data[0].numpy()
    return float(np.abs(density - scene.density).max())
