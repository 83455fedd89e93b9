"""Run the Triton kernels in Triton's interpreter, in a process of its own; print errors as JSON."""

import json
import os
import sys

if __name__ == "__main__":
    os.environ["TRITON_INTERPRET"] = "1"  # read when triton is imported

import torch
from ray_cases import CASES, compare

from napari_drr import Detector, convert, project
from napari_drr.rendering.kernels import cuda
from napari_drr.rendering.kernels._settings import RaySettings


def reasons():
    """Say why volumes and settings can't be served."""
    volume = torch.zeros(2, 2, 2)
    return {
        "served": cuda.reason_not_to_serve(volume, RaySettings()),
        "float64": cuda.reason_not_to_serve(volume.double(), RaySettings()),
        "callable": cuda.reason_not_to_serve(volume, RaySettings(reduction=torch.sum)),
    }


def through_the_door():
    """Render with `project`; return how far image and gradients are from the reference's."""
    voxel_from_iso = torch.eye(4, dtype=torch.float64)
    voxel_from_iso[:3, 3] = torch.tensor([1.6, 2.1, 1.4])
    found = []
    for backend in ("cuda", "reference"):
        density = torch.linspace(0, 1, 60).reshape(3, 5, 4).requires_grad_()
        rotation = torch.tensor([[0.3, 0.2, 0.1]], dtype=torch.float64, requires_grad=True)
        translation = torch.tensor([[1.0, 40.0, 2.0]], dtype=torch.float64)
        pose = convert(
            rotation, translation, parameterization="euler_angles", convention="ZXY"
        ).matrix
        image = project(
            density, voxel_from_iso, pose, Detector(80.0, (3, 4), (2.0, 1.5)), backend=backend
        )
        gradients = torch.autograd.grad(image.square().sum(), (density, rotation))
        found.append((image, *gradients))
    return [((a - b).abs().max() / b.abs().max()).item() for a, b in zip(*found, strict=True)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    errors = {name: compare(cuda, arguments) for name, arguments in CASES.items()}
    found = {"errors": errors, "reasons": reasons(), "door": through_the_door()}
    json.dump(found, sys.stdout)
