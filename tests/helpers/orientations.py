"""Orientations of voxel grids that tests share."""

from itertools import permutations, product

import nibabel
import numpy as np

ORIENTATIONS = [
    "".join(codes) for axes in permutations(("RL", "AP", "SI")) for codes in product(*axes)
]
"""The 48 ways of storing a volume, such as LAS."""


def rotation(x_deg, y_deg):
    """A 4x4 rotation about y, then about x."""
    x, y = np.deg2rad([x_deg, y_deg])
    about_x, about_y = np.eye(4), np.eye(4)
    about_x[1:3, 1:3] = [[np.cos(x), -np.sin(x)], [np.sin(x), np.cos(x)]]
    about_y[:3:2, :3:2] = [[np.cos(y), np.sin(y)], [-np.sin(y), np.cos(y)]]
    return about_x @ about_y


def affine_of(codes, spacing=(0.7, 0.9, 2.5), origin=(-180.0, 20.0, -700.0)):
    """World RAS mm from voxels whose axes run as the codes say."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for voxel_axis, code in enumerate(codes):
        world_axis = next(i for i, pair in enumerate(("RL", "AP", "SI")) if code in pair)
        affine[world_axis, voxel_axis] = spacing[voxel_axis] * (1 if code in "RAS" else -1)
    affine[:3, 3] = origin
    return affine


def oriented(image, codes):
    """The torchio image as a nibabel image with its voxel axes turned to `codes`, world kept."""
    native = nibabel.Nifti1Image(image.numpy()[0], image.affine)
    before = nibabel.io_orientation(image.affine)
    after = nibabel.orientations.axcodes2ornt(codes)
    return native.as_reoriented(nibabel.orientations.ornt_transform(before, after))
