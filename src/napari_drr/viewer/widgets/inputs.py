"""Which CT and which labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, Label

from napari_drr.viewer import layers
from napari_drr.viewer.widgets._binding import follow

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session

EMPTY = (
    "Drop a CT on the window, or open the phantom: File > Open Sample > napari DRR. A CT is a 3-D, "
    "gray-valued image layer; 4-D and RGB layers are not offered."
)


class InputSection(Container):
    """Choose the CT's layer, its labels' layer and the frame they are in.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.ct_choice = ComboBox(
            label="CT",
            choices=self._volumes,
            nullable=True,
            tooltip="The image layer that holds the CT, in HU.",
        )
        self.labels_choice = ComboBox(
            label="Labels",
            choices=self._labels,
            nullable=True,
            tooltip="The labels layer with the CT's structures; it may lie on another grid.",
        )
        self.frame_choice = ComboBox(
            label="Frame",
            choices=["RAS", "LPS"],
            tooltip="The layers' world axes. Ours are RAS; other readers may use LPS.",
        )
        self.hint = Label(value=EMPTY)
        self.hint.native.setWordWrap(True)
        super().__init__(widgets=[self.hint, self.ct_choice, self.labels_choice, self.frame_choice])
        self.ct_choice.changed.connect(self._choose_ct)
        self.labels_choice.changed.connect(self._choose_labels)
        self.frame_choice.changed.connect(self._choose_frame)
        follow(self, (session.events.inputs, self._show))
        self._show()

    def reset_choices(self, *_: Any) -> None:
        """List the layers anew; napari calls this when layers come, go or are renamed."""
        with self.ct_choice.changed.blocked(), self.labels_choice.changed.blocked():
            self.ct_choice.reset_choices()
            self.labels_choice.reset_choices()
        self._session.adopt()
        self._show()

    def _volumes(self, _: Any = None) -> list[Any]:
        return layers.volumes(self._session.viewer)

    def _labels(self, _: Any = None) -> list[Any]:
        return layers.label_volumes(self._session.viewer)

    def _choose_ct(self, layer: Any) -> None:
        self._session.ct = layer

    def _choose_labels(self, layer: Any) -> None:
        self._session.labels = layer

    def _choose_frame(self, frame: str) -> None:
        self._session.frame = frame  # type: ignore[assignment] # the session checks it

    def _show(self) -> None:
        for box, layer in (
            (self.ct_choice, self._session.ct),
            (self.labels_choice, self._session.labels),
        ):
            with box.changed.blocked():
                if layer not in box.choices:
                    box.reset_choices()
                box.value = layer
        with self.frame_choice.changed.blocked():
            self.frame_choice.value = self._session.frame
        self.hint.visible = self._session.ct is None
