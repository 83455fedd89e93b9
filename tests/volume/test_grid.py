"""Labels brought to another grid by world coordinates."""

import itertools

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_drr.volume.grid import grid_center, grid_extent, labels_on_grid

SHAPE = (9, 7, 5)
AFFINE = np.array([[1.5, 0, 0, -20], [0, 2, 0, 31], [0, 0, 3, 7], [0, 0, 0, 1.0]])
FLIPS = list(itertools.product((1, -1), repeat=3))


@pytest.fixture
def labels():
    return torch.from_numpy(np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.uint8))


def stored(labels, axes, flips):
    """The same labels in world, stored along other axes."""
    signs = np.diag([*flips, 1.0])
    ends = [(size - 1) if flip < 0 else 0 for size, flip in zip(SHAPE, flips, strict=True)]
    signs[:3, 3] = ends
    order = np.eye(4)[:, [*axes, 3]]
    flipped = torch.flip(labels, [axis for axis in range(3) if flips[axis] < 0])
    return flipped.permute(*axes), AFFINE @ signs @ order


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", FLIPS)
def test_48_orientations_are_copied_without_loss(labels, axes, flips):
    moved, affine = stored(labels, axes, flips)
    found = labels_on_grid(moved, affine, AFFINE, SHAPE)
    assert found.dtype == torch.uint8
    assert torch.equal(found, labels)


def test_the_same_grid(labels):
    assert torch.equal(labels_on_grid(labels, AFFINE, AFFINE, SHAPE), labels)


def test_headers_in_float32_do_not_make_another_grid(labels):
    affine = AFFINE.copy()
    affine[:3, :3] *= 1 + 1e-6
    affine[:3, 3] += 1e-4
    assert torch.equal(labels_on_grid(labels, affine, AFFINE, SHAPE), labels)


def test_a_crop_lands_where_it_was_and_the_rest_is_zero(labels):
    affine = AFFINE.copy()
    affine[:3, 3] = (AFFINE @ [2, 3, 1, 1])[:3]
    found = labels_on_grid(labels[2:6, 3:, 1:4], affine, AFFINE, SHAPE)
    expected = torch.zeros_like(labels)
    expected[2:6, 3:, 1:4] = labels[2:6, 3:, 1:4]
    assert torch.equal(found, expected)


def test_finer_labels_are_looked_up_at_the_ct_voxels_centers(labels):
    fine = torch.from_numpy(np.kron(labels.numpy(), np.ones((3, 3, 3), dtype=np.uint8)))
    affine = AFFINE @ np.diag([1 / 3, 1 / 3, 1 / 3, 1.0])
    affine[:3, 3] = (AFFINE @ [-1 / 3, -1 / 3, -1 / 3, 1.0])[:3]
    assert torch.equal(labels_on_grid(fine, affine, AFFINE, SHAPE), labels)


def test_coarser_labels_cover_their_outer_halves_too(labels):
    """A voxel reaches half its size beyond its center, at the border of the label map as well."""
    affine = AFFINE @ np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = (AFFINE @ [1.0, 1.0, 1.0, 1.0])[:3]
    coarse = labels[:3, :2, :1]
    found = labels_on_grid(coarse, affine, AFFINE, (9, 6, 3))
    expected = np.kron(coarse.numpy(), np.ones((3, 3, 3), dtype=np.uint8))
    assert torch.equal(found, torch.from_numpy(expected))


def test_oblique_labels_agree_with_a_lookup_one_by_one(labels):
    turn = np.eye(4)
    turn[:3, :3] = [[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]]  # a rotation
    affine = AFFINE.copy()
    affine[:3, 3] = 0
    labels_affine = turn @ affine
    found = labels_on_grid(labels, labels_affine, affine, SHAPE).numpy()
    for index in np.ndindex(SHAPE):
        voxel = np.linalg.inv(labels_affine) @ affine @ [*index, 1.0]
        nearest = np.floor(voxel[:3] + 0.5).astype(int)
        inside = np.all((nearest >= 0) & (nearest < SHAPE))
        assert found[index] == (labels[tuple(nearest)] if inside else 0)
    assert 0.1 < (found > 0).mean() < 0.9  # both cases occur


def test_large_ids_survive():
    labels = torch.full(SHAPE, 70000, dtype=torch.int32)
    affine = AFFINE @ np.diag([0.7, 0.9, 1.1, 1.0])
    assert set(labels_on_grid(labels, affine, AFFINE, SHAPE).unique().tolist()) <= {0, 70000}


def test_a_smooth_shape_keeps_its_place_on_a_grid_at_another_angle():
    """A ball's center of mass, in world mm, is the same on both grids to a tenth of a voxel."""
    points = np.stack(np.meshgrid(*(np.arange(32),) * 3, indexing="ij"))
    ball = torch.from_numpy((np.square(points - 15.5).sum(0) < 81).astype(np.uint8))
    turn = np.array([[0.8, -0.6, 0, 4], [0.6, 0.8, 0, -9], [0, 0, 1, 2], [0, 0, 0, 1.0]])
    target = np.diag([1.1, 0.9, 1.3, 1.0])
    target[:3, 3] = (turn @ [15.5, 15.5, 15.5, 1])[:3] - np.array([1.1, 0.9, 1.3]) * 15.5
    found = labels_on_grid(ball, turn, target, (32, 32, 32)).numpy()
    world = target[:3, :3] @ np.array(ndimage.center_of_mass(found)) + target[:3, 3]
    np.testing.assert_allclose(world, (turn @ [15.5, 15.5, 15.5, 1])[:3], atol=0.1)


def test_no_overlap_names_both_places_and_the_likely_cause(labels):
    affine = AFFINE.copy()
    affine[:2] *= -1
    with pytest.raises(ValueError, match="do not overlap") as error:
        labels_on_grid(labels, affine, AFFINE, SHAPE)
    message = str(error.value)
    assert "x 7.2 to 20.8, y -44.0 to -30.0, z 5.5 to 20.5" in message
    assert "x -20.8 to -7.2, y 30.0 to 44.0, z 5.5 to 20.5" in message
    assert "LPS" in message


def test_center_and_extent():
    assert grid_center(AFFINE, SHAPE).tolist() == [-14.0, 37.0, 13.0]
    assert grid_extent(AFFINE, SHAPE).tolist() == [[-20.75, 30.0, 5.5], [-7.25, 44.0, 20.5]]
