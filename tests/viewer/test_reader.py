import json

import nibabel
import numpy as np
import pytest
import SimpleITK
import torch
import torchio
from dicom_files import write_series
from napari.layers import Image, Labels, Layer
from orientations import affine_of

from napari_drr.io.export import save_radiograph, save_recipe
from napari_drr.recipe import DetectorSettings, Display, Pose, Recipe
from napari_drr.viewer._session import session
from napari_drr.viewer.layers import (
    KEY,
    RADIOLOGICAL,
    displayed,
    structures_from_layer,
    volume_from_layer,
)
from napari_drr.viewer.reader import get_reader, looks_like_labels

RECIPE = Recipe(
    pose=Pose(alpha_deg=30),
    detector=DetectorSettings(height=30, width=20, pixel_spacing_x=3.0, pixel_spacing_y=2.0),
)


@pytest.fixture
def hounsfield():
    values = np.random.default_rng(0).integers(-1000, 1500, (9, 7, 6)).astype(np.int16)
    values[0, 0, 0], values[-1, -1, -1] = -1000, 1500
    return values


@pytest.fixture
def labels():
    values = np.zeros((9, 7, 6), np.uint8)
    values[1:5, 1:5, 1:5], values[6:8, 1:5, 1:5] = 51, 118
    return values


def save(path, values, affine=None):
    image = torchio.ScalarImage(
        tensor=torch.from_numpy(values)[None], affine=affine_of("LPS") if affine is None else affine
    )
    image.save(path)
    return path


def open_with_ours(path):
    return [Layer.create(*data) for data in get_reader(path)(path) if data[0] is not None]


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"])
def test_a_ct_becomes_an_image_layer_in_its_place(tmp_path, hounsfield, suffix):
    path = save(tmp_path / f"Chest{suffix}", hounsfield)
    (layer,) = open_with_ours(str(path))
    assert isinstance(layer, Image)
    assert layer.name == "Chest"
    voxels, affine = volume_from_layer(layer)
    np.testing.assert_array_equal(voxels, hounsfield)
    # 1e-4 mm: NIfTI keeps its affine in float32.
    np.testing.assert_allclose(affine, affine_of("LPS"), atol=1e-4)


@pytest.mark.parametrize("name", ["heart.nii.gz", "organs.mha"])
def test_label_maps_are_known_by_their_values(tmp_path, labels, name):
    (layer,) = open_with_ours(save(tmp_path / name, labels))
    assert isinstance(layer, Labels)
    assert layer.data.dtype == np.uint8


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_label_maps_are_known_by_their_names(tmp_path, labels, dtype):
    (layer,) = open_with_ours(save(tmp_path / "ct_seg.nii", labels.astype(dtype)))
    assert isinstance(layer, Labels)


def test_an_empty_mask_is_a_label_map(tmp_path, labels):
    (layer,) = open_with_ours(save(tmp_path / "mask.nii", labels * 0))
    assert isinstance(layer, Labels)


def test_a_ct_called_like_a_label_map_is_an_image(tmp_path, hounsfield):
    (layer,) = open_with_ours(save(tmp_path / "lungmask_input.nii", hounsfield))
    assert isinstance(layer, Image)


def test_an_8_bit_scan_is_no_label_map():
    rows = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (32, 32, 32)))
    assert not looks_like_labels(rows)
    assert not looks_like_labels(rows, True)


def test_names_in_a_nrrd_header_reach_the_layer(tmp_path, labels):
    image = SimpleITK.GetImageFromArray(labels)
    for key, value in {"Name": "stent", "LabelValue": "118"}.items():
        image.SetMetaData(f"Segment0_{key}", value)
    SimpleITK.WriteImage(image, str(tmp_path / "segmentation.seg.nrrd"))
    (layer,) = open_with_ours(tmp_path / "segmentation.seg.nrrd")
    assert structures_from_layer(layer)["structure"].tolist() == ["label 51", "stent"]


def test_names_in_a_table_beside_the_file_reach_the_layer(tmp_path, labels):
    (tmp_path / "structures.csv").write_text("id,structure,group\n51,heart,cardiac\n118,stent,\n")
    (layer,) = open_with_ours(save(tmp_path / "mask.nii", labels))
    table = structures_from_layer(layer)
    assert table["structure"].tolist() == ["heart", "stent"]
    assert not table.attrs["assumed"]


def test_a_dicom_folder_becomes_one_layer(tmp_path, hounsfield):
    write_series(tmp_path / "ct", hounsfield, affine_of("LPS"), uid="1.2.20")
    (layer,) = open_with_ours(str(tmp_path / "ct"))
    assert layer.name == "Chest 2.5 B30f"
    assert layer.metadata[KEY]["series_uid"] == "1.2.20"
    voxels, affine = volume_from_layer(layer)
    # 1e-5 mm: positions are written with six decimals.
    np.testing.assert_allclose(affine, affine_of("LPS"), atol=1e-5)
    np.testing.assert_array_equal(voxels, hounsfield)


def test_each_ct_series_of_a_folder_becomes_a_layer_and_a_scout_none(tmp_path, hounsfield):
    affine = affine_of("LPS")
    for uid, depth in [("1.2.10", 3), ("1.2.20", 6), ("1.2.30", 5)]:
        names = [f"{uid}.{k}" for k in range(depth)]
        write_series(tmp_path, hounsfield[..., :depth], affine, uid=uid, names=names)
    found = open_with_ours(tmp_path)
    assert sorted(len(layer.data) for layer in found) == [5, 6]


def test_a_dicom_file_opens_its_series_once(tmp_path, hounsfield):
    paths = write_series(tmp_path, hounsfield, affine_of("LPS"))
    (layer,) = open_with_ours([str(path) for path in paths])
    assert layer.data.shape == (6, 7, 9)


def test_several_files_become_several_layers(tmp_path, hounsfield, labels):
    paths = [save(tmp_path / "a.nii", hounsfield), save(tmp_path / "b.nii", labels)]
    assert [type(layer) for layer in open_with_ours(paths)] == [Image, Labels]


@pytest.mark.parametrize("name", ["picture.png", "picture.tif", "scan.drr", "table.csv", "x.json"])
def test_other_files_are_left_to_other_readers(tmp_path, name):
    (tmp_path / name).touch()
    assert get_reader(str(tmp_path / name)) is None


def test_folders_without_dicom_are_left_to_other_readers(tmp_path):
    assert get_reader(tmp_path) is None
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "sub").mkdir()
    assert get_reader(tmp_path) is None
    assert get_reader([]) is None
    assert get_reader(tmp_path / "not there") is None


def test_a_broken_file_says_what_it_is(tmp_path):
    path = tmp_path / "ct.nii.gz"
    path.write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"ct.nii.gz.* is no image that can be read"):
        get_reader(path)(path)


def test_a_series_in_time_says_what_to_do(tmp_path):
    path = tmp_path / "perfusion.nii"
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4, 3), np.float32), np.eye(4)), path)
    with pytest.raises(ValueError, match="time points perhaps: save one of them"):
        get_reader(path)(path)


@pytest.mark.parametrize("suffix", [".tif", ".nii.gz", ".npz"])
def test_a_radiograph_comes_back_with_its_recipe(tmp_path, letter_f, suffix):
    recipe = Recipe(detector=RECIPE.detector, display=Display(invert=True, gamma=0.5))
    path = save_radiograph(tmp_path / f"chest.drr{suffix}", letter_f, recipe)
    (layer,) = open_with_ours(path)
    assert layer.name == "chest"
    np.testing.assert_array_equal(layer.data, letter_f)
    np.testing.assert_allclose(layer.scale, [2, 3])
    assert displayed(layer, recipe.display).invert
    assert layer.gamma == 0.5
    assert Recipe.from_json(json.dumps(layer.metadata[KEY])) == recipe


def test_the_picture_of_a_png_looks_as_it_did(tmp_path, letter_f):
    recipe = Recipe(detector=RECIPE.detector, display=Display(invert=True))
    (layer,) = open_with_ours(save_radiograph(tmp_path / "chest.drr.png", letter_f, recipe))
    np.testing.assert_array_equal(layer.data, 1 - letter_f)
    assert layer.colormap.name == "gray"
    assert layer.contrast_limits == [0, 1]


def test_channels_become_a_layer_each(tmp_path, letter_f):
    channels = np.stack([letter_f, letter_f[::-1]])
    path = save_radiograph(tmp_path / "a.drr.npz", channels, RECIPE, ["heart", "aorta"])
    found = open_with_ours(path)
    assert [layer.name for layer in found] == ["a heart", "a aorta"]
    np.testing.assert_array_equal(found[1].data, letter_f[::-1])


@pytest.mark.gui
def test_an_empty_viewer_turns_radiological_and_another_does_not(
    make_napari_viewer, tmp_path, hounsfield
):
    path = save(tmp_path / "ct.nii", hounsfield)
    viewer = make_napari_viewer()
    viewer.open(path, plugin="napari-drr")
    assert tuple(map(str, viewer.scene.camera.orientation)) == RADIOLOGICAL
    viewer.scene.camera.orientation = ("towards", "down", "right")
    viewer.open(path, plugin="napari-drr")
    assert tuple(map(str, viewer.scene.camera.orientation)) == ("towards", "down", "right")


@pytest.mark.gui
def test_a_radiograph_is_opened_upright_and_stays_so(
    make_napari_viewer, tmp_path, hounsfield, letter_f
):
    viewer = make_napari_viewer()
    viewer.open(save(tmp_path / "ct.nii", hounsfield), plugin="napari-drr")
    path = save_radiograph(tmp_path / "a.drr.tif", letter_f, RECIPE)
    first, second = (viewer.open(path, plugin="napari-drr")[0] for _ in range(2))
    viewer.dims.order = (1, 0, 2)
    for layer in (first, second):
        top_left, bottom_right = layer.data_to_world((0, 0)), layer.data_to_world((29, 19))
        # Up and left are positive in the radiological view.
        np.testing.assert_allclose(np.subtract(top_left, bottom_right), [29 * 2, 19 * 3])
    assert second.extent.world[1, 1] < first.extent.world[0, 1]


@pytest.mark.gui
def test_a_recipe_goes_to_the_session(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer()
    path = save_recipe(tmp_path / "view.drr.json", RECIPE)
    viewer.open(path, plugin="napari-drr")
    assert session(viewer).recipe.pose.alpha_deg == 30
    assert not viewer.layers


@pytest.mark.gui
def test_dropped_dicom_files_open_their_series_once(make_napari_viewer, tmp_path, hounsfield):
    viewer = make_napari_viewer()
    paths = write_series(tmp_path, hounsfield, affine_of("LPS"))
    viewer.open([str(path) for path in paths], plugin="napari-drr")
    assert len(viewer.layers) == 1


def test_a_recipe_without_a_window_says_so(tmp_path):
    path = save_recipe(tmp_path / "view.drr.json", RECIPE)
    with pytest.raises(ValueError, match="open it in a napari window"):
        get_reader(path)(path)
