"""The session: one evented object that the dock shows and the console drives. No Qt."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np

from napari_drr.recipe import CTReference, Recipe, Structure
from napari_drr.rendering._devices import AUTO
from napari_drr.rendering._devices import checked as checked_device
from napari_drr.viewer import layers
from napari_drr.viewer._annotating import Annotating
from napari_drr.viewer._checks import Checks
from napari_drr.viewer._chosen_layers import ChosenLayers
from napari_drr.viewer._looks_by_hand import LooksByHand
from napari_drr.viewer._mouse import Mouse
from napari_drr.viewer._outputs import MASK, RADIOGRAPH, Masks
from napari_drr.viewer._preferences import preferences
from napari_drr.viewer._remedies import Remedies
from napari_drr.viewer._rendering import LOOKS_ONLY, Post, Rendering
from napari_drr.viewer._told import Told

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_drr.viewer._problems import About, Problem
    from napari_drr.viewer._status import Status

DELETED = (
    "The radiograph was deleted, so live is off: press Render, or turn live on, to have it again."
)

Tool = Literal["none", "turn", "link", "isocenter"]


def _masks(session: Session, masks: Iterable[Masks]) -> frozenset[Masks]:
    chosen = frozenset(cast("list[Masks]", [masks]) if isinstance(masks, str) else masks)
    if unknown := chosen - set(get_args(Masks)):
        raise ValueError(
            f"`masks` must be of {', '.join(map(repr, get_args(Masks)))}, got "
            f"{', '.join(map(repr, unknown))}."
        )
    return chosen


def _tool(session: Session, tool: str) -> Tool:
    if tool not in get_args(Tool):
        raise ValueError(
            f"`tool` must be one of {', '.join(map(repr, get_args(Tool)))}, got {tool!r}."
        )
    return cast("Tool", tool)


def _point(length: int, what: str) -> Callable[[Any, Any], tuple[float, ...] | None]:
    def checked(session: Session, point: Any) -> tuple[float, ...] | None:
        if point is None:
            return None
        values = tuple(float(value) for value in point)
        if len(values) != length or not np.isfinite(values).all():
            raise ValueError(f"{what} must be {length} finite numbers or None, got {values}.")
        return values

    return checked


class Session(ChosenLayers, Remedies):
    """Radiographs of a viewer's CT: set what is wanted, then render.

    The recipe is the only state; `pose`, `detector`, `renderer`, `attenuation`, `display` and
    `structures` are ways to change it. Use it on the main thread.

    Args:
        viewer: The napari viewer.
        post: Runs a function on the main thread, soon; None where only the main thread renders
            (`render(wait=True)`).
        recipe: What it begins with.

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

    live = Told(False, lambda session, live: bool(live))
    """Whether every change renders: a coarse preview first where that is seen sooner."""

    masks = Told(frozenset[Masks](), _masks)
    """The forms in which a render shows masks: `"labels"`, `"images"`, both or none."""

    tool = Told[Tool]("none", _tool)
    """What the mouse does in the canvas: `"none"`, `"turn"` the C-arm by dragging the radiograph,
    `"link"` a click to the ray or the point that it means, or set the `"isocenter"`."""

    marker = Told[Any](None, _point(3, "`marker`"))
    """A point in the world (x, y, z), mm, that is shown in CT and radiograph; or None."""

    ray = Told[Any](None, _point(2, "`ray`"))
    """A pixel point (column, row; centers at +0.5) whose ray is shown in the CT; or None."""

    device = Told(AUTO, lambda session, device: checked_device(device))
    """Where images are rendered: `"auto"` (a GPU where there is one), `"cpu"`, `"cuda"`, `"cuda:1"`
    and so on, or `"mps"`. It is no part of the recipe."""

    letters = Told(False, lambda session, letters: bool(letters))
    """Whether letters on the radiograph name the patient's sides: R, L, A, P, H, F."""

    def __init__(
        self, viewer: ViewerModel, post: Post | None = None, recipe: Recipe | None = None
    ) -> None:
        super().__init__(viewer, recipe)
        self._was_live = False
        self._expected: CTReference | None = None
        self._rendering = Rendering(self, post)
        self._checks = Checks(self)
        self._mouse = Mouse(self)
        self._annotating = Annotating(self)
        self._looks_by_hand = LooksByHand(self)
        self.events.live.connect(self._on_live)
        self.events.masks.connect(self._update)
        self.events.device.connect(self._update)
        layers.on_removed(viewer, self._on_layer_removed)

    def output(self, name: str = "DRR") -> Any:
        """Return an output layer that is still in the viewer, or None.

        Args:
            name: `"DRR"`, `"DRR structures"`, or a structure's name for its own image.
        """
        return self._rendering.outputs.layer(self.viewer, name)

    def problems(self, about: About | None = None) -> tuple[Problem, ...]:
        """Return what can't work now, or may not be what was meant; empty if all is well.

        Nothing is rendered for it. Where a render failed, every voxel of the CT is looked at.

        Args:
            about: Only those about the `"layers"`, or about the `"recipe"`; None for all.

        Returns:
            The worst first, each with the way out: in its words, and by `solve` where it has a
            `remedy`.
        """
        return self._checks(about)

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
        if self._was_live:
            self.live = True
        return self._rendering.render(wait)

    def _update(self, changed: Any = None) -> None:
        """Show a change: the looks at once, all else by a render, if live."""
        fields = changed if isinstance(changed, set) else {"inputs"}
        if fields & LOOKS_ONLY:
            self._rendering.restyle()
        if fields <= LOOKS_ONLY:
            return
        if self.live and self.ct is not None:
            self._rendering.update()

    @property
    def _session(self) -> Session:
        return self

    def _updated(self) -> None:
        self._rendering.wait_a_moment()

    def _rest(self) -> None:
        self._rendering.rest()

    @property
    def status(self) -> Status | None:
        """How the last render went."""
        return self._rendering.status

    def under(self, column: int, row: int) -> list[tuple[Structure, float]]:
        """Return what lies under a pixel of the radiograph.

        Args:
            column: Of the pixel.
            row: Of the pixel.

        Returns:
            Structures and their line integrals without weights, the largest first. Empty where
            there are no labels, and until they are known, which takes a moment at a new pose.
        """
        return self._rendering.under(column, row)

    def painted(self, seconds: float) -> None:
        """Take note of how long the window took to paint an update: it sets the previews' size."""
        self._rendering.pace.painted(seconds)

    def warm_up(self) -> None:
        """Import and compile what renders, in the background."""
        self._rendering.warm_up()

    def cancel(self) -> None:
        """Give up the render under way; `events.cancelled` tells."""
        self._rendering.cancel()

    def close(self) -> None:
        """End the thread, forget the volume, leave the mouse; the session can be used again."""
        self._was_live = False
        self._mouse.detach()
        self._rendering.close()

    # Files and text

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
        before, self.recipe = self.recipe, replace(self._of_these_layers(recipe), ct=recipe.ct)
        if replace(before, ct=recipe.ct) == self.recipe:
            self._update()  # the same settings, of another CT perhaps

    def script(self) -> str:
        """Return a Python script that makes the same image from the CT's file."""
        from napari_drr.recipe import script

        ct, labels = (layers.file_of(layer) for layer in (self.ct, self.labels))
        return script(self._recipe, ct, labels)

    def paste(self, text: str) -> str:
        """Take what was copied from here or from elsewhere.

        Args:
            text: A pose as a 4x4 matrix, a camera's K, a recipe in JSON, or what `script` returned.

        Returns:
            What was taken, in words.

        Raises:
            ValueError: If it is none of them.
        """
        from napari_drr.recipe import pasted

        recipe, what = pasted(text, self._recipe)
        self.recipe = self._of_these_layers(recipe)
        return what

    # What happens to the layers

    def _on_live(self, live: bool) -> None:
        self._was_live = False
        self._update()

    def _on_layer_removed(self, event: Any) -> None:
        # The next one that is opened may be taken without asking.
        if event.value is self.ct:
            self._rendering.close()
            self._decided.discard("ct")
            self._take_ct(None)
            self.live = self.live or self._was_live
        elif event.value is self.labels:
            self.cancel()
            self._decided.discard("labels")
            self._passed_over.update(layers.label_volumes(self.viewer))
            self._take_labels(None)
        elif (name := self._rendering.outputs.name_of(event.value)) is not None:
            self._on_output_removed(name)

    def _on_output_removed(self, name: str) -> None:
        """Leave away what the user deleted, until it is asked for again."""
        if name == RADIOGRAPH and self.ct is None:
            return  # there is nothing that could be live
        if name == RADIOGRAPH:
            self._rendering.give_up_live()
            if self.live:
                self.live, self._was_live = False, True
                self.events.message.emit(DELETED)
        elif name == MASK:
            self.masks = self.masks - {"labels"}
        else:
            self._rendering.outputs.dismissed.add(name)


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
    _sessions[real]._mouse.attach()
    return _sessions[real]


def _new_session(viewer: ViewerModel) -> Session:
    """Return a session as the user prefers it.

    It reaches the main thread where a window's event loop gives a way.
    """
    from qtpy.QtWidgets import QApplication

    first = preferences().recipe()
    if QApplication.instance() is None:
        created = Session(viewer, None, first)
    else:
        from napari_drr.viewer import _main_thread
        from napari_drr.viewer.widgets._canvas import keep_removals_in_context

        created = Session(viewer, _main_thread.post, first)
        _main_thread.at_quit(created.close)
        keep_removals_in_context(viewer)
    created.device = preferences().device
    created._rendering.follow_preferences()
    return created
