"""What is wrong with the layers, each with a button for its way out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container
from qtpy.QtWidgets import QSizePolicy

from napari_drr.viewer._layer_checks import NO_CT
from napari_drr.viewer.widgets._binding import attempt, follow
from napari_drr.viewer.widgets._rows import button, compact, row
from napari_drr.viewer.widgets._text import TextLine

if TYPE_CHECKING:
    from napari_drr.viewer._problems import Problem
    from napari_drr.viewer._session import Session

# More at a time is not read; the next ones come when these are solved.
MOST = 3

MARKS = {"error": "\N{BALLOT X}", "warning": "\N{WARNING SIGN}", "note": "\N{BULLET}"}


class ProblemSection(Container):
    """The layers' problems, the worst first; nothing where all is well.

    Those of the recipe are not among them: they come and go with a drag, and would move what is
    dragged. Neither is the lack of a CT, of which the section above tells.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.shown: tuple[Problem, ...] = ()
        self.lines = [TextLine(2) for _ in range(MOST)]
        self.buttons = [button("", "") for _ in range(MOST)]
        self._rows = [row(*both) for both in zip(self.lines, self.buttons, strict=True)]
        super().__init__(widgets=self._rows, labels=False)
        compact(self)
        for number, (line, solve) in enumerate(zip(self.lines, self.buttons, strict=True)):
            line.native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            solve.native.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
            solve.changed.connect(partial(self._solve, number))
        events, listed = session.events, session.viewer.layers.events
        follow(
            self,
            # What can be no CT is told of, too, where there is none.
            (listed.inserted, self.renew),
            (listed.removed, self.renew),
            (events.inputs, self.renew),
            (events.failed, self.renew),
            (events.status, self._on_status),
        )
        self.renew()
        self._show()

    def renew(self, *_: Any) -> None:
        """Look for problems and show them."""
        found = tuple(p for p in self._session.problems("layers") if p.message != NO_CT)[:MOST]
        if found != self.shown:
            self.shown = found
            self._show()

    def _show(self) -> None:
        for number, beside in enumerate(self._rows):
            beside.visible = number < len(self.shown)
        for line, solve, problem in zip(self.lines, self.buttons, self.shown, strict=False):
            line.value = f"{MARKS[problem.severity]} {problem}"
            line.is_warning = problem.severity != "note"
            solve.text, solve.visible = problem.remedy_text, problem.remedy is not None
            solve.tooltip = "Adds a layer where one has to change; yours stay as they are."
        self.visible = bool(self.shown)

    def _on_status(self, status: Any) -> None:
        # What a lazy array holds is known once it is rendered; where all was well, it still is.
        if self.shown and not status.is_preview:
            self.renew()

    def _solve(self, number: int) -> None:
        problem = self.shown[number]
        attempt(self._session, partial(self._session.solve, problem))
