"""What a session tells."""

from __future__ import annotations

from psygnal import Signal, SignalGroup


class SessionEvents(SignalGroup):
    """What a session tells; all on the main thread."""

    recipe = Signal(set)
    """The names of the recipe's fields that changed."""
    inputs = Signal()
    """The CT or the labels were chosen or taken away."""
    masks = Signal(frozenset)
    """Masks are wanted in other forms."""
    started = Signal()
    """A render began."""
    progress = Signal(int, int)
    """Rays done, rays in all."""
    rendered = Signal(object)
    """A `Result` stands in the viewer."""
    cancelled = Signal()
    """A render was given up."""
    failed = Signal(str)
    """A render could not be made; the message says why."""
    message = Signal(str)
    """A sentence for the status line."""
