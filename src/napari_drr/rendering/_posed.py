"""A subject's volume before a posed detector: what both say of points, and of a pose's faults."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from napari_drr.geometry.camera import inverse_projection, perspective_projection
from napari_drr.geometry.detector import Detector
from napari_drr.geometry.pose import RigidTransform, convert
from napari_drr.rendering._diagnosis import faults
from napari_drr.rendering._volume import Frame, SubjectVolume


class PosedVolume(SubjectVolume):
    """A subject's volume and a detector, which a pose brings together."""

    detector: Detector

    def diagnose(self, *pose: RigidTransform | Tensor, **how: Any) -> list[str]:
        """Say what is wrong with a pose: rays that all miss, body behind the detector.

        Args:
            *pose: As in `forward`.
            **how: `parameterization`, `convention` and `degrees`, as in `forward`.

        Returns:
            One sentence per fault; empty if there is none.
        """
        return faults(
            self.detector,
            self._pose(pose, **how).to(self._affine.device),
            self._voxel_from_iso(),
            self.density.shape,
            self._body,
        )

    def perspective_projection(
        self, pose: RigidTransform, points: Float[Tensor, "batch point 3"], frame: Frame = "iso"
    ) -> Float[Tensor, "batch point 2"]:
        """Project points onto the detector.

        Args:
            pose: Camera to iso.
            points: Points in mm.
            frame: `"iso"`, or `"world"` for the CT's own scanner coordinates.

        Returns:
            Pixel points (x = column, y = row), pixel centers at +0.5; NaN behind the source.
        """
        shift = self._shift(frame).to(points)
        return perspective_projection(self.detector, pose, points - shift)

    def inverse_projection(
        self, pose: RigidTransform, pixels: Float[Tensor, "batch point 2"], frame: Frame = "iso"
    ) -> Float[Tensor, "batch point 3"]:
        """Return where pixel points lie on the detector plane, the way back of a projection.

        Args:
            pose: Camera to iso.
            pixels: Pixel points (x = column, y = row), pixel centers at +0.5.
            frame: As in `perspective_projection`.

        Returns:
            Points in mm.
        """
        points = inverse_projection(self.detector, pose, pixels)
        return points + self._shift(frame).to(points)

    def _pose(
        self,
        pose: tuple[RigidTransform | Tensor, ...],
        parameterization: str | None = None,
        convention: str | None = None,
        degrees: bool = False,
    ) -> RigidTransform:
        if parameterization is not None:
            return convert(
                *pose, parameterization=parameterization, convention=convention, degrees=degrees
            )
        if len(pose) != 1 or not isinstance(pose[0], RigidTransform):
            raise TypeError(
                "A pose must be one RigidTransform, or rotation and translation together with "
                f"`parameterization`; got {', '.join(type(p).__name__ for p in pose) or 'nothing'}."
            )
        return pose[0]
