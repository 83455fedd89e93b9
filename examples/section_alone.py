"""Use one section of the dock without the others: view buttons that render at every change."""

import napari

from napari_drr import session
from napari_drr.viewer.widgets.view import ViewSection

viewer = napari.Viewer(title="napari DRR: views only")
viewer.open_sample("napari-drr", "phantom")

s = session(viewer)
s.detector.update(height=64, width=64, pixel_spacing_x=6.25, pixel_spacing_y=6.25)

# A section is a magicgui container around a session, and holds no state of its own.
section = ViewSection(s)
section.show()  # a window of its own; `viewer.window.add_dock_widget(section)` docks it

s.live = True  # whoever changes the recipe, section, script or console, gets a new image
s.view("PA")

if __name__ == "__main__":
    napari.run()
