"""The pose, the camera and the recipe as text on the clipboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from qtpy.QtGui import QGuiApplication

from napari_drr.recipe import intrinsics_text, pose_text

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session

Copied = Literal["4x4", "K", "script", "recipe"]

_TEXTS: dict[Copied, tuple[str, Callable[[Session], str]]] = {
    "4x4": ("the pose as a 4x4 matrix", lambda session: pose_text(session.recipe)),
    "K": ("the camera matrix K", lambda session: intrinsics_text(session.recipe)),
    "script": ("a Python script", lambda session: session.script()),
    "recipe": ("the recipe as JSON", lambda session: session.recipe.to_json()),
}


def copy(session: Session, what: Copied) -> None:
    """Put a text on the clipboard, and say so.

    Args:
        session: The session.
        what: The pose's matrix, the camera's matrix, a script, or the recipe in JSON.
    """
    name, text = _TEXTS[what]
    QGuiApplication.clipboard().setText(text(session))
    session.events.message.emit(f"Copied {name}.")


def paste(session: Session) -> None:
    """Take what is on the clipboard, and say what it was.

    Args:
        session: The session.

    Raises:
        ValueError: If the text is nothing that the session understands.
    """
    what = session.paste(QGuiApplication.clipboard().text())
    session.events.message.emit(f"Pasted: {what}.")
