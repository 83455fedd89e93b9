"""Parts of a session's recipe as objects whose attributes can be set."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray

from napari_drr.recipe import Pose

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session


class Section:
    """One part of the recipe, such as the pose: read and set its fields as attributes.

    There is no second copy: reading asks the recipe, setting replaces it.

    Args:
        session: The session.
        name: Field of the recipe.
    """

    __slots__ = ("_name", "_session")

    def __init__(self, session: Session, name: str) -> None:
        object.__setattr__(self, "_session", session)
        object.__setattr__(self, "_name", name)

    def update(self, **values: Any) -> None:
        """Set several fields at once, with one event.

        Args:
            **values: New values by field.

        Raises:
            AttributeError: If there is no such field.
            ValueError: If a value is outside its range.
        """
        for field in values:
            if field not in self._fields():
                raise AttributeError(
                    f"`{self._name}` has no `{field}`; it has {', '.join(self._fields())}."
                )
        part = replace(self._part(), **values)
        self._session.recipe = replace(self._session.recipe, **{self._name: part})

    def _part(self) -> Any:
        return getattr(self._session.recipe, self._name)

    def _fields(self) -> list[str]:
        return [field.name for field in fields(self._part())]

    def __getattr__(self, field: str) -> Any:
        if field.startswith("__"):
            raise AttributeError(field)
        return getattr(self._part(), field)

    def __setattr__(self, field: str, value: Any) -> None:
        if isinstance(getattr(type(self), field, None), property):
            object.__setattr__(self, field, value)
        else:
            self.update(**{field: value})

    def __dir__(self) -> list[str]:
        own = [name for name in vars(type(self)) if not name.startswith("_")]
        return [*self._fields(), "update", *own]

    def __repr__(self) -> str:
        return repr(self._part())


class PoseSection(Section):
    """The pose: its fields, and other ways to say it."""

    __slots__ = ()

    def update(self, **values: Any) -> None:
        """Set several fields at once, with one event.

        Args:
            **values: New values by field. A `convention` alone converts the angles: the C-arm
                stays where it is.

        Raises:
            AttributeError: If there is no such field.
            ValueError: If a value is outside its range.
        """
        if set(values) == {"convention"}:
            part = Pose.from_matrix(self.matrix, values["convention"])
            self._session.recipe = replace(self._session.recipe, pose=part)
        else:
            super().update(**values)

    @property
    def matrix(self) -> Float[NDArray[np.float64], "4 4"]:
        """Iso from camera, mm, before the orientation: `[R | R t]`."""
        matrix: NDArray[np.float64] = self._part().rigid_transform().matrix[0].numpy()
        return matrix

    @matrix.setter
    def matrix(self, matrix: Float[ArrayLike, "4 4"]) -> None:
        pose = Pose.from_matrix(matrix, self._part().convention)
        self._session.recipe = replace(self._session.recipe, pose=pose)

    @property
    def distance(self) -> float:
        """From source to isocenter, mm; setting it keeps `x` and `z`."""
        pose = self._part()
        return math.hypot(pose.x, pose.y, pose.z)

    @distance.setter
    def distance(self, distance: float) -> None:
        pose = self._part()
        aside = math.hypot(pose.x, pose.z)
        if not math.isfinite(distance) or distance <= aside:
            raise ValueError(
                f"`distance` must be greater than {aside:g} mm, by which the source is shifted in "
                f"x and z; got {distance:g}."
            )
        self.update(y=math.copysign(math.sqrt(distance**2 - aside**2), pose.y))

    def reset(self, *names: str) -> None:
        """Set fields to the zero pose's: angles and shifts to 0, the distance stays.

        Args:
            *names: Fields; none for all.

        Raises:
            AttributeError: If there is no such field.
        """
        pose, orientation = self._part(), self._session.recipe.orientation
        side = {"AP": 1.0, "PA": -1.0}.get(str(orientation), math.copysign(1.0, pose.y))
        zero = Pose(y=side * (self.distance or Pose().y), convention=pose.convention)
        chosen = names or ("alpha_deg", "beta_deg", "gamma_deg", "x", "y", "z")
        for name in chosen:
            if name not in self._fields():
                raise AttributeError(f"`pose` has no `{name}`; it has {', '.join(self._fields())}.")
        self.update(**{name: getattr(zero, name) for name in chosen})


class DetectorSection(Section):
    """The detector: its fields, and other ways to say it."""

    __slots__ = ()

    @property
    def intrinsics(self) -> Float[NDArray[np.float64], "3 3"]:
        """The camera's K, in pixels; setting it changes pixel spacing and offsets."""
        from napari_drr.recipe import intrinsics

        return intrinsics(self._session.recipe)

    @intrinsics.setter
    def intrinsics(self, matrix: Float[ArrayLike, "3 3"]) -> None:
        from napari_drr.recipe import with_intrinsics

        self._session.recipe = with_intrinsics(self._session.recipe, np.asarray(matrix))

    @property
    def presets(self) -> tuple[str, ...]:
        """Names of C-arms and flat panels that `preset` knows."""
        from napari_drr.recipe import PRESETS

        return tuple(PRESETS)

    def preset(self, name: str) -> None:
        """Take the numbers of a common C-arm or flat panel; `mirror` stays.

        Args:
            name: One of `presets`.

        Raises:
            ValueError: If there is none of this name.
        """
        from napari_drr.recipe import preset

        _, found = preset(name)
        settings = replace(found, mirror=self._part().mirror)
        self._session.recipe = replace(self._session.recipe, detector=settings)

    def fit(self) -> None:
        """Choose the pixel spacing such that the whole CT is on the detector.

        Raises:
            ValueError: If there is no CT, or the source is too near to it.
        """
        from napari_drr.recipe import fitted

        settings = fitted(self._session.recipe, self._session.corners())
        self._session.recipe = replace(self._session.recipe, detector=settings)
