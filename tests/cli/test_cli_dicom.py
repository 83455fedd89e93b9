"""Does a recipe know the DICOM series that it was made of?"""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.uid import CTImageStorage, generate_uid

from napari_drr.cli import main
from napari_drr.io.export import load_radiograph, load_recipe

SMALL = ["--height", "8", "--delx", "10"]


def write_series(folder: Path, uid: str, value: int) -> None:
    """Write a CT of a few voxels, with a cube in it."""
    folder.mkdir(exist_ok=True)
    voxels = np.full((4, 5, 6), -1000, np.int16)
    voxels[1:3, 1:4, 1:5] = value
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for k, plane in enumerate(voxels):
        image = sitk.GetImageFromArray(plane[None])
        image.SetSpacing((2.0, 2.0, 3.0))
        tags = {
            "0008|0016": CTImageStorage,
            "0008|0018": generate_uid(),
            "0008|0060": "CT",
            "0010|0010": "Somebody^Known",
            "0020|000d": "1.2.3",
            "0020|000e": uid,
            "0020|0032": f"0\\0\\{3 * k}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0028|1052": "0",
            "0028|1053": "1",
        }
        for tag, text in tags.items():
            image.SetMetaData(tag, text)
        writer.SetFileName(str(folder / f"{uid}.{k}.dcm"))
        writer.Execute(image)


def test_the_series_is_recorded_and_found_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, first, second = tmp_path / "dicom", tmp_path / "a.tif", tmp_path / "b.tif"
    write_series(folder, "1.2.1", 40)
    assert main(["render", str(folder), *SMALL, "-o", str(first)]) == 0
    recipe = load_recipe(first)
    assert recipe.ct.series_uid == "1.2.1"
    assert "Somebody" not in recipe.to_json()
    capsys.readouterr()

    # With another series beside it, the folder alone is no CT any more, the recipe's is.
    write_series(folder, "1.2.2", 80)
    assert main(["render", str(folder), *SMALL, "-o", str(second)]) == 2
    err = capsys.readouterr().err
    assert "choose one by its UID with --series: " in err
    assert "1.2.2" in err
    assert main(["render", str(folder), "--from", str(first), "-o", str(second)]) == 0
    assert capsys.readouterr().err == ""
    np.testing.assert_array_equal(load_radiograph(first)[0], load_radiograph(second)[0])
    assert load_recipe(second) == recipe

    # A series asked for goes before the recipe's.
    other = ["--from", str(first), "--series", "1.2.2", "-o", str(second)]
    assert main(["render", str(folder), *other]) == 0
    assert "its values are others" in capsys.readouterr().err
    assert load_recipe(second).ct.series_uid == "1.2.2"
