"""What `DRR.diagnose` says of where source, volume and detector stand."""

import numpy as np
import pytest
import torch
import torchio as tio
from shared_volumes import euler

from napari_drr import DRR, read

INSIDE = "source lies inside the CT"
MISSED = "No ray meets the CT"
BEHIND = "of the body lies behind the detector"
# Half the length of the volume's edges, mm.
HALF = np.array([17.0, 10.5, 16.5])


@pytest.fixture(scope="module")
def subject():
    """Water, and air in its posterior fifth."""
    shape, spacing = (17, 14, 11), (2.0, 1.5, 3.0)
    hu = torch.zeros(1, *shape)
    hu[:, :, :3] = -1000.0  # from y = -10.5 to -6 mm
    volume = tio.ScalarImage(tensor=hu, affine=np.diag([*spacing, 1.0]))
    return read(volume, attenuation="physical")


def diagnose(subject, sdd, source, rotation=(0.0, 0.0, 0.0)):
    """Ask about an AP pose, or several: source in iso mm, if there is no rotation."""
    return DRR(subject, sdd, 15, 6.0).diagnose(euler(rotation, source))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", [-1, 1])
def test_the_inside_ends_at_the_faces(subject, axis, side):
    source = np.zeros(3)
    for distance, is_inside in ((HALF[axis] - 0.01, True), (HALF[axis] + 0.01, False)):
        source[axis] = side * distance
        faults = diagnose(subject, 600.0, source)
        assert any(INSIDE in fault for fault in faults) == is_inside


def test_one_pose_of_many_inside_is_told(subject):
    sources = [[0.0, 300.0, 0.0], [0.0, 1.0, 0.0]]
    rotations = [[0.0, 0.0, 0.0]] * 2
    assert INSIDE in diagnose(subject, 600.0, sources, rotations)[0]


@pytest.mark.parametrize("side", [1, -1])
def test_the_body_behind_the_detector_is_weighed(subject, side):
    # A detector at z > 0 lies on the ray's way from +y to -y, one at z < 0 on the way from -y: the
    # source goes to the other side. Of 11 rows of voxels with water, at y = -5.25, -3.75, ... 9.75,
    # those beyond the detector (at y = 3) count.
    at, source = 3.0, side * 300.0
    expected = {1: "55%", -1: "45%"}[side]
    (fault,) = diagnose(subject, side * (300.0 - side * at), (0.0, source, 0.0))
    assert fault.startswith(f"{expected} {BEHIND}")


@pytest.mark.parametrize("side", [1, -1])
def test_a_detector_beyond_the_body_is_no_fault(subject, side):
    assert diagnose(subject, side * 600.0, (0.0, side * 300.0, 0.0)) == []


def test_air_behind_the_detector_is_no_fault(subject):
    # The detector at y = -7: of the volume, only air lies behind.
    assert diagnose(subject, 307.0, (0.0, 300.0, 0.0)) == []


def test_a_volume_behind_the_source_is_missed(subject):
    assert [MISSED in fault for fault in diagnose(subject, 600.0, (0.0, -300.0, 0.0))] == [True]


def test_a_volume_behind_the_detector_is_missed(subject):
    assert [MISSED in fault for fault in diagnose(subject, 100.0, (0.0, 300.0, 0.0))] == [True]


def test_meets_is_asked_of_all_rays(subject):
    """Rays in the middle of the list may miss what others, few and at a side, meet."""
    drr = DRR(subject, 600.0, 200, 4.0)
    ahead, below, beyond = (
        euler((0.0, 0.0, 0.0), source)
        for source in ((0.0, 300.0, 0.0), (0.0, 300.0, 190.0), (0.0, 300.0, 900.0))
    )
    image = drr(below)
    assert image.amax() > 0
    assert image[..., 90:110, :].count_nonzero() == 0, "nothing is met in the middle"
    assert [drr.meets(pose) for pose in (ahead, below, beyond)] == [True, True, False]


def test_a_drr_may_keep_quiet_about_rays_that_miss(subject):
    drr = DRR(subject, 600.0, 20, 4.0)
    drr.warns = False
    assert drr(euler((0.0, 0.0, 0.0), (3000.0, 300.0, 0.0))).count_nonzero() == 0
