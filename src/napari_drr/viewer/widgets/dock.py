"""The dock widget **DRR**: its sections, in the order of the work."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QKeySequence, QResizeEvent, QShortcut, QShowEvent
from qtpy.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_drr.viewer import layers
from napari_drr.viewer._preferences import preferences
from napari_drr.viewer._session import session
from napari_drr.viewer.widgets._binding import RecipeContainer, attempt
from napari_drr.viewer.widgets._fold import SPACING, Fold, Group
from napari_drr.viewer.widgets._paint import PaintWatch
from napari_drr.viewer.widgets.detector import DetectorSection, detector_summary
from napari_drr.viewer.widgets.display import DisplaySection, display_summary
from napari_drr.viewer.widgets.inputs import InputSection
from napari_drr.viewer.widgets.output import MESSAGE_LINES, OutputSection
from napari_drr.viewer.widgets.pose import PoseSection
from napari_drr.viewer.widgets.problems import ProblemSection
from napari_drr.viewer.widgets.renderer import RendererSection, renderer_summary
from napari_drr.viewer.widgets.structures import StructureSection
from napari_drr.viewer.widgets.view import ViewSection

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_drr.viewer._session import Session

# What it asks for; a dock beside the canvas gets the window's whole height, one below it this.
SIZE = QSize(350, 270)
# More would not fit below napari's own docks in a window of 800 pixels: it would grow.
LEAST_HEIGHT = 170
# In docks that are lower, a long message would leave nothing of the sections above it.
LOW, LOW_LINES = 300, 3
LEAST_SIGHT = 24
BESIDE = 8  # pixels between what stands beside one another
# Where they stand beside one another: the groups' shares of the width, and the output's width.
SHARES = (2, 3, 3, 4)
FOLDED_SHARE = 2
OUTPUT_WIDTH = 232
WIDEST = 16777215  # Qt's own: no limit
# The least height of the structures' tree, with all below one another or side by side.
TREE_HEIGHT, LOW_TREE_HEIGHT = 160, 100

# Sections that are folded away at first, and what sums them up. They are made when they are opened:
# hundreds of widgets that have to be styled would hold up the dock.
LATE: dict[str, tuple[Callable[[Session], RecipeContainer], Callable[[Session], str]]] = {
    "detector": (DetectorSection, detector_summary),
    "renderer": (RendererSection, renderer_summary),
    "display": (DisplaySection, display_summary),
}

# Which of the groups of sections stand above one another, for each number of columns.
SPLITS = {
    4: ((0,), (1,), (2,), (3,)),
    3: ((0,), (1,), (2, 3)),
    2: ((0, 1), (2, 3)),
    1: ((0, 1, 2, 3),),
}


class Arrangement(NamedTuple):
    """How the dock is laid out: in so many columns, the output beside them or below."""

    n_columns: int
    is_beside: bool


# The first that is narrow enough is taken.
ARRANGEMENTS = (
    Arrangement(4, True),
    Arrangement(3, True),
    Arrangement(2, True),
    Arrangement(2, False),
    Arrangement(1, False),
)


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
        self.structures = StructureSection(self.session)
        self.output = OutputSection(self.session)
        self._late: dict[str, Any] = {}
        self.folds = self._make_folds()
        self._lay_out()
        self._make_shortcuts()
        self._paint_watch = PaintWatch(self.session, self)
        self._follow()
        self._begin()

    # Its parts

    def _make_folds(self) -> dict[str, Fold]:
        late = {
            name: Fold(
                name.capitalize(), partial(self._make, name), summary=partial(tell, self.session)
            )
            for name, (_, tell) in LATE.items()
        }
        pose, structures = self.pose, self.structures
        return {
            "pose": Fold("Pose", pose.native, corner=pose.toolbar.native, is_open=True),
            **late,
            "structures": Fold(
                "Structures", structures.native, summary=self._summarize, is_open=True
            ),
        }

    def _make(self, name: str) -> QWidget:
        self._late[name] = LATE[name][0](self.session)
        return self._late[name].native

    def _made(self, name: str) -> Any:
        self.folds[name].build()
        return self._late[name]

    @property
    def detector(self) -> DetectorSection:
        """The detector's section, which is made when it is first asked for."""
        return cast("DetectorSection", self._made("detector"))

    @property
    def renderer(self) -> RendererSection:
        """The renderer's section, which is made when it is first asked for."""
        return cast("RendererSection", self._made("renderer"))

    @property
    def display(self) -> DisplaySection:
        """The display's section, which is made when it is first asked for."""
        return cast("DisplaySection", self._made("display"))

    def _summarize(self) -> str:
        return str(self.structures.summary) if self.session.labels is not None else ""

    def _lay_out(self) -> None:
        """Put the sections into groups, which stand above or beside one another."""
        folds = self.folds
        self._groups = [
            Group(
                self.inputs.native,
                self.problems.native,
                self.view.native,
                self.pose.others.native,
            ),
            Group(folds["pose"]),
            Group(folds["detector"], folds["renderer"], folds["display"]),
            Group(folds["structures"]),
        ]
        self.pose.others.margins = self.view.margins
        self._make_columns()
        # Outside the scroll area, so that the button and what it said are always in sight.
        self._outer = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._outer.setContentsMargins(0, 0, 0, 0)
        self._outer.setSpacing(SPACING)
        self._outer.addWidget(self._scroll, stretch=1)
        self._outer.addWidget(self.output.native)
        self.output.native.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._arrange(ARRANGEMENTS[-1])
        self._content.installEventFilter(self)

    def _make_columns(self) -> None:
        """Make a place for each group, in what scrolls."""
        self._content = QWidget()
        self._inner = QHBoxLayout(self._content)
        self._inner.setContentsMargins(0, 0, 0, 0)
        self._inner.setSpacing(BESIDE)
        self._columns = [QVBoxLayout() for _ in self._groups]
        for column in self._columns:
            column.setSpacing(SPACING)
            self._inner.addLayout(column)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setMinimumHeight(LEAST_SIGHT)
        # napari pads every widget by a pixel, and these labels stand below those.
        self._scroll.setStyleSheet("QScrollArea { padding: 0px; border: none; }")
        self._scroll.setWidget(self._content)

    # Its layout

    @property
    def is_wide(self) -> bool:
        """Whether the sections stand beside one another."""
        return self._arrangement.n_columns > 1

    def _fit(self) -> None:
        """Lay the sections out as the width allows, and insist on the width of one column."""
        now = [group.minimumSizeHint().width() for group in self._groups]
        opened = [group.open_width for group in self._groups]
        self.setMinimumSize(self._width_of(ARRANGEMENTS[-1], now, opened), LEAST_HEIGHT)
        widths = ((each, self._width_of(each, now, opened)) for each in ARRANGEMENTS)
        fitting = (each for each, width in widths if width <= self.width())
        found = next(fitting, ARRANGEMENTS[-1])
        if found != self._arrangement:
            self._arrange(found)
        self._limit_message()
        self._share()

    def _limit_message(self) -> None:
        """Let a long message take the room beside the sections, but little of that below them."""
        line, output = self.output.message_line, self.output.native
        if self._arrangement.is_beside:
            rest = output.sizeHint().height() - line.label.sizeHint().height()
            fitting = (self.height() - rest) // line.label.line_height
            line.most = min(fitting, 2 * MESSAGE_LINES)
        else:
            line.most = LOW_LINES if self.height() < LOW else MESSAGE_LINES

    def _width_of(self, arrangement: Arrangement, now: list[int], opened: list[int]) -> int:
        """Return the width that an arrangement needs, with its scroll bar.

        With fewer than four columns it is that of open sections: opening one of them moves none of
        the others to another column. Four columns are given up for it, else they hardly ever fit.

        Args:
            arrangement: The arrangement.
            now: What each group needs as it is.
            opened: What each group needs where its sections are open.
        """
        n_columns, is_beside = arrangement
        is_any = n_columns == len(self._groups)
        least = now if is_any else [max(each) for each in zip(now, opened, strict=True)]
        columns: int = sum(max(least[i] for i in split) for split in SPLITS[n_columns])
        bar = int(self._scroll.verticalScrollBar().sizeHint().width())
        output = OUTPUT_WIDTH + SPACING if is_beside else 0
        return columns + (n_columns - 1) * BESIDE + bar + output

    def _arrange(self, arrangement: Arrangement) -> None:
        """Put the groups into columns, and the output beside or below them."""
        self._arrangement = arrangement
        n_columns, is_beside = arrangement
        for column, split in zip(self._columns, SPLITS[n_columns], strict=False):
            for i in split:
                # A layout gives up a widget that another one takes.
                column.addWidget(self._groups[i], stretch=int(i == split[-1]))
        self.structures.tree.setMinimumHeight(LOW_TREE_HEIGHT if self.is_wide else TREE_HEIGHT)
        way = QBoxLayout.Direction
        self._outer.setDirection(way.LeftToRight if is_beside else way.TopToBottom)
        self.output.status_line.lines = 2 if is_beside else 1
        self.output.message_is_last = is_beside
        output = self.output.native
        output.setMinimumWidth(OUTPUT_WIDTH if is_beside else 0)
        output.setMaximumWidth(OUTPUT_WIDTH if is_beside else WIDEST)
        top = Qt.AlignmentFlag.AlignTop
        self._outer.setAlignment(output, top if is_beside else Qt.AlignmentFlag(0))

    def _share(self) -> None:
        """Share the width: a column that is folded away leaves to the others what it can't use."""
        splits = SPLITS[self._arrangement.n_columns]
        for i, split in enumerate(splits):
            groups = [self._groups[k] for k in split]
            is_folded = self.is_wide and all(group.is_folded for group in groups)
            share = FOLDED_SHARE if is_folded else max(SHARES[k] for k in split)
            self._inner.setStretch(i, share)
            for group in groups:
                group.setMaximumWidth(group.sizeHint().width() if is_folded else WIDEST)
        for i in range(len(splits), len(self._columns)):
            self._inner.setStretch(i, 0)

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
            (self.structures.brought, self._bring_structures),
        ]
        for signal, slot in self._links:
            signal.connect(slot)
        self._bringing = QTimer(self)
        self._bringing.setSingleShot(True)
        self._bringing.timeout.connect(self._bring_row)
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

    def _bring_structures(self) -> None:
        """Open the structures' section, and bring what was selected in them into sight."""
        self.folds["structures"].toggle.setChecked(True)
        # What was folded away is laid out a moment later.
        self._bringing.start()

    def _bring_row(self) -> None:
        tree = self.structures.tree
        row = tree.currentIndex()
        tree.scrollTo(row)
        self._scroll.ensureWidgetVisible(tree, 0, 0)
        # Where the whole tree is higher than what can be seen of it.
        where = tree.visualRect(row)
        center = tree.viewport().mapTo(self._content, where.center())
        self._scroll.ensureVisible(0, center.y(), 0, where.height())

    def reset_choices(self, event: Any = None) -> None:
        """List the layers anew; napari calls this when layers come, go or are renamed."""
        self.inputs.reset_choices(event)

    def sizeHint(self) -> QSize:
        """Return what it asks for; it can use more."""
        return SIZE

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the sections out anew when the dock was taken to another side of the window."""
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for the room that it needs; before the window's style is known, that is a guess."""
        super().showEvent(event)
        self._fit()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Lay the sections out anew when one of them needs more room, or less."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return False

    def event(self, event: QEvent) -> bool:
        """End the session's thread when napari takes the dock away: it gets no close event then."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._let_go()
        return bool(super().event(event))

    def _let_go(self) -> None:
        self._paint_watch.stop()
        self._bringing.stop()
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        _end(self.session)


class _End:
    """Ends a session's part in a dock that is gone."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of_session(self, *_: object) -> None:
        _end(self._session)


def _end(session: Any) -> None:
    session.live = False
    session.close()
