"""The dock widget **DRR**: its sections, in the order of the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QScrollArea, QSizePolicy, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_drr.viewer import layers
from napari_drr.viewer._session import session
from napari_drr.viewer.widgets.detector import DetectorSection
from napari_drr.viewer.widgets.inputs import InputSection
from napari_drr.viewer.widgets.output import OutputSection
from napari_drr.viewer.widgets.pose import PoseSection, ViewSection
from napari_drr.viewer.widgets.renderer import RendererSection
from napari_drr.viewer.widgets.structures import StructureSection

if TYPE_CHECKING:
    from magicgui.widgets import Container
    from napari.viewer import Viewer


class DRRWidget(QWidget):
    """Radiographs of the viewer's CT.

    Args:
        napari_viewer: The viewer, which napari passes by this name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.session = session(napari_viewer)
        layers.set_radiological(napari_viewer)
        self.inputs = InputSection(self.session)
        self.view = ViewSection(self.session)
        self.pose = PoseSection(self.session)
        self.detector = DetectorSection(self.session)
        self.renderer = RendererSection(self.session)
        self.structures = StructureSection(self.session)
        self.output = OutputSection(self.session)
        self._lay_out()
        self.session.warm_up()
        # A closed window takes its widgets with it, without a word to them.
        drawn = self.session
        self.destroyed.connect(lambda *_: drawn.close())

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setAlignment(Qt.AlignmentFlag.AlignTop)
        column.setContentsMargins(2, 2, 2, 2)
        column.setSpacing(2)
        column.addWidget(self.inputs.native)
        column.addWidget(self.view.native)
        column.addWidget(_fold("Pose", self.pose, is_open=True))
        column.addWidget(_fold("Detector", self.detector))
        column.addWidget(_fold("Renderer and attenuation", self.renderer))
        column.addWidget(_fold("Structures", self.structures, is_open=True))
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        bar = scroll.verticalScrollBar().sizeHint().width()
        scroll.setMinimumWidth(content.minimumSizeHint().width() + bar)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll, stretch=1)
        # Outside the scroll area, so that the button and what it said are always in sight.
        outer.addWidget(self.output.native)
        self.output.native.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)

    def reset_choices(self, event: Any = None) -> None:
        """List the layers anew; napari calls this when layers come, go or are renamed."""
        self.inputs.reset_choices(event)

    def event(self, event: QEvent) -> bool:
        """End the session's thread when napari takes the dock away: it gets no close event then."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.session.close()
        return bool(super().event(event))


def _fold(title: str, section: Container, *, is_open: bool = False) -> QCollapsible:
    fold = QCollapsible(title)
    fold.setDuration(0)
    section.margins = (4, 0, 4, 0)
    fold.addWidget(section.native)
    if is_open:
        fold.expand(animate=False)
    return fold
