import gc
import weakref
from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_drr.recipe import Attenuation, DetectorSettings, Display, Recipe
from napari_drr.viewer.layers import (
    KEY,
    add_or_update_mask_labels,
    add_or_update_radiograph,
    add_structure_images,
    displayed,
    is_radiological,
    largest_structure,
    set_radiological,
)

RECIPE = Recipe(
    detector=DetectorSettings(height=30, width=20, pixel_spacing_x=3.0, pixel_spacing_y=2.0)
)


@pytest.fixture
def ct():
    return Image(
        np.zeros((40, 30, 20)),
        name="ct",
        scale=(2.5, 1, 1.5),
        translate=(-700, 20, -15),
        units="mm",
        axis_labels=("z", "y", "x"),
    )


@pytest.fixture
def viewer(ct):
    viewer = ViewerModel()
    viewer.canvas.size = (600, 800)
    viewer.add_layer(ct)
    return viewer


def on_screen(viewer, layer, position):
    """Screen coordinates (down, right) in mm of a position in a layer's data."""
    world = layer.data_to_world(position)
    missing = viewer.dims.ndim - layer.ndim
    vertical, horizontal = (
        a - missing for a in [a for a in viewer.dims.order if a >= missing][-2:]
    )
    _, down, right = map(str, viewer.scene.camera.orientation)
    return (
        world[vertical] * (1 if down == "down" else -1),
        world[horizontal] * (1 if right == "right" else -1),
    )


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize(
    "orientation", list(product(("away", "towards"), ("up", "down"), ("left", "right")))
)
def test_row_0_is_on_top_and_column_0_on_the_left_in_mm(viewer, ct, letter_f, order, orientation):
    layer = add_or_update_radiograph(viewer, letter_f, RECIPE, beside=ct)
    viewer.dims.order = order
    viewer.scene.camera.orientation = orientation
    top, left = on_screen(viewer, layer, (0, 0))
    bottom, right = on_screen(viewer, layer, (29, 19))
    assert bottom - top == pytest.approx(29 * 2)
    assert right - left == pytest.approx(19 * 3)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
@pytest.mark.parametrize("orientation", [("away", "up", "left"), ("towards", "down", "right")])
def test_it_stands_right_of_the_ct_at_the_height_of_its_middle(
    viewer, ct, letter_f, order, orientation
):
    viewer.scene.camera.orientation = orientation
    layer = add_or_update_radiograph(viewer, letter_f, RECIPE, beside=ct)
    viewer.dims.order = order
    corners = [on_screen(viewer, ct, p) for p in product((0, 39), (0, 29), (0, 19))]
    ct_middle, ct_right = np.mean(corners, axis=0)[0], np.max(corners, axis=0)[1]
    middle, _ = on_screen(viewer, layer, (14.5, 9.5))
    _, left = on_screen(viewer, layer, (0, -0.5))
    assert middle == pytest.approx(ct_middle)
    assert left > ct_right


def test_everything_is_in_view_after_the_axes_turned(viewer, ct, letter_f):
    tall = replace(RECIPE, detector=DetectorSettings(height=30, width=20, pixel_spacing_y=20))
    layer = add_or_update_radiograph(viewer, letter_f, tall, beside=ct)
    viewer.dims.order = (1, 0, 2)
    camera = viewer.scene.camera
    for corner in [(0, 0), (29, 19)]:
        offset = np.subtract(layer.data_to_world(corner), camera.center[1:]) * camera.zoom
        assert np.all(np.abs(offset) < np.array([600, 800]) / 2)


def test_a_radiograph_without_a_ct_is_centered_and_stays_upright_when_one_comes(letter_f, ct):
    viewer = ViewerModel()
    set_radiological(viewer)
    layer = add_or_update_radiograph(viewer, letter_f, RECIPE)
    np.testing.assert_allclose(layer.data_to_world((14.5, 9.5)), 0, atol=1e-9)
    viewer.add_layer(ct)
    viewer.dims.order = (2, 1, 0)
    assert on_screen(viewer, layer, (29, 0))[0] > on_screen(viewer, layer, (0, 0))[0]


def test_an_update_writes_into_the_same_layer_and_buffer(viewer, ct, letter_f):
    layer = add_or_update_radiograph(viewer, letter_f, RECIPE, beside=ct)
    buffer, affine = layer.data, layer.affine.affine_matrix.copy()
    turned = replace(RECIPE, orientation="PA")
    updated = add_or_update_radiograph(viewer, letter_f * 0.9, turned, beside=ct, layer=layer)
    assert updated is layer
    assert layer.data is buffer
    np.testing.assert_array_equal(buffer, letter_f * np.float32(0.9))
    np.testing.assert_array_equal(layer.affine.affine_matrix, affine)
    assert layer.metadata[KEY]["orientation"] == "PA"
    assert len(viewer.layers) == 2


def test_the_callers_array_is_not_the_layers_buffer(viewer, letter_f):
    layer = add_or_update_radiograph(viewer, letter_f, RECIPE)
    letter_f[:] = -1
    assert layer.data.min() == 0


def test_the_recipe_comes_back_from_the_layer(viewer, letter_f):
    import json

    layer = add_or_update_radiograph(viewer, letter_f, RECIPE)
    assert Recipe.from_json(json.dumps(layer.metadata[KEY])) == RECIPE


def test_a_preview_of_fewer_pixels_covers_the_same_place(viewer, ct, letter_f):
    layer = add_or_update_radiograph(viewer, letter_f, RECIPE, beside=ct)
    whole = [on_screen(viewer, layer, p) for p in [(-0.5, -0.5), (29.5, 19.5)]]
    coarse = letter_f[::2, ::2]
    add_or_update_radiograph(viewer, coarse, RECIPE, beside=ct, layer=layer, preview=True)
    preview = [on_screen(viewer, layer, p) for p in [(-0.5, -0.5), (14.5, 9.5)]]
    np.testing.assert_allclose(preview, whole)


def test_a_deleted_layer_is_replaced_by_a_new_one(viewer, letter_f):
    layer = add_or_update_radiograph(viewer, letter_f, RECIPE)
    viewer.layers.remove(layer)
    assert add_or_update_radiograph(viewer, letter_f, RECIPE, layer=layer) is not layer


def test_pictures_of_another_shape_are_refused(viewer):
    with pytest.raises(ValueError, match=r"\(height, width\), got shape \(1, 30, 20\)"):
        add_or_update_radiograph(viewer, np.zeros((1, 30, 20)), RECIPE)


def test_layer_and_viewer_are_let_go_of(letter_f):
    viewer = ViewerModel()
    layer = add_or_update_radiograph(viewer, letter_f, RECIPE)
    callbacks = len(viewer.dims.events.order.callbacks)
    viewer.layers.remove(layer)
    assert len(viewer.dims.events.order.callbacks) == callbacks - 1
    held = weakref.ref(layer)
    del layer
    # napari's own selection keeps the layer that was selected last, until another one is.
    viewer.add_layer(Image(letter_f, name="another"))
    gc.collect()
    assert held() is None
    add_or_update_radiograph(viewer, letter_f, RECIPE)
    held = weakref.ref(viewer)
    del viewer
    gc.collect()
    assert held() is None


def test_limits_follow_the_image_but_not_every_turn_of_it(viewer, letter_f):
    layer = add_or_update_radiograph(viewer, letter_f, RECIPE)
    assert layer.contrast_limits == [0, 1]
    add_or_update_radiograph(viewer, letter_f * 1.1, RECIPE, layer=layer)
    assert layer.contrast_limits == [0, 1]
    add_or_update_radiograph(viewer, letter_f * 5, RECIPE, layer=layer)
    assert layer.contrast_limits == [0, 5]


def test_limits_set_by_hand_stay_until_the_values_are_of_another_kind(viewer, letter_f):
    layer = add_or_update_radiograph(viewer, letter_f, RECIPE)
    layer.contrast_limits = (0.1, 0.3)
    add_or_update_radiograph(viewer, letter_f * 5, RECIPE, layer=layer)
    assert layer.contrast_limits == [0.1, 0.3]
    relative = replace(RECIPE, attenuation=Attenuation(kind="relative"))
    add_or_update_radiograph(viewer, letter_f * 50, relative, layer=layer)
    assert layer.contrast_limits == [0, 50]


@pytest.mark.parametrize("mode", ["line_integral", "transmission"])
@pytest.mark.parametrize("invert", [False, True])
def test_the_layer_looks_as_its_display_says(viewer, mode, invert):
    image = np.linspace(0, 6, 600, dtype=np.float32).reshape(30, 20)
    display = Display(mode, invert, 0.8, (0.5, 5.0))
    layer = add_or_update_radiograph(viewer, image, replace(RECIPE, display=display))
    low, high = layer.contrast_limits
    shown = layer.colormap.map((np.clip((image - low) / (high - low), 0, 1)) ** layer.gamma)
    # 1/255: the steps of an 8-bit screen; a colormap is a table.
    np.testing.assert_allclose(shown[..., 0].reshape(30, 20), display.gray(image), atol=1 / 255)
    assert displayed(layer, display) == display


def test_transmissions_with_other_limits_are_told_apart(viewer):
    image = np.linspace(0, 6, 600, dtype=np.float32).reshape(30, 20)
    for high in (3.0, 4.0, 5.0):  # one name, three colormaps
        display = Display("transmission", contrast_limits=(0.25, high))
        layer = add_or_update_radiograph(viewer, image, replace(RECIPE, display=display))
        assert displayed(layer, display) == display
    layer.colormap = "viridis"
    assert displayed(layer, display) is None


def test_a_new_display_shows_and_the_data_stay(viewer, letter_f):
    layer = add_or_update_radiograph(viewer, letter_f, RECIPE)
    inverted = replace(RECIPE, display=Display(invert=True, contrast_limits=(0.0, 2.0)))
    add_or_update_radiograph(viewer, letter_f, inverted, layer=layer)
    assert layer.colormap.name == "gray_r"
    assert layer.contrast_limits == [0, 2]
    np.testing.assert_array_equal(layer.data, letter_f)


CHANNELS = np.zeros((3, 30, 20), np.float32)
CHANNELS[0] = 9  # no structure: never shown as one
CHANNELS[1, :, :10] = 2
CHANNELS[2, :, 5:15] = 3


def test_a_pixel_takes_the_structure_with_the_largest_line_integral(viewer, ct):
    layer = add_or_update_mask_labels(
        viewer, CHANNELS, [0, 7, 300], ["background", "heart", "stent"], RECIPE, beside=ct
    )
    assert layer.data.dtype == np.uint16
    assert [set(np.unique(part)) for part in (layer.data[:, :5], layer.data[:, 5:15])] == [
        {7},
        {300},
    ]
    assert not layer.data[:, 15:].any()
    assert "stent" in layer.get_status(layer.data_to_world((3, 12)), world=True)["value"]
    np.testing.assert_allclose(layer.colormap.map([300])[0, 3], 1)


def test_masks_lie_exactly_on_the_radiograph_in_every_view(viewer, ct, letter_f):
    radiograph = add_or_update_radiograph(viewer, letter_f, RECIPE, beside=ct)
    ids, names = [1, 2, 3], ["a", "b", "c"]
    masks = [
        add_or_update_mask_labels(viewer, CHANNELS, ids, names, RECIPE, beside=ct),
        *add_structure_images(viewer, CHANNELS, names, RECIPE, ids=ids, beside=ct),
    ]
    for order in [(0, 1, 2), (1, 0, 2), (2, 0, 1)]:
        viewer.dims.order = order
        for mask in masks:
            assert mask.data_to_world((3, 4)) == radiograph.data_to_world((3, 4))


def test_mask_labels_are_updated_in_one_layer(viewer):
    layer = add_or_update_mask_labels(viewer, CHANNELS[1:], [7, 8], ["heart", "aorta"], RECIPE)
    updated = add_or_update_mask_labels(viewer, CHANNELS[1:2], [8], ["aorta"], RECIPE, layer=layer)
    assert updated is layer
    assert set(np.unique(layer.data)) == {0, 8}
    assert layer.features["structure"].tolist()[1:] == ["aorta"]


def test_each_structure_has_an_image_of_its_own_color(viewer):
    display = Display(invert=True, contrast_limits=(0.0, 1.0))
    recipe = replace(RECIPE, display=display)
    red = {1: (1.0, 0.0, 0.0)}
    images = add_structure_images(viewer, CHANNELS[1:], ["heart", "aorta"], recipe, colors=red)
    assert [image.name for image in images] == ["DRR heart", "DRR aorta"]
    assert [image.blending for image in images] == ["additive"] * 2
    np.testing.assert_allclose(images[0].colormap.map([1.0])[0], [1, 0, 0, 1])
    np.testing.assert_array_equal(images[1].data, CHANNELS[2])
    assert images[1].contrast_limits == [0, 3]


def test_structure_images_are_reused_by_name(viewer):
    before = add_structure_images(viewer, CHANNELS[1:], ["heart", "aorta"], RECIPE)
    after = add_structure_images(viewer, CHANNELS[2:] * 10, ["aorta"], RECIPE, layers=before)
    assert after == [before[1]]
    assert before[1].data.max() == 30
    assert before[1].contrast_limits == [0, 30]
    assert len(viewer.layers) == 3


def test_channels_need_as_many_ids_and_names(viewer):
    with pytest.raises(ValueError, match=r"\(3, 30, 20\), 2 ids and 3 names"):
        add_or_update_mask_labels(viewer, CHANNELS, [1, 2], ["a", "b", "c"], RECIPE)


def test_no_structure_gives_an_empty_mask():
    assert not largest_structure(np.zeros((0, 4, 5), np.float32), []).any()


def test_the_radiological_view_can_be_taken_back():
    viewer = ViewerModel()
    before = viewer.scene.camera.orientation
    assert not is_radiological(viewer)
    restore = set_radiological(viewer)
    assert is_radiological(viewer)
    restore()
    assert viewer.scene.camera.orientation == before
