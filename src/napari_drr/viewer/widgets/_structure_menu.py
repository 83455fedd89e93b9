"""What else can be done with the selected structures: their context menu, and their color."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QMenu, QWidget

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session

WEIGHTS = (0.0, 0.5, 1.0, 2.0)


def structure_menu(session: Session, parent: QWidget) -> QMenu:
    """Return the context menu for what a session has selected; it deletes itself when closed.

    Args:
        session: The session.
        parent: The widget that it belongs to, whose look it takes.
    """
    menu = QMenu(parent)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    ids = session.selected

    def add(text: str, act: Callable[..., object], *arguments: object, enabled: bool) -> None:
        # Qt holds methods weakly, and `session.structures` is made anew each time: so functions.
        menu.addAction(text, partial(act, session, ids, *arguments)).setEnabled(enabled)

    has_any = bool(ids)
    is_colored = any(s.color is not None for s in session.structures if s.id in ids)
    add(f"Show only {_these(ids)}", _show_only, enabled=has_any)
    add("Show all", _show_all, enabled=True)
    menu.addSeparator()
    for weight in WEIGHTS:
        add(f"Weight {weight:g}", _weigh, weight, enabled=has_any)
    menu.addSeparator()
    add("Color ...", pick_color, parent, enabled=has_any)
    add("Reset color", _color, None, enabled=is_colored)
    return menu


def pick_color(session: Session, ids: Sequence[int], parent: QWidget) -> QColorDialog:
    """Open a dialog that colors structures.

    Args:
        session: The session.
        ids: The structures to be colored.
        parent: The widget that it belongs to, whose look it takes.

    Returns:
        The dialog, which does not block and deletes itself when closed.
    """
    dialog = QColorDialog(QColor.fromRgbF(*session.structures.color(ids[0])), parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    # The system's own would not take napari's theme.
    dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
    what = session.structures[ids[0]].name if len(ids) == 1 else f"{len(ids)} structures"
    dialog.setWindowTitle(f"Color of {what}")
    dialog.colorSelected.connect(partial(_color, session, tuple(ids)))
    dialog.open()
    return dialog


def _these(ids: Sequence[int]) -> str:
    return "this" if len(ids) == 1 else "these"


def _show_only(session: Session, ids: Sequence[int]) -> None:
    session.structures.solo(*ids)


def _show_all(session: Session, ids: Sequence[int]) -> None:
    session.structures.show()


def _weigh(session: Session, ids: Sequence[int], weight: float) -> None:
    session.structures.set_weight(weight, *ids)


def _color(session: Session, ids: Sequence[int], color: QColor | None) -> None:
    rgb = None if color is None else (color.redF(), color.greenF(), color.blueF())
    session.structures.set_color(rgb, *ids)
