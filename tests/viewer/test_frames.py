import numpy as np
import pytest
from orientations import ORIENTATIONS, affine_of, rotation

from napari_drr.viewer._frames import AxisOrder, placement


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_axes_run_along_the_world_after_reordering(codes):
    voxels = np.arange(24).reshape(2, 3, 4)
    _, affine = AxisOrder.nearest(affine_of(codes)).apply(voxels, affine_of(codes))
    assert np.all(np.diag(affine) > 0)
    assert np.count_nonzero(affine[:3, :3]) == 3


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_every_voxel_keeps_its_place_and_undo_takes_it_back(codes):
    voxels = np.arange(24).reshape(2, 3, 4)
    before = rotation(12, -20) @ affine_of(codes)
    order = AxisOrder.nearest(before)
    view, after = order.apply(voxels, before)
    back, restored = order.undo(view, after)
    for value in voxels.ravel():
        there = np.append(np.argwhere(voxels == value)[0], 1)
        here = np.append(np.argwhere(view == value)[0], 1)
        # 1e-9 mm: a few units in the last place of coordinates near 1000.
        np.testing.assert_allclose(after @ here, before @ there, atol=1e-9)
    np.testing.assert_array_equal(back, voxels)
    np.testing.assert_allclose(restored, before, atol=1e-9)
    assert np.shares_memory(back, voxels)


@pytest.mark.parametrize(
    "affine", [np.diag([1.0, 0, 1, 1]), np.diag([1.0, np.nan, 1, 1]), np.ones((4, 4))]
)
def test_singular_affines_are_refused(affine):
    with pytest.raises(ValueError, match="invertible"):
        AxisOrder.nearest(affine)


def test_a_header_rounded_to_float32_counts_as_straight():
    affine = np.diag([2.5, 0.7, 0.7, 1.0])
    affine[0, 1] = 1e-7
    assert set(placement(affine, (133, 512, 512))) == {"scale", "translate"}
    affine[0, 1] = 1e-4
    assert set(placement(affine, (133, 512, 512))) == {"affine"}
