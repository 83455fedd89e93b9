"""A subject's volume before a posed detector: what both say of points, and of a pose's faults."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from napari_drr.geometry.camera import inverse_projection, perspective_projection
from napari_drr.geometry.detector import Detector, Number
from napari_drr.geometry.pose import RigidTransform, convert
from napari_drr.rendering._arguments import make_detector
from napari_drr.rendering._diagnosis import faults
from napari_drr.rendering._pixels import PixelSubset
from napari_drr.rendering._volume import Frame, SubjectVolume
from napari_drr.rendering.kernels._rays import bundle_of_plane
from napari_drr.rendering.project import any_ray_hits


class PosedVolume(SubjectVolume):
    """A subject's volume and a detector, which a pose brings together."""

    detector: Detector
    _pixels: PixelSubset

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

    def meets(self, *pose: RigidTransform | Tensor, **how: Any) -> bool:
        """Tell whether any ray meets the volume between source and detector.

        Args:
            *pose: As in `forward`.
            **how: `parameterization`, `convention` and `degrees`, as in `forward`.
        """
        plane = self.detector.plane(self._pose(pose, **how).to(self._affine.device))
        rays = bundle_of_plane(self._voxel_from_iso(), plane, self.detector.shape)
        return any_ray_hits(rays, self.density.shape)

    def set_intrinsics_(
        self,
        sdd: Number | None = None,
        height: int | None = None,
        width: int | None = None,
        delx: Number | None = None,
        dely: Number | None = None,
        x0: Number | None = None,
        y0: Number | None = None,
        p_subsample: float | None = None,
        reverse_x_axis: bool | None = None,
    ) -> None:
        """Change the detector in place; None keeps a value. Sparse pixels are drawn anew."""
        old = self.detector
        self.detector = make_detector(
            _either(sdd, old.sdd),
            (_either(height, old.height), _either(width, old.width)),
            (_either(delx, old.delx), _either(dely, old.dely)),
            (_either(x0, old.x0), _either(y0, old.y0)),
            mirror=_either(reverse_x_axis, old.mirror),
            orientation=old.orientation,
        )
        self._pixels.share = _either(p_subsample, self._pixels.share)
        self._pixels.draw(self.detector)

    @property
    def draws_by_seed(self) -> bool:
        """Whether the pixels of a sparse render are those of `draw_pixels_`."""
        return self._pixels.is_seeded

    def draw_pixels_(self, share: float | None, seed: int = 0) -> None:
        """Choose in place which pixels are rendered: for the same seed always the same ones.

        Args:
            share: Share of the detector's pixels, in (0, 1]; None for all.
            seed: Which of the many such sets of pixels.

        Raises:
            ValueError: If the share is not in (0, 1].
        """
        self._pixels.draw_by_seed(self.detector, share, seed)

    def rescale_detector_(self, scale: float) -> None:
        """Scale the number of pixels in place; the detector keeps its size in mm."""
        if not scale > 0:
            raise ValueError(f"`scale` must be positive, got {scale}.")
        old = self.detector
        height, width = max(1, round(old.height * scale)), max(1, round(old.width * scale))
        self.set_intrinsics_(
            height=height,
            width=width,
            delx=old.delx * old.width / width,
            dely=old.dely * old.height / height,
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


def _either(new: Any, old: Any) -> Any:
    return old if new is None else new
