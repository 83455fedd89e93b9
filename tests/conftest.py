import os
import sys
import tempfile
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

# Before napari is imported: a run neither reads nor changes the user's settings.
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp(prefix="napari-drr-")) / "settings.yaml")
# Before torch is imported: many small tests gain nothing from many threads.
os.environ.setdefault("OMP_NUM_THREADS", str(min(4, os.cpu_count() or 1)))
# Threads that spin while they wait make a shared machine several times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def pytest_runtest_setup(item):
    needs_display = item.get_closest_marker("gui") is not None
    if needs_display and sys.platform.startswith("linux"):
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            pytest.skip("no display: run under xvfb-run, or use `make test`")
        # Qt's offscreen platform draws no OpenGL: the canvas would stay blank.
        if os.environ.get("QT_QPA_PLATFORM", "xcb") in ("offscreen", "minimal", "vnc"):
            pytest.skip("QT_QPA_PLATFORM draws no canvas: unset it")


def pytest_collection_modifyitems(items):
    if os.environ.get("NAPARI_DRR_DATA"):
        return
    skip = pytest.mark.skip(reason="NAPARI_DRR_DATA names no folder with the example chest CT")
    for item in items:
        if item.get_closest_marker("chest") is not None:
            item.add_marker(skip)


class PatientBot(QtBot):
    """Waits until a busy machine, too, has done what it should."""

    def waitUntil(self, callback, *, timeout=60_000):
        super().waitUntil(callback, timeout=timeout)


@pytest.fixture
def qtbot(qapp, request):
    return PatientBot(request)
