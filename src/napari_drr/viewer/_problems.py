"""What can't work, or not as well as it could, in words and with the way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
About = Literal["layers", "recipe"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

REMEDIES = {
    "convert_labels": "Make labels",
    "fill_ct": "Fill with air",
    "resample_ct": "Resample",
    "shift_ct": "Subtract 1024",
    "take_volume": "Take volume",
    "use_millimeters": "Set mm",
}
"""Methods of the session that solve a problem, and what a button for each may say."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Args:
        message: What, and the way out, in a sentence or two.
        severity: `"error"`: nothing can be rendered. `"warning"`: the image, or what is shown
            beside it, may not be what was meant. `"note"`: good to know.
        remedy: Name of the session's method that solves it, if one does; `Session.solve` calls it.
        about: Whether the layers are at fault, or the recipe, which changes with every drag.

    Examples:
        >>> print(Problem("There is no CT: drop one on the window."))
        There is no CT: drop one on the window.
    """

    message: str
    severity: Severity = "error"
    remedy: str | None = None
    about: About = "layers"

    @property
    def remedy_text(self) -> str:
        """What a button for the remedy may say; empty if there is none."""
        return "" if self.remedy is None else REMEDIES[self.remedy]

    def __str__(self) -> str:
        """Return the sentence."""
        return self.message
