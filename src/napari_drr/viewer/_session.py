"""The session: one evented object that the dock shows and the console drives. No Qt."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np

from napari_drr.recipe import CTReference, Recipe, Structure, view
from napari_drr.viewer import layers
from napari_drr.viewer._events import SessionEvents
from napari_drr.viewer._inputs import InputLayers
from napari_drr.viewer._outputs import Masks, Outputs
from napari_drr.viewer._render import (
    Cancelled,
    Renderer,
    Request,
    Result,
    warm_up,
    warm_up_structures,
)
from napari_drr.viewer._sections import Section, Structures, merged_structures

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

_log = logging.getLogger(__name__)

Post = Callable[[Callable[[], None]], None]

# Each image layer costs napari's window some hundredths of a second per update.
MOST_STRUCTURE_IMAGES = 24


class Session:
    """Radiographs of a viewer's CT: set what is wanted, then render.

    The recipe is the only state; `pose`, `detector`, `renderer`, `attenuation`, `display` and
    `structures` are ways to change it. Use it on the main thread.

    Args:
        viewer: The napari viewer.
        post: Runs a function on the main thread, soon; None where only the main thread renders
            (`render(wait=True)`).

    Example:
        In napari's console:

        ```python
        from napari_drr import session
        s = session(viewer)
        s.pose.alpha_deg = 30
        s.structures.hide("ribs")
        s.render()
        ```
    """

    def __init__(self, viewer: ViewerModel, post: Post | None = None) -> None:
        self._viewer = weakref.ref(viewer)
        self._post = post
        self.events = SessionEvents()
        self._recipe = Recipe()
        self._inputs = InputLayers()
        self._decided: set[str] = set()
        self._structures: tuple[Structure, ...] = ()
        self._masks: frozenset[Masks] = frozenset()
        self._outputs = Outputs()
        self._expected: CTReference | None = None
        self._warm: Future[None] | None = None
        self._running: Future[Result] | None = None
        self._renderer = Renderer()
        self._pool: ThreadPoolExecutor | None = None
        self._cancel = threading.Event()
        layers.on_removed(viewer, self._on_layer_removed)

    # The recipe and its parts

    @property
    def viewer(self) -> ViewerModel:
        """The viewer.

        Raises:
            RuntimeError: If it was closed.
        """
        viewer = self._viewer()
        if viewer is None:
            raise RuntimeError("The viewer of this session was closed: open another one.")
        return viewer

    @property
    def recipe(self) -> Recipe:
        """All that is needed to render the image again."""
        return self._recipe

    @recipe.setter
    def recipe(self, recipe: Recipe) -> None:
        changed = {
            f.name
            for f in fields(Recipe)
            if getattr(recipe, f.name) != getattr(self._recipe, f.name)
        }
        if changed:
            self._recipe = recipe
            self.events.recipe.emit(changed)

    @property
    def pose(self) -> Section:
        """Where the C-arm is: `alpha_deg`, `beta_deg`, `gamma_deg`, `x`, `y`, `z` (mm)."""
        return Section(self, "pose")

    @property
    def detector(self) -> Section:
        """Distance, pixels and offsets, in mm."""
        return Section(self, "detector")

    @property
    def renderer(self) -> Section:
        """How rays are integrated."""
        return Section(self, "renderer")

    @property
    def attenuation(self) -> Section:
        """How HU become attenuation."""
        return Section(self, "attenuation")

    @property
    def display(self) -> Section:
        """How the image looks."""
        return Section(self, "display")

    @property
    def structures(self) -> Structures:
        """What is visible of the labels, and with which weight."""
        return Structures(self)

    @property
    def orientation(self) -> Any:
        """The view at the zero pose: `"AP"`, `"PA"` or None."""
        return self._recipe.orientation

    @orientation.setter
    def orientation(self, orientation: Any) -> None:
        self.recipe = replace(self._recipe, orientation=orientation)

    @property
    def isocenter(self) -> tuple[float, float, float] | None:
        """What the C-arm turns about, world mm; None is the center of the CT's grid."""
        return self._recipe.isocenter

    @isocenter.setter
    def isocenter(self, isocenter: Any) -> None:
        if isocenter is not None:
            x, y, z = (float(value) for value in isocenter)
            isocenter = (x, y, z)
        self.recipe = replace(self._recipe, isocenter=isocenter)

    @property
    def distance(self) -> float:
        """From source to isocenter, mm."""
        pose = self._recipe.pose
        return float(np.linalg.norm([pose.x, pose.y, pose.z]))

    def view(self, name: str, angle_deg: float = 0.0, distance: float | None = None) -> None:
        """Set a named view.

        Args:
            name: `"AP"`, `"PA"`, `"LAO"`, `"RAO"`, `"CRA"`, `"CAU"`, `"left lateral"` or
                `"right lateral"`.
            angle_deg: Angle of LAO, RAO, CRA and CAU.
            distance: From source to isocenter in mm; None keeps it.

        Raises:
            ValueError: If there is no such view.
        """
        distance = (self.distance or 850.0) if distance is None else distance
        orientation, pose = view(name, distance, angle_deg)
        self.recipe = replace(self._recipe, orientation=orientation, pose=pose)

    # The layers

    @property
    def ct(self) -> Image | None:
        """The CT's layer."""
        return self._inputs.ct

    @ct.setter
    def ct(self, layer: Image | None) -> None:
        if layer is not None and layers.unwrap(layer) not in layers.volumes(self.viewer):
            raise ValueError(f"{layer.name!r} is no CT: take a 3-D, gray-valued image layer.")
        self._decided.add("ct")
        self._take_ct(layer)

    def _take_ct(self, layer: Image | None) -> None:
        if self._inputs.choose_ct(layer):
            self.events.inputs.emit()

    @property
    def labels(self) -> Labels | None:
        """The layer of the CT's labels."""
        return self._inputs.labels

    @labels.setter
    def labels(self, layer: Labels | None) -> None:
        if layer is not None and layers.unwrap(layer) not in layers.label_volumes(self.viewer):
            raise ValueError(f"{layer.name!r} holds no structures: take a 3-D labels layer.")
        self._decided.add("labels")
        self._take_labels(layer)

    def _take_labels(self, layer: Labels | None) -> None:
        if self._inputs.choose_labels(layer):
            named = () if self.labels is None else layers.named_structures(self.labels)
            self._structures = tuple(Structure(*row) for row in named)
            known = merged_structures(self._structures, self._recipe.structures)
            self.recipe = replace(self._recipe, structures=known)
            self.events.inputs.emit()

    @property
    def frame(self) -> layers.Frame:
        """The world axes of both layers: ours are `"RAS"`, other readers may use `"LPS"`."""
        return self._inputs.frame

    @frame.setter
    def frame(self, frame: layers.Frame) -> None:
        if frame not in get_args(layers.Frame):
            raise ValueError(f"`frame` must be 'RAS' or 'LPS', got {frame!r}.")
        self._inputs.frame = frame
        self.events.inputs.emit()

    @property
    def masks(self) -> frozenset[Masks]:
        """The forms in which a render shows masks: `"labels"`, `"images"`, both or none."""
        return self._masks

    @masks.setter
    def masks(self, masks: Iterable[Masks]) -> None:
        chosen = frozenset(cast("list[Masks]", [masks]) if isinstance(masks, str) else masks)
        if unknown := chosen - set(get_args(Masks)):
            raise ValueError(
                f"`masks` must be of {', '.join(map(repr, get_args(Masks)))}, got "
                f"{', '.join(map(repr, unknown))}."
            )
        if chosen != self._masks:
            self._masks = chosen
            self.events.masks.emit(chosen)

    def adopt(self) -> None:
        """Choose the viewer's first CT and its first labels, until somebody has chosen."""
        if self.ct is None and "ct" not in self._decided:
            self._take_ct(layers.first_volume(self.viewer))
        if self.labels is None and self.ct is not None and "labels" not in self._decided:
            self._take_labels(layers.first_labels(self.viewer))

    def reload(self) -> None:
        """Read the layers again: napari does not tell when their arrays were edited in place."""
        self._inputs.note_edit()

    def output(self, name: str = "DRR") -> Any:
        """Return an output layer that is still in the viewer, or None.

        Args:
            name: `"DRR"`, `"DRR structures"`, or a structure's name for its own image.
        """
        return self._outputs.layer(self.viewer, name)

    # Rendering

    def render(self, wait: bool = True) -> Layer | None:
        """Render the recipe into the viewer's DRR layer; a render under way is given up.

        Args:
            wait: Return when the layer shows the image; False returns at once, and
                `events.rendered` or `events.failed` tells the end.

        Returns:
            The DRR layer, or None with `wait=False`.

        Raises:
            ValueError: If there is no CT, or CT, labels and recipe don't fit (with `wait`).
            RuntimeError: If `wait` is False and the session has no way back to the main thread.
        """
        if not wait and self._post is None:
            raise RuntimeError("Without a window only `render(wait=True)` can be delivered.")
        try:
            future = self._start()
        except ValueError as error:
            if wait:
                raise
            self.events.failed.emit(str(error))
            return None
        if wait:
            return self._show(future.result())
        # A weak reference: a render must not keep the session, nor its viewer, alive.
        session, post = weakref.ref(self), self._post
        future.add_done_callback(lambda done: post and post(lambda: _deliver(session, done)))
        return None

    def warm_up(self) -> None:
        """Import and compile what renders, in the background.

        What the first render needs comes first; what structures need after a render that was asked
        for meanwhile.
        """
        thread = self._thread()
        self._warm = thread.submit(warm_up)
        self._warm.add_done_callback(lambda done: _go_on(done, thread, warm_up_structures))

    def cancel(self) -> None:
        """Give up the render under way; `events.cancelled` tells."""
        self._cancel.set()
        if self._running is not None and not self._running.done():
            self._running = None
            self.events.cancelled.emit()

    def close(self) -> None:
        """End the thread and forget the volume; the session can be used again."""
        self.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        self._renderer = Renderer()

    def save(self, path: str | Path) -> None:
        """Save the recipe as JSON.

        Args:
            path: A file name, such as `view.drr.json`.
        """
        from napari_drr.io.export import save_recipe

        save_recipe(path, self._recipe)

    def load(self, path: str | Path) -> None:
        """Take the recipe of a file that napari-drr wrote.

        Args:
            path: A recipe, or a radiograph that carries one.

        Raises:
            ValueError: If the file holds no recipe.
        """
        from napari_drr.io.export import load_recipe

        recipe = load_recipe(path)
        self._expected = recipe.ct
        if self._structures:
            structures = merged_structures(self._structures, recipe.structures)
            recipe = replace(recipe, structures=structures)
        self.recipe = recipe

    def _start(self) -> Future[Result]:
        self._cancel.set()
        self._cancel = threading.Event()
        request = Request(
            recipe=self._recipe,
            inputs=self._inputs.snapshot(),
            channels=self._channel_ids(),
            expected=self._expected,
            cancel=self._cancel,
            progress=self._reporter(),
        )
        self._expected = None
        self.events.started.emit()
        if self._warm is not None and not self._warm.done():
            self.events.message.emit("Compiling the renderer, once after installation ...")
        self._running = self._thread().submit(self._renderer.render, request)
        return self._running

    def _thread(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="napari-drr")
        return self._pool

    def _reporter(self) -> Callable[[int, int], None]:
        session, post = weakref.ref(self), self._post

        def report(done: int, total: int) -> None:
            if post is not None:
                post(lambda: _report(session, done, total))

        return report

    def _channel_ids(self) -> tuple[int, ...]:
        if not self.masks or self.labels is None:
            return ()
        visible = tuple(s.id for s in self._recipe.structures if s.visible)
        if "images" in self.masks and len(visible) > MOST_STRUCTURE_IMAGES:
            raise ValueError(
                f"{len(visible)} structures are visible, and each would be a layer of its own: "
                f"show at most {MOST_STRUCTURE_IMAGES}, or take the masks as labels."
            )
        return visible

    def _show(self, result: Result) -> Layer:
        layer = self._outputs.show(self.viewer, result, self.ct, self.masks)
        # The renderer knows which CT it was; nothing that is shown changes.
        self._recipe = replace(self._recipe, ct=result.recipe.ct)
        for warning in result.warnings:
            self.events.message.emit(warning)
        self.events.rendered.emit(result)
        return layer

    # What happens to the layers

    def _on_layer_removed(self, event: Any) -> None:
        # The next one that is opened may be taken without asking.
        if event.value is self.ct:
            self.cancel()
            self._decided.discard("ct")
            self._take_ct(None)
        elif event.value is self.labels:
            self.cancel()
            self._decided.discard("labels")
            self._take_labels(None)


def _go_on(done: Future[None], thread: ThreadPoolExecutor, task: Callable[[], None]) -> None:
    """Have a thread do a task after another, unless either was given up."""
    if not done.cancelled():
        with suppress(RuntimeError):  # the session was closed
            thread.submit(task)


def _deliver(session: weakref.ref[Session], future: Future[Result]) -> None:
    """Show what a render returned, on the main thread."""
    alive = session()
    if alive is None or future.cancelled() or alive._viewer() is None:
        return
    error = future.exception()
    if error is None:
        alive._show(future.result())
    elif not isinstance(error, Cancelled):
        if not isinstance(error, (ValueError, TypeError, MemoryError, OSError)):
            _log.error("The render failed.", exc_info=error)
        alive.events.failed.emit(str(error) or type(error).__name__)


def _report(session: weakref.ref[Session], done: int, total: int) -> None:
    alive = session()
    if alive is not None:
        alive.events.progress.emit(done, total)


_sessions: weakref.WeakKeyDictionary[Any, Session] = weakref.WeakKeyDictionary()


def session(viewer: ViewerModel) -> Session:
    """Return the session of a viewer: the very object that the dock shows.

    Args:
        viewer: The viewer, or the proxy of it that napari gives to plugins.

    Returns:
        The viewer's one session; it has chosen a CT and labels where the viewer holds them.
    """
    real = layers.unwrap(viewer)
    if real not in _sessions:
        _sessions[real] = _new_session(real)
    _sessions[real].adopt()
    return _sessions[real]


def _new_session(viewer: ViewerModel) -> Session:
    """Return a session that reaches the main thread where a window's event loop gives a way."""
    from qtpy.QtWidgets import QApplication

    if QApplication.instance() is None:
        return Session(viewer)
    from napari_drr.viewer import _main_thread

    created = Session(viewer, _main_thread.post)
    _main_thread.at_quit(created.close)
    return created
