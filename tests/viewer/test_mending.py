"""Sequences of changes that real windows have to survive."""

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_drr.recipe import DetectorSettings, Recipe
from napari_drr.viewer.layers import (
    add_or_update_mask_labels,
    add_or_update_radiograph,
    add_structure_images,
)

pytestmark = pytest.mark.gui

RECIPE = Recipe(detector=DetectorSettings(height=60, width=60))
LARGE_DETECTOR = DetectorSettings(height=60, width=60, pixel_spacing_x=7.0, pixel_spacing_y=7.0)


def channels(number, size=60):
    return np.random.default_rng(0).random((number, size, size)).astype(np.float32)


@pytest.mark.parametrize("size", [60, 30], ids=["same size", "other size"])
def test_masks_of_other_structures_and_their_images_are_drawn(make_napari_viewer, size):
    viewer = make_napari_viewer(show=True)
    add_or_update_radiograph(viewer, channels(1)[0], RECIPE)
    ids, names = list(range(1, 25)), [f"structure {label}" for label in range(1, 25)]
    labels = add_or_update_mask_labels(viewer, channels(24), ids, names, RECIPE)
    viewer.screenshot(flash=False)
    # All of this before napari paints again: it used to abort the whole process.
    recipe = replace(RECIPE, detector=DetectorSettings(height=size, width=size))
    values = channels(2, size)
    same = add_or_update_mask_labels(viewer, values, ids[:2], names[:2], recipe, layer=labels)
    images = add_structure_images(viewer, values, names[:2], recipe, ids=ids[:2])
    viewer.screenshot(flash=False)
    QApplication.processEvents()
    assert same is labels
    assert set(np.unique(labels.data)) == {1, 2}
    assert list(labels.features["structure"][1:]) == names[:2]
    assert all(image in viewer.layers for image in images)


def test_masks_of_the_same_structures_keep_their_array_and_colors(make_napari_viewer):
    viewer = make_napari_viewer(show=False)
    labels = add_or_update_mask_labels(viewer, channels(2), [1, 300], ["a", "b"], RECIPE)
    buffer, colormap = labels.data, labels.colormap
    swapped = channels(2)[::-1]
    add_or_update_mask_labels(viewer, swapped, [1, 300], ["a", "b"], RECIPE, layer=labels)
    assert labels.data is buffer
    assert labels.colormap is colormap
    np.testing.assert_array_equal(buffer, np.where(swapped[0] > swapped[1], 1, 300))


@pytest.mark.parametrize("kind", ["points", "shapes"])
def test_an_empty_layer_does_not_take_the_view_away(make_napari_viewer, kind):
    viewer = make_napari_viewer(show=False)
    getattr(viewer, f"add_{kind}")(ndim=3)
    add_or_update_radiograph(viewer, channels(1)[0], RECIPE)
    viewer.dims.order = (1, 0, 2)
    assert np.isfinite(viewer.scene.camera.center).all()
    assert np.isfinite(viewer.scene.camera.zoom)


def test_turning_the_axes_keeps_the_slice(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    ct = viewer.add_image(
        np.zeros((170, 132, 192), np.float32),
        scale=(2, 2, 2),
        translate=(-581, -304, -182),
        units="mm",
    )
    # Far larger than the CT, so that the ends of the sliders change with every turn.
    add_or_update_radiograph(
        viewer, channels(1)[0], replace(RECIPE, detector=LARGE_DETECTOR), beside=ct
    )
    qtbot.wait(50)
    before = viewer.dims.point
    for order in [(2, 0, 1), (0, 1, 2), (1, 0, 2), (2, 0, 1), (1, 0, 2), (0, 1, 2)]:
        viewer.dims.order = order
        qtbot.wait(50)
        # Steps are counted from where the radiograph ends, so by up to half a step of 2 mm.
        np.testing.assert_allclose(viewer.dims.point, before, atol=2)
