"""What a real window shows."""

import numpy as np
import pytest
import torch
import torchio
from napari.layers import Layer

from napari_drr.recipe import DetectorSettings, Recipe
from napari_drr.viewer.layers import (
    KEY,
    RADIOLOGICAL,
    add_or_update_radiograph,
    image_layer_data,
    set_radiological,
)

pytestmark = pytest.mark.gui

AXIAL, CORONAL, SAGITTAL = (0, 1, 2), (1, 0, 2), (2, 0, 1)
RECIPE = Recipe(
    detector=DetectorSettings(height=30, width=20, pixel_spacing_x=4.0, pixel_spacing_y=4.0)
)


def canvas(viewer):
    return viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int).sum(axis=-1)


def bright_box(picture):
    bright = picture > 700
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    return bright[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def bright_center(picture):
    """Where the bright part is: down and right of the picture's middle."""
    return np.argwhere(picture > 700).mean(axis=0) - (np.array(picture.shape) - 1) / 2


def ct_layer(marked=(), shape=(40, 40, 40)):
    """A black CT of 80 mm, with a bright block in the corner of world x, y, z that is asked for."""
    values = torch.full((1, *shape), -1000.0)
    if marked:
        corner = [slice(30, 38) if way > 0 else slice(2, 10) for way in marked]
        values[(0, *corner)] = 1000
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -39
    return Layer.create(*image_layer_data(torchio.ScalarImage(tensor=values, affine=affine)))


@pytest.mark.parametrize("order", [AXIAL, CORONAL, SAGITTAL, (1, 2, 0)])
@pytest.mark.parametrize("orientation", [RADIOLOGICAL, ("towards", "down", "right")])
def test_an_f_is_an_f_in_every_plane(make_napari_viewer, letter_f, order, orientation):
    viewer = make_napari_viewer(show=True)
    ct = viewer.add_layer(ct_layer())
    add_or_update_radiograph(viewer, letter_f, RECIPE, beside=ct)
    viewer.scene.camera.orientation = orientation
    viewer.dims.order = order
    shown = bright_box(canvas(viewer))
    height, width = shown.shape
    # A pixel of 4 mm is as high as wide, whatever the window: 30 rows, 20 columns.
    assert height / width == pytest.approx(30 / 20, rel=0.05)
    rows = ((np.arange(30) + 0.5) * height / 30).astype(int)
    columns = ((np.arange(20) + 0.5) * width / 20).astype(int)
    np.testing.assert_array_equal(shown[np.ix_(rows, columns)], letter_f > 0.5)


# A block at the patient's left, front and head, and where each plane shows it: down, right.
@pytest.mark.parametrize(
    ("order", "middle", "down", "right"),
    [(AXIAL, (33, 0, 0), -1, 1), (CORONAL, (0, 33, 0), -1, 1), (SAGITTAL, (0, 0, 5), -1, -1)],
    ids=["axial", "coronal", "sagittal"],
)
def test_slices_are_radiological(make_napari_viewer, order, middle, down, right):
    viewer = make_napari_viewer(show=True)
    viewer.add_layer(ct_layer(marked=(-1, 1, 1)))
    set_radiological(viewer)
    viewer.dims.order = order
    viewer.dims.current_step = middle
    center = bright_center(canvas(viewer))
    assert np.sign(center).tolist() == [down, right]


def test_3d_is_not_mirrored(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.add_layer(ct_layer(marked=(-1, 1, 1)))
    set_radiological(viewer)
    viewer.dims.ndisplay = 3
    # From the front: looking at the back, head up.
    viewer.scene.camera.set_view_direction((0, -1, 0), up_direction=(1, 0, 0))
    center = bright_center(canvas(viewer))
    assert np.sign(center).tolist() == [-1, 1]


def test_the_proxy_that_plugins_get_serves_as_well(make_napari_viewer_proxy, letter_f):
    viewer = make_napari_viewer_proxy()
    ct = viewer.add_layer(ct_layer())
    layer = add_or_update_radiograph(viewer, letter_f, RECIPE, beside=ct)
    add_or_update_radiograph(viewer, letter_f, RECIPE, beside=ct, layer=viewer.layers["DRR"])
    viewer.dims.order = CORONAL
    restore = set_radiological(viewer)
    restore()
    assert len(viewer.layers) == 2
    assert layer.metadata[KEY]["orientation"] == "AP"
