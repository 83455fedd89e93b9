"""Open napari on the thorax phantom with the DRR dock, and render its first radiograph."""

import napari

from napari_drr import session

viewer = napari.Viewer(title="napari DRR: the thorax phantom")
viewer.window.resize(1280, 800)
viewer.open_sample("napari-drr", "phantom")
viewer.window.add_plugin_dock_widget("napari-drr", "DRR")

s = session(viewer)  # the very object that the dock shows
s.view("PA")
s.render(wait=False)

if __name__ == "__main__":
    napari.run()
