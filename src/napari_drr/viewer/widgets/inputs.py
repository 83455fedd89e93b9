"""Which CT and which labels."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, Container
from qtpy.QtWidgets import QFileDialog

from napari_drr.viewer import layers
from napari_drr.viewer.widgets._binding import attempt, follow
from napari_drr.viewer.widgets._rows import button, choice, compact, hint, menu_button, row

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session

PLUGIN = "napari-drr"
EMPTY = (
    "Drop a CT on the window, or open a file or the phantom here. A CT is a 3-D, gray-valued image "
    "layer; 4-D and RGB layers are not offered."
)
FILES = "CT or labels (*.nii *.nii.gz *.nrrd *.nhdr *.mha *.mhd *.dcm);;All files (*)"


class InputSection(Container):
    """Choose the CT's layer, its labels' layer and the frame they are in.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._make_parts()
        super().__init__(
            widgets=[
                self.hint,
                row(self.ct_choice, self.open_menu, label="CT"),
                row(self.labels_choice, self.reload_button, label="labels"),
                row(self.frame_choice, self.radiological, label="frame"),
            ],
            labels=False,
        )
        compact(self)
        self._connect()
        self._show()
        self._show_orientation()

    def _make_parts(self) -> None:
        self.ct_choice = choice(
            self._volumes, "The image layer that holds the CT, in HU.", nullable=True
        )
        self.labels_choice = choice(
            self._labels,
            "The labels layer with the CT's structures; it may lie on another grid.",
            nullable=True,
        )
        self.frame_choice = choice(
            ["RAS", "LPS"], "The layers' world axes. Ours are RAS; other readers may use LPS."
        )
        self.radiological = CheckBox(
            text="radiological",
            tooltip="The patient's right on the left, front up, head up; 3-D is not mirrored.",
        )
        self.reload_button = button("reload", "Read the layers again, after a script edited them.")
        self.open_menu = menu_button(
            "open",
            "Open a CT or its labels with napari DRR.",
            {
                "File...": self._ask_file,
                "DICOM folder...": self._ask_folder,
                "Thorax phantom": self.open_phantom,
            },
        )
        self.hint = hint(EMPTY)

    def _connect(self) -> None:
        session = self._session
        for box, name in (
            (self.ct_choice, "ct"),
            (self.labels_choice, "labels"),
            (self.frame_choice, "frame"),
        ):
            box.changed.connect(partial(self._choose, name))
        self.radiological.changed.connect(self._orient)
        self.reload_button.changed.connect(self._reload)
        camera = session.viewer.scene.camera
        follow(
            self,
            (session.events.inputs, self._show),
            (camera.events.orientation, self._show_orientation),
        )

    def reset_choices(self, *_: Any) -> None:
        """List the layers anew; napari calls this when layers come, go or are renamed."""
        with self.ct_choice.changed.blocked(), self.labels_choice.changed.blocked():
            self.ct_choice.reset_choices()
            self.labels_choice.reset_choices()
        self._session.adopt()
        self._show()

    def open(self, path: str | Path) -> None:
        """Open a file or a DICOM folder in the viewer, by our reader.

        Args:
            path: What to open.
        """
        attempt(self._session, lambda: self._session.viewer.open(str(path), plugin=PLUGIN))

    def open_phantom(self) -> None:
        """Open the sample that needs no file."""
        attempt(self._session, lambda: self._session.viewer.open_sample(PLUGIN, "phantom"))

    def _volumes(self, _: Any = None) -> list[Any]:
        return layers.volumes(self._session.viewer)

    def _labels(self, _: Any = None) -> list[Any]:
        return layers.label_volumes(self._session.viewer)

    # What the user asks for

    def _choose(self, name: str, chosen: Any) -> None:
        if not attempt(self._session, partial(setattr, self._session, name, chosen)):
            self._show()

    def _reload(self) -> None:
        attempt(self._session, self._session.reload)

    def _orient(self, is_radiological: bool) -> None:
        viewer = self._session.viewer
        if is_radiological:
            layers.set_radiological(viewer)
        else:
            camera = viewer.scene.camera
            camera.orientation = type(camera)().orientation
        self._show_orientation()

    def _ask_file(self) -> None:
        self._ask(QFileDialog.FileMode.ExistingFile)

    def _ask_folder(self) -> None:
        self._ask(QFileDialog.FileMode.Directory)

    def _ask(self, mode: QFileDialog.FileMode) -> None:
        """Ask for a path; the window goes on meanwhile."""
        dialog = QFileDialog(self.native, "Open with napari DRR", "", FILES)
        dialog.setFileMode(mode)
        dialog.fileSelected.connect(self.open)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    # What the session says

    def _show(self) -> None:
        session = self._session
        for box, layer in ((self.ct_choice, session.ct), (self.labels_choice, session.labels)):
            with box.changed.blocked():
                if layer not in box.choices:
                    box.reset_choices()
                # Its array may have become none that is offered; the problems tell.
                box.value = layer if layer in box.choices else None
        with self.frame_choice.changed.blocked():
            self.frame_choice.value = session.frame
        self.hint.visible = session.ct is None
        self.reload_button.enabled = session.ct is not None

    def _show_orientation(self, _: Any = None) -> None:
        is_radiological = layers.is_radiological(self._session.viewer)
        with self.radiological.changed.blocked():
            self.radiological.value = is_radiological
