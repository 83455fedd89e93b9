"""Parts of a session's recipe as objects whose attributes can be set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from napari_drr.recipe import Structure

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
        self.update(**{field: value})

    def __dir__(self) -> list[str]:
        return [*self._fields(), "update"]

    def __repr__(self) -> str:
        return repr(self._part())


class Structures:
    """The structures of a session's labels: what is visible, and with which weight.

    A key is an id, a name or a group, which stands for all its structures.

    Args:
        session: The session.
    """

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def show(self, *keys: int | str) -> None:
        """Make structures visible; all if none is named."""
        self._set(keys, visible=True)

    def hide(self, *keys: int | str) -> None:
        """Make structures invisible; all if none is named."""
        self._set(keys, visible=False)

    def solo(self, *keys: int | str) -> None:
        """Make these structures visible and all others invisible."""
        chosen = set(self.ids(*keys))
        self._replace(replace(s, visible=s.id in chosen) for s in self)

    def set_weight(self, weight: float, *keys: int | str) -> None:
        """Weigh the attenuation of structures; of all if none is named."""
        self._set(keys, weight=float(weight))

    def ids(self, *keys: int | str) -> list[int]:
        """Return the ids that keys stand for; all if there is none.

        Raises:
            ValueError: If a key is unknown.
        """
        if not keys:
            return [s.id for s in self]
        import pandas as pd

        from napari_drr.volume.structures import select_structures

        rows = [(s.id, s.name, s.group) for s in self]
        return select_structures(
            pd.DataFrame(rows, columns=["id", "structure", "group"]), list(keys)
        )

    def _set(self, keys: tuple[int | str, ...], **values: Any) -> None:
        chosen = set(self.ids(*keys))
        self._replace(replace(s, **values) if s.id in chosen else s for s in self)

    def _replace(self, structures: Iterable[Structure]) -> None:
        self._session.recipe = replace(self._session.recipe, structures=tuple(structures))

    def __getitem__(self, key: int | str) -> Structure:
        wanted = self.ids(key)
        return next(s for s in self if s.id in wanted)

    def __iter__(self) -> Iterator[Structure]:
        return iter(self._session.recipe.structures)

    def __len__(self) -> int:
        return len(self._session.recipe.structures)

    def __repr__(self) -> str:
        visible = sum(s.visible for s in self)
        return f"<{len(self)} structures, {visible} visible>"


def merged_structures(
    present: tuple[Structure, ...], settings: tuple[Structure, ...]
) -> tuple[Structure, ...]:
    """Return the labels' structures, with what a recipe says of them by id."""
    said = {s.id: s for s in settings}
    return tuple(
        replace(s, visible=said[s.id].visible, weight=said[s.id].weight, color=said[s.id].color)
        if s.id in said
        else s
        for s in present
    )
