"""The session: one evented object that the dock shows and the console drives. No Qt."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.recipe import CTReference, Recipe, Structure, view
from napari_drr.viewer import layers
from napari_drr.viewer._carm import Box
from napari_drr.viewer._checks import Checks
from napari_drr.viewer._events import SessionEvents
from napari_drr.viewer._history import History
from napari_drr.viewer._inputs import InputLayers
from napari_drr.viewer._layer_checks import NO_CT
from napari_drr.viewer._mouse import Mouse
from napari_drr.viewer._outputs import MASK, RADIOGRAPH, Masks
from napari_drr.viewer._preferences import preferences
from napari_drr.viewer._remedies import Remedies
from napari_drr.viewer._rendering import LOOKS_ONLY, Post, Rendering
from napari_drr.viewer._sections import DetectorSection, PoseSection, Section
from napari_drr.viewer._structures import Structures, merged_structures
from napari_drr.viewer._told import Told

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

    from napari_drr.viewer._problems import Problem
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


def _selected(session: Session, keys: Iterable[int | str]) -> tuple[int, ...]:
    chosen = list(keys)
    return tuple(session.structures.ids(*chosen)) if chosen else ()


def _point(length: int, what: str) -> Callable[[Any, Any], tuple[float, ...] | None]:
    def checked(session: Session, point: Any) -> tuple[float, ...] | None:
        if point is None:
            return None
        values = tuple(float(value) for value in point)
        if len(values) != length or not np.isfinite(values).all():
            raise ValueError(f"{what} must be {length} finite numbers or None, got {values}.")
        return values

    return checked


class Session(Remedies):
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

    selected = Told[tuple[int, ...]]((), _selected)
    """Ids of the selected structures; set it by ids, names or groups."""

    marker = Told[Any](None, _point(3, "`marker`"))
    """A point in the world (x, y, z), mm, that is shown in CT and radiograph; or None."""

    ray = Told[Any](None, _point(2, "`ray`"))
    """A pixel point (column, row; centers at +0.5) whose ray is shown in the CT; or None."""

    def __init__(
        self, viewer: ViewerModel, post: Post | None = None, recipe: Recipe | None = None
    ) -> None:
        self._viewer = weakref.ref(viewer)
        self.events = SessionEvents()
        self._recipe = Recipe() if recipe is None else recipe
        self._history = History[Recipe]()
        self._inputs = InputLayers(self._on_inputs_changed)
        self._decided: set[str] = set()
        self._structures: tuple[Structure, ...] = ()
        self._labels_seen: tuple[int, int] | None = None
        self._was_live = False
        self._expected: CTReference | None = None
        self._rendering = Rendering(self, post)
        self._checks = Checks(self)
        self._mouse = Mouse(self)
        self.events.live.connect(self._on_live)
        self.events.masks.connect(self._update)
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
        before = self._recipe
        if self._replace(recipe):
            could = self.can_undo, self.can_redo
            self._history.record(before)
            if could != (self.can_undo, self.can_redo):
                self.events.history.emit()

    def _replace(self, recipe: Recipe) -> bool:
        """Take another recipe, and render it if live; tell whether anything is different."""
        old = self._recipe
        names = [field.name for field in fields(Recipe)]
        changed = {name for name in names if getattr(recipe, name) != getattr(old, name)}
        if changed:
            self._recipe = recipe
            self._update(changed)
            # The worker is at it already while everybody is told.
            self.events.recipe.emit(changed)
            self._rendering.wait_a_moment()
        return bool(changed)

    # Undo and redo

    @property
    def can_undo(self) -> bool:
        """Whether a change of the recipe can be taken back."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether a change that was taken back can be made again."""
        return self._history.can_redo

    def undo(self) -> None:
        """Take the last change of the recipe back; nothing happens if there was none."""
        self._go_to(self._history.undo(self._recipe))

    def redo(self) -> None:
        """Make the change again that `undo` took back."""
        self._go_to(self._history.redo(self._recipe))

    def _go_to(self, recipe: Recipe | None) -> None:
        if recipe is None:
            return
        self._replace(self._of_these_layers(recipe))
        self.events.history.emit()

    def _of_these_layers(self, recipe: Recipe) -> Recipe:
        """Return a recipe of another time or CT, for the layers that are chosen now."""
        structures = recipe.structures
        if self._structures:
            structures = merged_structures(self._structures, structures)
        return replace(recipe, ct=self._recipe.ct, structures=structures)

    @contextmanager
    def gesture(self) -> Iterator[None]:
        """Make all changes within it one step to undo, with previews until it ends.

        Example:
            ```python
            with s.gesture():
                for angle in range(90):
                    s.pose.alpha_deg = angle
            ```
        """
        self.begin_gesture()
        try:
            yield
        finally:
            self.end_gesture()

    def begin_gesture(self) -> None:
        """Begin what `gesture` does, where the end comes in another function."""
        self._history.begin()

    def end_gesture(self) -> None:
        """End what `begin_gesture` began; what was a preview is rendered in full."""
        if self._history.end():
            self._rendering.rest()

    # The recipe's parts

    @property
    def pose(self) -> PoseSection:
        """Where the C-arm is: `alpha_deg`, `beta_deg`, `gamma_deg`, `x`, `y`, `z` (mm)."""
        return PoseSection(self, "pose")

    @property
    def detector(self) -> DetectorSection:
        """Distance, pixels and offsets, in mm."""
        return DetectorSection(self, "detector")

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
    def center(self) -> tuple[float, float, float] | None:
        """What the C-arm turns about, world mm: the isocenter, or the center of the CT's grid.

        None where there is neither.
        """
        if self.isocenter is not None or self.ct is None:
            return self.isocenter
        low, high = self._corners_world().min(axis=0), self._corners_world().max(axis=0)
        x, y, z = ((low + high) / 2).tolist()
        return (x, y, z)

    def corners(self) -> Float[NDArray[np.float64], "8 3"]:
        """Return the corners of the CT's grid, iso mm.

        Raises:
            ValueError: If there is no CT, or it is none that can be rendered.
        """
        corners: NDArray[np.float64] = self._corners_world() - np.asarray(self.center)
        return corners

    def _corners_world(self) -> Float[NDArray[np.float64], "8 3"]:
        if self.ct is None:
            raise ValueError(NO_CT)
        grid = layers.grid_of(self.ct, self.frame)
        return Box(grid.affine, grid.shape).corners

    @property
    def distance(self) -> float:
        """From source to isocenter, mm."""
        return self.pose.distance

    @distance.setter
    def distance(self, distance: float) -> None:
        self.pose.distance = distance

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
        if (convention := self._recipe.pose.convention) != pose.convention:
            matrix = pose.rigid_transform().matrix[0].numpy()
            pose = type(pose).from_matrix(matrix, convention)
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
            self._on_inputs_changed()

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
            self._labels_seen = self._inputs.labels_key
            self.selected = ()
            self._list_structures(self.labels)
            self._on_inputs_changed()

    def _list_structures(self, labels: Labels | None) -> None:
        named = () if labels is None else layers.named_structures(labels)
        self._structures = tuple(Structure(*row) for row in named)
        self._merge_structures()

    def _merge_structures(self) -> None:
        known = merged_structures(self._structures, self._recipe.structures)
        self._replace(replace(self._recipe, structures=known))

    @property
    def frame(self) -> layers.Frame:
        """The world axes of both layers: ours are `"RAS"`, other readers may use `"LPS"`."""
        return self._inputs.frame

    @frame.setter
    def frame(self, frame: layers.Frame) -> None:
        if frame not in get_args(layers.Frame):
            raise ValueError(f"`frame` must be 'RAS' or 'LPS', got {frame!r}.")
        self._inputs.frame = frame
        self._on_inputs_changed()

    def adopt(self) -> None:
        """Choose the viewer's first CT and its first labels, until somebody has chosen."""
        if self.ct is None and "ct" not in self._decided:
            self._take_ct(layers.first_volume(self.viewer))
        if self.labels is None and self.ct is not None and "labels" not in self._decided:
            self._take_labels(layers.first_labels(self.viewer))

    def reload(self) -> None:
        """Read the layers again: napari does not tell when their arrays were edited in place."""
        self._inputs.note_edit()
        self._on_inputs_changed()

    def output(self, name: str = "DRR") -> Any:
        """Return an output layer that is still in the viewer, or None.

        Args:
            name: `"DRR"`, `"DRR structures"`, or a structure's name for its own image.
        """
        return self._rendering.outputs.layer(self.viewer, name)

    def problems(self) -> tuple[Problem, ...]:
        """Return what can't work now, or may not be what was meant; empty if all is well.

        Nothing is rendered for it. Where a render failed, every voxel of the CT is looked at.

        Returns:
            The worst first, each with the way out: in its words, and by `solve` where it has a
            `remedy`.
        """
        return self._checks()

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
        if fields <= LOOKS_ONLY:
            self._rendering.restyle()
        elif self.live and self.ct is not None:
            self._rendering.update()

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
        self.recipe = replace(self._of_these_layers(recipe), ct=recipe.ct)

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

    def _on_inputs_changed(self) -> None:
        self._name_new_labels()
        self._update()
        self.events.inputs.emit()

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
            self._take_labels(None)
        elif (name := self._rendering.outputs.name_of(event.value)) is not None:
            self._on_output_removed(name)

    def _on_output_removed(self, name: str) -> None:
        """Leave away what the user deleted, until it is asked for again."""
        if name == RADIOGRAPH:
            self._rendering.give_up_live()
            if self.live:
                self.live, self._was_live = False, True
                self.events.message.emit(DELETED)
        elif name == MASK:
            self.masks = self.masks - {"labels"}
        else:
            self._rendering.outputs.dismissed.add(name)

    def _name_new_labels(self) -> None:
        """List a label that is painted for the first time, and all of another array."""
        before, now = self._labels_seen, self._inputs.labels_key
        self._labels_seen = now
        labels = self.labels
        if labels is None or before is None or now is None or now == before:
            return
        if now[0] != before[0]:
            self._list_structures(labels)
            return
        painted = int(labels.selected_label)
        if painted > 0 and painted not in {s.id for s in self._structures}:
            added = (*self._structures, Structure(painted, f"label {painted}"))
            self._structures = tuple(sorted(added, key=lambda s: s.id))
            self._merge_structures()


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

        created = Session(viewer, _main_thread.post, first)
        _main_thread.at_quit(created.close)
    created._rendering.follow_preferences()
    return created
