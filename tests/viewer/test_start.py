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


@pytest.mark.gui
def test_the_dock_opens_without_waiting_for_torch():
    """Layers may come from a reader without torch, whose import takes a second."""
    code = """
import sys
import threading

importers = []


class Recorder:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "roma", "numba", "pandas"):
            importers.append((name, threading.current_thread() is threading.main_thread()))


sys.meta_path.insert(0, Recorder())

import napari
import numpy as np
from qtpy.QtTest import QTest

viewer = napari.Viewer()
ct = np.full((20, 20, 20), -1000.0, np.float32)
ct[5:15, 5:15, 5:15] = 40
viewer.add_image(ct, units="mm", axis_labels=("z", "y", "x"))
viewer.add_labels((ct > 0).astype(np.uint8), units="mm", axis_labels=("z", "y", "x"))
importers.clear()  # napari's own business
_, dock = viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
while dock.session.output() is None:
    QTest.qWait(10)
assert ("torch", False) in importers, importers
assert not [name for name, is_main in importers if is_main], importers
viewer.close()
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
