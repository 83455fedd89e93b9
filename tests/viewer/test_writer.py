from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from PIL import Image as Picture

from napari_drr.io.export import load_radiograph
from napari_drr.recipe import DetectorSettings, Display, Recipe
from napari_drr.viewer.layers import (
    add_or_update_radiograph,
    add_structure_images,
    radiograph_layer_data,
)
from napari_drr.viewer.writer import write_radiograph

RECIPE = Recipe(
    detector=DetectorSettings(height=30, width=20, pixel_spacing_x=3.0, pixel_spacing_y=2.0)
)
IMAGE = np.linspace(0, 6, 600, dtype=np.float32).reshape(30, 20)


@pytest.fixture
def viewer():
    return ViewerModel()


def write(path, layer):
    data, attributes, _ = layer.as_layer_data_tuple()
    return write_radiograph(str(path), data, attributes)


def picture(path):
    with Picture.open(path) as png:
        return np.asarray(png.convert("RGB"), int)


@pytest.mark.parametrize("suffix", [".tif", ".nii.gz", ".npz"])
def test_line_integrals_and_recipe_come_back_to_the_bit(viewer, tmp_path, suffix):
    layer = add_or_update_radiograph(viewer, IMAGE, RECIPE)
    (path,) = write(tmp_path / f"a.drr{suffix}", layer)
    image, recipe, names = load_radiograph(path)
    np.testing.assert_array_equal(image, IMAGE)
    assert recipe == RECIPE
    assert names is None


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("a.drr.tif", "a.drr.tif"),
        ("a.tif", "a.drr.tif"),
        ("a", "a.drr.tif"),
        ("a.nii.gz", "a.drr.nii.gz"),
        ("a.DRR.PNG", "a.DRR.PNG"),
    ],
)
def test_files_get_the_ending_that_our_reader_claims(viewer, tmp_path, given, written):
    layer = add_or_update_radiograph(viewer, IMAGE, RECIPE)
    assert write(tmp_path / given, layer) == [str(tmp_path / written)]
    assert [path.name for path in tmp_path.iterdir()] == [written]


@pytest.mark.parametrize("mode", ["line_integral", "transmission"])
@pytest.mark.parametrize("invert", [False, True])
def test_a_png_is_what_the_layer_shows(viewer, tmp_path, mode, invert):
    recipe = replace(RECIPE, display=Display(mode, invert, 0.8, (0.5, 5.0)))
    layer = add_or_update_radiograph(viewer, IMAGE, recipe)
    (path,) = write(tmp_path / "a.drr.png", layer)
    gray = recipe.display.gray(IMAGE)
    np.testing.assert_array_equal(picture(path)[..., 0], np.rint(gray * 255))
    assert load_radiograph(path)[1] == recipe


def test_a_png_heeds_what_was_changed_by_hand(viewer, tmp_path):
    layer = add_or_update_radiograph(viewer, IMAGE, RECIPE)
    layer.contrast_limits, layer.gamma, layer.colormap = (1, 3), 0.5, "gray_r"
    (path,) = write(tmp_path / "a.drr.png", layer)
    gray = Display(invert=True, gamma=0.5, contrast_limits=(1.0, 3.0))
    np.testing.assert_array_equal(picture(path)[..., 0], np.rint(gray.gray(IMAGE) * 255))
    assert load_radiograph(path)[1].display == gray


def test_a_png_has_the_layers_colors(viewer, tmp_path):
    layer = add_or_update_radiograph(viewer, IMAGE, RECIPE)
    layer.colormap = "viridis"
    (path,) = write(tmp_path / "a.drr.png", layer)
    shown = layer.colormap.map(IMAGE.ravel() / IMAGE.max())[:, :3].reshape(30, 20, 3) * 255
    # 2 of 255: the picture has 256 levels, and so has the colormap's table.
    np.testing.assert_allclose(picture(path), shown, atol=2)
    assert load_radiograph(path)[1].detector == RECIPE.detector


def test_a_structures_image_keeps_its_name(viewer, tmp_path):
    (layer,) = add_structure_images(viewer, IMAGE[None], ["heart"], RECIPE)
    image, _, names = load_radiograph(write(tmp_path / "a.drr.npz", layer)[0])
    np.testing.assert_array_equal(image[0], IMAGE)
    assert names == ["heart"]


def test_layers_without_a_recipe_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'stars' carries no recipe"):
        write(tmp_path / "a.drr.tif", Image(IMAGE, name="stars"))
    assert not list(tmp_path.iterdir())


def test_gray_values_of_a_png_are_not_passed_off_as_line_integrals(tmp_path):
    (data,) = radiograph_layer_data(IMAGE / 6, RECIPE, is_gray=True)
    with pytest.raises(ValueError, match="comes from a PNG"):
        write_radiograph(tmp_path / "a.drr.tif", *data[:2])


def test_a_preview_is_refused(viewer, tmp_path):
    layer = add_or_update_radiograph(viewer, IMAGE[::2, ::2], RECIPE, preview=True)
    with pytest.raises(ValueError, match="30 x 20 as the recipe says"):
        write(tmp_path / "a.drr.tif", layer)


@pytest.mark.gui
def test_napari_saves_and_opens_with_us(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer()
    layer = add_or_update_radiograph(viewer, IMAGE, RECIPE)
    (path,) = layer.save(str(tmp_path / "a.drr.npz"), plugin="napari-drr")
    (again,) = viewer.open(path, plugin="napari-drr")
    np.testing.assert_array_equal(again.data, IMAGE)
    assert again.metadata == layer.metadata
