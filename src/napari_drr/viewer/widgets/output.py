"""Render, and say what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox, Container, Label, ProgressBar, PushButton
from qtpy.QtWidgets import QSizePolicy

from napari_drr.viewer.widgets._binding import follow, row

if TYPE_CHECKING:
    from napari_drr.viewer._outputs import Masks
    from napari_drr.viewer._requests import Result
    from napari_drr.viewer._session import Session

TWO_LINES = 36  # of text: a warning should not move the button
RENDER = "Render into the DRR layer."


class OutputSection(Container):
    """Render into layers; a status line tells time, backend and what is wrong.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.mask_labels = CheckBox(
            text="masks as one labels layer",
            tooltip="Each pixel takes the structure with the largest line integral.",
        )
        self.mask_images = CheckBox(
            text="masks as an image per visible structure",
            tooltip="The line integral of each visible structure.",
        )
        self.render_button = PushButton(text="Render", tooltip=RENDER)
        self.stop_button = PushButton(text="Stop", tooltip="Give up the render under way.")
        self.stop_button.enabled = False
        self.progress_bar = ProgressBar(min=0, max=100, visible=False)
        self.status_line = Label(value="")
        self.status_line.native.setWordWrap(True)
        self.status_line.native.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding
        )
        self.status_line.min_height = TWO_LINES
        buttons = row(self.render_button, self.stop_button)
        super().__init__(
            widgets=[
                self.mask_labels,
                self.mask_images,
                buttons,
                self.progress_bar,
                self.status_line,
            ],
            labels=False,
        )
        self._connect()
        self._show_inputs()
        self._show_masks(self._session.masks)

    def _connect(self) -> None:
        events = self._session.events
        self.mask_labels.changed.connect(self._choose_masks)
        self.mask_images.changed.connect(self._choose_masks)
        self.render_button.changed.connect(self._render)
        self.stop_button.changed.connect(self._cancel)
        follow(
            self,
            (events.masks, self._show_masks),
            (events.inputs, self._show_inputs),
            (events.started, self._on_started),
            (events.progress, self._on_progress),
            (events.rendered, self._on_rendered),
            (events.cancelled, self._on_cancelled),
            (events.failed, self._on_failed),
            (events.message, self._on_message),
        )

    def _choose_masks(self) -> None:
        boxes: dict[Masks, CheckBox] = {"labels": self.mask_labels, "images": self.mask_images}
        self._session.masks = frozenset(form for form, box in boxes.items() if box.value)

    def _show_masks(self, masks: frozenset[Masks]) -> None:
        with self.mask_labels.changed.blocked(), self.mask_images.changed.blocked():
            self.mask_labels.value = "labels" in masks
            self.mask_images.value = "images" in masks

    def _render(self) -> None:
        self._session.render(wait=False)

    def _cancel(self) -> None:
        self._session.cancel()

    def _on_cancelled(self) -> None:
        self._end("Stopped.")

    def _show_inputs(self) -> None:
        """Disable what can't work, and say why."""
        has_ct, has_labels = self._session.ct is not None, self._session.labels is not None
        self.render_button.enabled = has_ct
        self.render_button.tooltip = (
            "Render into the DRR layer." if has_ct else "Choose a CT first."
        )
        for box in (self.mask_labels, self.mask_images):
            box.enabled = has_labels
            box.tooltip = box.tooltip if has_labels else "Choose labels first."

    def _on_started(self) -> None:
        self.stop_button.enabled = True
        self.progress_bar.value = 0
        self.progress_bar.visible = True
        self.status_line.value = "Rendering ..."

    def _on_progress(self, done: int, total: int) -> None:
        self.progress_bar.value = 100 * done // total

    def _on_rendered(self, result: Result) -> None:
        height, width = result.image.shape
        text = f"{result.seconds * 1000:.0f} ms | {result.backend} | {width} x {height}"
        self._end(" ".join([*result.warnings, text]))

    def _on_failed(self, message: str) -> None:
        from napari.utils.notifications import show_error

        self._end(message)
        show_error(message)

    def _on_message(self, message: str) -> None:
        self.status_line.value = message

    def _end(self, message: str) -> None:
        self.stop_button.enabled = False
        self.progress_bar.visible = False
        self.status_line.value = message
