"""What a session tells."""

from __future__ import annotations

from psygnal import Signal, SignalGroup


class SessionEvents(SignalGroup):
    """What a session tells; all on the main thread."""

    recipe = Signal(set)
    """The names of the recipe's fields that changed."""
    inputs = Signal()
    """The CT or the labels were chosen, changed or taken away."""
    history = Signal()
    """There is something else to undo or to redo."""
    masks = Signal(frozenset)
    """Masks are wanted in other forms."""
    live = Signal(bool)
    """Whether every change renders."""
    device = Signal(str)
    """Images are wanted from another device."""
    letters = Signal(bool)
    """Whether letters name the patient's sides."""
    tool = Signal(str)
    """What the mouse does in the canvas."""
    selected = Signal(tuple)
    """The ids of the selected structures."""
    marker = Signal(object)
    """The linked point in the world (x, y, z), mm, or None."""
    ray = Signal(object)
    """The pixel point (column, row) of the linked ray, or None."""
    started = Signal()
    """A render began that takes a while."""
    progress = Signal(int, int)
    """Rays done, rays in all."""
    rendered = Signal(object)
    """A `Result` stands in the viewer."""
    status = Signal(object)
    """A `Status`: how fast it was, and what rendered it."""
    cancelled = Signal()
    """A render was given up."""
    failed = Signal(str)
    """A render could not be made; the message says why."""
    message = Signal(str)
    """A sentence for the status line."""
    refused = Signal(str)
    """What was asked for can't be done; the sentence says why."""
