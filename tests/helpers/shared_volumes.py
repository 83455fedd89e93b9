"""Volumes, poses and data that tests share."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torchio as tio

from napari_drr import convert


def euler(rotation, translation, dtype=torch.float64):
    """A ZXY pose of radians and mm; single poses or batches."""
    rotation = torch.as_tensor(rotation, dtype=dtype).reshape(-1, 3)
    translation = torch.as_tensor(translation, dtype=dtype).reshape(-1, 3)
    return convert(rotation, translation, parameterization="euler_angles", convention="ZXY")


POSES = {
    "frontal": ((0.0, 0.0, 0.0), (0.0, 300.0, 0.0)),
    "lateral": ((np.pi / 2, 0.0, 0.0), (0.0, 300.0, 0.0)),
    "oblique": ((-0.75, 0.31, 0.2), (12.0, 310.0, -7.0)),
}


def make_volume(shape=(17, 14, 11), spacing=(2.0, 1.5, 3.0), seed=0, oblique=False):
    """Random HU and labels on an anisotropic grid of odd size, as a subject's images."""
    rng = np.random.default_rng(seed)
    hu = rng.uniform(-700, 1200, shape).astype(np.float32)
    labels = rng.integers(0, 5, shape).astype(np.uint8)
    affine = np.diag([*spacing, 1.0])
    if oblique:
        turn = convert([[0.3, -0.2, 0.5]], [[0.0, 0, 0]], parameterization="axis_angle").double()
        affine = turn.matrix[0].numpy() @ affine
    affine[:3, 3] = (-31.0, 17.0, 5.0)
    table = pd.DataFrame(
        {"id": [1, 2, 3, 4], "structure": ["a", "b", "c", "d"], "group": ["x", "x", "y", "y"]}
    )
    volume = tio.ScalarImage(tensor=torch.from_numpy(hu)[None], affine=affine)
    mask = tio.LabelMap(tensor=torch.from_numpy(labels)[None], affine=affine)
    return volume, mask, table


def chest_folder():
    """The folder of the example CT, or None."""
    folder = os.environ.get("NAPARI_DRR_DATA")
    if folder and (Path(folder) / "cxr.nii.gz").is_file():
        return Path(folder)
    return None
