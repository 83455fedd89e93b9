"""The structures of a session's recipe: what is visible, and with which weight."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_drr.recipe import Structure
from napari_drr.viewer._colors import structure_color

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_drr.viewer._session import Session


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
        self._replace(_with(s, visible=s.id in chosen) for s in self)

    def invert(self) -> None:
        """Hide what is visible, and show what is not."""
        self._replace(replace(s, visible=not s.visible) for s in self)

    def set_color(self, color: Sequence[float] | None, *keys: int | str) -> None:
        """Color structures; all if none is named.

        Args:
            color: Red, green and blue, and alpha if any, 0..1; None for the color of the id.
            *keys: Ids, names or groups.

        Raises:
            ValueError: If it is no color, or a key is unknown.
        """
        if color is not None:
            color = tuple(float(part) for part in color)
            if len(color) not in (3, 4) or not all(0 <= part <= 1 for part in color):
                raise ValueError(f"A color must be 3 or 4 numbers of 0 to 1, got {color}.")
        self._set(keys, color=color)

    def color(self, key: int | str) -> tuple[float, ...]:
        """Return the color in which a structure is shown, 0..1: RGB, or RGBA if so set."""
        structure = self[key]
        return structure.color or structure_color(structure.id)

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
        known = {s.id for s in self}
        numbers = [key for key in keys if isinstance(key, int) and key in known]
        if len(numbers) == len(keys):
            return list(dict.fromkeys(numbers))
        import pandas as pd

        from napari_drr.volume.structures import select_structures

        rows = [(s.id, s.name, s.group) for s in self]
        return select_structures(
            pd.DataFrame(rows, columns=["id", "structure", "group"]), list(keys)
        )

    def _set(self, keys: tuple[int | str, ...], **values: Any) -> None:
        chosen = set(self.ids(*keys))
        self._replace(_with(s, **values) if s.id in chosen else s for s in self)

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


def _with(structure: Structure, **values: Any) -> Structure:
    """Return a structure with other values; itself where they are its own, which costs nothing."""
    if all(getattr(structure, name) == value for name, value in values.items()):
        return structure
    return replace(structure, **values)


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


def names_are_assumed(labels: Labels, ids: Iterable[int]) -> bool:
    """Tell whether the structures' names are TotalSegmentator's only because the numbers fit.

    Args:
        labels: The labels' layer.
        ids: Of the structures that it holds.
    """
    from napari_drr.viewer import layers
    from napari_drr.volume.structures import name_labels

    table = layers.structures_from_layer(labels)
    return bool((name_labels(ids) if table is None else table).attrs["assumed"])
