"""How the camera stands at the identity pose."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Orientation = Literal["AP", "PA"] | None
"""How the camera stands at the identity pose: beam to posterior, to anterior, or along +z."""

# Column by column, the (axis, sign) in iso of the camera's x, y and z axes at the identity pose.
_CAMERA_AXES: dict[Orientation, tuple[tuple[int, int], ...]] = {
    "AP": ((0, 1), (2, 1), (1, -1)),
    "PA": ((0, 1), (2, 1), (1, 1)),
    None: ((0, 1), (1, 1), (2, 1)),
}


def orientation_matrix(orientation: Orientation) -> Float[Tensor, "4 4"]:
    """Return iso_from_camera at the identity pose, in float64.

    The camera looks along its +z. AP takes (x, y, z) to (x, -z, y): the beam runs to posterior and
    image up is superior. PA takes it to (x, z, y): a reflection, so that the patient's right stays
    on the image's left though the beam runs the other way. None leaves the axes as they are.

    Args:
        orientation: "AP", "PA" or None.

    Raises:
        ValueError: The orientation is unknown.

    Example:
        >>> (orientation_matrix("AP") @ torch.tensor([0.0, 0.0, 1.0, 1.0]).double()).tolist()
        [0.0, -1.0, 0.0, 1.0]
    """
    return orient(torch.eye(4, dtype=torch.float64), orientation)


def orient(matrix: Float[Tensor, "*b 4 4"], orientation: Orientation) -> Float[Tensor, "*b 4 4"]:
    """Apply the orientation before a pose: `matrix @ orientation_matrix(orientation)`.

    Done by exchanging columns, so exactly.
    """
    check_orientation(orientation)
    columns = matrix.unbind(-1)
    axes = [sign * columns[axis] for axis, sign in _CAMERA_AXES[orientation]]
    return torch.stack([*axes, columns[3]], dim=-1)


def check_orientation(orientation: object) -> None:
    """Raise a ValueError unless the orientation is "AP", "PA" or None."""
    if orientation not in _CAMERA_AXES:
        raise ValueError(f"`orientation` must be 'AP', 'PA' or None, got {orientation!r}.")
