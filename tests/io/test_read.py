"""Reading: the same CT from every format and form, with its labels and their names."""

import nibabel
import numpy as np
import pandas as pd
import pytest
import SimpleITK
import torch
import torchio as tio

from napari_drr import read
from napari_drr.io.read import read_image, read_labels


def write_nifti(path, array, affine, units="mm"):
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units(units)
    nibabel.save(image, path)
    return path


def write_itk(path, array, affine, metadata=()):
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    for key, value in metadata:
        image.SetMetaData(key, value)
    SimpleITK.WriteImage(image, str(path), useCompression=True)
    return path


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz", "ct.nrrd", "ct.nhdr", "ct.mha", "ct.mhd"])
@pytest.mark.parametrize("text", [True, False])
def test_formats_agree(tmp_path, hounsfield, affine, name, text):
    write = write_nifti if ".nii" in name else write_itk
    path = write(tmp_path / name, hounsfield, affine)
    subject = read(str(path) if text else path, center_volume=False)
    np.testing.assert_array_equal(subject.volume.data[0].numpy(), hounsfield)
    # NIfTI headers hold float32: 4e-6 mm at 99 mm.
    np.testing.assert_allclose(subject.volume.affine, affine, atol=1e-5)
    assert subject.volume.affine.dtype == np.float64


def test_arrays_and_images_agree(hounsfield, affine):
    sources = [
        (hounsfield, affine),
        [hounsfield, affine.tolist()],
        (torch.from_numpy(hounsfield), torch.from_numpy(affine)),
        (hounsfield.astype(np.float64), affine),
        (hounsfield.astype(">i2"), affine),
        (np.asfortranarray(hounsfield), affine),
        (hounsfield[::-1][::-1], affine),
        tio.ScalarImage(tensor=hounsfield[None], affine=affine),
    ]
    first, *others = (read(source) for source in sources)
    for other in others:
        assert torch.equal(other.volume.data, first.volume.data)
        assert torch.equal(other.density.data, first.density.data)
        np.testing.assert_array_equal(other.volume.affine, first.volume.affine)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int64, np.float16])
def test_any_real_dtype_does(hounsfield, affine, dtype):
    labels = (hounsfield % 7).astype(dtype)
    subject = read((hounsfield, affine), (labels, affine))
    np.testing.assert_array_equal(subject.mask.data[0].numpy(), hounsfield % 7)


def test_read_only_and_reversed_arrays_do_and_stay_as_they_are(hounsfield, affine):
    hounsfield.flags.writeable = False
    affine.flags.writeable = False
    reversed_affine = affine @ np.array(
        [[-1, 0, 0, hounsfield.shape[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]
    )
    plain, flipped = read((hounsfield, affine)), read((hounsfield[::-1], reversed_affine))
    assert torch.equal(flipped.volume.data.flip(1), plain.volume.data)
    torch.testing.assert_close(flipped.isocenter, plain.isocenter, atol=1e-12, rtol=0)


def test_scaled_nifti(tmp_path, hounsfield, affine):
    even = hounsfield // 2 * 2
    image = nibabel.Nifti1Image((even + 1024) // 2, affine)
    image.header.set_slope_inter(2, -1024)
    nibabel.save(image, tmp_path / "ct.nii.gz")
    assert nibabel.load(tmp_path / "ct.nii.gz").dataobj.slope == 2
    volume = read(tmp_path / "ct.nii.gz").volume
    np.testing.assert_array_equal(volume.data[0].numpy(), even)


def test_sheared_nifti_is_read_without_complaint(tmp_path, hounsfield, affine):
    affine[1, 2] = 0.7
    path = write_nifti(tmp_path / "tilted.nii.gz", hounsfield, affine)
    np.testing.assert_allclose(read_image(path).affine, affine, atol=1e-5)


def test_units_of_nifti_are_heeded(tmp_path, hounsfield, affine):
    meters = np.diag([1e-3, 1e-3, 1e-3, 1.0]) @ affine
    path = write_nifti(tmp_path / "ct.nii.gz", hounsfield, meters, units="meter")
    np.testing.assert_allclose(read_image(path).affine, affine, rtol=1e-6)


def test_a_fourth_axis_of_one_is_dropped(tmp_path, hounsfield, affine):
    path = write_nifti(tmp_path / "ct.nii.gz", hounsfield[..., None], affine)
    assert read(path).volume.spatial_shape == hounsfield.shape


def test_hu_offset(hounsfield, affine):
    stored = (hounsfield.astype(np.int32) + 1024).astype(np.uint16)
    subject = read((stored, affine), hu_offset=-1024)
    np.testing.assert_array_equal(subject.volume.data[0].numpy(), hounsfield)


def test_labels_on_another_grid_keep_their_place(tmp_path, hounsfield, affine):
    labels = np.zeros((9, 7, 6), dtype=np.uint8)
    labels[2:5, 1:3, 4] = 5
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = 8
    path = write_nifti(tmp_path / "labels.nii.gz", labels[::-1].copy(), affine @ flip)
    subject = read((hounsfield, affine), path)
    np.testing.assert_array_equal(subject.mask.data[0].numpy(), labels)


def test_names_from_totalsegmentators_header(tmp_path, hounsfield, affine):
    labels = (hounsfield % 3).astype(np.uint8)
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?> <CaretExtension> <VolumeInformation Index="0">'
        '<LabelTable><Label Key="1" Red="1" Green="0" Blue="0" Alpha="1"><![CDATA[heart]]></Label>'
        '<Label Key="2" Red="0" Green="1" Blue="0" Alpha="1"><![CDATA[lung & more]]></Label>'
        "</LabelTable></VolumeInformation></CaretExtension>\n      "
    )
    image = nibabel.Nifti1Image(labels, affine)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, xml.encode()))
    nibabel.save(image, tmp_path / "total.nii.gz")
    (tmp_path / "structures.csv").write_text("id,structure\n1,other\n2,another\n", encoding="utf-8")
    table = read((hounsfield, affine), tmp_path / "total.nii.gz").structures
    assert table["structure"].tolist() == ["heart", "lung & more"]
    assert table["group"].tolist() == ["cardiac", ""]
    assert table.attrs["assumed"] is False


def test_extensions_that_are_no_label_table_are_passed_over(tmp_path, hounsfield, affine):
    image = nibabel.Nifti1Image((hounsfield % 2).astype(np.uint8), affine)
    for content in (b"<Label broken", b"\x00\x01binary"):
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, content))
    nibabel.save(image, tmp_path / "labels.nii.gz")
    table = read((hounsfield, affine), tmp_path / "labels.nii.gz").structures
    assert table["structure"].tolist() == ["spleen"]
    assert table.attrs["assumed"] is True


def test_names_from_slicers_header(tmp_path, hounsfield, affine):
    metadata = [
        ("Segment0_Name", "Femur"),
        ("Segment0_LabelValue", "4"),
        ("Segment1_Name", "Segment"),
        ("Segment1_LabelValue", "2"),
        ("Segment2_Name", "Segment"),
        ("Segment2_LabelValue", "3"),
    ]
    labels = (hounsfield % 5).astype(np.uint8)
    path = write_itk(tmp_path / "bones.seg.nrrd", labels, affine, metadata)
    table = read((hounsfield, affine), path).structures
    # Two segments of one name can be told apart; label 1 has none.
    assert table["structure"].tolist() == ["label 1", "Segment (2)", "Segment (3)", "Femur"]


def test_names_from_the_csv_beside_the_labels(tmp_path, hounsfield, affine):
    path = write_nifti(tmp_path / "mask.nii.gz", (hounsfield % 3).astype(np.uint8), affine)
    (tmp_path / "structures.csv").write_text(
        "group,original_idx,structure,id\ncardiac,1,heart,1\ntest,2,carpal,2\n", encoding="utf-8"
    )
    expected = ["heart", "carpal"]
    assert read((hounsfield, affine), path).structures["structure"].tolist() == expected
    image = tio.LabelMap(path)
    assert read((hounsfield, affine), image).structures["structure"].tolist() == expected


@pytest.mark.parametrize("kind", ["path", "text", "table"])
def test_names_passed_in_go_first(tmp_path, hounsfield, affine, kind):
    path = write_nifti(tmp_path / "mask.nii.gz", (hounsfield % 2).astype(np.uint8), affine)
    (tmp_path / "structures.csv").write_text("id,structure\n1,beside\n", encoding="utf-8")
    given = tmp_path / "given.csv"
    given.write_text("id,structure\n1,given\n", encoding="utf-8")
    structures = {"path": given, "text": str(given), "table": pd.read_csv(given)}[kind]
    table = read((hounsfield, affine), path, structures=structures).structures
    assert table["structure"].tolist() == ["given"]


def test_read_image_and_read_labels_keep_the_world(tmp_path, hounsfield, affine):
    ct = read_image(write_nifti(tmp_path / "ct.nii.gz", hounsfield, affine))
    labels = read_labels(write_nifti(tmp_path / "l.nii.gz", hounsfield % 4 * 1.0, affine))
    assert isinstance(ct, tio.ScalarImage)
    assert isinstance(labels, tio.LabelMap)
    np.testing.assert_allclose(ct.affine, affine, atol=1e-5)
    np.testing.assert_allclose(labels.affine, affine, atol=1e-5)
    assert labels.data.dtype == torch.uint8


def test_torchio_is_imported_late():
    import subprocess
    import sys

    code = (
        "import sys, napari_drr.io.read, napari_drr.io.example, napari_drr.volume.phantom;"
        "sys.exit('torchio' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.chest
def test_chest_has_89_structures_named_by_its_own_csv():
    from napari_drr import load_example_ct

    subject = load_example_ct()
    names = subject.structures.set_index("id")["structure"]
    assert len(names) == 89
    assert names[118] == "costal_cartilages"
    assert subject.structures.attrs["assumed"] is False
    assert subject.mask.data.dtype == torch.uint8
    expected = [166 - 0.703125 * 255.5, -187.59687805 + 0.703125 * 255.5, -340 + 2.5 * 66]
    np.testing.assert_allclose(subject.isocenter, expected, atol=1e-6)
