"""Hands for the dock's controls, and eyes for what comes of it."""

import json
from dataclasses import replace

from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_drr.recipe import CTReference, Display, Recipe
from napari_drr.viewer import layers


def fill(viewer, phantom):
    """Add the phantom's CT and labels to a viewer."""
    voxels, how, _ = layers.image_layer_data(phantom.volume, "ct")
    viewer.add_image(voxels.copy(), **how)
    voxels, how, _ = layers.labels_layer_data(phantom.mask, phantom.structures, "labels")
    viewer.add_labels(voxels.copy(), **how)


def click(button):
    button.native.click()


def make_endless(session):
    """Set what no machine renders before a test is over; it can be given up at any time."""
    session.renderer.update(backend="reference", renderer="trilinear", n_points=10_000)
    session.detector.update(height=900, width=900)


class Watch:
    """Waits for what a session renders."""

    def __init__(self, session, qtbot):
        self.session, self.qtbot = session, qtbot
        self.failures = []
        session.events.failed.connect(self._on_failed)

    def _on_failed(self, message):
        self.failures.append(message)

    def is_settled(self):
        """Whether the last image is the recipe's, in full, and nothing more of it will come."""
        # It may have come before anybody listened.
        layer, status = self.session.output(), self.session.status
        if layer is None or status is None or status.is_preview:
            return False
        # The same recipe's masks may be on their way, or its image with other layers.
        rendering = self.session._rendering
        if rendering._loop.is_busy or rendering._outbox._content is not None:
            return False
        shown = Recipe.from_json(json.dumps(layer.metadata[layers.KEY]))
        return _pixels(shown) == _pixels(self.session.recipe)

    def settle(self):
        self.qtbot.waitUntil(self.is_settled)

    def fail(self):
        self.qtbot.waitUntil(lambda: bool(self.failures))


def settle(qtbot, widget):
    """Wait until nothing of the dock's layout is to be done any more."""
    seen = []

    def is_at_rest():
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
        seen.append([(each.geometry(), each.isVisible()) for each in widget.findChildren(QWidget)])
        return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]

    qtbot.waitUntil(is_at_rest)


def _pixels(recipe):
    """Return of a recipe what its pixels depend on."""
    return replace(recipe, ct=CTReference(), display=Display())


def mouse(widget, kind, x, y, button=Qt.MouseButton.LeftButton):
    """Send a press, a move or a release to a widget."""
    kinds = {
        "press": QEvent.Type.MouseButtonPress,
        "move": QEvent.Type.MouseMove,
        "release": QEvent.Type.MouseButtonRelease,
    }
    spot = QPointF(x, y)
    held = Qt.MouseButton.NoButton if kind == "release" else button
    event = QMouseEvent(
        kinds[kind], spot, widget.mapToGlobal(spot), button, held, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(widget, event)


def drag(slider, start, stop, moves=8):
    """Drag a slider's handle between two shares of its width; the button stays down."""
    y, width = slider.height() / 2, slider.width()
    mouse(slider, "press", start * width, y)
    for step in range(1, moves + 1):
        mouse(slider, "move", (start + (stop - start) * step / moves) * width, y)


def let_go(slider):
    mouse(slider, "release", slider.width() / 2, slider.height() / 2)


def turn_wheel(widget, notches):
    middle = QPointF(widget.width() / 2, widget.height() / 2)
    event = QWheelEvent(
        middle,
        widget.mapToGlobal(middle),
        QPoint(0, 0),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)
    return event.isAccepted()
