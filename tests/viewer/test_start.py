import subprocess
import sys

import pytest


@pytest.mark.gui
def test_the_library_can_be_imported_once_a_canvas_is_drawn():
    """As the plugin is: OpenGL drivers and triton each bring an LLVM, which must not mix."""
    code = """
import napari
import numpy as np
from qtpy.QtWidgets import QApplication

viewer = napari.Viewer()
viewer.add_image(np.eye(2))
QApplication.processEvents()
import napari_drr.geometry.pose
viewer.close()
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
