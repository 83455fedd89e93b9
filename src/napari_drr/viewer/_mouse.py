"""What the mouse does in the viewer's canvas: turn the C-arm, link points and rays, select."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_drr.viewer import _pointer
from napari_drr.viewer._carm import Box, CArm
from napari_drr.viewer._depth import densest_point
from napari_drr.viewer._hover import Hover
from napari_drr.viewer._outputs import MASK
from napari_drr.viewer._turning import Grip

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_drr.recipe import Recipe
    from napari_drr.viewer._session import Session

Steps = Generator[None, None, None]

LEFT_BUTTON = 1

# A hand that moves no farther than this between press and release has clicked: canvas pixels.
STILL_PX = 3.0

HINTS = {
    "turn": "Drag the radiograph to turn the C-arm; with Shift to move it, with Control to change "
    "its distance. Escape takes a drag back.",
    "link": "Click the radiograph to see its ray in the CT, or the CT to see where a point is "
    "projected. Click beside both to clear.",
    "isocenter": "Click the CT where the isocenter is to be.",
}

# Shapes of the pointer where a press would be taken.
SHAPES = {"turn": "pointing", "link": "cross", "isocenter": "cross"}

POSE_FIELDS = ("alpha_deg", "beta_deg", "gamma_deg", "x", "y", "z")

# What cannot be helped is told, not thrown into napari's event loop.
TOLD = (ValueError, RuntimeError, MemoryError)


class Mouse:
    """Listens to the mouse in a session's viewer, and does what the session's tool says.

    The viewer and the session are held weakly; the viewer holds functions that know this weakly.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self._hover = Hover(session)
        self._on_drag, self._on_move = _callbacks(self)
        self._is_attached = self._has_shape = False
        session.events.tool.connect(self._on_tool)

    def attach(self) -> None:
        """Listen, if not yet."""
        session = self._session()
        if self._is_attached or session is None:
            return
        session.viewer.mouse_drag_callbacks.append(self._on_drag)
        session.viewer.mouse_move_callbacks.append(self._on_move)
        self._hover.attach()
        self._is_attached = True

    def detach(self) -> None:
        """Leave the mouse to napari, as the dock closes."""
        session, was_attached, self._is_attached = self._session(), self._is_attached, False
        if session is None or not was_attached:
            return
        self._hover.detach()
        if (viewer := session._viewer()) is not None:
            viewer.mouse_drag_callbacks.remove(self._on_drag)
            viewer.mouse_move_callbacks.remove(self._on_move)
            self._shape(viewer, None)

    def _on_tool(self, tool: str) -> None:
        session = self._session()
        if session is None or (viewer := session._viewer()) is None:
            return
        if tool != "none":
            self.attach()
            session.events.message.emit(HINTS[tool])
        self._shape(viewer, None)

    # The pointer's shape

    def moved(self, event: Any) -> None:
        """Show by the pointer's shape whether a press would be taken."""
        session = self._session()
        if session is None or session.tool == "none":
            return
        is_taken = self._takes(session, event)
        self._shape(session.viewer, SHAPES[session.tool] if is_taken else None)

    def _shape(self, viewer: ViewerModel, shape: str | None) -> None:
        if shape is not None or self._has_shape:
            _pointer.set_cursor(viewer, shape)
        self._has_shape = shape is not None

    @staticmethod
    def _takes(session: Session, event: Any) -> bool:
        """Tell whether the session's tool is for what the mouse is on."""
        is_on_radiograph = _share(session, event) is not None
        if session.tool == "turn":
            return is_on_radiograph
        is_on_ct = not is_on_radiograph and _point(session, event) is not None
        return is_on_ct or (session.tool == "link" and is_on_radiograph)

    # Press, drag and release

    def pressed(self, event: Any) -> Steps:
        """Follow the mouse from a press to its release, as napari's drag callbacks do."""
        session = self._session()
        # With Alt, napari draws its zoom box.
        if session is None or event.button != LEFT_BUTTON or "Alt" in event.modifiers:
            return
        viewer = session.viewer
        if viewer.dims.ndisplay != 2:
            return
        takes = session.tool != "none" and self._takes(session, event)
        if not takes:
            if session.tool != "none" or not _pointer.is_busy(viewer):
                yield from self._click(session, event)
            return
        with _pointer.no_layer_mode(viewer):
            if session.tool == "turn":
                yield from self._turn(session, event)
            else:
                yield from self._click(session, event)

    def _click(self, session: Session, event: Any) -> Steps:
        """Act at the release, unless the mouse was moved: napari then pans."""
        pressed, start = _Place(event), np.array(event.pos)
        yield
        while event.type == "mouse_move":
            if _is_far(event.pos, start):
                return
            yield
        if not _is_far(event.pos, start):
            _told(session, lambda: _clicked(session, pressed))

    def _turn(self, session: Session, event: Any) -> Steps:
        """Turn the C-arm; napari's camera is not told of a press that is handled."""
        event.handled = True
        if session.ct is None:
            session.events.message.emit("There is no CT to turn: open it again.")
            return
        pressed, start = _Place(event), np.array(event.pos)
        drag = _Drag(session, event)
        with _pointer.key_held(session.viewer, "Escape", drag.on_escape):
            try:
                yield
                # napari leaves moves out where they come fast: the release is the last one.
                while drag.goes_on:
                    if drag.has_moved or _is_far(event.pos, start):
                        drag.follow(event)
                    if event.type != "mouse_move":
                        break
                    yield
            finally:
                drag.end()
        if drag.goes_on and not drag.has_moved:
            _told(session, lambda: _select(session, pressed))


class _Place:
    """Where the mouse was: napari reuses its events."""

    def __init__(self, event: Any) -> None:
        self.position = tuple(event.position)
        self.viewbox = getattr(event, "viewbox", None)


class _Drag:
    """One drag of the radiograph: one gesture of its session.

    Args:
        session: The session.
        event: The press on the radiograph.
    """

    def __init__(self, session: Session, event: Any) -> None:
        self._session = session
        self._layer = session.output()
        self._before = session.recipe
        # As the layer stands now: a radiograph that is hung anew would pull at the hand.
        self._image_from_screen = _pointer.image_from_screen(session.viewer, self._layer)
        self._start = self._on_detector(event)
        grip = Grip.of(session.recipe)
        self._moved_to: Callable[[Any], Recipe] = grip.turned
        if "Shift" in event.modifiers:
            self._moved_to = grip.shifted
        elif "Control" in event.modifiers:
            self._moved_to = grip.moved_away
        self.goes_on, self.has_moved = True, False
        session.begin_gesture()

    def _on_detector(self, event: Any) -> Any:
        """Return where the mouse is, mm from the top left corner, (right, down)."""
        detector = self._session.recipe.detector
        point = _pointer.screen_point(self._session.viewer, event.position)
        width = detector.width * detector.pixel_spacing_x
        height = detector.height * detector.pixel_spacing_y
        return self._image_from_screen @ point * (width, height)

    def follow(self, event: Any) -> None:
        """Move the C-arm to where the hand is."""
        session = self._session
        if session.ct is None or session.output() is not self._layer:
            # The CT or the radiograph was deleted.
            self.goes_on = False
            return
        self.has_moved = True
        recipe = self._moved_to(self._on_detector(event) - self._start)
        _told(session, lambda: self._set(recipe))

    def _set(self, recipe: Recipe) -> None:
        """Change the pose only: the structures may have changed since."""
        session = self._session
        session.pose.update(**{name: getattr(recipe.pose, name) for name in POSE_FIELDS})
        self._show()

    def _show(self) -> None:
        # A hand on the picture wants to see it move, also where other changes wait for a button.
        if not self._session.live:
            self._session._rendering.update()

    def on_escape(self, provider: Any = None) -> None:
        """Go back to before the drag, and let go."""
        if self.goes_on and self._session.recipe != self._before:
            _told(self._session, self._session.undo)
            self._show()
        self.goes_on = False

    def end(self) -> None:
        """Make the drag one step to undo; what was a preview is rendered in full."""
        _told(self._session, self._session.end_gesture)


def _share(session: Session, place: Any) -> tuple[float, float] | None:
    """Return which point of the radiograph a place is, as shares of width and height."""
    viewbox = getattr(place, "viewbox", None)
    return _pointer.share_at(session.viewer, session.output(), place.position, viewbox)


def _point(session: Session, place: Any) -> _pointer.Point | None:
    """Return which point of the CT a place is, world mm."""
    viewbox = getattr(place, "viewbox", None)
    return _pointer.point_at(session.viewer, session.ct, place.position, session.frame, viewbox)


def _clicked(session: Session, place: _Place) -> None:
    _select(session, place)
    if session.tool == "link":
        _link(session, place)
    elif session.tool == "isocenter":
        _set_isocenter(session, place)


def _link(session: Session, place: _Place) -> None:
    """Link a pixel to its ray, or a point to its projection, or clear both."""
    share = _share(session, place)
    if share is None:
        point = _point(session, place)
        session.ray, session.marker = None, point
        return
    detector = session.recipe.detector
    session.marker = None
    session.ray = (share[0] * detector.width, share[1] * detector.height)
    _show_ray(session, session.ray)


def _show_ray(session: Session, pixel: tuple[float, float]) -> None:
    """Show the slices through the densest point of a ray."""
    ct, center = session.ct, session.center
    if ct is None or center is None:
        return
    inputs = session._inputs.snapshot()
    box = Box(inputs.affine, inputs.shape)
    segment = box.clip(CArm.of(session.recipe, center).ray(pixel))
    if segment is None:
        session.events.message.emit("This ray misses the CT.")
        return
    point = densest_point(inputs, session.recipe.structures, segment)
    _pointer.go_to(session.viewer, ct, point.tolist(), session.frame)


def _set_isocenter(session: Session, place: _Place) -> None:
    point = None if _share(session, place) is not None else _point(session, place)
    if point is None:
        session.events.message.emit(HINTS["isocenter"])
        return
    session.isocenter = point
    session.tool = "none"
    x, y, z = point
    session.events.message.emit(f"The isocenter is at {x:.1f}, {y:.1f}, {z:.1f} mm (R, A, S).")


def _select(session: Session, place: _Place) -> None:
    """Select the structure whose mask is shown at a place, if there is one."""
    viewer, label = session.viewer, 0
    layer = session.output(MASK)
    share = _pointer.share_at(viewer, layer, place.position, place.viewbox)
    if share is not None:
        label = int(_pointer.value_at(layer, share))
    label = label or _brightest(session, place)
    if label and any(structure.id == label for structure in session.structures):
        session.selected = (label,)


def _brightest(session: Session, place: _Place) -> int:
    """Return the structure whose own image is brightest at a place, or 0."""
    found = {0: 0.0}
    for structure in session.structures:
        layer = session.output(structure.name)
        share = _pointer.share_at(session.viewer, layer, place.position, place.viewbox)
        if share is not None:
            found[structure.id] = _pointer.value_at(layer, share)
    return max(found, key=lambda label: found[label])


def _is_far(pos: Any, start: Any) -> bool:
    return bool(np.linalg.norm(np.subtract(pos, start)) > STILL_PX)


def _told(session: Session, action: Callable[[], Any]) -> None:
    try:
        action()
    except TOLD as error:
        session.events.message.emit(str(error))


def _callbacks(mouse: Mouse) -> tuple[Callable[..., Steps], Callable[..., None]]:
    """Return functions for the viewer to hold, which let go of a mouse that nobody else holds."""
    held = weakref.ref(mouse)

    def on_drag(viewer: ViewerModel, event: Any) -> Steps:
        if (alive := held()) is not None:
            yield from alive.pressed(event)

    def on_move(viewer: ViewerModel, event: Any) -> None:
        if (alive := held()) is not None:
            alive.moved(event)

    return on_drag, on_move
