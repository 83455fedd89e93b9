"""The C-arm in 3-D, docked beside the viewer it follows."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from napari.components import ViewerModel
from napari.qt import QtViewer
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QCloseEvent, QShowEvent
from qtpy.QtWidgets import QDockWidget, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_drr.viewer import _main_thread, layers
from napari_drr.viewer._anatomy import Anatomy, anatomy
from napari_drr.viewer._carm import Box
from napari_drr.viewer._framing import View
from napari_drr.viewer._lazy import Deferred
from napari_drr.viewer._look_watch import LookWatch
from napari_drr.viewer._session import session
from napari_drr.viewer.scene import CArmScene
from napari_drr.viewer.widgets._drawing import Drawing

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_drr.viewer._requests import Result

Image = Float[NDArray[np.float32], "height width"]

VIEW_BUTTONS: dict[View, tuple[str, str]] = {
    "home": ("Home", "From the front, beside the beam: C-arm, patient and radiograph."),
    "front": ("Front", "From the front of the patient."),
    "side": ("Side", "From the left side of the patient."),
    "source": (
        "Source",
        "From the X-ray source: each pixel lies behind what its ray meets. Of PA and lateral views "
        "that shows the back of the picture.",
    ),
}

# What of the recipe the scene shows.
SHOWN = {"pose", "orientation", "detector", "isocenter", "display"}

# How long the radiograph of a new pose is waited for, to be drawn with it.
RENDER_MS = 100

SMALLEST = (240, 150)
# What it asks for: below the canvas, in a window of 800 pixels, both are seen well.
SIZE = QSize(420, 300)


class CArmView(QWidget):
    """Source, beam, detector, radiograph and patient in 3-D; they follow the viewer's session.

    Args:
        napari_viewer: The viewer, which napari passes by this name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.session = session(napari_viewer)
        self.scene = CArmScene(ViewerModel())
        self.canvas: QtViewer | None = QtViewer(self.scene.viewer)
        self._box: Box | None = None
        self._ct_key: tuple[Any, ...] | None = None
        self._image: Image | None = None
        self._is_image_stale = False
        self._look_watch = LookWatch(self._on_look)
        self._drawing = Drawing(self.canvas.canvas.native, self._draw)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="napari-drr-anatomy")
        self._lay_out(self.canvas)
        self._follow()
        self._on_link()
        if (shown := self.session.output("DRR")) is not None:
            self._take_image(shown.data)

    def _lay_out(self, canvas: QtViewer) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(4, 2, 4, 0)
        bar.setSpacing(4)
        self.view_buttons: dict[View, QPushButton] = {}
        for view, (text, tip) in VIEW_BUTTONS.items():
            button = _toggle(text, tip)
            button.clicked.connect(partial(_look, weakref.ref(self), view))
            bar.addWidget(button)
            self.view_buttons[view] = button
        bar.addStretch()
        self.ct_button = _toggle("CT", "Show bone and skin of the CT.")
        self.ct_button.setChecked(True)
        self.ct_button.clicked.connect(self._show_ct)
        bar.addWidget(self.ct_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(bar)
        column.addWidget(canvas, stretch=1)
        canvas.setMinimumSize(*SMALLEST)
        # Files belong into the viewer, and keys to the numbers that one is typing.
        canvas.setAcceptDrops(False)
        canvas.canvas.native.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._mark_view(self.scene.view)

    def _follow(self) -> None:
        events = self.session.events
        self._links: list[tuple[Any, Callable[..., None]]] = [
            (events.recipe, self._on_recipe),
            (events.rendered, self._on_rendered),
            (events.inputs, self._on_inputs),
            (events.ray, self._on_link),
            (events.marker, self._on_link),
            (self.scene.view_changed, self._mark_view),
        ]
        for signal, slot in self._links:
            signal.connect(slot)
        # A closed window takes its widgets with it, without a word to them.
        self._farewell = _Farewell(weakref.ref(self))
        self.destroyed.connect(self._farewell.say)  # a method; see `_binding.follow`

    # What the session tells

    def _on_recipe(self, changed: set[str]) -> None:
        if changed & SHOWN:
            self._is_image_stale |= "display" in changed
            self._drawing.ask(RENDER_MS if self.session.live else 0)

    def _on_rendered(self, result: Result) -> None:
        self._take_image(result.image)
        # In the frame that shows the radiograph itself.
        self._drawing.draw_now()

    def _take_image(self, image: Image) -> None:
        self._image = image
        self._look_watch.watch(self.session.output("DRR"))
        self._is_image_stale = True

    def _on_look(self, event: Any = None) -> None:
        self._is_image_stale = True
        self._drawing.ask()

    def _on_link(self, _: Any = None) -> None:
        self.scene.set_ray(self.session.ray)
        self.scene.set_marker(self.session.marker)

    def _on_inputs(self) -> None:
        if not self.isVisible():
            return
        voxels, self._box, key = self._read_ct()
        if key == self._ct_key:
            return
        self._ct_key = key
        self.scene.set_ct(None, self._box)
        self._drawing.ask()
        if voxels is not None and self._box is not None:
            found = self._thread.submit(_find, voxels, self._box)
            found.add_done_callback(partial(_deliver, weakref.ref(self), key))

    def _read_ct(self) -> tuple[Any, Box | None, tuple[Any, ...] | None]:
        """Return the CT's voxels and grid, and what tells them from others."""
        layer = self.session.ct
        if layer is None:
            return None, None, None
        try:
            voxels, affine = layers.voxels_of(layer, self.session.frame)
        except ValueError:
            return None, None, None
        box = Box(affine, tuple(voxels.shape))
        # The session counts edits, also those in place that it was told of.
        return voxels, box, (self.session._inputs.voxels_key, box.shape, affine.tobytes())

    def _show_anatomy(self, key: tuple[Any, ...] | None, found: Anatomy) -> None:
        if key == self._ct_key:
            self.scene.set_ct(found, self._box)

    def _draw(self) -> bool:
        if self.canvas is None or not self.isVisible():
            return False
        recipe = self.session.recipe
        recipe = replace(recipe, display=self._look_watch.display(recipe.display))
        center = self._box.center if self._box is not None else np.zeros(3)
        image = self._image if self._is_image_stale else None
        self._is_image_stale = False
        self.scene.update(recipe, recipe.isocenter or center, image)
        return True

    # Buttons

    def _look(self, view: View) -> None:
        self.scene.look(view)
        self._mark_view(view)

    def _mark_view(self, view: View | None) -> None:
        for name, button in self.view_buttons.items():
            button.setChecked(name == view)

    def _show_ct(self, shows: bool) -> None:
        self.scene.shows_ct = shows

    # Coming and going

    def sizeHint(self) -> QSize:
        """Ask for the room in which the scene is seen well."""
        return SIZE

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what happened while nobody looked."""
        super().showEvent(event)
        self._keep_docked()
        self._on_inputs()
        self._drawing.ask()

    def _keep_docked(self) -> None:
        """Refuse to float: a window of its own has another OpenGL context, and would stay black."""
        dock = self.parent()
        if isinstance(dock, QDockWidget):
            floats = QDockWidget.DockWidgetFeature.DockWidgetFloatable
            dock.setFeatures(dock.features() & ~floats)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let everything go."""
        self._let_go()
        super().closeEvent(event)

    def event(self, event: QEvent) -> bool:
        """Let go when napari takes the dock away: no close event comes then."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._let_go()
        return bool(super().event(event))

    def _let_go(self) -> None:
        if self.canvas is None:
            return
        canvas, self.canvas = self.canvas, None
        self._unlink()
        # An embedded one is closed by nobody else, and its canvas would outlive it.
        canvas.close()

    def _unlink(self) -> None:
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        self._look_watch.watch(None)
        self._image = None
        self._thread.shutdown(wait=False, cancel_futures=True)


def _toggle(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setCheckable(True)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return button


def _look(view: weakref.ref[CArmView], name: View, *_: object) -> None:
    if (alive := view()) is not None:
        alive._look(name)


class _Farewell:
    """Lets go of what a view holds whose widgets a closed window has deleted."""

    def __init__(self, view: weakref.ref[CArmView]) -> None:
        self._view = view

    def say(self, *_: object) -> None:
        if (alive := self._view()) is not None and alive.canvas is not None:
            alive.canvas = None
            alive._unlink()


def _find(voxels: Deferred, box: Box) -> Anatomy:
    """Read the CT, if it has yet to be, and find its surfaces; off the main thread."""
    return anatomy(voxels.tensor().numpy(), box)


def _deliver(
    view: weakref.ref[CArmView], key: tuple[Any, ...] | None, found: Future[Anatomy]
) -> None:
    """Take surfaces from the thread to the main one."""
    if not found.cancelled() and found.exception() is None:
        shapes = found.result()
        _main_thread.post(lambda: _show(view, key, shapes))


def _show(view: weakref.ref[CArmView], key: tuple[Any, ...] | None, found: Anatomy) -> None:
    alive = view()
    if alive is not None and alive.canvas is not None:
        alive._show_anatomy(key, found)
