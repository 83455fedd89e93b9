"""Coarse copies of a CT, and enlarged previews."""

import threading

import numpy as np
import pytest
import torch
import torchio

from napari_drr import read
from napari_drr.recipe import DetectorSettings, Pose, Recipe
from napari_drr.viewer._coarse import VOXELS, coarse, enlarged, joined
from napari_drr.viewer._render import Renderer
from napari_drr.viewer._requests import Inputs, Request


def ball(shape=(2 * VOXELS + 1, 40, 30), spacing=(1.0, 4.0, 5.0)):
    """A ball of soft tissue in air, and its labels, in a CT with many voxels along x."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = (-170.0, 30.0, 500.0)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    center = (np.array(shape) - 1) / 2
    inside = (((index - center) * spacing) ** 2).sum(-1) < 60.0**2
    hounsfield = torch.from_numpy(np.where(inside, 40.0, -1000.0).astype(np.float32))[None]
    labels = torch.from_numpy(np.where(inside, 7, 0).astype(np.uint8))[None]
    return (
        torchio.ScalarImage(tensor=hounsfield, affine=affine),
        torchio.LabelMap(tensor=labels, affine=affine),
    )


@pytest.fixture(scope="module")
def subject():
    return read(*ball(), attenuation="physical")


def test_what_is_coarse_is_a_preview_also_with_all_pixels():
    volume, _ = ball()
    inputs = Inputs(volume.data[0], volume.affine, None, None, ("ct",))
    recipe = Recipe(detector=DetectorSettings(height=8, width=9))
    request = Request(recipe, inputs, (), None, threading.Event(), lambda done, total: None)
    renderer = Renderer()
    preview, full = renderer.preview(request, (8, 9)), renderer.render(request)
    assert preview.shape == full.shape == (8, 9)
    assert preview.is_preview
    assert not full.is_preview


def test_voxels_are_joined_where_there_are_many(subject):
    small = coarse(subject, attenuation="physical")
    assert small["volume"].spatial_shape == (VOXELS, 40, 30)
    assert small["volume"].spacing == pytest.approx((2.0, 4.0, 5.0))
    joined = subject["volume"].data[0, : 2 * VOXELS].reshape(VOXELS, 2, 40, 30).mean(1)
    torch.testing.assert_close(small["volume"].data[0], joined)


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_boxes_of_voxels_become_their_means_in_the_same_order(axes):
    values = np.random.default_rng(0).random((7, 8, 9), np.float32).transpose(axes)
    found = joined(values, (3, 1, 2))
    x, y, z = (size // count * count for size, count in zip(values.shape, (3, 1, 2), strict=True))
    boxes = values[:x, :y, :z].reshape(x // 3, 3, y, 1, z // 2, 2)
    np.testing.assert_allclose(found, boxes.mean(axis=(1, 3, 5)), rtol=1e-6)
    order = np.argsort(values.strides)
    assert np.array_equal(np.argsort(found.strides), order)


def test_a_ct_without_labels_and_one_that_is_no_hu_become_coarse_too():
    volume, _ = ball()
    volume.set_data(volume.data + 1024)
    with pytest.warns(UserWarning, match="does not look like HU"):
        whole = read(volume, attenuation="physical")
    small = coarse(whole, attenuation="physical")
    assert small["mask"] is None
    assert small["volume"].data.min() >= 0


def test_few_voxels_are_left_alone():
    volume, labels = ball(shape=(30, 40, 30), spacing=(5.0, 4.0, 5.0))
    assert coarse(read(volume, labels, attenuation="physical")) is None


def test_it_shows_the_same_at_the_same_place(subject):
    recipe = Recipe(
        pose=Pose(alpha_deg=20.0, beta_deg=10.0, x=5.0),
        isocenter=(-10.0, 110.0, 570.0),
        detector=DetectorSettings(height=40, width=50, pixel_spacing_x=6.0, pixel_spacing_y=7.0),
    )
    small = coarse(subject, attenuation="physical")
    fine, rough = (recipe.render(s)[0, 0].numpy() for s in (subject, small))
    # Half a voxel of x, 0.5 mm, blurs the rim of the ball; inside, nothing changes.
    assert np.sqrt(np.mean((fine - rough) ** 2)) < 0.02 * fine.max()
    rows, columns = np.indices(fine.shape)
    centers = [[(c * i).sum() / i.sum() for c in (rows, columns)] for i in (fine, rough)]
    np.testing.assert_allclose(*centers, atol=0.05)


def test_structures_stay(subject):
    small = coarse(subject, attenuation="physical")
    assert list(small["structures"]["id"]) == list(subject["structures"]["id"])
    recipe = Recipe(detector=DetectorSettings(height=20, width=20, pixel_spacing_x=10.0))
    alone, _ = recipe.channels(small, [7])
    whole = recipe.render(small)
    # A joined voxel of 2 mm at the rim may carry no label though half of it is tissue; rays are
    # up to a tenth longer in it than it is wide.
    per_mm = float(subject["density"].data.max())
    np.testing.assert_allclose(alone[0, 0], whole[0, 0], atol=2 * 2.2 * per_mm)
    assert np.median(np.abs((alone - whole).numpy())) < 1e-4


def test_enlarging_keeps_lines_straight_and_ends_flat():
    few = np.add.outer(np.arange(4.0), 10 * np.arange(3.0)).astype(np.float32)
    many = enlarged(few, (8, 9))
    rows = np.clip((np.arange(8) + 0.5) / 2 - 0.5, 0, 3)
    columns = np.clip((np.arange(9) + 0.5) / 3 - 0.5, 0, 2)
    np.testing.assert_allclose(many, np.add.outer(rows, 10 * columns), atol=1e-5)
    assert many.dtype == np.float32


@pytest.mark.parametrize("few", [(1, 1), (1, 5), (5, 1), (3, 4)])
@pytest.mark.parametrize("many", [(1, 1), (7, 5), (40, 4)])
def test_constants_stay_constant(few, many):
    image = enlarged(np.full(few, 2.5, np.float32), many)
    assert image.shape == many
    np.testing.assert_array_equal(image, 2.5)


def test_an_image_of_the_same_size_is_the_same():
    image = np.random.default_rng(0).random((7, 6)).astype(np.float32)
    np.testing.assert_array_equal(enlarged(image, (7, 6)), image)
