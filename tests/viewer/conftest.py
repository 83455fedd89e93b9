import gc
import importlib

import numpy as np
import pytest
import torch
import torchio


@pytest.fixture(scope="session", autouse=True)
def large_libraries_are_not_collected():
    """Keep napari's fixture, which collects garbage after each viewer, from searching libraries."""
    for name in ("napari.qt", "napari_drr.viewer.widgets.dock", "napari_drr.viewer.widgets.carm"):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


@pytest.fixture
def letter_f():
    """An F, 30 rows by 20 columns: no flip or turn of it looks like it."""
    image = np.zeros((30, 20), np.float32)
    image[:, :4] = 1
    image[:4] = 1
    image[12:16, :14] = 1
    return image


@pytest.fixture
def volume_image():
    """Make a small CT of distinct values in HU, with the affine that is asked for."""

    def make(affine=None, shape=(5, 6, 7), kind=torchio.ScalarImage):
        values = torch.arange(np.prod(shape), dtype=torch.float32).reshape(1, *shape)
        return kind(tensor=values - 1000, affine=affine)

    return make


@pytest.fixture(scope="session")
def thorax():
    """The phantom with voxels of 12 mm, in its own world."""
    from napari_drr import load_phantom

    return load_phantom(spacing=12.0, center_volume=False)


@pytest.fixture
def open_dock(make_napari_viewer, thorax):
    """Open the dock as the Plugins menu does, on a viewer with or without the phantom."""
    from docks import fill

    def make(filled=True, show=False):
        viewer = make_napari_viewer(show=show)
        if filled:
            fill(viewer, thorax)
        _, widget = viewer.window.add_plugin_dock_widget("napari-drr", "DRR")
        widget.session.detector.update(
            height=20, width=24, pixel_spacing_x=16.0, pixel_spacing_y=16.0
        )
        return viewer, widget

    return make


@pytest.fixture
def phantom(thorax):
    """The same, by the name of what it is."""
    return thorax


@pytest.fixture
def viewer(thorax):
    """A viewer without a window, with the phantom's CT and labels, in world coordinates."""
    from docks import fill
    from napari.components import ViewerModel

    viewer = ViewerModel()
    fill(viewer, thorax)
    return viewer


@pytest.fixture
def s(viewer):
    """The session of the viewer, with a small detector."""
    from napari_drr import session

    s = session(viewer)
    s.detector.update(height=20, width=24, pixel_spacing_x=16.0, pixel_spacing_y=16.0)
    yield s
    s.close()


@pytest.fixture
def open_ct():
    """Open a CT and its session; both are there until the test's end."""
    from hand import open_session

    opened = []

    def make(image):
        opened.append(open_session(image))
        return opened[-1][1]

    yield make
    for _, s in opened:
        s.close()
