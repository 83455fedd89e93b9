"""`voxel_shift`: where in its voxel an index lies."""

import numpy as np
import pytest
import torch
import torchio as tio
from shared_volumes import POSES, euler, make_volume

from napari_drr import DRR, read

DETECTOR = {"sdd": 600.0, "height": 15, "delx": 6.0, "width": 13}


def read_moved(voxels):
    """Read the test's volume with its grid moved along its axes, by a number of voxels."""
    volume, mask, table = make_volume(oblique=True)
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.full(3, voxels)
    images = (
        kind(tensor=image.data, affine=affine)
        for kind, image in ((tio.ScalarImage, volume), (tio.LabelMap, mask))
    )
    return read(*images, structures=table)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("renderer", ["siddon", "trilinear"])
@pytest.mark.parametrize("pose", ["oblique", "lateral"])
def test_zero_puts_the_corners_where_the_centers_were(pose, renderer, backend):
    # With its lower corner at the index, a voxel's center lies half a voxel farther.
    subject, moved = read_moved(0.0), read_moved(0.5)
    how = {**DETECTOR, "renderer": renderer, "backend": backend}
    pose = euler(*POSES[pose])
    channels = {"mask_to_channels": True}

    shifted = DRR(subject, voxel_shift=0.0, **how)(pose, **channels)

    # About one and the same point of space, the isocenter of the volume that did not move.
    expected = DRR(moved, isocenter=subject.isocenter, **how)(pose, **channels)
    torch.testing.assert_close(shifted, expected, rtol=0, atol=1e-5 * expected.max().item())
    centered = DRR(subject, **how)(pose, **channels)
    assert (shifted - centered).abs().max() > 0.1 * centered.max()
