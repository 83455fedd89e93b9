import dask.array
import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
import torchio
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from orientations import ORIENTATIONS, oriented, rotation

from napari_drr.viewer.layers import (
    KEY,
    image_layer_data,
    labels_layer_data,
    structures_from_layer,
    volume_from_layer,
)

# napari says, rightly, that 2-D slices of an oblique volume drop the part that leaves the slice.
oblique = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")

# Turned by about 17 degrees about y, then by 10 about x, as DICOM cosines can say it.
OBLIQUE = rotation(10, 17) @ np.diag([0.7, 0.9, 2.5, 1])


def world_of_every_value(voxels, affine):
    """World position of each voxel, sorted by the voxel's (distinct) value."""
    voxels = np.asarray(voxels)
    indices = np.stack(np.meshgrid(*map(np.arange, voxels.shape), indexing="ij"), axis=-1)
    points = indices.reshape(-1, 3) @ affine[:3, :3].T + affine[:3, 3]
    return points[np.argsort(voxels.ravel())]


def layer_of(data):
    return Layer.create(*data)


@oblique
@pytest.mark.parametrize("codes", ORIENTATIONS)
@pytest.mark.parametrize("affine", [np.diag([0.7, 0.9, 2.5, 1]), OBLIQUE], ids=["plain", "oblique"])
def test_every_voxel_of_a_file_keeps_its_world_position(volume_image, tmp_path, codes, affine):
    image = volume_image(affine)
    path = tmp_path / "ct.nii"
    nibabel.save(oriented(image, codes), path)
    layer = layer_of(image_layer_data(torchio.ScalarImage(path)))
    voxels, world = volume_from_layer(layer)
    # 1e-4 mm: NIfTI keeps its affine in float32.
    np.testing.assert_allclose(
        world_of_every_value(voxels, world),
        world_of_every_value(image.data[0], image.affine),
        atol=1e-4,
    )


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_the_layer_of_any_orientation_is_the_same(volume_image, tmp_path, codes):
    image = volume_image(np.diag([0.7, 0.9, 2.5, 1]))
    path = tmp_path / "ct.nii"
    nibabel.save(oriented(image, codes), path)
    layer = layer_of(image_layer_data(torchio.ScalarImage(path)))
    np.testing.assert_array_equal(layer.data, image.data[0].permute(2, 1, 0))
    np.testing.assert_allclose(layer.scale, [2.5, 0.9, 0.7], rtol=1e-6)


@oblique
@pytest.mark.parametrize("codes", ["LAS", "PIR", "SAL"])
def test_a_volume_comes_back_in_its_files_voxel_order(volume_image, tmp_path, codes):
    path = tmp_path / "ct.nii"
    nibabel.save(oriented(volume_image(OBLIQUE), codes), path)
    image = torchio.ScalarImage(path)
    voxels, affine = volume_from_layer(layer_of(image_layer_data(image)))
    assert torch.equal(voxels, image.data[0])
    # 1e-12: napari composes the very numbers it was given.
    np.testing.assert_allclose(affine, image.affine, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.int16, torch.uint8, torch.float32])
def test_image_and_volume_share_one_memory(dtype):
    image = torchio.ScalarImage(
        tensor=torch.ones((1, 4, 5, 6), dtype=dtype), affine=np.diag([-1, -1, 1, 1])
    )
    layer = layer_of(image_layer_data(image))
    voxels, _ = volume_from_layer(layer)
    image.data[0, 1, 2, 3] = 7
    assert layer.data[3, 2, 2] == 7
    assert voxels.data_ptr() == image.data.data_ptr()
    assert voxels[1, 2, 3] == 7


@pytest.mark.parametrize("codes", ["LAS", "PIR"])
def test_slices_of_any_orientation_need_no_warning(volume_image, tmp_path, codes):
    # napari warns (an error here) where a slice drops a rotation.
    path = tmp_path / "ct.nii"
    nibabel.save(oriented(volume_image(np.diag([0.7, 0.9, 2.5, 1])), codes), path)
    viewer = ViewerModel()
    viewer.add_layer(layer_of(image_layer_data(torchio.ScalarImage(path))))
    for order in [(0, 1, 2), (1, 0, 2), (2, 0, 1)]:
        viewer.dims.order = order


def test_layers_are_in_mm_with_axis_labels(volume_image):
    layer = layer_of(image_layer_data(volume_image(), "thorax"))
    assert layer.name == "thorax"
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 3
    assert layer.axis_labels == ("z", "y", "x")
    assert layer.metadata[KEY]["frame"] == "RAS"


def test_contrast_limits_suit_hu_and_anything_else(volume_image):
    hounsfield = torchio.ScalarImage(tensor=torch.linspace(-1000, 2000, 512).reshape(1, 8, 8, 8))
    assert image_layer_data(hounsfield)[1]["contrast_limits"] == (-1000, 1000)
    other = torchio.ScalarImage(tensor=torch.linspace(0, 1, 512).reshape(1, 8, 8, 8))
    low, high = image_layer_data(other)[1]["contrast_limits"]
    assert 0 <= low < high <= 1
    flat = torchio.ScalarImage(tensor=torch.zeros(1, 8, 8, 8))
    assert image_layer_data(flat)[1]["contrast_limits"] == (0, 1)


def test_several_channels_are_refused():
    image = torchio.ScalarImage(tensor=torch.zeros(3, 4, 5, 6))
    with pytest.raises(ValueError, match="'CT' must be one volume, got 3 channels or time points"):
        image_layer_data(image)


def labels_image(dtype=torch.int32, high=118):
    values = torch.zeros((1, 4, 5, 6), dtype=dtype)
    values[0, 1, 1, 1], values[0, 2, 2, 2] = 3, high
    return torchio.LabelMap(tensor=values)


TABLE = pd.DataFrame(
    {"id": [3, 118], "structure": ["heart", "costal_cartilages"], "group": ["cardiac", "skeleton"]}
)


@pytest.mark.parametrize(("high", "dtype"), [(118, np.uint8), (300, np.uint16), (70000, np.uint32)])
def test_labels_take_the_smallest_integers(high, dtype):
    layer = layer_of(labels_layer_data(labels_image(high=high)))
    assert isinstance(layer, Labels)
    assert layer.data.dtype == dtype
    assert layer.data.max() == high


def test_labels_kept_as_floats_are_read_as_labels():
    layer = layer_of(labels_layer_data(labels_image(torch.float32)))
    assert layer.data.dtype == np.uint8


def test_labels_that_are_not_whole_or_negative_are_refused():
    half = torchio.LabelMap(tensor=torch.full((1, 4, 5, 6), 0.5))
    with pytest.raises(ValueError, match="whole numbers"):
        labels_layer_data(half)
    negative = torchio.LabelMap(tensor=torch.full((1, 4, 5, 6), -1, dtype=torch.int16))
    with pytest.raises(ValueError, match="0 or more, got -1"):
        labels_layer_data(negative)


def test_the_status_bar_names_the_structure_under_the_pointer():
    viewer = ViewerModel()
    layer = viewer.add_layer(layer_of(labels_layer_data(labels_image(), TABLE)))
    viewer.dims.current_step = (2, 0, 0)
    assert "costal_cartilages" in layer.get_status((2, 2, 2), world=True)["value"]
    viewer.dims.current_step = (1, 0, 0)
    assert "heart" in layer.get_status((1, 1, 1), world=True)["value"]
    assert layer.get_status((1, 0, 0), world=True)["value"] == "0"


def test_each_structure_has_a_color_of_its_own():
    colors = layer_of(labels_layer_data(labels_image(), TABLE)).colormap.map([0, 3, 118, 50])
    np.testing.assert_allclose(colors[[0, 3], 3], 0)
    assert not np.allclose(colors[1], colors[2])


def test_the_structure_table_comes_back_from_the_layer():
    layer = layer_of(labels_layer_data(labels_image(), TABLE))
    pd.testing.assert_frame_equal(structures_from_layer(layer), TABLE)
    assert structures_from_layer(Labels(np.ones((3, 4, 5), np.uint8))) is None


def test_names_that_are_only_assumed_say_so():
    layer = layer_of(labels_layer_data(labels_image(high=51)))
    table = structures_from_layer(layer)
    assert table["structure"].tolist() == ["kidney_left", "heart"]
    assert table.attrs["assumed"]


@oblique
def test_the_whole_transform_of_a_layer_is_heeded():
    values = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    layer = Image(
        values,
        scale=(2, 1, 3),
        translate=(10, 20, 30),
        rotate=np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]),
        shear=(0.1, 0, 0),
        affine=np.diag([1, 2, 1, 1]),
        units="mm",
    )
    voxels, affine = volume_from_layer(layer)
    z, y, x = layer.data_to_world((2, 1, 4))
    np.testing.assert_allclose(affine @ [4, 1, 2, 1], [x, y, z, 1])
    assert voxels[4, 1, 2] == values[2, 1, 4]


def test_lps_layers_are_turned_to_ras():
    layer = Image(np.zeros((3, 4, 5)), translate=(1, 2, 3), units="mm")
    _, affine = volume_from_layer(layer, "LPS")
    np.testing.assert_allclose(affine[:3, 3], [-3, -2, 1])
    np.testing.assert_allclose(np.diag(affine), [-1, -1, 1, 1])


@pytest.mark.parametrize(("unit", "factor"), [("um", 1e-3), ("cm", 10), ("m", 1e3)])
def test_lengths_are_converted_to_mm(unit, factor):
    layer = Image(np.zeros((3, 4, 5)), scale=(3, 2, 1), translate=(0, 5, 0), units=unit)
    _, affine = volume_from_layer(layer)
    np.testing.assert_allclose(np.diag(affine)[:3], np.array([1, 2, 3]) * factor)
    np.testing.assert_allclose(affine[1, 3], 5 * factor)


def test_layers_without_a_unit_are_taken_as_mm_with_a_warning():
    with pytest.warns(UserWarning, match="no unit of length"):
        _, affine = volume_from_layer(Image(np.zeros((3, 4, 5)), scale=(3, 2, 1)))
    np.testing.assert_allclose(np.diag(affine)[:3], [1, 2, 3])


def test_units_that_are_no_lengths_are_refused():
    layer = Image(np.zeros((3, 4, 5)), units=("s", "mm", "mm"))
    with pytest.raises(ValueError, match="second, millimeter, millimeter"):
        volume_from_layer(layer)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "uint32", ">i2", "<f8", "float16"])
def test_every_real_dtype_becomes_a_tensor(dtype):
    values = (np.arange(60).reshape(3, 4, 5) % 2).astype(dtype)
    voxels, _ = volume_from_layer(Image(values, units="mm"))
    np.testing.assert_array_equal(voxels.permute(2, 1, 0), values)


def test_read_only_dask_and_multiscale_layers_are_read():
    values = np.arange(480, dtype=np.float32).reshape(6, 8, 10)
    read_only = values.copy()
    read_only.flags.writeable = False
    pyramid = [values, values[::2, ::2, ::2]]
    for data in (read_only, dask.array.from_array(values), pyramid):
        voxels, _ = volume_from_layer(Image(data, units="mm", multiscale=data is pyramid))
        np.testing.assert_array_equal(voxels.permute(2, 1, 0), values)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Image(np.zeros((4, 5))), "must be 3-D, it is 2-D: choose a volume"),
        (Image(np.zeros((2, 3, 4, 5))), r"it is 4-D: add the volume .* scale=layer.scale\[1:\]"),
        (Image(np.zeros((4, 40, 40, 3)), rgb=True), "RGB"),
    ],
    ids=["2-D", "4-D", "RGB"],
)
def test_layers_that_are_no_volume_say_so(layer, message):
    with pytest.raises(ValueError, match=message):
        volume_from_layer(layer)


def test_an_unknown_frame_is_refused():
    with pytest.raises(ValueError, match='must be "RAS" or "LPS", got \'LAS\''):
        volume_from_layer(Image(np.zeros((3, 4, 5))), "LAS")
