"""The letters of the 3-D scene: the patient's sides at the edges of the detector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.viewer._carm import CArm
from napari_drr.viewer._letters import LETTER, disc
from napari_drr.viewer._meshes import Color
from napari_drr.viewer._scene_layers import PLACE, move
from napari_drr.viewer._sides import Sides

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Points

NAME = "letters"
# Seen through what is before them.
NO_DEPTH = "translucent_no_depth"

# On the screen, whatever the zoom: points for text, pixels for the others. Letters stand so far
# from the edge's middle that line and letter touch nowhere.
TEXT_SIZE, DISC_PIXELS, BESIDE_PIXELS = 12, 24, 15
DISC: Color = (0.05, 0.07, 0.09, 0.6)

# A distance from the edge that is off by less than this share is left as it is.
CLOSE = 0.1

# Left, right, top and bottom, in half widths and half heights.
EDGES = np.array([[-1.0, 0], [1, 0], [0, -1], [0, 1]])


class SceneLetters:
    """Text that faces the camera: of one size, and mirrored from no side.

    Like the C-arm it is moved by its transform, which writes nothing.

    Args:
        viewer: The scene's viewer.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.layer: Points = viewer.add_points(
            np.zeros((4, 3)),
            name=NAME,
            text=_text(["?"] * 4),
            blending=NO_DEPTH,
            visible=False,
            **disc(DISC_PIXELS, DISC),
            **PLACE,
        )
        self._beside = np.zeros(2)

    def update(self, arm: CArm, letters: Sides, zoom: float) -> None:
        """Move the letters, and change them.

        Args:
            arm: Whose image they stand at.
            letters: The patient's sides.
            zoom: Of the camera, in pixels per mm.
        """
        if list(self.layer.text.values) != list(letters):
            self.layer.text.string = list(letters)
        frame = np.eye(4)
        frame[:3] = np.column_stack([*_halves(arm), arm.center])
        halves = np.linalg.norm(frame[:3, :2], axis=0)
        beside = BESIDE_PIXELS / zoom / halves
        if np.any(np.abs(beside - self._beside) > CLOSE * beside):
            self._beside = beside
            self.layer.data = _places(beside)[:, ::-1]
        move(self.layer, frame)
        self.layer.visible = True


def _text(texts: list[str]) -> dict[str, Any]:
    look = {"size": TEXT_SIZE, "color": LETTER, "anchor": "center", "blending": NO_DEPTH}
    return {"string": texts, **look}


def _halves(arm: CArm) -> list[NDArray[np.float64]]:
    """Return half of the image's width and height, and a normal: what letters are written in."""
    height, width = arm.shape
    across, down = arm.column_step * width / 2, arm.row_step * height / 2
    return [across, down, np.cross(arm.column_step, arm.row_step)]


def _places(beside: NDArray[np.float64]) -> Float[NDArray[np.float64], "4 3"]:
    return np.column_stack([EDGES * (1 + beside), np.zeros(4)])
