"""The session: one evented object that the dock shows and the console drives. No Qt."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from psygnal import Signal, SignalGroup

from napari_drr.recipe import Recipe, Structure, view
from napari_drr.viewer import layers
from napari_drr.viewer._render import Cancelled, Inputs, Renderer, Request, Result
from napari_drr.viewer._sections import Section, Structures

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

_log = logging.getLogger(__name__)

Post = Callable[[Callable[[], None]], None]
Masks = Literal["labels", "images"]

# Each image layer costs napari's window some hundredths of a second per update.
MOST_STRUCTURE_IMAGES = 24


class SessionEvents(SignalGroup):
    """What a session tells; all on the main thread."""

    recipe = Signal(set)
    """The names of the recipe's fields that changed."""
    inputs = Signal()
    """The CT or the labels were chosen or taken away."""
    started = Signal()
    """A render began."""
    progress = Signal(int, int)
    """Rays done, rays in all."""
    rendered = Signal(object)
    """A `Result` stands in the viewer."""
    failed = Signal(str)
    """A render could not be made; the message says why."""
    message = Signal(str)
    """A sentence for the status line."""


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
        self._ct: weakref.ref[Image] | None = None
        self._labels: weakref.ref[Labels] | None = None
        self.frame: layers.Frame = "RAS"
        self.masks: frozenset[Masks] = frozenset()
        self._edits = 0
        self._outputs: dict[str, weakref.ref[Layer]] = {}
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
        point = None if isocenter is None else tuple(float(v) for v in isocenter)
        self.recipe = replace(self._recipe, isocenter=point)

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
        return None if self._ct is None else self._ct()

    @ct.setter
    def ct(self, layer: Image | None) -> None:
        layer = layers.unwrap(layer)
        if layer is self.ct:
            return
        self._watch(self.ct, connect=False)
        self._ct = None if layer is None else weakref.ref(layer)
        self._watch(layer, connect=True)
        self.events.inputs.emit()

    @property
    def labels(self) -> Labels | None:
        """The layer of the CT's labels."""
        return None if self._labels is None else self._labels()

    @labels.setter
    def labels(self, layer: Labels | None) -> None:
        layer = layers.unwrap(layer)
        if layer is self.labels:
            return
        self._watch(self.labels, connect=False)
        self._labels = None if layer is None else weakref.ref(layer)
        self._watch(layer, connect=True)
        self.recipe = replace(self._recipe, structures=_structures_of(layer))
        self.events.inputs.emit()

    def adopt(self) -> None:
        """Choose the viewer's first CT and its first labels where none are chosen yet."""
        if self.ct is None:
            self.ct = layers.first_volume(self.viewer)
        if self.labels is None and self.ct is not None:
            self.labels = layers.first_labels(self.viewer)

    def reload(self) -> None:
        """Read the layers again: napari does not tell when their arrays were edited in place."""
        self._edits += 1

    def output(self, name: str = "DRR") -> Layer | None:
        """Return an output layer of this session that is still in the viewer, or None."""
        layer = self._outputs[name]() if name in self._outputs else None
        return layer if layers.shown(self.viewer, layer) else None

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

    def cancel(self) -> None:
        """Give up the render under way."""
        self._cancel.set()

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
        Path(path).write_text(self._recipe.to_json() + "\n", encoding="utf-8")

    def load(self, path: str | Path) -> None:
        """Take the recipe of a file that napari-drr wrote.

        Args:
            path: A recipe, or a radiograph that carries one.

        Raises:
            ValueError: If the file holds no recipe.
        """
        from napari_drr.io.export import load_recipe

        self.recipe = load_recipe(path)

    def _start(self) -> Future[Result]:
        self.cancel()
        self._cancel = threading.Event()
        request = Request(
            self._recipe, self._inputs(), self._channel_ids(), self._cancel, self._reporter()
        )
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="napari-drr")
        self.events.started.emit()
        return self._pool.submit(self._renderer.render, request)

    def _reporter(self) -> Callable[[int, int], None]:
        session, post = weakref.ref(self), self._post

        def report(done: int, total: int) -> None:
            if post is not None:
                post(lambda: _report(session, done, total))

        return report

    def _inputs(self) -> Inputs:
        ct, labels = self.ct, self.labels
        if ct is None:
            raise ValueError("There is no CT: drop one on the window, or open the phantom.")
        hounsfield, affine = layers.volume_from_layer(ct, self.frame)
        key: tuple[Any, ...] = (id(ct.data), affine.tobytes(), self._edits)
        if labels is None:
            return Inputs(hounsfield, affine, None, None, key)
        mask, mask_affine = layers.volume_from_layer(labels, self.frame)
        key = (*key, id(labels.data), mask_affine.tobytes())
        table = layers.structures_from_layer(labels)
        return Inputs(hounsfield, affine, (mask, mask_affine), table, key)

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
        """Put a result into the viewer."""
        beside = self.ct
        layer = layers.add_or_update_radiograph(
            self.viewer, result.image, result.recipe, beside=beside, layer=self.output()
        )
        self._outputs["DRR"] = weakref.ref(layer)
        self._recipe = replace(self._recipe, ct=result.recipe.ct)
        if result.channels is not None:
            self._show_masks(result, beside)
        for warning in result.warnings:
            self.events.message.emit(warning)
        self.events.rendered.emit(result)
        return layer

    def _show_masks(self, result: Result, beside: Layer | None) -> None:
        chosen = {s.name: s for s in result.recipe.structures}
        shown = [chosen[name] for name in result.names]
        colors = {s.id: s.color for s in shown if s.color is not None}
        ids, names = [s.id for s in shown], [s.name for s in shown]
        if "labels" in self.masks:
            name = "DRR structures"
            mask = layers.add_or_update_mask_labels(
                self.viewer,
                result.channels,
                ids,
                names,
                result.recipe,
                colors=colors,
                name=name,
                beside=beside,
                layer=self.output(name),
            )
            self._outputs[name] = weakref.ref(mask)
        if "images" in self.masks:
            old = [layer for n in names if (layer := self.output(n)) is not None]
            images = layers.add_structure_images(
                self.viewer,
                result.channels,
                names,
                result.recipe,
                ids=ids,
                colors=colors,
                beside=beside,
                layers=old,
            )
            self._outputs |= dict(zip(names, map(weakref.ref, images), strict=True))

    # What happens to the layers

    def _watch(self, layer: Layer | None, connect: bool) -> None:
        if layer is None:
            return
        for name in ("data", "paint", "labels_update"):
            emitter = getattr(layer.events, name, None)
            if emitter is not None:
                (emitter.connect if connect else emitter.disconnect)(self._on_layer_edited)

    def _on_layer_edited(self) -> None:
        self._edits += 1

    def _on_layer_removed(self, event: Any) -> None:
        if event.value is self.ct:
            self.ct = None
        elif event.value is self.labels:
            self.labels = None


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


def _structures_of(layer: Labels | None) -> tuple[Structure, ...]:
    """Return the structures of a labels layer, those that it does not name included."""
    if layer is None:
        return ()
    return tuple(Structure(*row) for row in layers.named_structures(layer))


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
        _sessions[real] = Session(real, _main_thread())
    _sessions[real].adopt()
    return _sessions[real]


def _main_thread() -> Post | None:
    """Return a way onto the main thread where a window's event loop gives one."""
    from qtpy.QtWidgets import QApplication

    if QApplication.instance() is None:
        return None
    from napari_drr.viewer._main_thread import post

    return post
