"""The dock widget **DRR**: its sections, in the order of the work."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QKeySequence, QResizeEvent, QShortcut, QShowEvent
from qtpy.QtWidgets import QBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_drr.viewer import layers
from napari_drr.viewer._preferences import preferences
from napari_drr.viewer._session import session
from napari_drr.viewer.widgets._binding import attempt
from napari_drr.viewer.widgets._fold import Fold
from napari_drr.viewer.widgets._paint import PaintWatch
from napari_drr.viewer.widgets.detector import DetectorSection
from napari_drr.viewer.widgets.display import DisplaySection
from napari_drr.viewer.widgets.inputs import InputSection
from napari_drr.viewer.widgets.output import OutputSection
from napari_drr.viewer.widgets.pose import PoseSection
from napari_drr.viewer.widgets.problems import ProblemSection
from napari_drr.viewer.widgets.renderer import RendererSection
from napari_drr.viewer.widgets.structures import StructureSection
from napari_drr.viewer.widgets.view import ViewSection

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_drr.viewer._session import Session

# What it asks for; a dock beside the canvas gets the window's whole height, one below it this.
SIZE = QSize(350, 270)
# Below the canvas it insists on this much: what is left of 800 pixels by napari's own docks.
LEAST_HEIGHT = 198
# Where they stand beside one another: the columns' shares of what is left, and the output's width.
SHARES = (2, 3, 3, 4)
OUTPUT_WIDTH = 232
WIDEST = 16777215  # Qt's own: no limit


class DRRWidget(QWidget):
    """Radiographs of the viewer's CT, live.

    Args:
        napari_viewer: The viewer, which napari passes by this name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.session = session(napari_viewer)
        layers.set_radiological(napari_viewer)
        self.inputs = InputSection(self.session)
        self.problems = ProblemSection(self.session)
        self.view = ViewSection(self.session)
        self.pose = PoseSection(self.session)
        self.detector = DetectorSection(self.session)
        self.renderer = RendererSection(self.session)
        self.display = DisplaySection(self.session)
        self.structures = StructureSection(self.session)
        self.output = OutputSection(self.session)
        self.folds = self._make_folds()
        self._lay_out()
        self._make_shortcuts()
        self._paint_watch = PaintWatch(self.session, self)
        self._follow()
        self._begin()

    # Its parts

    def _make_folds(self) -> dict[str, Fold]:
        pose, detector, renderer, display = self.pose, self.detector, self.renderer, self.display
        return {
            "pose": Fold("Pose", pose.native, corner=pose.toolbar.native, is_open=True),
            "detector": Fold("Detector", detector.native, summary=detector.summary),
            "renderer": Fold("Renderer", renderer.native, summary=renderer.summary),
            "display": Fold("Display", display.native, summary=display.summary),
            "structures": Fold(
                "Structures", self.structures.native, summary=self._summarize, is_open=True
            ),
        }

    def _summarize(self) -> str:
        return str(self.structures.summary) if self.session.labels is not None else ""

    def _lay_out(self) -> None:
        """Put the sections into columns, which stand above or beside one another."""
        folds = self.folds
        self._columns = [
            _column(
                self.inputs.native,
                self.problems.native,
                self.view.native,
                self.pose.others.native,
            ),
            _column(folds["pose"]),
            _column(folds["detector"], folds["renderer"], folds["display"]),
            _column(folds["structures"]),
        ]
        self.pose.others.margins = self.view.margins
        content = QWidget()
        self._inner = QBoxLayout(QBoxLayout.Direction.TopToBottom, content)
        self._inner.setContentsMargins(0, 0, 0, 0)
        for column in self._columns:
            self._inner.addWidget(column)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        # napari pads every widget by a pixel, and these labels stand below those.
        self._scroll.setStyleSheet("QScrollArea { padding: 0px; border: none; }")
        self._scroll.setWidget(content)
        # Outside the scroll area, so that the button and what it said are always in sight.
        self._outer = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._outer.setContentsMargins(0, 0, 0, 0)
        self._outer.setSpacing(2)
        self._outer.addWidget(self._scroll, stretch=1)
        self._outer.addWidget(self.output.native)
        self.output.native.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._arrange(False)

    @property
    def is_wide(self) -> bool:
        """Whether the sections stand beside one another."""
        return bool(self._inner.direction() == QBoxLayout.Direction.LeftToRight)

    def _arrange(self, is_wide: bool) -> None:
        """Put the columns beside one another in a wide dock, and above one another else."""
        way = QBoxLayout.Direction.LeftToRight if is_wide else QBoxLayout.Direction.TopToBottom
        for layout in (self._inner, self._outer):
            layout.setDirection(way)
        self._inner.setSpacing(8 if is_wide else 2)
        for column, share in zip(self._columns, SHARES, strict=True):
            is_last = column is self._columns[-1]
            self._inner.setStretchFactor(column, share if is_wide else int(is_last))
        policy = Qt.ScrollBarPolicy
        self._scroll.setHorizontalScrollBarPolicy(
            policy.ScrollBarAsNeeded if is_wide else policy.ScrollBarAlwaysOff
        )
        self.output.status_line.lines = 2 if is_wide else 1
        output = self.output.native
        output.setMinimumWidth(OUTPUT_WIDTH if is_wide else 0)
        output.setMaximumWidth(OUTPUT_WIDTH if is_wide else WIDEST)
        self._outer.setAlignment(
            output, Qt.AlignmentFlag.AlignTop if is_wide else Qt.AlignmentFlag(0)
        )
        self._fit()

    def _fit(self) -> None:
        """Ask for what the sections need, also those that are folded away."""
        sections = (self.inputs, self.view, self.pose, self.detector, self.renderer, self.display)
        least = max(each.native.minimumSizeHint().width() for each in sections)
        bar = self._scroll.verticalScrollBar().sizeHint().width()
        self._scroll.setMinimumWidth(200 if self.is_wide else least + bar)
        self.setMinimumHeight(LEAST_HEIGHT if self.is_wide else 0)

    def _make_shortcuts(self) -> None:
        """Take undo and redo where the dock has the focus; painting labels has its own."""
        for keys, action in (
            (QKeySequence.StandardKey.Undo, self._undo),
            (QKeySequence.StandardKey.Redo, self._redo),
        ):
            shortcut = QShortcut(keys, self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(action)

    def _undo(self) -> None:
        attempt(self.session, self.session.undo)

    def _redo(self) -> None:
        attempt(self.session, self.session.redo)

    # What happens around it

    def _follow(self) -> None:
        events = self.session.events
        self._links: list[tuple[Any, Callable[..., None]]] = [
            (events.recipe, self._renew_headers),
            (events.status, self._renew_headers),
        ]
        for signal, slot in self._links:
            signal.connect(slot)
        # A closed window takes its widgets with it, without a word to them.
        self._end = _End(self.session)
        self.destroyed.connect(self._end.of_session)  # a method; see `_binding.follow`

    def _begin(self) -> None:
        """Render what is there, and from now on every change, unless the user prefers not to."""
        self.problems.visible = bool(self.problems.shown)
        self.session.letters = True
        self.session.warm_up()
        live = preferences().live
        attempt(self.session, partial(setattr, self.session, "live", live))
        if not live and self.session.ct is not None and self.session.output() is None:
            attempt(self.session, lambda: self.session.render(wait=False))

    def _renew_headers(self, _: Any = None) -> None:
        for fold in self.folds.values():
            fold.renew()

    def reset_choices(self, event: Any = None) -> None:
        """List the layers anew; napari calls this when layers come, go or are renamed."""
        self.inputs.reset_choices(event)

    def sizeHint(self) -> QSize:
        """Return what it asks for; it can use more."""
        return SIZE

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the sections out anew when the dock was taken to another side of the window."""
        super().resizeEvent(event)
        is_wide = event.size().width() > event.size().height()
        if is_wide != self.is_wide:
            self._arrange(is_wide)

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for the room that it needs; before the window's style is known, that is a guess."""
        super().showEvent(event)
        self._fit()

    def event(self, event: QEvent) -> bool:
        """End the session's thread when napari takes the dock away: it gets no close event then."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._let_go()
        return bool(super().event(event))

    def _let_go(self) -> None:
        self._paint_watch.stop()
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        _end(self.session)


def _column(*widgets: QWidget) -> QWidget:
    column = QWidget()
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(2)
    layout.setAlignment(Qt.AlignmentFlag.AlignTop)
    for widget in widgets:
        layout.addWidget(widget)
    return column


class _End:
    """Ends a session's part in a dock that is gone."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of_session(self, *_: object) -> None:
        _end(self._session)


def _end(session: Any) -> None:
    session.live = False
    session.close()
