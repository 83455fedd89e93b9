"""Show a few structures alone, and go back to what was visible before. No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_drr.viewer._structures import Structures


class Solo:
    """Remembers what was visible before some structures were shown alone.

    It forgets as soon as anything else is made visible or invisible.
    """

    def __init__(self) -> None:
        self._before: frozenset[int] = frozenset()
        self._chosen: frozenset[int] = frozenset()

    def is_on(self, structures: Structures) -> bool:
        """Tell whether just the structures are visible that were chosen last.

        Args:
            structures: The session's structures.
        """
        return bool(self._chosen) and _visible(structures) == self._chosen

    def ends(self, structures: Structures, ids: Iterable[int]) -> bool:
        """Tell whether `press` would go back rather than show structures alone.

        Args:
            structures: The session's structures.
            ids: Those to be shown alone.
        """
        return self.is_on(structures) and frozenset(ids) in (frozenset(), self._chosen)

    def press(self, structures: Structures, ids: Iterable[int]) -> None:
        """Show structures alone; go back if they are alone already, or none is named.

        Args:
            structures: The session's structures.
            ids: Those to be shown alone; nothing happens if there is none and no way back.
        """
        chosen = frozenset(ids)
        if self.ends(structures, chosen):
            before, self._chosen = self._before, frozenset()
            show_only(structures, before)
        elif chosen:
            if not self.is_on(structures):
                self._before = _visible(structures)
            self._chosen = chosen
            show_only(structures, chosen)


def show_only(structures: Structures, ids: Iterable[int]) -> None:
    """Make these structures visible and all others invisible; none is all invisible.

    Args:
        structures: The session's structures.
        ids: Of those to be seen; unknown ones are left out.
    """
    known = set(structures.ids())
    if chosen := [label for label in ids if label in known]:
        structures.solo(*chosen)
    else:
        structures.hide()


def _visible(structures: Structures) -> frozenset[int]:
    return frozenset(s.id for s in structures if s.visible)
