"""A recipe that can be changed part by part, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from napari_drr.recipe import Recipe, Structure, view
from napari_drr.viewer._events import SessionEvents
from napari_drr.viewer._history import History
from napari_drr.viewer._sections import DetectorSection, PoseSection, Section
from napari_drr.viewer._structures import Structures, merged_structures

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session


class EditedRecipe(ABC):
    """The session's recipe: its parts as attributes, undo and redo.

    Args:
        recipe: The first one; None for the default.
    """

    def __init__(self, recipe: Recipe | None = None) -> None:
        self.events = SessionEvents()
        self._recipe = Recipe() if recipe is None else recipe
        self._history = History[Recipe]()
        # What the labels hold, whatever is said of it.
        self._structures: tuple[Structure, ...] = ()

    @property
    @abstractmethod
    def _session(self) -> Session:
        """The session itself, which its parts change."""

    @abstractmethod
    def _update(self, changed: Any = None) -> None:
        """Show a change of the recipe's fields; everybody is told after that."""

    @abstractmethod
    def _updated(self) -> None:
        """Show it now, if it is there; everybody has been told."""

    @abstractmethod
    def _rest(self) -> None:
        """Show in full what was a preview."""

    @property
    def recipe(self) -> Recipe:
        """All that is needed to render the image again."""
        return self._recipe

    @recipe.setter
    def recipe(self, recipe: Recipe) -> None:
        before = self._recipe
        if self._replace(recipe):
            could = self.can_undo, self.can_redo
            self._history.record(before)
            if could != (self.can_undo, self.can_redo):
                self.events.history.emit()

    def _replace(self, recipe: Recipe) -> bool:
        """Take another recipe, and render it if live; tell whether anything is different."""
        old = self._recipe
        names = [field.name for field in fields(Recipe)]
        changed = {name for name in names if getattr(recipe, name) != getattr(old, name)}
        if changed:
            self._recipe = recipe
            self._update(changed)
            # The worker is at it already while everybody is told.
            self.events.recipe.emit(changed)
            self._updated()
        return bool(changed)

    # Undo and redo

    @property
    def can_undo(self) -> bool:
        """Whether a change of the recipe can be taken back."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether a change that was taken back can be made again."""
        return self._history.can_redo

    def undo(self) -> None:
        """Take the last change of the recipe back; nothing happens if there was none."""
        self._go_to(self._history.undo(self._recipe))

    def redo(self) -> None:
        """Make the change again that `undo` took back."""
        self._go_to(self._history.redo(self._recipe))

    def _go_to(self, recipe: Recipe | None) -> None:
        if recipe is None:
            return
        self._replace(self._of_these_layers(recipe))
        self.events.history.emit()

    def _of_these_layers(self, recipe: Recipe) -> Recipe:
        """Return a recipe of another time or CT, for the layers that are chosen now."""
        structures = recipe.structures
        if self._structures:
            structures = merged_structures(self._structures, structures)
        return replace(recipe, ct=self._recipe.ct, structures=structures)

    @contextmanager
    def gesture(self) -> Iterator[None]:
        """Make all changes within it one step to undo, with previews until it ends.

        Example:
            ```python
            with s.gesture():
                for angle in range(90):
                    s.pose.alpha_deg = angle
            ```
        """
        self.begin_gesture()
        try:
            yield
        finally:
            self.end_gesture()

    def begin_gesture(self) -> None:
        """Begin what `gesture` does, where the end comes in another function."""
        self._history.begin()

    def end_gesture(self) -> None:
        """End what `begin_gesture` began; what was a preview is rendered in full."""
        if self._history.end():
            self._rest()

    # The recipe's parts

    @property
    def pose(self) -> PoseSection:
        """Where the C-arm is: `alpha_deg`, `beta_deg`, `gamma_deg`, `x`, `y`, `z` (mm)."""
        return PoseSection(self._session, "pose")

    @property
    def detector(self) -> DetectorSection:
        """Distance, pixels and offsets, in mm."""
        return DetectorSection(self._session, "detector")

    @property
    def renderer(self) -> Section:
        """How rays are integrated."""
        return Section(self._session, "renderer")

    @property
    def attenuation(self) -> Section:
        """How HU become attenuation."""
        return Section(self._session, "attenuation")

    @property
    def display(self) -> Section:
        """How the image looks."""
        return Section(self._session, "display")

    @property
    def structures(self) -> Structures:
        """What is visible of the labels, and with which weight."""
        return Structures(self._session)

    @property
    def orientation(self) -> Any:
        """The view at the zero pose: `"AP"`, `"PA"` or None."""
        return self._recipe.orientation

    @orientation.setter
    def orientation(self, orientation: Any) -> None:
        self.recipe = replace(self._recipe, orientation=orientation)

    @property
    def isocenter(self) -> tuple[float, float, float] | None:
        """What the C-arm turns about, world mm; None is the center of the CT's grid."""
        return self._recipe.isocenter

    @isocenter.setter
    def isocenter(self, isocenter: Any) -> None:
        if isocenter is not None:
            x, y, z = (float(value) for value in isocenter)
            isocenter = (x, y, z)
        self.recipe = replace(self._recipe, isocenter=isocenter)

    @property
    def distance(self) -> float:
        """From source to isocenter, mm."""
        return self.pose.distance

    @distance.setter
    def distance(self, distance: float) -> None:
        self.pose.distance = distance

    def view(self, name: str, angle_deg: float = 0.0, distance: float | None = None) -> None:
        """Set a named view.

        Args:
            name: `"AP"`, `"PA"`, `"LAO"`, `"RAO"`, `"CRA"`, `"CAU"`, `"left lateral"` or
                `"right lateral"`.
            angle_deg: Angle of LAO, RAO, CRA and CAU.
            distance: From source to isocenter in mm; None keeps it.

        Raises:
            ValueError: If there is no such view.
        """
        distance = (self.distance or 850.0) if distance is None else distance
        orientation, pose = view(name, distance, angle_deg)
        if (convention := self._recipe.pose.convention) != pose.convention:
            matrix = pose.rigid_transform().matrix[0].numpy()
            pose = type(pose).from_matrix(matrix, convention)
        self.recipe = replace(self._recipe, orientation=orientation, pose=pose)
