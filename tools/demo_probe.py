"""End with status 0 if a napari window can be opened here; run in a process of its own."""

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

viewer = napari.Viewer()
viewer.add_image(np.eye(2))
QApplication.processEvents()  # without OpenGL it may be the painting that fails
viewer.close()
