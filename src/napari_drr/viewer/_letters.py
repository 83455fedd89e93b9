"""What is written on the radiograph and drawn into the CT: sides, the linked point and its ray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_drr.recipe import Recipe
from napari_drr.viewer._carm import Box, CArm, Point, Segment
from napari_drr.viewer._grids import Frame, grid_of
from napari_drr.viewer._kept import Kept, matrix_of
from napari_drr.viewer._meshes import Color
from napari_drr.viewer._screen import unwrap
from napari_drr.viewer._sides import Sides, sides

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Points


Pixel = tuple[float, float]

ANNOTATION_KEY = "napari-drr-annotation"
"""Marks our layers of letters and rays in `layer.metadata`; they are no radiographs."""

LETTERS, RAY = "DRR letters", "DRR ray"

LINK, RIM = (0.22, 0.85, 1.0, 1.0), (0.02, 0.13, 0.17, 1.0)
# Letters are read on black, on white and on bone alike: each on a dark disc of its own.
LETTER, DISC = "#ffc247", (0.03, 0.05, 0.08, 0.55)
HIDDEN = (0.0, 0.0, 0.0, 0.0)

# Letters stand inside the image by this share of its shorter side; their size is on the screen.
INSET = 0.06
LETTER_SIZE = 12

# Sizes in mm (napari takes them in the world's unit where a layer's scale is 1), and the limits in
# which they grow with the zoom, in pixels of the screen. The lower ones are never to be reached:
# napari 0.9.2 then draws a border half as wide as the mark.
DISC_MM, MARK_MM, MARK_PIXELS = 36.0, 15.0, (2, 30)
DOT_MM, POINT_MM, DOT_PIXELS = 5.5, 13.0, (2, 18)

N_LETTERS = len(Sides._fields)
MARKER, RAY_END = N_LETTERS, N_LETTERS + 1


class Annotations:
    """Two layers in the viewer: letters and marks on the radiograph, and a ray through the CT.

    Each is made when it is first needed. What the user hides stays hidden; what the user deletes
    stays away until `renew`. Both go with the layer that they lie on.
    """

    def __init__(self) -> None:
        self._letters, self._ray = Kept(), Kept()

    def show(
        self,
        viewer: ViewerModel,
        recipe: Recipe,
        radiograph: Image,
        marker: Pixel | None = None,
        ray: Pixel | None = None,
    ) -> Points | None:
        """Write the patient's sides on the radiograph, and mark what is linked.

        Args:
            viewer: The viewer, or napari's proxy of it.
            recipe: What the radiograph shows.
            radiograph: Its layer, in the viewer.
            marker: Pixel point (column, row) that the linked point is projected to, if any.
            ray: Pixel point of the linked ray, if any.

        Returns:
            The layer, or None if the user deleted it.
        """
        viewer, radiograph = unwrap(viewer), unwrap(radiograph)
        layer = self._letters.layer(viewer)
        if layer is None:
            if self._letters.is_declined:
                return None
            layer = self._letters.keep(viewer, _add_letters(viewer, radiograph))
        self._letters.lie_on(viewer, radiograph)
        _write_letters(layer, sides(recipe))
        _mark(layer, radiograph, recipe, {MARKER: marker, RAY_END: ray})
        return layer

    def show_ray(
        self,
        viewer: ViewerModel,
        recipe: Recipe,
        ct: Image,
        frame: Frame = "RAS",
        marker: Point | None = None,
        ray: Pixel | None = None,
    ) -> Points | None:
        """Draw the linked ray and the linked point into the CT, for its slices to show.

        Args:
            viewer: The viewer, or napari's proxy of it.
            recipe: Its pose, orientation and detector count.
            ct: The CT's layer, in the viewer.
            frame: The layer's world axes.
            marker: The linked point, world RAS mm (x, y, z), if any.
            ray: Pixel point (column, row) of the linked ray, if any.

        Returns:
            The layer, or None if there is nothing to draw or the user deleted it.
        """
        viewer, ct = unwrap(viewer), unwrap(ct)
        layer, box = self._ray.layer(viewer), Box(*grid_of(ct, frame))
        if layer is not None and len(layer.data) != _count(ct) + 1:
            # It was made for another CT.
            self._ray.remove(viewer)
            layer = None
        line = None
        if ray is not None:
            arm = CArm.of(recipe, box.center if recipe.isocenter is None else recipe.isocenter)
            line = box.clip(arm.ray(ray))
        if layer is None:
            if self._ray.is_declined or (line is None and marker is None):
                return None
            layer = self._ray.keep(viewer, _add_ray(viewer, ct))
        self._ray.lie_on(viewer, ct)
        _write_ray(layer, box, line, marker)
        return layer

    def remove(self, viewer: ViewerModel) -> None:
        """Take both layers away; they come again when they are next shown.

        Args:
            viewer: The viewer, or napari's proxy of it.
        """
        for kept in (self._letters, self._ray):
            kept.remove(unwrap(viewer))

    def renew(self) -> None:
        """Let layers that the user deleted come again."""
        for kept in (self._letters, self._ray):
            kept.forget_deletion()


def _shape(layer: Image) -> tuple[int, ...]:
    return tuple((layer.data[0] if layer.multiscale else layer.data).shape)


def _count(ct: Image) -> int:
    """Return how many dots a ray has: a voxel apart or less, so that no slice is without one."""
    return max(_shape(ct)) + 1


def _add(viewer: ViewerModel, points: NDArray[np.float64], **more: Any) -> Points:
    """Add points on top of all layers, and leave the user's selection as it is."""
    selection = viewer.layers.selection
    selected, active = set(selection), selection.active
    layer: Points = viewer.add_points(
        points,
        face_color="transparent",
        border_color="transparent",
        blending="translucent_no_depth",
        metadata={ANNOTATION_KEY: more["name"]},
        **more,
    )
    layer.editable = False
    selection.clear()
    selection.update(selected)
    selection.active = active
    return layer


def _add_letters(viewer: ViewerModel, radiograph: Image) -> Points:
    height, width = _shape(radiograph)
    inset = INSET * min(height, width)
    columns = [inset, width - inset, width / 2, width / 2, width / 2, width / 2]
    rows = [height / 2, height / 2, inset, height - inset, height / 2, height / 2]
    sizes = np.array([DISC_MM] * N_LETTERS + [MARK_MM] * 2)
    return _add(
        viewer,
        # napari's indices are 0 at the first pixel's center, pixel points 0 at its corner.
        np.column_stack([rows, columns]) - 0.5,
        name=LETTERS,
        symbol=["disc"] * N_LETTERS + ["cross", "ring"],
        size=sizes,
        border_width=0.08,
        canvas_size_limits=MARK_PIXELS,
        text=_text([""] * len(sizes)),
        affine=matrix_of(radiograph),
        units=radiograph.units,
        axis_labels=radiograph.axis_labels,
    )


def _write_letters(layer: Points, letters: Sides) -> None:
    texts = [*letters, *[""] * (len(layer.data) - N_LETTERS)]
    if list(layer.text.values) != texts:
        layer.text = _text(texts)


def _text(texts: list[str]) -> dict[str, Any]:
    return {"string": texts, "size": LETTER_SIZE, "color": LETTER, "anchor": "center"}


def _mark(layer: Points, radiograph: Image, recipe: Recipe, marks: dict[int, Pixel | None]) -> None:
    """Move the marks; those outside the image are hidden."""
    shape = np.array(_shape(radiograph))
    per_detector = shape / (recipe.detector.height, recipe.detector.width)
    points, is_shown = layer.data.copy(), np.zeros(len(layer.data), dtype=bool)
    for index, pixel in marks.items():
        if pixel is None:
            continue
        # A pixel point on the detector is (column, row); a preview has fewer of both.
        place = np.array(pixel)[::-1] * per_detector
        points[index] = np.clip(place - 0.5, 0, shape - 1)
        is_shown[index] = np.all((place >= 0) & (place <= shape))
    is_letter = np.arange(len(points)) < N_LETTERS
    _write(
        layer,
        points,
        np.where(is_letter[:, None], DISC, _colors(is_shown, LINK)),
        _colors(is_shown, RIM),
    )


def _add_ray(viewer: ViewerModel, ct: Image) -> Points:
    count = _count(ct)
    return _add(
        viewer,
        np.zeros((count + 1, 3)),
        name=RAY,
        symbol=["disc"] * count + ["cross"],
        size=np.array([DOT_MM] * count + [POINT_MM]),
        border_width=[0.0] * count + [0.08],
        canvas_size_limits=DOT_PIXELS,
        affine=matrix_of(ct),
        units=ct.units,
        axis_labels=ct.axis_labels,
    )


def _write_ray(layer: Points, box: Box, line: Segment | None, marker: Point | None) -> None:
    """Place dots along the ray, and the point; in voxels, as the CT's layer is."""
    last = np.array(box.shape) - 1.0
    points, is_shown = layer.data[:, ::-1].copy(), np.zeros(len(layer.data), dtype=bool)
    if line is not None:
        start, end = box.voxels(line)
        points[:-1] = start + np.linspace(0, 1, len(points) - 1)[:, None] * (end - start)
        is_shown[:-1] = True
    if marker is not None:
        points[-1] = box.voxels(marker)
        is_shown[-1] = np.all((points[-1] > -0.5) & (points[-1] < last + 0.5))
    # Within the first and the last voxel's center: the layer makes no slider longer.
    points = np.clip(points, 0, last)[:, ::-1]
    _write(layer, points, _colors(is_shown, LINK), _colors(is_shown, RIM))


def _colors(is_shown: NDArray[np.bool_], color: Color) -> NDArray[np.float64]:
    """Return each point's color: napari has no size so small that it hides one."""
    return np.where(is_shown[:, None], color, HIDDEN)


def _write(
    layer: Points,
    points: NDArray[np.float64],
    faces: NDArray[np.float64],
    borders: NDArray[np.float64],
) -> None:
    """Write points in place, and their colors, where they changed."""
    if not np.allclose(faces, layer.face_color):
        layer.face_color = faces
        layer.border_color = borders
    if not np.array_equal(points, layer.data):
        np.copyto(layer.data, points)
        layer.refresh(extent=False, thumbnail=False, highlight=False)
