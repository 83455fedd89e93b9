"""Widgets that show a part of the session's recipe, and change nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

from magicgui.widgets import Container
from magicgui.widgets.bases import BaseValueWidget, Widget
from psygnal import EmitLoopError

from napari_drr.viewer.widgets._gesture import Gesture
from napari_drr.viewer.widgets._rows import compact
from napari_drr.viewer.widgets._slider import NumberRow
from napari_drr.viewer.widgets._words import in_labels

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session

_log = logging.getLogger(__name__)

_EXPECTED = (ValueError, TypeError, AttributeError, OSError, MemoryError, RuntimeError)


class RecipeContainer(Container):
    """A container whose widgets are fields of the session's recipe.

    What a user does to one of its numbers in one go is one step to undo.

    Args:
        session: The session.
        rows: Widgets by where their value lies, such as `"pose.alpha_deg"`.
        widgets: What is shown, top to bottom; `rows` are among it or within it.
    """

    def __init__(
        self, session: Session, rows: Mapping[str, BaseValueWidget[Any]], widgets: Sequence[Widget]
    ) -> None:
        super().__init__(widgets=list(widgets), labels=False)
        compact(self)
        self._session = session
        self.rows = dict(rows)
        for path, widget in self.rows.items():
            widget.changed.connect(partial(self._set, path))
            if isinstance(widget, NumberRow):
                widget.bind_gesture(Gesture(session, widget.native))
        follow(self, (session.events.recipe, self._show))
        self._show({path.split(".")[0] for path in rows})

    def _set(self, path: str, value: Any) -> None:
        section, field = path.split(".")
        if not attempt(
            self._session, lambda: getattr(self._session, section).update(**{field: value})
        ):
            self._show({section})

    def _show(self, changed: set[str]) -> None:
        """Show what the recipe says; sections may show more."""
        for path, widget in self.rows.items():
            section, field = path.split(".")
            if section in changed:
                show(widget, getattr(getattr(self._session, section), field))


def show(widget: Any, value: Any) -> None:
    """Have a widget show a value, without telling that it changed.

    Args:
        widget: A magicgui widget with a value.
        value: What to show; a spin box is widened to a value that its arrows would not reach.
    """
    if widget.value == value:
        return
    with widget.changed.blocked():
        if hasattr(widget, "min") and value < widget.min:
            widget.min = value
        if hasattr(widget, "max") and value > widget.max:
            widget.max = value
        widget.value = value


def attempt(session: Session, action: Callable[[], object]) -> bool:
    """Do what the user asked for; what does not work is told, and never a traceback.

    Args:
        session: Whose `refused` event tells it.
        action: What to do.

    Returns:
        Whether it worked.
    """
    try:
        action()
    except EmitLoopError as error:
        # What follows the session failed; that is no fault of the user's.
        _log.exception("A callback of the session failed.")
        session.events.refused.emit(str(error.__cause__ or error))
    except _EXPECTED as error:
        _log.debug("Refused.", exc_info=True)
        session.events.refused.emit(in_labels(str(error)) or type(error).__name__)
    else:
        return True
    return False


def follow(section: Container[Any], *pairs: tuple[Any, Callable[..., None]]) -> None:
    """Connect a session's signals to a section, for as long as its Qt widget lives.

    A window that is closed in mid-render deletes its widgets, and the session goes on telling.

    Args:
        section: The section.
        *pairs: Signals of psygnal or of napari, and the section's methods that they call.
    """
    for signal, slot in pairs:
        signal.connect(slot)
    link = _Link([(signal, WeakMethod(slot)) for signal, slot in pairs])
    # The widget keeps it, and Qt refers to its method weakly. A function or a lambda would be Qt's
    # alone: Python's collector empties it with the widget, and Qt calls what is left of it.
    links = section.native.__dict__.setdefault("_drr_links", [])
    links.append(link)
    section.native.destroyed.connect(link.let_go)


class _Link:
    """What a section follows; the section's methods are held weakly."""

    def __init__(self, pairs: list[tuple[Any, WeakMethod[Callable[..., None]]]]) -> None:
        self._pairs = pairs

    def let_go(self, *_: object) -> None:
        for signal, slot in self._pairs:
            if (alive := slot()) is not None:
                signal.disconnect(alive)
