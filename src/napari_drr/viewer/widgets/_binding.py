"""Widgets that show a part of the session's recipe, and change nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, FloatSpinBox
from magicgui.widgets.bases import ValueWidget, Widget
from psygnal import SignalInstance

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session

ROW_HEIGHT = 28  # of a button in napari's theme, which Qt knows only once it is shown


class RecipeContainer(Container):
    """A container whose widgets are fields of the session's recipe.

    Args:
        session: The session.
        rows: Widgets by where their value lies, such as `"pose.alpha_deg"`.
        **options: For magicgui's `Container`.
    """

    def __init__(
        self, session: Session, rows: Mapping[str, ValueWidget[Any]], **options: Any
    ) -> None:
        super().__init__(widgets=list(rows.values()), **options)
        self._session = session
        self.rows = dict(rows)
        for path, widget in self.rows.items():
            widget.changed.connect(_setter(session, path))
        follow(self, (session.events.recipe, self._on_recipe))
        self._show({path.split(".")[0] for path in rows})

    def _on_recipe(self, changed: set[str]) -> None:
        self._show(changed)

    def _show(self, changed: set[str]) -> None:
        for path, widget in self.rows.items():
            section, field = path.split(".")
            if section not in changed:
                continue
            value = getattr(getattr(self._session, section), field)
            if widget.value != value:
                with widget.changed.blocked():
                    _make_room(widget, value)
                    widget.value = value


def _make_room(widget: Any, value: Any) -> None:
    """Widen a spin box to a value that a recipe may hold and its arrows would not reach."""
    if hasattr(widget, "min") and value < widget.min:
        widget.min = value
    if hasattr(widget, "max") and value > widget.max:
        widget.max = value


def _setter(session: Session, path: str) -> Callable[[Any], None]:
    section, field = path.split(".")

    def set_value(value: Any) -> None:
        getattr(session, section).update(**{field: value})

    return set_value


def follow(section: Container[Any], *pairs: tuple[SignalInstance, Callable[..., None]]) -> None:
    """Connect a session's signals to a section, for as long as its Qt widget lives.

    A window that is closed in mid-render deletes its widgets, and the session goes on telling.

    Args:
        section: The section.
        *pairs: Signals, and the section's methods that they call.
    """
    for signal, slot in pairs:
        signal.connect(slot)

    def let_go(*_: object) -> None:
        for signal, slot in pairs:
            signal.disconnect(slot, missing_ok=True)

    section.native.destroyed.connect(let_go)


def row(*widgets: Widget, label: str = "") -> Container[Any]:
    """Return widgets side by side, without space around them.

    Args:
        *widgets: The widgets.
        label: Shown before them where the surrounding container shows labels.

    Returns:
        A magicgui container.
    """
    beside = Container(widgets=list(widgets), layout="horizontal", labels=False, label=label)
    beside.margins = (0, 0, 0, 0)
    beside.min_height = ROW_HEIGHT
    return beside


def number(
    label: str,
    suffix: str,
    low: float,
    high: float,
    *,
    step: float = 1.0,
    decimals: int = 1,
    tooltip: str = "",
) -> FloatSpinBox:
    """Return a spin box with a unit, which tells a typed number only when it is complete.

    Args:
        label: Shown before it.
        suffix: The unit, such as `" mm"`.
        low: Smallest value.
        high: Largest value.
        step: Of the arrows.
        decimals: Digits shown.
        tooltip: What it does.

    Returns:
        A magicgui spin box.
    """
    # magicgui refuses values between its steps unless it may adapt them; Qt rounds to decimals.
    box = FloatSpinBox(label=label, min=low, max=high, step=step, tooltip=tooltip)
    box.native.setDecimals(decimals)
    box.native.setSuffix(suffix)
    box.native.setKeyboardTracking(False)
    return box
