"""Rigid poses, and the nine ways to write them.

A pose is camera-to-iso: it carries points of the (reoriented) camera's frame to the iso frame, the
CT's RAS+ axes with the origin at the isocenter, in millimetres. All parameterizations but the
logarithm of SE(3) build E = [R | R t]: the translation is given in the turned frame, so that the
source circles about the isocenter as a C-arm's does.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from napari_drr.geometry import rotations
from napari_drr.geometry.euler import (
    EULER_CONVENTIONS,
    check_convention,
    euler_angles_to_matrix,
    matrix_to_euler_angles,
)
from napari_drr.geometry.orientation import Orientation, orient, orientation_matrix
from napari_drr.geometry.products import (
    compose_matrices,
    invert_rigid,
    multiply_vectors,
    rigid_matrix,
    transform_points,
)
from napari_drr.geometry.se3 import se3_exp, se3_log

__all__ = [
    "EULER_CONVENTIONS",
    "PARAMETERIZATIONS",
    "Orientation",
    "RigidTransform",
    "compose_matrices",
    "convert",
    "orient",
    "orientation_matrix",
    "transform_points",
]

_FROM_QUATERNION: dict[str, Callable[[Tensor], Tensor]] = {
    "quaternion": lambda quaternion: quaternion,
    "quaternion_adjugate": rotations.quaternion_to_quaternion_adjugate,
    "rotation_10d": rotations.quaternion_to_rotation_10d,
}
_TO_QUATERNION: dict[str, Callable[[Tensor], Tensor]] = {
    "quaternion": lambda rotation: rotation,
    "quaternion_adjugate": rotations.quaternion_adjugate_to_quaternion,
    "rotation_10d": rotations.rotation_10d_to_quaternion,
}
_FROM_MATRIX: dict[str, Callable[[Tensor], Tensor]] = {
    "axis_angle": rotations.matrix_to_axis_angle,
    "matrix": lambda matrix: matrix,
    "rotation_6d": rotations.matrix_to_rotation_6d,
    "rotation_9d": rotations.matrix_to_rotation_9d,
}
_TO_MATRIX: dict[str, Callable[[Tensor], Tensor]] = {
    "axis_angle": rotations.axis_angle_to_matrix,
    "matrix": lambda matrix: matrix,
    "rotation_6d": rotations.rotation_6d_to_matrix,
    "rotation_9d": rotations.rotation_9d_to_matrix,
}
_SHAPES: dict[str, tuple[int, ...]] = {
    "axis_angle": (3,),
    "euler_angles": (3,),
    "matrix": (3, 3),
    "quaternion": (4,),
    "quaternion_adjugate": (10,),
    "rotation_6d": (6,),
    "rotation_9d": (9,),
    "rotation_10d": (10,),
    "se3_log_map": (3,),
}

PARAMETERIZATIONS: tuple[str, ...] = tuple(_SHAPES)
"""What `convert` understands."""


class RigidTransform:
    """A batch of rigid transforms, as 4x4 matrices that act on column vectors.

    Lengths are in mm. Differentiable in the matrix throughout. A single transform is a batch of
    one, and batches of one broadcast against larger ones.

    Args:
        matrix: Matrices [R | t; 0 0 0 1]. Taken as they are: that R is a rotation is not checked.

    Raises:
        ValueError: The shape is not (4, 4) or (B, 4, 4).

    Example:
        >>> import torch
        >>> turn = convert([90.0, 0.0, 0.0], [0.0, 0.0, 0.0], parameterization="euler_angles",
        ...                convention="ZXY", degrees=True)
        >>> shift = convert([0.0, 0.0, 0.0], [10.0, 0.0, 0.0], parameterization="axis_angle")
        >>> turn.compose(shift)(torch.tensor([[[1.0, 0.0, 0.0]]])).round().tolist()
        [[[10.0, 1.0, 0.0]]]
    """

    def __init__(self, matrix: Float[Tensor, "4 4"] | Float[Tensor, "b 4 4"]) -> None:
        if matrix.ndim not in (2, 3) or tuple(matrix.shape[-2:]) != (4, 4):
            raise ValueError(
                f"`matrix` must have the shape (4, 4) or (B, 4, 4), got {tuple(matrix.shape)}."
            )
        self._matrix = matrix if matrix.ndim == 3 else matrix[None]

    @property
    def matrix(self) -> Float[Tensor, "b 4 4"]:
        """The 4x4 matrices."""
        return self._matrix

    @property
    def rotation(self) -> Float[Tensor, "b 3 3"]:
        """The upper left 3x3 blocks."""
        return self._matrix[..., :3, :3]

    @property
    def translation(self) -> Float[Tensor, "b 3"]:
        """The last columns in mm: where the origin goes. Not the translation of `convert`."""
        return self._matrix[..., :3, 3]

    @property
    def device(self) -> torch.device:
        """Where the matrices lie."""
        return self._matrix.device

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the matrices."""
        return self._matrix.dtype

    def __len__(self) -> int:
        return len(self._matrix)

    def __getitem__(self, index: Any) -> Tensor:
        return self._matrix[index]

    def __repr__(self) -> str:
        return f"RigidTransform({self._matrix!r})"

    def __call__(self, points: Float[Tensor, "#b n 3"]) -> Float[Tensor, "#b n 3"]:
        """Carry points over: R x + t.

        Args:
            points: Points (x, y, z) in mm. The result has the larger of the two dtypes.

        Returns:
            The points in the new frame.

        Raises:
            ValueError: The shape is not (B, N, 3) or (1, N, 3).
        """
        if points.ndim != 3 or points.shape[-1] != 3:
            raise ValueError(
                f"`points` must have the shape (B, N, 3) or (1, N, 3), got {tuple(points.shape)}."
            )
        return transform_points(self._matrix, points)

    def inverse(self) -> "RigidTransform":
        """Turn the transforms around in closed form: [R^T | -R^T t]."""
        return RigidTransform(invert_rigid(self._matrix))

    def compose(self, other: "RigidTransform") -> "RigidTransform":
        """Apply these transforms first, then `other`: the matrices `other.matrix @ self.matrix`."""
        return RigidTransform(compose_matrices(other.matrix, self._matrix))

    def convert(
        self, parameterization: str, convention: str | None = None, degrees: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Write the transforms as the arguments that the function `convert` makes them from.

        Differentiable, with finite gradients also at zero rotation, gimbal lock and half turns.

        Args:
            parameterization: One of `PARAMETERIZATIONS`. For "matrix" the rotation is 3x3.
            convention: For Euler angles, one of `EULER_CONVENTIONS`.
            degrees: Give Euler angles in degrees instead of radians.

        Returns:
            Rotation (B, ...), and translation (B, 3) in mm: R^T t of the matrices [R | t], or, for
            "se3_log_map", the translation part of the logarithm.

        Raises:
            ValueError: The parameterization or convention is unknown.

        Example:
            >>> pose = convert([0.0, 0.0, 0.0], [0.0, 850.0, 0.0], parameterization="axis_angle")
            >>> pose.convert("quaternion")
            (tensor([[1., 0., 0., 0.]]), tensor([[  0., 850.,   0.]]))
        """
        _check_parameterization(parameterization, degrees)
        if parameterization == "se3_log_map":
            logarithm = self.get_se3_log()
            return logarithm[..., 3:], logarithm[..., :3]
        translation = multiply_vectors(self.rotation.mT, self.translation)
        if parameterization == "euler_angles":
            angles = matrix_to_euler_angles(self.rotation, check_convention(convention))
            return torch.rad2deg(angles) if degrees else angles, translation
        if parameterization in _FROM_QUATERNION:
            quaternion = rotations.matrix_to_quaternion(self.rotation)
            return _FROM_QUATERNION[parameterization](quaternion), translation
        return _FROM_MATRIX[parameterization](self.rotation), translation

    def get_se3_log(self) -> Float[Tensor, "b 6"]:
        """Take the logarithms: [translation (mm) | rotation vector (radians)]."""
        return se3_log(self._matrix)

    def to(self, *args: Any, **kwargs: Any) -> "RigidTransform":
        """Move or cast the matrices, with the arguments of `torch.Tensor.to`."""
        return RigidTransform(self._matrix.to(*args, **kwargs))

    def cuda(self) -> "RigidTransform":
        """Move the matrices to the GPU."""
        return self.to("cuda")

    def cpu(self) -> "RigidTransform":
        """Move the matrices to the CPU."""
        return self.to("cpu")

    def float(self) -> "RigidTransform":
        """Cast the matrices to float32."""
        return self.to(torch.float32)

    def double(self) -> "RigidTransform":
        """Cast the matrices to float64."""
        return self.to(torch.float64)


def convert(
    *args: Any, parameterization: str, convention: str | None = None, degrees: bool = False
) -> RigidTransform:
    """Make poses from a rotation in any parameterization and a translation.

    Differentiable in both, with finite gradients also at zero rotation and gimbal lock.

    Args:
        *args: Rotation and translation, as tensors, arrays or lists. The rotation has the shape
            (k,) or (B, k), with k = 3 for "axis_angle" (axis times angle in radians),
            "euler_angles" and "se3_log_map", 4 for "quaternion" (w, x, y, z; any length), 6, 9 and
            10 for "rotation_6d" (two rows), "rotation_9d" (three rows, made a rotation),
            "rotation_10d" and "quaternion_adjugate"; for "matrix" (3, 3) or (B, 3, 3). The
            translation has the shape (3,) or (B, 3), in mm, in the turned frame: the pose is
            [R | R t]. A batch of one broadcasts. For "matrix" one argument will also do: the 4x4
            pose itself, (4, 4) or (B, 4, 4).
        parameterization: One of `PARAMETERIZATIONS`.
        convention: For Euler angles, one of `EULER_CONVENTIONS`: R = R_1 R_2 R_3.
        degrees: Euler angles are in degrees instead of radians.

    Returns:
        The poses, in the larger of the two dtypes.

    Raises:
        ValueError: A name is unknown, or a shape does not fit.

    Example:
        >>> pose = convert([[30.0, 0.0, 0.0]], [[0.0, 500.0, 0.0]], degrees=True,
        ...                parameterization="euler_angles", convention="ZXY")
        >>> pose.translation.round().tolist()
        [[-250.0, 433.0, 0.0]]
    """
    _check_parameterization(parameterization, degrees)
    if parameterization == "matrix" and len(args) == 1:
        return _from_pose_matrix(_as_float(args[0]))
    if len(args) != 2:
        raise ValueError(
            f"`convert` takes a rotation and a translation for {parameterization!r}, "
            f"got {len(args)} arguments."
        )
    rotation, translation = _check_pair(_as_float(args[0]), _as_float(args[1]), parameterization)
    if parameterization == "se3_log_map":
        return RigidTransform(se3_exp(torch.cat([translation, rotation], dim=-1)))
    if parameterization == "euler_angles":
        angles = torch.deg2rad(rotation) if degrees else rotation
        matrix = euler_angles_to_matrix(angles, check_convention(convention))
    elif parameterization in _TO_QUATERNION:
        matrix = rotations.quaternion_to_matrix(_TO_QUATERNION[parameterization](rotation))
    else:
        matrix = _TO_MATRIX[parameterization](rotation)
    return RigidTransform(rigid_matrix(matrix, multiply_vectors(matrix, translation)))


def _check_parameterization(parameterization: str, degrees: bool) -> None:
    if parameterization not in PARAMETERIZATIONS:
        raise ValueError(
            f"`parameterization` must be one of {', '.join(PARAMETERIZATIONS)}, "
            f"got {parameterization!r}."
        )
    if degrees and parameterization != "euler_angles":
        raise ValueError(f"`degrees` is for 'euler_angles' only, got {parameterization!r}.")


def _as_float(value: Any) -> Tensor:
    """Make a tensor of what may be an array or list, and a floating-point one of integers."""
    tensor = torch.as_tensor(value)
    return tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())


def _check_pair(
    rotation: Tensor, translation: Tensor, parameterization: str
) -> tuple[Tensor, Tensor]:
    """Give rotation and translation the same dtype and batch size, or say what is wrong."""
    rotation = _batched(rotation, _SHAPES[parameterization], "rotation", parameterization)
    translation = _batched(translation, (3,), "translation", parameterization)
    sizes = len(rotation), len(translation)
    if sizes[0] != sizes[1] and 1 not in sizes:
        raise ValueError(
            "`rotation` and `translation` must have the same batch size, or one of them 1, "
            f"got {sizes[0]} and {sizes[1]}."
        )
    dtype = torch.promote_types(rotation.dtype, translation.dtype)
    size = max(sizes) if 0 not in sizes else 0
    rotation = rotation.to(dtype).expand(size, *rotation.shape[1:])
    return rotation, translation.to(dtype).expand(size, 3)


def _batched(tensor: Tensor, shape: tuple[int, ...], name: str, parameterization: str) -> Tensor:
    given = tuple(tensor.shape)
    if given == shape:
        return tensor[None]
    if len(given) != len(shape) + 1 or given[1:] != shape:
        batched = ", ".join(["B", *map(str, shape)])
        raise ValueError(
            f"`{name}` must have the shape {shape} or ({batched}) for {parameterization!r}, "
            f"got {given}."
        )
    return tensor


def _from_pose_matrix(matrix: Tensor) -> RigidTransform:
    pose = RigidTransform(matrix)
    # Transposed matrices (row-vector convention) are the common mistake. A look at the numbers
    # would stall a GPU and can't be traced: there the shape has to do.
    if matrix.device.type == "cpu" and not torch.compiler.is_compiling():
        bottom = cast(list[list[float]], pose.matrix[:, 3].tolist())
        wrong = [row for row in bottom if max(map(abs, row[:3])) > 1e-3 or abs(row[3] - 1) > 1e-3]
        if wrong:
            raise ValueError(
                f"`matrix` must have the bottom row (0, 0, 0, 1), got {wrong[0]}. Transpose it if "
                "it is meant for row vectors."
            )
    return pose
