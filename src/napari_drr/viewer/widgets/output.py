"""Render, save, and say what came of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox, Container
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QProgressBar, QSizePolicy, QStackedWidget

from napari_drr.viewer._session import DELETED
from napari_drr.viewer.widgets._binding import attempt, follow, show
from napari_drr.viewer.widgets._rows import CHOOSE_CT, allow, button, compact, menu_button, row
from napari_drr.viewer.widgets._text import TextLine
from napari_drr.viewer.widgets._words import in_labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_drr.viewer._outputs import Masks
    from napari_drr.viewer._requests import Result
    from napari_drr.viewer._session import Session
    from napari_drr.viewer._status import Status

LIVE = "Render at every change: a coarse preview first where that is seen sooner."
RENDER = "Render into the DRR layer."
STOP = "Give up the render under way."
SAVE = "Save the radiograph or the settings, or take settings from a file."
LETTERS = "Letters for the patient's sides: R, L, A (front), P (back), H (head), F (feet)."
LABELS = "One labels layer: each pixel takes the structure with the largest line integral."
IMAGES = "An image layer for each visible structure: its line integrals."
NO_LABELS, NO_RENDER = "Choose labels first.", "Nothing is rendering."

RADIOGRAPHS = (
    "Line integrals, TIFF (*.drr.tif);;Picture as displayed, PNG (*.drr.png)"
    ";;Line integrals, NIfTI (*.drr.nii.gz);;Line integrals, NumPy (*.drr.npz)"
)
RECIPES = "Settings (*.drr.json *.json)"
RECIPE_SOURCES = (
    "Settings or radiograph of napari DRR (*.json *.drr.tif *.drr.png *.drr.nii.gz *.drr.npz)"
)

# A longer message is cut off, and whole in its tooltip.
MESSAGE_LINES = 5

# A note, such as "Copied", stands there so long, in ms, unless something else is told.
NOTE_MS = 8000
# So long no render takes it away.
FRESH_MS = 2000
# What ends so is over when an image comes.
UNDER_WAY = "..."


class OutputSection(Container):
    """Render into layers; a status line tells time and backend, a message what is wrong.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.letters = CheckBox(text="letters", tooltip=LETTERS)
        self.mask_labels = CheckBox(text="masks", tooltip=LABELS)
        self.mask_images = CheckBox(text="images", tooltip=IMAGES)
        self.live_box = CheckBox(text="live", tooltip=LIVE)
        self.render_button = button("Render", RENDER)
        self.stop_button = button("Stop", STOP)
        self.save_menu = menu_button(
            "Save",
            SAVE,
            {
                "Radiograph with its recipe...": self._ask_radiograph,
                "Settings (recipe)...": self._ask_recipe,
                "Load settings...": self._ask_load,
            },
        )
        self.status_line = TextLine()
        self.message_line = TextLine(most=MESSAGE_LINES)
        self.shown = row(self.letters, self.mask_labels, self.mask_images)
        bottom = row()
        bottom.native.layout().addWidget(self._make_progress())
        super().__init__(
            widgets=[
                self.shown,
                row(self.live_box, self.render_button, self.stop_button, self.save_menu),
                bottom,
                self.message_line,
            ],
            labels=False,
        )
        compact(self)
        self._note = QTimer(self.native)
        self._note.setSingleShot(True)
        self._note.timeout.connect(self._clear_note)
        self._told_error = ""
        self._connect()

    @property
    def message_is_last(self) -> bool:
        """Whether the message stands below all else, or above: a long one then moves no button."""
        layout = self.native.layout()
        return bool(layout.indexOf(self.message_line.native) == layout.count() - 1)

    @message_is_last.setter
    def message_is_last(self, is_last: bool) -> None:
        layout, message = self.native.layout(), self.message_line.native
        layout.removeWidget(message)
        layout.insertWidget(-1 if is_last else 0, message)

    def _make_progress(self) -> QStackedWidget:
        """Return a place for the status line or, in its stead, for how far a render is."""
        self.progress_bar = QProgressBar()
        self.progress_bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        place = QStackedWidget()
        place.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        place.addWidget(self.status_line.native)
        place.addWidget(self.progress_bar)
        self._place = place
        return place

    def _connect(self) -> None:
        session, events = self._session, self._session.events
        self.letters.changed.connect(self._choose_letters)
        self.mask_labels.changed.connect(self._choose_masks)
        self.mask_images.changed.connect(self._choose_masks)
        self.live_box.changed.connect(self._choose_live)
        self.render_button.changed.connect(self._render)
        self.stop_button.changed.connect(self._cancel)
        follow(
            self,
            (events.live, self._show_live),
            (events.letters, self._show_letters),
            (events.masks, self._show_masks),
            (events.inputs, self._show_inputs),
            (events.started, self._on_started),
            (events.progress, self._on_progress),
            (events.rendered, self._on_rendered),
            (events.status, self._on_status),
            (events.cancelled, self._on_cancelled),
            (events.failed, self._on_failed),
            (events.refused, self._warn),
            (events.message, self._on_message),
        )
        self._show_inputs()
        self._show_live(session.live)
        self._show_letters(session.letters)
        self._show_masks(session.masks)
        self._be_busy(False)
        if session.status is not None:
            self._on_status(session.status)

    # What the user asks for

    def _choose_masks(self) -> None:
        boxes: dict[Masks, CheckBox] = {"labels": self.mask_labels, "images": self.mask_images}
        chosen = frozenset(form for form, box in boxes.items() if box.value)
        attempt(self._session, partial(setattr, self._session, "masks", chosen))

    def _choose_letters(self, letters: bool) -> None:
        attempt(self._session, partial(setattr, self._session, "letters", letters))

    def _choose_live(self, live: bool) -> None:
        attempt(self._session, partial(setattr, self._session, "live", live))

    def _render(self) -> None:
        attempt(self._session, lambda: self._session.render(wait=False))

    def _cancel(self) -> None:
        attempt(self._session, self._session.cancel)

    # Files

    def save_radiograph(self, path: str | Path) -> None:
        """Save the radiograph that is shown, with its recipe.

        Args:
            path: Where to; its ending is the format, and `.drr` is put before it.
        """
        from napari_drr.viewer.writer import write_radiograph

        layer = self._session.output()
        if layer is None:
            self._warn("There is no radiograph yet: render one.")
            return
        data, attributes, _ = layer.as_layer_data_tuple()
        if attempt(self._session, lambda: write_radiograph(path, data, attributes)):
            self._on_message(f"Saved {Path(path).name}.")

    def save_recipe(self, path: str | Path) -> None:
        """Save all settings.

        Args:
            path: Where to; `.drr.json` is added where no ending is.
        """
        path = Path(path)
        path = path if path.suffix else path.with_name(path.name + ".drr.json")
        if attempt(self._session, lambda: self._session.save(path)):
            self._on_message(f"Saved {path.name}.")

    def load_recipe(self, path: str | Path) -> None:
        """Take all settings from a file.

        Args:
            path: A recipe, or a radiograph that carries one.
        """
        if attempt(self._session, lambda: self._session.load(path)):
            self._on_message(f"Took the settings of {Path(path).name}.")

    def _ask_radiograph(self) -> None:
        self._ask("Save the radiograph", RADIOGRAPHS, self.save_radiograph, saves=True)

    def _ask_recipe(self) -> None:
        self._ask("Save the settings", RECIPES, self.save_recipe, saves=True)

    def _ask_load(self) -> None:
        self._ask("Load settings", RECIPE_SOURCES, self.load_recipe, saves=False)

    def _ask(self, title: str, kinds: str, answer: Callable[[str], None], *, saves: bool) -> None:
        """Ask for a path; the window goes on meanwhile."""
        dialog = QFileDialog(self.native, title, "", kinds)
        if saves:
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setDefaultSuffix("drr.json" if kinds is RECIPES else "drr.tif")
            dialog.filterSelected.connect(partial(_follow_kind, dialog))
        dialog.fileSelected.connect(answer)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    # What the session says

    def _show_live(self, live: bool) -> None:
        show(self.live_box, live)
        if live and self.message_line.value == DELETED:
            self._say("")

    def _show_letters(self, letters: bool) -> None:
        show(self.letters, letters)

    def _show_masks(self, masks: frozenset[Masks]) -> None:
        show(self.mask_labels, "labels" in masks)
        show(self.mask_images, "images" in masks)

    def _show_inputs(self) -> None:
        """Disable what can't work, and say why."""
        session = self._session
        if session.ct is None:
            self.status_line.value = ""
        faults = [str(p) for p in session.problems("layers") if p.severity == "error"]
        reason = faults[0] if faults else ""
        allow(self.render_button, RENDER, CHOOSE_CT if session.ct is None else reason)
        for box, tip in ((self.mask_labels, LABELS), (self.mask_images, IMAGES)):
            allow(box, tip, "" if session.labels is not None else NO_LABELS)

    def _be_busy(self, is_busy: bool) -> None:
        allow(self.stop_button, STOP, "" if is_busy else NO_RENDER)
        if not is_busy:
            self._place.setCurrentIndex(0)

    def _on_started(self) -> None:
        self._be_busy(True)
        self.status_line.value = "Rendering ..."

    def _on_progress(self, done: int, total: int) -> None:
        """Show that it takes a while, in place of the status."""
        self._be_busy(True)
        self.progress_bar.setRange(0, total)
        self.progress_bar.setValue(done)
        self._place.setCurrentWidget(self.progress_bar)

    def _on_rendered(self, result: Result) -> None:
        self._told_error = ""
        if result.warnings:
            self._warn(" ".join(result.warnings))
        elif self._is_out_of_date():
            self._say("")
        if not (result.is_preview or result.awaits_channels):
            self._be_busy(False)

    def _is_out_of_date(self) -> bool:
        """Tell whether the message is of no use beside an image that has just come."""
        line = self.message_line
        is_old = self._note.remainingTime() < NOTE_MS - FRESH_MS
        return line.is_warning or is_old or line.value.endswith(UNDER_WAY)

    def _on_status(self, status: Status) -> None:
        self.status_line.value = str(status)

    def _on_cancelled(self) -> None:
        self._be_busy(False)
        self.status_line.value = "Stopped."

    def _on_failed(self, message: str) -> None:
        from napari.utils.notifications import show_error

        self._be_busy(False)
        self.status_line.value = "Not rendered."
        self._show_inputs()
        self._warn(in_labels(message))
        # Once: a slider that is dragged fails at every move.
        if message != self._told_error:
            self._told_error = message
            show_error(in_labels(message))

    def _on_message(self, message: str) -> None:
        self._say(message)
        self._note.start(NOTE_MS)

    def _clear_note(self) -> None:
        if not self.message_line.is_warning:
            self._say("")

    def _warn(self, message: str) -> None:
        self._note.stop()
        self.message_line.is_warning = True
        self.message_line.value = message

    def _say(self, message: str) -> None:
        self.message_line.is_warning = False
        self.message_line.value = message


def _follow_kind(dialog: QFileDialog, kind: str) -> None:
    """Give a name without an ending that of the kind which was chosen, as in `(*.drr.png)`."""
    dialog.setDefaultSuffix(kind.rpartition("(*.")[2].split()[0].rstrip(")"))
