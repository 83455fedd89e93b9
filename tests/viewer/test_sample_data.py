import numpy as np
import pytest
import torch
from napari.layers import Image, Labels, Layer

from napari_drr import load_phantom
from napari_drr.viewer.layers import structures_from_layer, volume_from_layer
from napari_drr.viewer.sample_data import example_ct, phantom


def center(layer, label):
    """The middle of a structure in world mm; every fourth voxel tells it well enough."""
    return layer.data_to_world(np.argwhere(layer.data[::4, ::4, ::4] == label).mean(axis=0) * 4)


def test_the_phantom_is_a_ct_with_labels_in_world_coordinates():
    ct, labels = (Layer.create(*data) for data in phantom())
    assert isinstance(ct, Image)
    assert isinstance(labels, Labels)
    expected = load_phantom(center_volume=False)
    voxels, affine = volume_from_layer(ct)
    assert torch.equal(voxels, expected.volume.data[0])
    np.testing.assert_allclose(affine, expected.volume.affine, atol=1e-9)
    mask, mask_affine = volume_from_layer(labels)
    assert torch.equal(mask, expected.mask.data[0])
    np.testing.assert_array_equal(mask_affine, affine)
    table = structures_from_layer(labels)
    assert table["structure"].tolist() == expected.structures["structure"].tolist()


@pytest.mark.chest
def test_the_example_is_a_chest_with_89_named_structures():
    ct, labels = (Layer.create(*data) for data in example_ct())
    np.testing.assert_allclose(ct.scale, [2.5, 0.703125, 0.703125])
    np.testing.assert_array_equal(labels.extent.world, ct.extent.world)
    assert labels.data.dtype == np.uint8
    table = structures_from_layer(labels).set_index("structure")
    assert len(table) == 89
    assert not table.attrs.get("assumed")
    # The heart lies left of the liver, and higher: the world is RAS, the array (z, y, x).
    heart, liver = (center(labels, table.loc[name, "id"]) for name in ("heart", "liver"))
    assert heart[0] > liver[0]
    assert heart[2] < liver[2]


@pytest.mark.gui
@pytest.mark.parametrize("name", ["phantom"])
def test_samples_open_from_the_menu(make_napari_viewer, name):
    viewer = make_napari_viewer()
    viewer.open_sample("napari-drr", name)
    assert [type(layer) for layer in viewer.layers] == [Image, Labels]
    assert str(viewer.scene.camera.orientation[2]) == "left"
