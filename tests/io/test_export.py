"""Is a radiograph in a file what it was, with all that goes with it?"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
import torch
from PIL import Image

from napari_drr.io.export import (
    is_radiograph,
    load_radiograph,
    load_recipe,
    save_radiograph,
    save_recipe,
)
from napari_drr.recipe import CTReference, DetectorSettings, Display, Pose, Recipe, Structure

EXACT = [".tif", ".tiff", ".nii", ".nii.gz", ".npz"]
ALL = [*EXACT, ".png"]

RECIPE = Recipe(
    ct=CTReference(name="Ünïcode"),
    pose=Pose(alpha_deg=0.1 + 0.2),
    detector=DetectorSettings(height=3, width=5, pixel_spacing_x=2.0, pixel_spacing_y=0.5),
    structures=(Structure(1, "rib_left_1", color=(1.0, 0.5, 0.0)),),
)
# An "F" of a kind: no flip and no exchange of axes leaves it as it is.
IMAGE = np.arange(15, dtype=np.float32).reshape(3, 5) / 7
CHANNELS = np.stack([IMAGE, IMAGE[::-1], -IMAGE, IMAGE**2])
NAMES = ["heart", "rib_left_1", "größe", "label 7"]


@pytest.mark.parametrize("suffix", EXACT)
def test_line_integrals_come_back_to_the_last_bit(tmp_path: Path, suffix: str) -> None:
    path = save_radiograph(tmp_path / f"image.drr{suffix}", IMAGE, RECIPE)
    image, recipe, names = load_radiograph(path)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, IMAGE)
    assert recipe == load_recipe(path) == RECIPE
    assert names is None
    assert is_radiograph(path)


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("suffix", EXACT)
def test_channels_come_back_with_their_names(tmp_path: Path, suffix: str, count: int) -> None:
    path = save_radiograph(tmp_path / f"masks{suffix}", CHANNELS[:count], RECIPE, NAMES[:count])
    image, recipe, names = load_radiograph(path)
    np.testing.assert_array_equal(image, CHANNELS[:count])
    assert names == NAMES[:count]
    assert recipe == RECIPE


def test_channels_without_names_are_numbered(tmp_path: Path) -> None:
    path = save_radiograph(tmp_path / "masks.npz", CHANNELS[:2], RECIPE)
    assert load_radiograph(path)[2] == ["channel 0", "channel 1"]


def test_tensors_of_any_type_are_taken(tmp_path: Path) -> None:
    tensor = torch.from_numpy(IMAGE).double().requires_grad_()
    path = save_radiograph(tmp_path / "image.tif", tensor, RECIPE)
    np.testing.assert_array_equal(load_radiograph(path)[0], IMAGE)


@pytest.mark.parametrize("suffix", [".PNG", ".TIF", ".Nii.Gz"])
def test_capital_letters_are_the_same_endings(tmp_path: Path, suffix: str) -> None:
    assert load_recipe(save_radiograph(tmp_path / f"IMAGE{suffix}", IMAGE, RECIPE)) == RECIPE


# A gray value is rounded to the nearest of 255 or 65535 levels.
@pytest.mark.parametrize(("bits", "kind"), [(8, np.uint8), (16, np.uint16)])
@pytest.mark.parametrize(
    "display",
    [
        Display(),
        Display(invert=True),
        Display(gamma=2.2, contrast_limits=(0.1, 1.5)),
        Display(mode="transmission", invert=True, gamma=0.5),
    ],
)
def test_png_shows_the_image_as_displayed(
    tmp_path: Path, display: Display, bits: int, kind: type
) -> None:
    recipe = Recipe(detector=RECIPE.detector, display=display)
    path = save_radiograph(tmp_path / "image.png", IMAGE, recipe, bit_depth=bits)
    with Image.open(path) as picture:
        levels = np.asarray(picture)
    assert levels.dtype == kind
    gray = display.gray(IMAGE)
    np.testing.assert_array_equal(levels, np.rint(gray * np.iinfo(kind).max))
    image, back, _ = load_radiograph(path)
    assert back == recipe
    # Half a level, and float32's rounding of the quotient.
    np.testing.assert_allclose(image, gray, atol=0.5 / np.iinfo(kind).max + 1e-7)


def test_other_programs_find_size_and_text_in_a_png(tmp_path: Path) -> None:
    with Image.open(save_radiograph(tmp_path / "image.png", IMAGE, RECIPE)) as picture:
        # 2 mm and 0.5 mm per pixel: PNG counts pixels per meter, 500 and 2000.
        np.testing.assert_allclose(picture.info["dpi"], (12.7, 50.8))
        assert json.loads(picture.info["napari-drr"])["pose"]["alpha_deg"] == 0.1 + 0.2


def test_other_programs_find_size_and_text_in_a_tiff(tmp_path: Path) -> None:
    path = save_radiograph(tmp_path / "masks.tif", CHANNELS, RECIPE, NAMES)
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        assert page.resolution == (5.0, 20.0)  # pixels per centimeter
        assert page.resolutionunit == tifffile.RESUNIT.CENTIMETER
        heading, _, text = page.description.partition("\n")
        assert heading == "napari-drr recipe:"
        assert json.loads(text)["detector"]["height"] == 3
        assert [each.tags["PageName"].value for each in file.pages] == NAMES
    np.testing.assert_array_equal(tifffile.imread(path), CHANNELS)


def test_nifti_stands_upright_where_radiologists_look(tmp_path: Path) -> None:
    path = save_radiograph(tmp_path / "image.nii.gz", IMAGE, RECIPE)
    # ITK reads rows by columns in its own world (LPS, x to the left, y to the back), and its
    # programs show x to the right and y downwards: here, columns and rows.
    image = sitk.ReadImage(str(path))
    assert image.GetSize() == (5, 3, 1)
    assert image.GetSpacing() == (2.0, 0.5, 1.0)
    np.testing.assert_allclose(image.GetDirection(), np.eye(3).ravel())
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image)[0], IMAGE)
    assert nibabel.load(path).header.get_xyzt_units()[0] == "mm"


def test_npz_needs_no_pickle(tmp_path: Path) -> None:
    path = save_radiograph(tmp_path / "masks.npz", CHANNELS, RECIPE, NAMES)
    with np.load(path, allow_pickle=False) as arrays:
        assert sorted(arrays) == ["image", "names", "recipe"]
        assert Recipe.from_json(str(arrays["recipe"])) == RECIPE


def test_a_recipe_has_a_file_of_its_own(tmp_path: Path) -> None:
    path = save_recipe(tmp_path / "view.drr.json", RECIPE)
    assert load_recipe(path) == RECIPE
    with pytest.raises(ValueError, match=r"must end in \.json"):
        save_recipe(tmp_path / "view.txt", RECIPE)


@pytest.mark.parametrize("suffix", ALL)
def test_others_may_read_the_file(tmp_path: Path, suffix: str) -> None:
    mask = os.umask(0o022)
    try:
        path = save_radiograph(tmp_path / f"image{suffix}", IMAGE, RECIPE)
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o644


def damaged(path: Path, keep: float) -> Path:
    """Cut a file off."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.97])
@pytest.mark.parametrize("suffix", ALL)
def test_damaged_files_are_refused(tmp_path: Path, suffix: str, keep: float) -> None:
    image = np.random.default_rng(0).random((64, 64))
    recipe = Recipe(detector=DetectorSettings(height=64, width=64))
    path = damaged(save_radiograph(tmp_path / f"image{suffix}", image, recipe), keep)
    with pytest.raises(ValueError, match=f'image{suffix}"'):
        load_radiograph(path)


def foreign_png(path: Path) -> None:
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(path)


def foreign_tiff(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((2, 2), np.uint8), description="another program")


def foreign_nifti(path: Path) -> None:
    nibabel.Nifti1Image(np.zeros((2, 2, 2)), np.eye(4)).to_filename(path)


def foreign_npz(path: Path) -> None:
    np.savez(path, array=np.zeros(3))


@pytest.mark.parametrize(
    ("suffix", "write"),
    [
        (".png", foreign_png),
        (".tif", foreign_tiff),
        (".nii.gz", foreign_nifti),
        (".npz", foreign_npz),
    ],
)
def test_files_of_other_programs_hold_no_recipe(
    tmp_path: Path, suffix: str, write: Callable[[Path], None]
) -> None:
    path = tmp_path / f"other{suffix}"
    write(path)
    assert not is_radiograph(path)
    with pytest.raises(ValueError, match="holds no recipe: napari-drr did not write it"):
        load_radiograph(path)


def test_a_file_of_another_kind_is_no_radiograph(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    assert not is_radiograph(tmp_path / "text.png")
    assert not is_radiograph(tmp_path / "absent.png")
    assert not is_radiograph(tmp_path)
    with pytest.raises(ValueError, match="damaged or of another kind"):
        load_recipe(tmp_path / "text.png")


def test_a_recipe_from_the_future_is_refused_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "view.json"
    path.write_text(RECIPE.to_json().replace('"version": 1', '"version": 9'))
    with pytest.raises(ValueError, match=r'view\.json" can\'t be used.*newer.*update napari-drr'):
        load_recipe(path)


def test_paths_that_can_not_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'There is no file ".*absent\.tif"'):
        load_radiograph(tmp_path / "absent.tif")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        load_recipe(tmp_path / "absent.json")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=r'Can\'t read ".*x\.tif": Not a directory'):
        load_radiograph(tmp_path / "file" / "x.tif")
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        load_radiograph(tmp_path / "folder.tif")
    with pytest.raises(ValueError, match=r"must end in \.png, \.tif.*; got .*x\.jpg"):
        load_recipe(tmp_path / "x.jpg")
