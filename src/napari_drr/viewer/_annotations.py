"""The layers that explain a radiograph: letters and marks on it, and a ray through its CT."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_drr.recipe import Recipe
from napari_drr.viewer._carm import Box, CArm, Point
from napari_drr.viewer._grids import Frame, grid_of
from napari_drr.viewer._kept import Kept
from napari_drr.viewer._letters import Pixel, add_letters, add_marks, write_letters, write_marks
from napari_drr.viewer._rays import add_ray, n_dots, write_ray
from napari_drr.viewer._screen import unwrap
from napari_drr.viewer._sides import sides

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image


class Annotations:
    """Up to three layers in the viewer, each made when it is first needed.

    What the user hides stays hidden; what the user deletes stays away until the layer that it lies
    on is another one, or until it is renewed. Each goes with the layer that it lies on.

    Args:
        on_letters: Called with False when the user deletes the letters, and with True when they may
            come again.
    """

    def __init__(self, on_letters: Callable[[bool], None] | None = None) -> None:
        self._letters = Kept(
            add_letters, on_letters and (lambda is_declined: on_letters(not is_declined))
        )
        self._marks = Kept(add_marks)
        self._ray = Kept(add_ray)

    def show(
        self,
        viewer: ViewerModel,
        recipe: Recipe,
        radiograph: Image,
        marker: Pixel | None = None,
        ray: Pixel | None = None,
        *,
        letters: bool = True,
    ) -> None:
        """Write the patient's sides on the radiograph, and mark what is linked.

        Args:
            viewer: The viewer, or napari's proxy of it.
            recipe: What the radiograph shows.
            radiograph: Its layer, in the viewer.
            marker: Pixel point (column, row) that the linked point is projected to, if any.
            ray: Pixel point of the linked ray, if any.
            letters: Whether the sides are written.
        """
        viewer, radiograph = unwrap(viewer), unwrap(radiograph)
        if not letters:
            if self._letters.layer(viewer) is not None:
                self._letters.remove(viewer)
        elif (written := self._letters.on(viewer, radiograph)) is not None:
            write_letters(written, radiograph, sides(recipe))
        is_linked = marker is not None or ray is not None
        marks = self._marks.on(viewer, radiograph, is_needed=is_linked)
        if marks is not None:
            write_marks(marks, radiograph, recipe, marker, ray)

    def show_ray(
        self,
        viewer: ViewerModel,
        recipe: Recipe,
        ct: Image,
        frame: Frame = "RAS",
        marker: Point | None = None,
        ray: Pixel | None = None,
    ) -> None:
        """Draw the linked ray and the linked point into the CT, for its slices to show.

        Args:
            viewer: The viewer, or napari's proxy of it.
            recipe: Its pose, orientation and detector count.
            ct: The CT's layer, in the viewer.
            frame: The layer's world axes.
            marker: The linked point, world RAS mm (x, y, z), if any.
            ray: Pixel point (column, row) of the linked ray, if any.

        Raises:
            ValueError: If the layer is no volume.
        """
        viewer, ct = unwrap(viewer), unwrap(ct)
        box, line = Box(*grid_of(ct, frame)), None
        if ray is not None:
            arm = CArm.of(recipe, box.center if recipe.isocenter is None else recipe.isocenter)
            line = box.clip(arm.ray(ray))
        layer = self._ray.layer(viewer)
        if layer is not None and len(layer.data) != n_dots(ct) + 1:
            # It was made for another CT.
            self._ray.remove(viewer)
        layer = self._ray.on(viewer, ct, is_needed=line is not None or marker is not None)
        if layer is not None:
            write_ray(layer, box, line, marker)

    def remove(self, viewer: ViewerModel) -> None:
        """Take the layers away; they come again when they are next shown.

        Args:
            viewer: The viewer, or napari's proxy of it.
        """
        for kept in (self._letters, self._marks, self._ray):
            kept.remove(unwrap(viewer))

    def renew_links(self) -> None:
        """Let marks and rays that the user deleted come again."""
        self._marks.is_declined = self._ray.is_declined = False

    def renew_letters(self) -> None:
        """Let letters that the user deleted come again."""
        self._letters.is_declined = False
