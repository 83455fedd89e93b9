"""DICOM folders: one series is read in HU and in its place; anything else is told."""

import random

import numpy as np
import pytest

from napari_drr import read
from napari_drr.io.dicom import list_series
from napari_drr.io.read import read_image


def same(image, hu, affine):
    """The same value at the same place in world, whatever the order of the voxels."""
    steps = np.linalg.inv(affine) @ image.affine
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-5)  # positions have six decimals
    expected = np.empty(image.spatial_shape)
    for index in np.ndindex(image.spatial_shape):
        expected[index] = hu[tuple(np.rint(steps @ [*index, 1]).astype(int)[:3])]
    np.testing.assert_array_equal(image.data[0].numpy(), expected)


def test_series_is_read_in_hu_and_in_its_place(tmp_path, hounsfield, affine, write_dicom):
    write_dicom(tmp_path / "ct", hounsfield, affine)
    same(read_image(tmp_path / "ct"), hounsfield, affine)
    subject = read(tmp_path / "ct", center_volume=False)
    assert subject.volume.data.aminmax() == (-1000, 1500)


@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (2, -1200), (0.5, -1024)])
def test_rescale_is_applied(tmp_path, hounsfield, affine, write_dicom, slope, intercept):
    hu = np.abs(hounsfield) * 2 - 1000 * (intercept < 0)
    hu[0, 0, 0] = -1000 if intercept < 0 else 0
    write_dicom(tmp_path, hu, affine, slope=slope, intercept=intercept)
    same(read_image(tmp_path), hu, affine)


def test_names_suffixes_and_stray_files_do_not_matter(tmp_path, hounsfield, affine, write_dicom):
    names = [f"{number}" for number in random.Random(0).sample(range(1000), hounsfield.shape[2])]
    write_dicom(tmp_path, hounsfield, affine, names=names)
    (tmp_path / "README.txt").write_text("from the archive", encoding="utf-8")
    (tmp_path / "empty").touch()
    same(read_image(tmp_path), hounsfield, affine)


def test_oblique_slices_keep_their_direction(tmp_path, hounsfield, affine, write_dicom):
    turn = np.eye(4)
    turn[:3, :3] = [[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]]  # a rotation
    write_dicom(tmp_path, hounsfield, turn @ affine)
    same(read_image(tmp_path), hounsfield, turn @ affine)


def test_slices_that_run_down_keep_their_place(tmp_path, hounsfield, affine, write_dicom):
    affine[2] = [0, 0, -2.5, 99]
    write_dicom(tmp_path, hounsfield, affine)
    same(read_image(tmp_path), hounsfield, affine)


def test_the_shear_of_a_tilted_gantry_is_kept(tmp_path, hounsfield, affine, write_dicom):
    affine[1, 2] = 0.7
    write_dicom(tmp_path, hounsfield, affine)
    same(read_image(tmp_path), hounsfield, affine)


def test_several_series_are_listed_and_one_can_be_chosen(tmp_path, hounsfield, affine, write_dicom):
    write_dicom(tmp_path, hounsfield[:, :, :3], affine, uid="1.2.10", SeriesDescription="Scout")
    names = [f"b{k}" for k in range(hounsfield.shape[2])]
    write_dicom(tmp_path, hounsfield, affine, uid="1.2.20", names=names)
    with pytest.raises(ValueError, match="holds 2 series") as error:
        read(tmp_path)
    message = str(error.value)
    assert "choose one by its UID with `series`:" in message
    assert '1.2.10: CT "Scout", 3 images' in message
    assert '1.2.20: CT "Chest 2.5 B30f", 6 images' in message
    same(read_image(tmp_path, series="1.2.20"), hounsfield, affine)
    assert read(tmp_path, series="1.2.10").volume.spatial_shape == (9, 7, 3)
    assert [series.uid for series in list_series(tmp_path)] == ["1.2.20", "1.2.10"]


def test_a_series_that_is_not_there_is_told(tmp_path, hounsfield, affine, write_dicom):
    write_dicom(tmp_path, hounsfield, affine, uid="1.2.20")
    with pytest.raises(ValueError, match=r"`series` must be one of those.*'9.9'"):
        read(tmp_path, series="9.9")


def test_missing_slice(tmp_path, hounsfield, affine, write_dicom):
    write_dicom(tmp_path, hounsfield, affine, skip=[2])
    message = r"2\.50 mm apart is usual and 5\.00 mm lie between -96\.50 and -91\.50 mm"
    with pytest.raises(ValueError, match=message):
        read(tmp_path)


def test_uneven_slices(tmp_path, hounsfield, affine, write_dicom):
    def position(k):
        return [-30.5, -12.25, -99 + 2.5 * k + 0.3 * (k == 3)]

    write_dicom(tmp_path, hounsfield, affine, ImagePositionPatient=position)
    with pytest.raises(ValueError, match="must be evenly spaced slices"):
        read(tmp_path)


def test_positions_rounded_by_the_scanner_are_even_enough(
    tmp_path, hounsfield, affine, write_dicom
):
    def position(k):
        return [-30.5, -12.25, round(-99 + 0.6 + k * 2.503, 2)]

    write_dicom(tmp_path, hounsfield, affine, ImagePositionPatient=position)
    assert read_image(tmp_path).spacing[2] == pytest.approx(2.503, abs=0.01)


def test_time_points_in_one_series(tmp_path, hounsfield, affine, write_dicom):
    write_dicom(tmp_path, hounsfield, affine, uid="1.2")
    names = [f"second{k}" for k in range(hounsfield.shape[2])]
    write_dicom(tmp_path, hounsfield, affine, uid="1.2", names=names)
    with pytest.raises(ValueError, match="more than one slice at the same position"):
        read(tmp_path)


def test_slices_of_several_kinds(tmp_path, hounsfield, affine, write_dicom):
    write_dicom(tmp_path, hounsfield, affine, uid="1.2")
    small = hounsfield[:4, :, :1]
    write_dicom(tmp_path, small, affine, uid="1.2", names=["scout.dcm"])
    with pytest.raises(ValueError, match=r"mixes 2 kinds; \"scout.dcm\" is of the rarest"):
        read(tmp_path)


def test_other_modalities(tmp_path, hounsfield, affine, write_dicom):
    write_dicom(tmp_path, hounsfield, affine, Modality="MR")
    with pytest.raises(ValueError, match=r"must be a CT, got modality MR"):
        read(tmp_path)


def test_slices_without_a_position(tmp_path, hounsfield, affine, write_dicom):
    write_dicom(tmp_path, hounsfield, affine, ImagePositionPatient=None)
    with pytest.raises(ValueError, match=r"\"000.dcm\" lacks a valid PixelSpacing"):
        read(tmp_path)


def test_multi_frame(tmp_path, hounsfield, affine, write_dicom):
    write_dicom(tmp_path, hounsfield[:, :, :1], affine, NumberOfFrames=3)
    with pytest.raises(ValueError, match=r"multi-frame DICOM file, which is not supported"):
        read(tmp_path)


def test_single_slice(tmp_path, hounsfield, affine, write_dicom):
    write_dicom(tmp_path, hounsfield[:, :, :1], affine)
    with pytest.raises(ValueError, match=r"\"000.dcm\" is the only slice"):
        read(tmp_path)


def test_one_file_of_a_series(tmp_path, hounsfield, affine, write_dicom):
    path, *_ = write_dicom(tmp_path, hounsfield, affine)
    with pytest.raises(ValueError, match=r"is one DICOM file\. Pass the folder"):
        read(path)
    with pytest.raises(ValueError, match="labels must be NIfTI, NRRD or MHA/MHD"):
        read(tmp_path, path)


def test_folder_without_images(tmp_path, hounsfield, affine, write_dicom):
    with pytest.raises(FileNotFoundError, match="holds no DICOM images"):
        read(tmp_path)
    write_dicom(tmp_path / "series", hounsfield, affine)
    with pytest.raises(FileNotFoundError, match=r"subfolders: pass the one.*series"):
        read(tmp_path)


def test_list_series_needs_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no .*nowhere"):
        list_series(tmp_path / "nowhere")
