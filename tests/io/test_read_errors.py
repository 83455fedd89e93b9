"""What no CT or no label map is: refused in words that name it, the rule, and the way out."""

import struct
import warnings

import imageio.v3 as iio
import nibabel
import numpy as np
import pytest
import SimpleITK
import torch
import torchio as tio

from napari_drr import read
from napari_drr.io.read import read_image, read_labels


@pytest.fixture
def save(tmp_path, affine):
    """A function that saves an array as a NIfTI file, in this affine or another."""

    def write(array, matrix=affine, name="ct.nii.gz"):
        nibabel.save(nibabel.Nifti1Image(array, matrix), tmp_path / name)
        return tmp_path / name

    return write


def patched(path, offset, data):
    """Overwrite some bytes of a NIfTI header."""
    content = bytearray(path.read_bytes())
    content[offset : offset + len(data)] = data
    path.write_bytes(content)
    return path


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`volume` must name an existing file.*gone\.nii"):
        read(tmp_path / "gone.nii")


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.nrrd", "a.mha", "a.txt", "a"])
def test_files_that_are_no_images(tmp_path, name):
    (tmp_path / name).write_text("hello", encoding="utf-8")
    with pytest.raises(ValueError, match=rf"{name}\" is no image that can be read. Files may be"):
        read(tmp_path / name)


def test_damaged_files(tmp_path, save, hounsfield):
    large = np.tile(hounsfield, (4, 4, 4))  # its header stays whole
    for name in ("whole.nii", "whole.nii.gz"):
        whole = save(large, name=name).read_bytes()
        path = tmp_path / name.replace("whole", "cut")
        path.write_bytes(whole[:-100])
        with pytest.raises(ValueError, match="ends too early: the file is damaged"):
            read(path)
    image = SimpleITK.GetImageFromArray(hounsfield)
    SimpleITK.WriteImage(image, str(tmp_path / "cut.mhd"))
    (tmp_path / "cut.raw").unlink()
    with pytest.raises(ValueError, match="it is damaged, or its data lie elsewhere"):
        read(tmp_path / "cut.mhd")


def test_pictures(tmp_path):
    iio.imwrite(tmp_path / "photo.png", np.zeros((8, 9, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"is a color or vector image \(9 x 8\)"):
        read(tmp_path / "photo.png")
    iio.imwrite(tmp_path / "xray.png", np.zeros((8, 9), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"is 2-D \(9 x 8\), not a volume"):
        read(tmp_path / "xray.png")


def test_two_dimensions(save, hounsfield, affine):
    with pytest.raises(ValueError, match=r"is 2-D \(9 x 7\), not a volume"):
        read(save(hounsfield[:, :, 0]))
    with pytest.raises(ValueError, match=r"3-D array \(X, Y, Z\), got shape \(9, 7\)"):
        read((hounsfield[:, :, 0], affine))
    with pytest.raises(ValueError, match="9 x 7 x 1: this is a single slice"):
        read((hounsfield[:, :, :1], affine))


def test_four_dimensions(save, hounsfield, affine):
    series = np.stack([hounsfield, hounsfield], axis=-1)
    with pytest.raises(ValueError, match=r"has 4 dimensions \(9 x 7 x 6 x 2\), time points"):
        read(save(series))
    with pytest.raises(ValueError, match=r"3-D array \(X, Y, Z\), got shape \(9, 7, 6, 2\)"):
        read((series, affine))
    with pytest.raises(ValueError, match="got 2 channels or time points of 9 x 7 x 6 voxels"):
        read(tio.ScalarImage(tensor=torch.from_numpy(series).permute(3, 0, 1, 2), affine=affine))


def test_color(save):
    color = np.zeros((9, 7, 6), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(ValueError, match="is a color or vector image"):
        read(save(color))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(save, hounsfield, affine, value):
    broken = hounsfield.astype(np.float32)
    broken[1:3, 2, 2] = value
    message = "must hold finite HU, got 2 NaN or infinite voxels of 378.*nan_to_num"
    with pytest.raises(ValueError, match=message):
        read((broken, affine))
    with pytest.raises(ValueError, match=message):
        read(save(broken))


def test_one_value_everywhere(affine):
    with pytest.raises(ValueError, match="more than one value, but every voxel is 40"):
        read((np.full((9, 7, 6), 40), affine))


def test_volumes_without_voxels(hounsfield, affine):
    empty = np.zeros((0, 5, 6))
    with pytest.raises(ValueError, match="`volume` must hold voxels, got an empty array of 0 x 5"):
        read((empty, affine))
    with pytest.raises(ValueError, match="`labelmap` must hold voxels, got an empty array of 0 x"):
        read((hounsfield, affine), (empty, affine))


def test_complex_tensors(affine):
    with pytest.raises(ValueError, match="`volume` must hold real numbers, got "):
        read((torch.zeros(4, 4, 4, dtype=torch.complex64), affine))


@pytest.mark.parametrize("name", ["hu_offset", "energy_kev", "bone_attenuation_multiplier"])
def test_numbers_that_are_none(hounsfield, affine, name):
    with pytest.raises(TypeError, match=f"`{name}` must be a number, got 'much'"):
        read((hounsfield, affine), **{name: "much"})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("lables", "labels"),
        ("label", "labels"),
        ("hu_ofset", "hu_offset"),
        ("transfrom", "transform"),
        ("centre_volume", "center_volume"),
    ],
)
def test_misspelled_arguments_are_no_attributes(hounsfield, affine, name, meant):
    with pytest.raises(TypeError, match=f"no argument `{name}`: is it `{meant}`"):
        read((hounsfield, affine), **{name: 1})


def test_other_names_are_attributes(hounsfield, affine):
    subject = read((hounsfield, affine), patient="somebody", energy=3)
    assert (subject["patient"], subject["energy"]) == ("somebody", 3)


@pytest.mark.parametrize("low", [0, -150])
def test_values_that_are_not_hu(hounsfield, affine, low):
    stored = hounsfield - hounsfield.min() + low
    with pytest.warns(UserWarning, match=r"does not look like HU: .*hu_offset=-1024") as caught:
        read((stored, affine))
    assert caught[0].filename == __file__


def test_hu_do_not_warn(hounsfield, affine):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read((np.maximum(hounsfield, -300), affine))


def test_an_offset_that_does_not_help_warns_too(hounsfield, affine):
    with pytest.warns(UserWarning, match="does not look like HU"):
        read((hounsfield + 1900, affine), hu_offset=-1024)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda matrix: matrix[:3], r"4x4 affine, got shape \(3, 4\)"),
        (lambda matrix: matrix * np.nan, "finite affine"),
        (lambda matrix: None, r"4x4 affine, got shape \(\)"),
        (lambda matrix: matrix[:, [0, 0, 2, 3]], "axes that lie in one plane"),
        (lambda matrix: matrix * [1, 1, 0, 1], "a spacing of 0.8 x 0.9 x 0 mm"),
        (lambda matrix: matrix[[0, 1, 2, 2]], r"last row \(0, 0, 0, 1\)"),
    ],
)
@pytest.mark.parametrize("name", ["volume", "labelmap"])
def test_affines_that_place_nothing(hounsfield, affine, change, message, name):
    good, bad = (hounsfield, affine), (hounsfield % 3, change(affine))
    with pytest.raises(ValueError, match=f"`{name}` must have .*{message}"):
        read(*((bad,) if name == "volume" else (good, bad)))


@pytest.mark.parametrize("bad", ["abc", [[1.0, 2.0], [3.0]], {}])
def test_affines_that_hold_no_numbers(hounsfield, affine, bad):
    with pytest.raises(TypeError, match="`volume` must have a 4x4 affine of numbers, got "):
        read((hounsfield, bad))
    with pytest.raises(TypeError, match="`labelmap` must have a 4x4 affine of numbers, got "):
        read((hounsfield, affine), (hounsfield % 3, bad))


@pytest.mark.parametrize("size", [0.0, -2.5])
def test_nifti_with_voxels_of_no_size(save, hounsfield, affine, size):
    path = save(hounsfield, name="ct.nii")
    patched(path, 252, struct.pack("<hh", 0, 0))  # neither qform nor sform: pixdim tells the size
    patched(path, 76 + 12, struct.pack("<f", size))
    with pytest.raises(ValueError, match=rf"positive voxel sizes, got 0.8 x 0.9 x {size:g} mm in"):
        read(path)


def test_nifti_with_a_flat_sform(save, hounsfield):
    path = save(hounsfield, name="ct.nii")
    patched(path, 280 + 32 + 8, struct.pack("<f", 0.0))
    patched(path, 252, struct.pack("<h", 0))
    with pytest.raises(ValueError, match="voxels of a positive size"):
        read(path)


@pytest.mark.parametrize("size", [0, -2])
def test_mhd_with_voxels_of_no_size(tmp_path, hounsfield, size):
    hounsfield.tofile(tmp_path / "ct.raw")
    (tmp_path / "ct.mhd").write_text(
        f"ObjectType = Image\nNDims = 3\nDimSize = 9 7 6\nElementSpacing = 1 1 {size}\n"
        "ElementType = MET_SHORT\nElementDataFile = ct.raw\n",
        encoding="utf-8",
    )
    with pytest.raises(ValueError, match=rf"positive voxel sizes, got 1 x 1 x {size} mm"):
        read(tmp_path / "ct.mhd")


@pytest.mark.skipif(not hasattr(__import__("os"), "sysconf"), reason="memory is not known here")
@pytest.mark.parametrize("name", ["huge.nii", "huge.mhd"])
def test_larger_than_memory_is_refused_before_anything_is_loaded(tmp_path, name):
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape((20000, 20000, 20000))
    (tmp_path / "huge.nii").write_bytes(header.binaryblock + b"\0" * 4)
    (tmp_path / "huge.mhd").write_text(
        "ObjectType = Image\nNDims = 3\nDimSize = 20000 20000 20000\nElementSpacing = 1 1 1\n"
        "ElementType = MET_SHORT\nElementDataFile = huge.raw\n",
        encoding="utf-8",
    )
    message = r"20000 x 20000 x 20000 voxels.*about 134110 GiB.*Crop it"
    with pytest.raises(MemoryError, match=message):
        read(tmp_path / name)


def test_labels_that_do_not_overlap_the_ct(hounsfield, affine):
    far = affine.copy()
    far[0, 3] += 1000
    message = r"x 1023\.7 to 1030\.9, .* the CT x 23\.7 to 30\.9"
    with pytest.raises(ValueError, match=message):
        read((hounsfield, affine), (hounsfield % 3, far))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (lambda hu: hu % 3 + 0.5, "must hold whole numbers, got [0-2].5"),
        (lambda hu: hu % 3 - 1, "labels of at least 0, got -1"),
        (lambda hu: hu.astype(np.int64) * 2**32 * (hu > 0), "labels below"),
        (lambda hu: hu % 3 * np.nan, "must hold whole numbers, got nan"),
        (lambda hu: hu.astype(complex), "real numbers, got complex128"),
    ],
)
def test_label_maps_that_are_none(hounsfield, affine, labels, message):
    with pytest.raises(ValueError, match=f"`labelmap` .*{message}"):
        read((hounsfield, affine), (labels(hounsfield), affine))


def test_folder_for_labels(tmp_path, hounsfield, affine):
    with pytest.raises(FileNotFoundError, match=r"`labelmap` must name an existing file.*a folder"):
        read((hounsfield, affine), tmp_path)


@pytest.mark.parametrize("source", [None, 5, np.zeros((3, 3, 3)), (1, 2, 3)])
def test_other_types(source):
    with pytest.raises(
        TypeError, match=r"a path, a torchio ScalarImage, or \(array, affine\), got"
    ):
        read(source)


def test_torchio_images_that_cannot_be_loaded(tmp_path):
    (tmp_path / "text.nii.gz").write_text("hello", encoding="utf-8")
    with pytest.raises(ValueError, match="`volume` cannot be loaded"):
        read(tio.ScalarImage(tmp_path / "text.nii.gz"))


def test_a_csv_beside_the_labels_that_is_no_table(tmp_path, save, hounsfield, affine):
    path = save((hounsfield % 3).astype(np.uint8), name="labels.nii.gz")
    (tmp_path / "structures.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="columns id and structure"):
        read((hounsfield, affine), path)


@pytest.mark.parametrize("structures", [{1: "heart"}, ["heart"], 5])
def test_structures_that_are_no_table(hounsfield, affine, structures):
    labels = (hounsfield > 0, affine)
    with pytest.raises(TypeError, match="`structures` must be a DataFrame or the path of a CSV"):
        read((hounsfield, affine), labels, structures=structures)


@pytest.mark.parametrize(
    "content", [b"", b"id,structure\n1,a,b,c\n2,b\n1,2,3,4,5\n", b"id\n\xff\n"]
)
def test_a_structures_file_that_is_no_table(tmp_path, hounsfield, affine, content):
    path = tmp_path / "names.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"`structures` must be a table .*names\.csv\" is none"):
        read((hounsfield, affine), (hounsfield > 0, affine), structures=path)


def test_read_image_and_read_labels_check_as_read_does(save, hounsfield):
    with pytest.raises(ValueError, match="more than one value"):
        read_image(save(np.zeros((4, 4, 4), dtype=np.int16)))
    with pytest.raises(ValueError, match="at least 0, got -1000"):
        read_labels(save(hounsfield))
