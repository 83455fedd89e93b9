"""Choose structures without the rest of the dock: check, weigh, color and find them, live."""

import napari

from napari_drr import session
from napari_drr.viewer.widgets.structures import StructureSection

viewer = napari.Viewer(title="napari DRR: structures only")
viewer.open_sample("napari-drr", "phantom")

s = session(viewer)
s.detector.update(height=64, width=64, pixel_spacing_x=6.25, pixel_spacing_y=6.25)

# A section is a magicgui container around a session, whose recipe holds all that it sets.
section = StructureSection(s)
viewer.window.add_dock_widget(section, name="structures", area="right")

# What the section does, a script can do: the section shows it at once.
s.structures.hide("vertebrae")
s.structures.set_weight(2.0, "heart")
s.structures.set_color((1.0, 0.4, 0.3), "heart")
s.selected = ["heart"]

# From now on every change renders.
s.live = True

if __name__ == "__main__":
    napari.run()
