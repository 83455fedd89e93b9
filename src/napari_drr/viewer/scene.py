"""The C-arm and the patient in 3-D, in a viewer model of their own. No Qt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from napari_drr.recipe import Recipe
from napari_drr.viewer._anatomy import Anatomy
from napari_drr.viewer._carm import Box, CArm, Point, Segment
from napari_drr.viewer._framing import FOV_DEG, Framing, View, framing, outline
from napari_drr.viewer._point_layers import LINK
from napari_drr.viewer._scene_arm import ArmLayer
from napari_drr.viewer._scene_layers import add_dots, add_mesh, show, write_dots, write_mesh
from napari_drr.viewer._scene_letters import SceneLetters
from napari_drr.viewer._screen import RADIOLOGICAL
from napari_drr.viewer._sides import Sides, sides

if TYPE_CHECKING:
    from napari.components import ViewerModel

# Dark in both of napari's themes: bone and X-rays are looked at before black.
BACKGROUND = "#0d1117"

Dots = Float[NDArray[np.float64], "n 3"]

# Dots of a linked ray: along all of it, in the CT, and where it ends. Sizes in mm.
ALONG, INSIDE = 60, 60
SMALL, MIDDLE, LARGE = 3.0, 6.0, 15.0

# A source that moves farther at once than a hand does: a named view was chosen.
JUMP_MM = 250.0

# A texture costs its upload, and the scene is small on the screen.
MOST_TEXELS = 512


class CArmScene:
    """Fills a viewer of its own with the C-arm, the radiograph on its detector, and the patient.

    The scene is in the CT's world, and not mirrored. While a camera of `look` is in use, it follows
    what leaves the canvas; once it was moved by hand, it stays.

    Args:
        viewer: An empty viewer model, which holds nothing else.
    """

    view_changed = Signal(object)
    """The view of `look` in use, or None."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        viewer.dims.ndisplay = 3
        viewer.scene.camera.orientation = RADIOLOGICAL
        viewer.scene.camera.perspective = FOV_DEG
        viewer.canvas.background_color_override = BACKGROUND
        # In the order in which they are drawn: what is seen through comes after what is seen.
        self._bone = add_mesh(viewer, "bone")
        self._arm_layer = ArmLayer(viewer)
        self._skin = add_mesh(viewer, "skin")
        along = [SMALL] * ALONG
        ray, marker = [*[MIDDLE] * INSIDE, *along, LARGE], [*along, LARGE, LARGE]
        self._ray_layer = add_dots(viewer, "ray", np.array(ray), LINK)
        self._marker_layer = add_dots(viewer, "marker", np.array(marker), LINK)
        self._letters = SceneLetters(viewer)
        # No layer is to be edited; the mouse turns the camera.
        viewer.layers.selection.clear()
        self._arm: CArm | None = None
        self._anatomy = Anatomy(None, None)
        self._sides = Sides("", "", "", "")
        self._box: Box | None = None
        self._shows_ct = True
        self._ray: tuple[float, float] | None = None
        self._marker: tuple[float, float, float] | None = None
        self._view: View | None = "home"
        self._framing: Framing | None = None
        self._is_placing = False
        viewer.canvas.events.size.connect(self._refit)
        for emitter in (camera := viewer.scene.camera.events).center, camera.zoom, camera.angles:
            emitter.connect(self._on_camera)
        camera.zoom.connect(self._draw_letters)

    @property
    def viewer(self) -> ViewerModel:
        """The scene's viewer."""
        return self._viewer

    @property
    def view(self) -> View | None:
        """The view of `look` in use, or None once the camera was moved by hand."""
        return self._view

    @property
    def shows_ct(self) -> bool:
        """Whether bone and skin are shown."""
        return self._shows_ct

    @shows_ct.setter
    def shows_ct(self, shows: bool) -> None:
        self._shows_ct = shows
        show(self._bone, shows and self._anatomy.bone is not None)
        show(self._skin, shows and self._anatomy.skin is not None)

    def set_ct(self, anatomy: Anatomy | None, box: Box | None) -> None:
        """Show another patient.

        Args:
            anatomy: From `_anatomy.anatomy`; None shows none.
            box: The CT's grid, where rays are drawn thicker and which the views hold.
        """
        self._anatomy, self._box = anatomy or Anatomy(None, None), box
        for layer, mesh in ((self._bone, self._anatomy.bone), (self._skin, self._anatomy.skin)):
            if mesh is not None and self._shows_ct:
                write_mesh(layer, mesh)
            else:
                show(layer, False)
        self._refit()

    def update(
        self,
        recipe: Recipe,
        isocenter: Point,
        image: Float[ArrayLike, "height width"] | None = None,
    ) -> None:
        """Move the C-arm, and change its radiograph.

        Args:
            recipe: Its pose, orientation, detector and display count.
            isocenter: In world mm.
            image: Line integrals, shown through the recipe's display; None keeps the picture.
        """
        before, self._arm = self._arm, CArm.of(recipe, isocenter)
        gray = None if image is None else recipe.display.gray(_thinned(np.asarray(image)))
        self._sides = sides(recipe)
        self._arm_layer.update(self._arm, gray)
        self._draw_ray()
        self._draw_marker()
        self._follow(before)
        self._draw_letters()

    def set_ray(self, pixel: Sequence[float] | None) -> None:
        """Show the ray of a pixel; it moves with the C-arm.

        Args:
            pixel: Pixel point (column, row); None shows none.
        """
        self._ray = None if pixel is None else (float(pixel[0]), float(pixel[1]))
        self._draw_ray()

    def set_marker(self, point: Sequence[float] | None) -> None:
        """Show a point of the patient, and where it is projected to.

        Args:
            point: World mm (x, y, z); None shows none.
        """
        self._marker = None if point is None else (point[0], point[1], point[2])
        self._draw_marker()

    def look(self, view: View = "home") -> None:
        """Look at all of C-arm and patient; until the camera is moved by hand, keep them in sight.

        Args:
            view: `"home"`, `"front"`, `"side"` (from the patient's left) or `"source"` (along the
                beam, whose picture lies behind the anatomy that throws it).
        """
        self._set_view(view)
        if self._arm is not None:
            self._place(framing(view, self._arm, self._body(), self._size()))

    def _draw_letters(self) -> None:
        if self._arm is not None:
            self._letters.update(self._arm, self._sides, self._viewer.scene.camera.zoom)

    def _draw_ray(self) -> None:
        if self._arm is None or self._ray is None:
            show(self._ray_layer, False)
            return
        whole = self._arm.ray(self._ray)
        inside = None if self._box is None else self._box.clip(whole)
        # Without a part inside, its dots hide behind the one on the detector.
        thick = _dots(whole[[1, 1]] if inside is None else inside, INSIDE)
        write_dots(self._ray_layer, np.concatenate([thick, _dots(whole, ALONG), whole[1:]]))

    def _draw_marker(self) -> None:
        if self._arm is None or self._marker is None:
            show(self._marker_layer, False)
            return
        point, pixel = np.array(self._marker), self._arm.pixel(self._marker)
        # Behind the source it has no projection.
        ends = np.stack([point, point if pixel is None else self._arm.on_detector(pixel)])
        write_dots(self._marker_layer, np.concatenate([_dots(ends, ALONG), ends]))

    def _follow(self, before: CArm | None) -> None:
        """Keep what is looked at on the canvas."""
        arm, current = self._arm, self._framing
        if self._view is None or arm is None:
            return
        jumped = before is None or np.linalg.norm(arm.source - before.source) > JUMP_MM
        shown = outline(arm, self._body())
        if jumped or current is None or self._view == "source":
            self.look(self._view)
        elif not current.shows(shown, self._size()):
            # Farther away, in the same direction: a hand is on the C-arm.
            self._place(Framing.around(current.view, shown, self._size()))

    def _refit(self, event: object = None) -> None:
        if self._view is not None:
            self.look(self._view)

    def _place(self, wanted: Framing) -> None:
        camera, size = self._viewer.scene.camera, self._size()
        z, y, x = wanted.center[::-1].tolist()
        with self._placing():
            camera.perspective = wanted.fov_deg
            camera.center = (z, y, x)
            camera.zoom = min(size) / wanted.extent
            camera.set_view_direction(tuple(wanted.view[::-1]), tuple(wanted.up[::-1]))
        self._framing = wanted

    @contextmanager
    def _placing(self) -> Iterator[None]:
        self._is_placing = True
        try:
            yield
        finally:
            self._is_placing = False

    def _on_camera(self) -> None:
        if not self._is_placing and self._view is not None:
            self._set_view(None)

    def _set_view(self, view: View | None) -> None:
        self._arm_layer.shows_beam = view != "source"
        if view != self._view:
            self._view = view
            self.view_changed.emit(view)

    def _body(self) -> Float[NDArray[np.float64], "n 3"]:
        return np.empty((0, 3)) if self._box is None else self._box.corners

    def _size(self) -> tuple[int, int]:
        height, width = self._viewer.canvas.size
        return max(1, height), max(1, width)


def _dots(segment: Segment, count: int) -> Dots:
    shares = np.linspace(0, 1, count)[:, None]
    dots: Dots = segment[0] + shares * (segment[1] - segment[0])
    return dots


def _thinned(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return every n-th pixel of a large image."""
    step = -(-max(image.shape) // MOST_TEXELS)
    return image[step // 2 :: step, step // 2 :: step]
