"""A short walk through the window with the other Qt binding, in a process of its own."""

import importlib.util
import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.gui

WALK = """
    import napari
    import numpy as np
    from qtpy import API_NAME
    from qtpy.QtCore import QEventLoop, QTimer

    from napari_drr import session

    assert API_NAME == "PySide6", API_NAME
    viewer = napari.Viewer()
    viewer.open_sample("napari-drr", "phantom")
    _, dock = viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
    s = session(viewer)
    failed = []
    s.events.failed.connect(failed.append)
    loop = QEventLoop()


    def until(condition):
        timer, end = QTimer(), QTimer()
        timer.timeout.connect(lambda: loop.quit() if condition() or failed else None)
        end.timeout.connect(loop.quit)
        timer.start(20)
        end.start(120_000)
        loop.exec()
        # Left running, it would end a later loop.
        timer.stop()
        end.stop()
        assert not failed, failed
        assert condition()


    def shows(angle):
        layer = s.output()
        if layer is None or s.status.is_preview:
            return False
        known = layer.metadata["napari-drr"]
        return (known["orientation"], known["pose"]["alpha_deg"]) == ("PA", angle)


    s.view("PA")
    until(lambda: shows(0.0))
    row = dock.pose.rows["pose.alpha_deg"]
    row.slider.setSliderDown(True)
    row.slider.setValue(30.0)
    row.slider.setSliderDown(False)
    until(lambda: shows(30.0))
    shown = s.output().data.copy()
    s.structures.hide("ribs")
    until(lambda: not np.array_equal(s.output().data, shown))
    s.undo()
    until(lambda: np.array_equal(s.output().data, shown))
    assert np.array_equal(s.render().data, shown)
    viewer.close()
    print("walked")
"""


@pytest.mark.skipif(
    importlib.util.find_spec("PySide6") is None, reason="PySide6 is not installed (extra `test`)"
)
def test_the_dock_works_with_pyside6(tmp_path):
    script = tmp_path / "walk.py"
    script.write_text(textwrap.dedent(WALK))
    variables = {**os.environ, "QT_API": "pyside6", "NAPARI_CONFIG": str(tmp_path / "napari.yaml")}
    variables.pop("PYTEST_QT_API", None)
    done = subprocess.run(
        [sys.executable, str(script)], env=variables, capture_output=True, text=True, timeout=300
    )
    assert "walked" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
