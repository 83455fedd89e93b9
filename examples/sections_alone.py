"""Use sections of the dock without the others: each of them, in a tab of its own."""

import napari

from napari_drr import session
from napari_drr.viewer.widgets.detector import DetectorSection
from napari_drr.viewer.widgets.display import DisplaySection
from napari_drr.viewer.widgets.inputs import InputSection
from napari_drr.viewer.widgets.output import OutputSection
from napari_drr.viewer.widgets.pose import PoseSection
from napari_drr.viewer.widgets.problems import ProblemSection
from napari_drr.viewer.widgets.renderer import RendererSection
from napari_drr.viewer.widgets.structures import StructureSection
from napari_drr.viewer.widgets.view import ViewSection

SECTIONS = {
    "inputs": InputSection,
    "problems": ProblemSection,
    "view": ViewSection,
    "pose": PoseSection,
    "detector": DetectorSection,
    "renderer": RendererSection,
    "display": DisplaySection,
    "structures": StructureSection,
    "output": OutputSection,
}

viewer = napari.Viewer(title="napari DRR: sections")
viewer.open_sample("napari-drr", "phantom")

s = session(viewer)
s.detector.update(height=64, width=64, pixel_spacing_x=6.25, pixel_spacing_y=6.25)

# A section is a magicgui container around a session, and holds no state of its own; `.show()` would
# make it a window. None of them knows of the others: leave out what is not needed.
sections = {name: Section(s) for name, Section in SECTIONS.items()}
for name, section in sections.items():
    viewer.window.add_dock_widget(section, name=name, area="right", tabify=True)

s.live = True  # whoever changes the recipe, section, script or console, gets a new image
s.view("PA")

if __name__ == "__main__":
    napari.run()
