"""A hand on the mouse of a viewer without a window, and what it points at."""

from types import SimpleNamespace

import numpy as np
import torch
import torchio
import wrapt
from napari.components import ViewerModel
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)

from napari_drr import session
from napari_drr.viewer import layers
from napari_drr.viewer._screen import Screen


class Hand:
    """A hand on the mouse: sends what napari's canvas sends."""

    def __init__(self, viewer):
        self.viewer = viewer
        self.is_down = False
        self.pos = np.zeros(2)

    def _send(self, callbacks, kind, position, modifiers=(), button=1, viewbox=(0, 0)):
        # A canvas pixel is 0.1 mm: any move in a test is one.
        self.pos = np.asarray(position)[-2:] * 10
        event = SimpleNamespace(
            type=kind,
            position=tuple(position),
            pos=self.pos,
            button=button,
            modifiers=modifiers,
            is_dragging=self.is_down,
            handled=False,
            viewbox=viewbox,
        )
        event = wrapt.ObjectProxy(event)
        self.viewer.cursor.position = tuple(position)
        callbacks(self.viewer, event)
        if (active := self.viewer.layers.selection.active) is not None:
            callbacks(active, event)
        return event

    def press(self, position, **how):
        event = self._send(mouse_press_callbacks, "mouse_press", position, **how)
        self.is_down = True
        return event

    def move(self, position, **how):
        return self._send(mouse_move_callbacks, "mouse_move", position, **how)

    def release(self, position, **how):
        event = self._send(mouse_release_callbacks, "mouse_release", position, **how)
        self.is_down = False
        return event

    def click(self, position, **how):
        self.press(position, **how)
        self.release(position, **how)

    def drag(self, start, end, **how):
        self.press(start, **how)
        for share in (0.3, 0.7, 1.0):
            self.move(np.array(start) * (1 - share) + np.array(end) * share, **how)
        self.release(end, **how)


def at_pixel(viewer, layer, column, row):
    """Return the viewer's position of a pixel point of a 2-D layer, in any view."""
    world = np.array(layer.data_to_world((row - 0.5, column - 0.5)))
    position = np.array(viewer.dims.point)
    position[list(viewer.dims.order[-2:])] = world[list(Screen.of(viewer).axes(2))]
    return position


def block(center, size=200.0, spacing=5.0, half=10.0):
    """A CT of air, 200 mm wide around the world's origin, with a block of bone."""
    n = int(size / spacing)
    grid = (np.arange(n) - (n - 1) / 2) * spacing
    inside = [np.abs(grid - middle) <= half for middle in center]
    values = np.where(inside[0][:, None, None] & inside[1][:, None] & inside[2], 1000.0, -1000.0)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = grid[0]
    return torchio.ScalarImage(
        tensor=torch.tensor(values[None], dtype=torch.float32), affine=affine
    )


def opened(image):
    viewer = ViewerModel()
    voxels, how, _ = layers.image_layer_data(image, "ct")
    viewer.add_image(voxels.copy(), **how)
    return viewer


def open_session(image):
    """Open a CT in a viewer, and its session with a detector of 60 x 80 pixels.

    Returns:
        The viewer, which the session does not hold, and the session.
    """
    viewer = opened(image)
    s = session(viewer)
    s.detector.update(height=60, width=80, pixel_spacing_x=5.0, pixel_spacing_y=5.0)
    return viewer, s


def add_labels(viewer, phantom):
    voxels, how, _ = layers.labels_layer_data(phantom.mask, phantom.structures, "labels")
    viewer.add_labels(voxels.copy(), **how)


def told(s):
    """Return a list that a session's messages come into."""
    messages = []
    s.events.message.connect(messages.append)
    return messages
