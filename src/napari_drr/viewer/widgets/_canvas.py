"""The viewer's canvas, as Qt knows it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QApplication, QMainWindow, QWidget

from napari_drr.viewer import layers

if TYPE_CHECKING:
    from napari.components import ViewerModel


def keep_removals_in_context(viewer: ViewerModel) -> None:
    """Have napari free what drew a removed layer in its canvas's own OpenGL context.

    napari 0.9.2 frees textures and buffers at once (`VispyCanvas._clean_and_update_scenegraph`), in
    whatever context is current then: usually that of the window around the canvas. The canvas goes
    on with what is gone, and with Mesa's drivers the program ends at the next paint.

    Args:
        viewer: The viewer itself, no proxy; held weakly.
    """
    held = weakref.ref(viewer)

    def make_current(_: object = None) -> None:
        alive = held()
        canvas = None if alive is None else canvas_of(alive)
        if canvas is not None:
            canvas.makeCurrent()

    layers.on_removing(viewer, make_current)


def canvas_of(viewer: ViewerModel) -> QOpenGLWidget | None:
    """Return what a viewer's window draws on, or None if it can't be told.

    Args:
        viewer: The viewer itself, no proxy.
    """
    window = getattr(viewer, "window", None)
    if window is None:
        return None
    around = [_main_window(docked) for docked in window.dock_widgets.values()]
    # Without a dock, only one window can be told from others.
    windows = [main for main in around if main is not None] or _main_windows()
    if not windows or any(main is not windows[0] for main in windows):
        return None
    return _central_canvas(windows[0])


def main_canvas(widget: QWidget) -> QOpenGLWidget | None:
    """Return the canvas in the middle of a widget's window, or None.

    Args:
        widget: A widget that is docked in the window, or floats above it.
    """
    window = _main_window(widget)
    return None if window is None else _central_canvas(window)


def _central_canvas(window: QMainWindow) -> QOpenGLWidget | None:
    # Docks stand beside the central widget, with what viewers they may have of their own.
    center = window.centralWidget()
    canvas: QOpenGLWidget | None = None if center is None else center.findChild(QOpenGLWidget)
    return canvas


def _main_window(docked: object) -> QMainWindow | None:
    """Return the main window that something is docked in, floating or not."""
    widget: QWidget | None = getattr(docked, "native", docked)
    while widget is not None and not isinstance(widget, QMainWindow):
        widget = widget.parentWidget()
    return widget


def _main_windows() -> list[QMainWindow]:
    windows = [each for each in QApplication.topLevelWidgets() if isinstance(each, QMainWindow)]
    return [each for each in windows if each.centralWidget() is not None]
