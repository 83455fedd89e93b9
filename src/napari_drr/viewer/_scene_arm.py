"""The C-arm of the 3-D scene: one surface that moves as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.viewer._carm import CArm, Vector
from napari_drr.viewer._frames import Affine
from napari_drr.viewer._meshes import Color, Mesh, ball, joined, tubes
from napari_drr.viewer._scene_layers import (
    add_mesh,
    move,
    picture_coordinates,
    textured,
    white_coordinates,
    write_mesh,
    write_picture,
)

if TYPE_CHECKING:
    from napari.components import ViewerModel

BEAM_EDGE: Color = (0.50, 0.62, 0.78, 1.0)
RIM: Color = (0.85, 0.90, 0.96, 1.0)
CENTRAL_RAY: Color = (1.0, 0.76, 0.28, 1.0)
SOURCE: Color = (1.0, 0.66, 0.20, 1.0)

# Of the distance from source to detector: thin lines where all of it is in sight.
LINE, BALL = 0.0018, 0.011

# A detector whose proportions change by more than this share is drawn anew: until then its lines
# get thicker one way and thinner another, which nobody sees.
BENT = 0.15
# The same for the central ray's foot, which moves when the detector is shifted; of half the image.
SHIFTED = 0.005


class ArmLayer:
    """Source, beam, detector, and the picture on it.

    It is written for one pose and then moved by its transform, which costs a tenth of new vertices;
    an affine transform fits source and detector exactly whatever their distances.

    Args:
        viewer: The scene's viewer.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.layer = add_mesh(viewer, "C-arm", with_picture=True)
        self._shown: CArm | None = None
        self._written: CArm | None = None
        self._shows_beam = True
        self._texture = textured(np.full((1, 1), 0.08))

    @property
    def shows_beam(self) -> bool:
        """Whether source and beam are shown; in the eyes of one at the source they are not."""
        return self._shows_beam

    @shows_beam.setter
    def shows_beam(self, shows: bool) -> None:
        if shows != self._shows_beam:
            self._shows_beam = shows
            if self._shown is not None:
                self._write(self._shown)

    def update(
        self,
        arm: CArm,
        gray: Float[NDArray[np.floating[Any]], "height width"] | None,
    ) -> None:
        """Move it, and change its picture.

        Args:
            arm: Where it stands.
            gray: The picture, 0 to 1; None keeps it.
        """
        self._shown = arm
        is_other_shape = False
        if gray is not None:
            texture = textured(gray)
            is_other_shape = texture.shape != self._texture.shape
            self._texture = texture
        if is_other_shape or self._written is None or not _is_alike(self._written, arm):
            self._write(arm)
            return
        move(self.layer, _frame(arm) @ np.linalg.inv(_frame(self._written)))
        if gray is not None:
            write_picture(self.layer, self._texture)

    def _write(self, arm: CArm) -> None:
        lines = _lines(arm, with_beam=self._shows_beam)
        halves = np.array([[0, 1, 2], [0, 2, 3]])
        picture = Mesh(arm.corners, halves, np.ones((4, 4), dtype=np.float32))
        height = len(self._texture) - len(textured(np.zeros((0, 1))))
        coordinates = [white_coordinates(len(lines.vertices)), picture_coordinates(height)]
        self.layer.texture = self._texture.copy()
        write_mesh(self.layer, joined([lines, picture]), np.concatenate(coordinates))
        self._written = arm


def _frame(arm: CArm) -> Affine:
    """Return what carries the source to 0 and the image's corners to (-1, -1, 1) and so on."""
    height, width = arm.shape
    frame: Affine = np.eye(4)
    across, down = arm.column_step * width / 2, arm.row_step * height / 2
    frame[:3] = np.column_stack([across, down, arm.center - arm.source, arm.source])
    return frame


def _is_alike(before: CArm, after: CArm) -> bool:
    """Tell whether a transform of what is written shows what is wanted."""
    sizes = [np.linalg.norm(_frame(arm)[:3, :3], axis=0) for arm in (before, after)]
    feet = [_foot(arm) for arm in (before, after)]
    return bool(
        np.all(np.abs(np.log(sizes[1] / sizes[0])) < BENT)
        and np.all(np.abs(feet[1] - feet[0]) < SHIFTED)
    )


def _foot(arm: CArm) -> Vector:
    """Return where the central ray ends, in shares of the image."""
    return np.linalg.inv(_frame(arm)[:3, :3]) @ (arm.principal_point - arm.source)


def _lines(arm: CArm, *, with_beam: bool) -> Mesh:
    length = float(np.linalg.norm(arm.principal_point - arm.source))
    line, corners = LINE * length, arm.corners
    rim = np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)
    parts = [tubes(rim, 1.3 * line, RIM)]
    if with_beam:
        parts += [
            tubes(arm.edges, line, BEAM_EDGE),
            tubes(arm.central_ray[None], line, CENTRAL_RAY),
            ball(arm.source, BALL * length, SOURCE),
        ]
    return joined(parts)
