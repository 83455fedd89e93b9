"""Layers deleted from a window that is painted: napari goes on, whatever the order."""

import subprocess
import sys

import pytest
from napari.components import ViewerModel

from napari_drr.viewer.widgets._canvas import canvas_of

pytestmark = pytest.mark.gui

CODE = """
import sys
import napari
import numpy as np
from qtpy.QtTest import QTest
from napari_drr import session

viewer = napari.Viewer(show=True)
s = session(viewer)
if "dock" in sys.argv:
    viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
    s.live = False
random = np.random.default_rng(0).random
sizes = {"2": (30, 40), "3": (30, 40, 50)}
for step in sys.argv[1].split(","):
    if step[0] == "-":
        viewer.layers.remove(step[1])
    elif step[1:] == "3l":
        viewer.add_labels((5 * random(sizes["3"])).astype(np.uint8), name=step[0])
    else:
        viewer.add_image(random(sizes[step[1]]), name=step[0], contrast_limits=(0, 1), rgb=False)
    QTest.qWait(150)
viewer.close()
"""


# Without the canvas's context, napari 0.9.2 ends at the paint that follows each of these.
@pytest.mark.parametrize(
    "arguments", [("a3,b2,-a",), ("a3l,b2,c3,-a,-b",), ("a3,b3,c2,-a,-b", "dock")], ids=str
)
def test_napari_outlives_the_deletion_of_layers(arguments):
    result = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]


def test_the_canvas_of_each_window_is_found(make_napari_viewer, qtbot):
    first = make_napari_viewer()
    assert canvas_of(first) is not None
    second = make_napari_viewer()
    assert canvas_of(first) is None, "nobody can tell which"
    from qtpy.QtWidgets import QWidget

    for viewer in (first, second):
        viewer.window.add_dock_widget(QWidget(), name="ours")
    found = [canvas_of(viewer) for viewer in (first, second)]
    assert None not in found
    assert found[0] is not found[1]


def test_a_viewer_without_a_window_has_no_canvas():
    assert canvas_of(ViewerModel()) is None
