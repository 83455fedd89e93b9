"""What is wrong with a pose, in words."""

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.geometry.detector import Detector
from napari_drr.geometry.pose import RigidTransform
from napari_drr.rendering._sentences import INSIDE, NO_HIT
from napari_drr.rendering.kernels._rays import SOURCE, RayBundle, bundle_of_plane
from napari_drr.rendering.project import any_ray_hits

if TYPE_CHECKING:
    import torchio as tio

# What counts as body rather than air or lung, and of how many voxels that is asked.
BODY_HU = -500.0
PROBED_VOXELS = 50_000
# Tables and blankets stick out a little; less than this goes unsaid.
UNSAID_SHARE = 0.005


def body_points(subject: "tio.Subject") -> Float[Tensor, "point 3"]:
    """Return voxel indices (x, y, z) of points throughout the body."""
    hounsfield = subject.volume.data[0]
    step = math.ceil((hounsfield.numel() / PROBED_VOXELS) ** (1 / 3))
    index: Tensor = (hounsfield[::step, ::step, ::step] > BODY_HU).nonzero()
    points: Tensor = index.to(torch.float64) * step
    return points


def missed_poses(
    image: Float[Tensor, "pose channel ray"], rays: RayBundle, shape: torch.Size
) -> list[int]:
    """Return the poses whose rays all miss a volume (`shape` is (x, y, z)).

    Only an empty image can be one of them, so that others cost a look and no more.
    """
    pixels = image.flatten(1)
    if pixels.is_cpu and pixels.dtype == torch.float32:
        # NumPy's takes no threads: those of torch's spin for a while, in the kernels' way.
        empty = np.flatnonzero(~pixels.numpy().any(1)).tolist()
    else:
        empty = (~pixels.any(1)).nonzero()[:, 0].tolist()
    return [i for i in empty if not any_ray_hits(rays.pose(i), shape)]


def faults(
    detector: Detector,
    pose: RigidTransform,
    voxel_from_iso: RigidTransform,
    shape: torch.Size,
    body: Float[Tensor, "point 3"],
) -> list[str]:
    """Say what is wrong with where the C-arm stands.

    Args:
        detector: The detector.
        pose: Camera to iso.
        voxel_from_iso: From iso mm to voxel indices, as they are rendered.
        shape: Of the volume (x, y, z).
        body: Voxel indices of points throughout the body.

    Returns:
        One sentence per fault.
    """
    rays = bundle_of_plane(voxel_from_iso, detector.plane(pose), detector.shape)
    found = []
    start = rays.lines[:, SOURCE]
    size = torch.tensor(shape).to(start)
    if bool(((start >= -0.5) & (start < size - 0.5)).all(-1).any()):
        found.append(INSIDE)
    if not any_ray_hits(rays, shape):
        return [*found, NO_HIT]
    hidden = _share_behind_detector(detector, pose, voxel_from_iso, body)
    if hidden > UNSAID_SHARE:
        found.append(
            f"{hidden:.0%} of the body lies behind the detector and is not in the image: raise the "
            "source-to-detector distance, or bring the source nearer to the isocenter."
        )
    return found


def _share_behind_detector(
    detector: Detector, pose: RigidTransform, voxel_from_iso: RigidTransform, body: Tensor
) -> float:
    """Return the share of the body whose depth from the source exceeds the detector's."""
    if not len(body):
        return 0.0
    # From voxel to iso to camera; only its depth is asked for. NumPy takes no threads for this,
    # which would stand in the way of a window and of the kernels.
    voxel_from_camera = voxel_from_iso.matrix @ detector.iso_from_camera(pose)
    row = torch.linalg.inv(voxel_from_camera).detach().cpu().numpy()[:, 2]
    depth = body.cpu().numpy() @ row[:, :3].T + row[:, 3]
    distance = float(detector.sdd)
    return float((depth > distance if distance > 0 else depth < distance).mean())
