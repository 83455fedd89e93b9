"""What can be typed into napari's console: the session is the very object that the dock shows."""

import napari

from napari_drr import session

viewer = napari.Viewer(title="napari DRR: driven by a script")
viewer.open_sample("napari-drr", "phantom")

# In the console, `viewer` is there already, and these lines are all that is needed.
s = session(viewer)
s.view("LAO", angle_deg=30)
s.pose.beta_deg = 10  # and 10 degrees toward the head
s.detector.update(height=100, width=100, pixel_spacing_x=4.0, pixel_spacing_y=4.0)
s.structures.hide("ribs")
s.structures.set_weight(2.0, "heart")
s.display.invert = True
s.masks = {"labels"}
layer = s.render()  # waits; the layer stands beside the CT

print(s.recipe.pose)
print("the brightest pixel:", layer.data.max(), "; its recipe:", list(layer.metadata["napari-drr"]))

if __name__ == "__main__":
    napari.run()
