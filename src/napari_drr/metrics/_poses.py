"""Distances of poses."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.linalg import vector_norm

from napari_drr.geometry.pose import RigidTransform


class LogGeodesicSE3(nn.Module):
    """Distance of two poses: the length of the se(3) logarithm of the transform between them.

    Millimeters and radians enter one norm unscaled, so far from the origin of the frame a turn
    counts mostly by the translation it causes. For a distance in millimeters throughout, use
    `DoubleGeodesicSE3`.

    Examples:
        >>> import torch
        >>> from napari_drr import RigidTransform
        >>> there = torch.eye(4)
        >>> there[0, 3] = 3.0
        >>> LogGeodesicSE3()(RigidTransform(torch.eye(4)), RigidTransform(there))
        tensor([3.])
    """

    def forward(self, pose_1: RigidTransform, pose_2: RigidTransform) -> Float[Tensor, " b"]:
        """Measure the distance of each pair of poses; one pose may stand against a batch.

        Returns:
            One distance per pair, 0 or larger. Differentiable in both poses; at equal poses,
            where the norm has a kink, the gradient is 0.

        Raises:
            TypeError: If a pose is no `RigidTransform`.
            ValueError: If both are batches, of different lengths.
        """
        _check_poses(pose_1, pose_2)
        distance: Tensor = vector_norm(_relative_log(pose_1, pose_2), dim=1)
        return distance


class DoubleGeodesicSE3(nn.Module):
    """Distance of two poses, by rotation and by translation, both in millimeters.

    With the rotation `R` and the translation `t` that the pose was made of (`E = [R | R t]`, so
    `t` is the source in the gantry's own axes):

        rotation = sdd / 2 * angle(R1^T R2)
        translation = |t1 - t2|
        total = sqrt(rotation^2 + translation^2 + eps)

    Args:
        sdd: Source-to-detector distance in mm. Half of it turns angles into arc lengths.
        eps: In mm^2: keeps the total differentiable at equal poses, where it is `sqrt(eps)`.

    Examples:
        >>> import torch
        >>> from napari_drr import RigidTransform
        >>> same = RigidTransform(torch.eye(4))
        >>> rotation, translation, total = DoubleGeodesicSE3(sdd=1020.0)(same, same)
        >>> float(rotation), float(translation), round(float(total), 4)
        (0.0, 0.0, 0.001)
    """

    def __init__(self, sdd: float, eps: float = 1e-6) -> None:
        super().__init__()
        self.sdr = sdd / 2
        self.eps = eps

    def forward(
        self, pose_1: RigidTransform, pose_2: RigidTransform
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"], Float[Tensor, " b"]]:
        """Measure the distances of each pair of poses; one pose may stand against a batch.

        Returns:
            Rotation, translation and total, in mm, one of each per pair. Differentiable in both.

        Raises:
            TypeError: If a pose is no `RigidTransform`.
            ValueError: If both are batches, of different lengths.
        """
        _check_poses(pose_1, pose_2)
        rotation = self.sdr * vector_norm(_relative_log(pose_1, pose_2)[:, 3:], dim=1)
        _, translation_1 = pose_1.convert("matrix")
        _, translation_2 = pose_2.convert("matrix")
        translation = vector_norm(translation_1 - translation_2, dim=1)
        total = (rotation.square() + translation.square() + self.eps).sqrt()
        return rotation, translation, total


def _relative_log(pose_1: RigidTransform, pose_2: RigidTransform) -> Float[Tensor, "b 6"]:
    """Log of `E1^-1 E2` as [translation | rotation]; its rotation part is that of `R1^T R2`."""
    return pose_2.compose(pose_1.inverse()).get_se3_log()


def _check_poses(pose_1: RigidTransform, pose_2: RigidTransform) -> None:
    for name, pose in (("pose_1", pose_1), ("pose_2", pose_2)):
        if not isinstance(pose, RigidTransform):
            raise TypeError(
                f"`{name}` must be a RigidTransform, got {type(pose).__name__}. "
                "Make one of a matrix: RigidTransform(matrix)."
            )
    lengths = len(pose_1), len(pose_2)
    if lengths[0] != lengths[1] and 1 not in lengths:
        raise ValueError(
            "`pose_1` and `pose_2` must be batches of one length, or one of them a single pose, "
            f"got {lengths[0]} and {lengths[1]} poses."
        )
