"""From a calibrated camera's matrices to the detector and pose that take its picture."""

import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.geometry.detector import Detector
from napari_drr.geometry.pose import Orientation, RigidTransform, orientation_matrix
from napari_drr.geometry.products import compose_matrices, invert_rigid

# How far numbers that say the same thing twice may differ: float32 matrices must pass.
_RELATIVE_TOLERANCE = 1e-4


def detector_from_camera(
    intrinsics: Float[Tensor, "*b n n"],
    extrinsics: Float[Tensor, "*b m 4"],
    shape: tuple[int, int],
    sdd: float | None = None,
    pixel_spacing: tuple[float, float] | None = None,
    orientation: Orientation = "AP",
    mirror: bool = True,
) -> tuple[Detector, RigidTransform]:
    """Return the detector and pose that take the picture of a camera K [R | t].

    The way back from `get_pinhole_camera`, and the way in for calibrated cameras from elsewhere.
    The picture is the camera's own, whatever orientation and mirror are asked for: they only decide
    how the pose is written. Differentiable in the extrinsics.

    Args:
        intrinsics: K in pixels without skew: (3, 3) or (4, 4), with or without a batch axis of 1.
            Focal lengths of either sign.
        extrinsics: [R | t], camera_from_iso in mm: (3, 4) or (4, 4), with or without a batch axis.
        shape: Height and width in pixels.
        sdd: Distance from the source to the detector along the camera's z (mm): positive for the
            usual camera, that sees what has z > 0; negative for `PinholeCamera.sdd` of a PA one.
            None: positive, from the pixel spacing.
        pixel_spacing: Distances between pixel centers (mm), along x, then y. None: from sdd.
        orientation: The detector's orientation.
        mirror: The detector's mirror.

    Returns:
        The detector, and the pose that goes with it.

    Raises:
        ValueError: Neither sdd nor pixel spacing is given, they do not fit the focal lengths, K has
            skew, R is no rotation, or a shape is wrong.

    Example:
        >>> import torch
        >>> intrinsics = torch.tensor([[500.0, 0, 64], [0, 500.0, 48], [0, 0, 1]])
        >>> detector, pose = detector_from_camera(intrinsics, torch.eye(4), (96, 128), sdd=1000.0)
        >>> detector.pixel_spacing, detector.principal_point, pose.translation.tolist()
        ((2.0, 2.0), (0.0, 0.0), [[0.0, 0.0, 0.0]])
    """
    (fx, u0), (fy, v0) = _focal_lengths_and_center(intrinsics)
    distance, spacing = _metric_size(fx, fy, sdd, pixel_spacing)
    iso_from_camera = invert_rigid(_check_extrinsics(extrinsics))
    iso_from_orientation = orientation_matrix(orientation)
    # Where the detector's camera frame, X_d = (b_x, b_y, b_z) X_c, has its axes the other way
    # round. The image fixes b_x and b_y: u = W/2 + m (X_d / Z_d sdd_d - x0) / delx, with m = -1 for
    # a mirrored image, has the focal length m b_x sdd / delx, and v runs against y. That the pose
    # is to be a rotation fixes b_z.
    handedness = torch.det(iso_from_orientation[:3, :3]) * torch.det(iso_from_camera[0, :3, :3])
    image_sign = -1.0 if mirror else 1.0
    flip_x = image_sign * _sign(fx) * _sign(distance)
    flip_y = -_sign(fy) * _sign(distance)
    flip_z = _sign(handedness.item()) * flip_x * flip_y
    detector = Detector(
        source_to_detector=flip_z * distance,
        shape=shape,
        pixel_spacing=spacing,
        principal_point=(
            -image_sign * (u0 - shape[1] / 2) * spacing[0],
            (v0 - shape[0] / 2) * spacing[1],
        ),
        mirror=mirror,
        orientation=orientation,
    )
    flips = torch.diag(torch.tensor([flip_x, flip_y, flip_z, 1.0], dtype=torch.float64))
    camera_from_orientation = (flips @ iso_from_orientation.mT).to(iso_from_camera)
    return detector, RigidTransform(compose_matrices(iso_from_camera, camera_from_orientation))


def parse_intrinsic_matrix(
    intrinsic: Float[Tensor, "3 3"], height: int, width: int, delx: float, dely: float
) -> tuple[float, float, float]:
    """Read the focal length and principal point in mm from a calibrated camera's K in pixels.

    Args:
        intrinsic: K, of a camera whose x runs to the right of the image and y down.
        height: Number of rows.
        width: Number of columns.
        delx: Distance between columns (mm).
        dely: Distance between rows (mm).

    Returns:
        The arguments sdd, x0 and y0 of a `DRR` (mm), x0 for `reverse_x_axis=True`. The focal length
        is the mean over both axes.

    Example:
        >>> import torch
        >>> intrinsic = torch.tensor([[510.0, 0.0, 105.0], [0.0, 510.0, 97.0], [0.0, 0.0, 1.0]])
        >>> parse_intrinsic_matrix(intrinsic, 200, 200, 2.0, 2.0)
        (1020.0, 10.0, -6.0)
    """
    fx, fy, u0, v0 = (float(intrinsic[index]) for index in ((0, 0), (1, 1), (0, 2), (1, 2)))
    focal_length = abs(fx * delx + fy * dely) / 2
    return focal_length, delx * (u0 - width / 2), dely * (v0 - height / 2)


def _sign(value: float) -> float:
    return -1.0 if value < 0 else 1.0


def _focal_lengths_and_center(
    intrinsics: Tensor,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """((fx, u0), (fy, v0)) in pixels, from K of any scale."""
    matrix = intrinsics[0] if intrinsics.ndim == 3 and len(intrinsics) == 1 else intrinsics
    if tuple(matrix.shape) not in ((3, 3), (4, 4)):
        raise ValueError(
            "`intrinsics` must be one matrix of the shape (3, 3) or (4, 4), "
            f"got {tuple(intrinsics.shape)}."
        )
    (fx, skew, u0), (below, fy, v0), (*bottom, scale) = matrix[:3, :3].double().tolist()
    if fx * fy * scale == 0 or max(map(abs, (skew, below))) > _RELATIVE_TOLERANCE * abs(fx):
        raise ValueError(
            "`intrinsics` must have focal lengths and no skew, got "
            f"{matrix[:3, :3].tolist()}. A `calibration` can hold skew."
        )
    if max(map(abs, bottom)) > _RELATIVE_TOLERANCE * abs(scale):
        raise ValueError(f"`intrinsics` must have the last row (0, 0, 1), got {[*bottom, scale]}.")
    return (fx / scale, u0 / scale), (fy / scale, v0 / scale)


def _metric_size(
    fx: float, fy: float, sdd: float | None, pixel_spacing: tuple[float, float] | None
) -> tuple[float, tuple[float, float]]:
    """Source-to-detector distance and pixel spacing in mm, of which K holds the quotients."""
    if pixel_spacing is None:
        if sdd is None:
            raise ValueError("`sdd` or `pixel_spacing` must be given: K has pixels only, no mm.")
        distance = float(sdd)
        return distance, (abs(distance / fx), abs(distance / fy))
    delx, dely = pixel_spacing
    distance = abs(fx) * delx if sdd is None else float(sdd)
    for focal_length in (abs(fx) * delx, abs(fy) * dely):
        if abs(focal_length - abs(distance)) > _RELATIVE_TOLERANCE * abs(distance):
            raise ValueError(
                "`sdd` and `pixel_spacing` must fit the focal lengths of `intrinsics`, got "
                f"sdd={distance}, but {focal_length} mm from the pixel spacing. Give `sdd` alone."
            )
    return distance, (delx, dely)


def _check_extrinsics(extrinsics: Tensor) -> Float[Tensor, "b 4 4"]:
    """Return [R | t] as (B, 4, 4) in float64, if R is orthonormal."""
    matrix = extrinsics if extrinsics.ndim == 3 else extrinsics[None]
    if matrix.ndim != 3 or tuple(matrix.shape[1:]) not in ((3, 4), (4, 4)):
        raise ValueError(
            "`extrinsics` must have the shape (3, 4), (4, 4) or (B, 3 or 4, 4), "
            f"got {tuple(extrinsics.shape)}."
        )
    rotation = matrix[:, :3, :3].detach().double()
    error = (rotation @ rotation.mT - torch.eye(3).to(rotation)).abs().amax().item()
    if not error < _RELATIVE_TOLERANCE:
        raise ValueError(
            "`extrinsics` must hold a rotation in its first three columns; "
            f"R R^T is {error:.1e} off the identity."
        )
    bottom = torch.tensor([[[0.0, 0.0, 0.0, 1.0]]], dtype=torch.float64, device=matrix.device)
    return torch.cat([matrix[:, :3].double(), bottom.expand(len(matrix), 1, 4)], dim=1)
