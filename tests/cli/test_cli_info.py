"""Does `info` tell what a CT and its labels hold?"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torchio

from napari_drr.cli import main

# Voxels of 2 x 3 x 5 mm that run to left, anterior and inferior.
AFFINE = np.array([[-2.0, 0, 0, 10], [0, 3, 0, -20], [0, 0, -5, 30], [0, 0, 0, 1]])


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    values = torch.full((1, 9, 7, 5), -1000.0)
    values[0, 2:6, 2:6, 1:4] = 40.0
    torchio.ScalarImage(tensor=values, affine=AFFINE).save(tmp_path / "ct.nii.gz")
    return tmp_path / "ct.nii.gz"


def lines(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, str]:
    """Return what is told, by its first word."""
    assert main(["info", *map(str, arguments)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines()}


def test_a_ct_in_numbers(capsys: pytest.CaptureFixture[str], ct: Path) -> None:
    assert lines(capsys, ct) == {
        "CT": str(ct),
        "size": "9 x 7 x 5 voxels",
        "spacing": "2 x 3 x 5 mm",
        "axes": "run to left, anterior, inferior",
        "center": "2, -11, 20 mm (scanner, RAS)",
        "values": "-1000 to 40 HU",
    }


def test_labels_with_names_and_volumes(
    capsys: pytest.CaptureFixture[str], ct: Path, tmp_path: Path
) -> None:
    labels = torch.zeros(1, 9, 7, 5, dtype=torch.uint8)
    labels[0, 2:4, 2:6, 1:4] = 3
    labels[0, 4, 2, 1] = 200
    torchio.LabelMap(tensor=labels, affine=AFFINE).save(tmp_path / "labels.nii.gz")
    names = pd.DataFrame({"id": [3], "structure": ["device"], "group": ["implants"]})
    names.to_csv(tmp_path / "names.csv", index=False)
    told = lines(
        *(capsys, ct, "--labels", tmp_path / "labels.nii.gz"),
        *("--structures-file", tmp_path / "names.csv"),
    )
    assert told["labels"] == "2"
    # 24 voxels, and one, of 0.03 cubic centimeters.
    assert told["3"] == "device 0.7 cm3 implants"
    assert told["200"] == "label 200 0.0 cm3"


def test_names_that_are_assumed_are_marked(
    capsys: pytest.CaptureFixture[str], ct: Path, tmp_path: Path
) -> None:
    labels = torch.zeros(1, 9, 7, 5, dtype=torch.uint8)
    labels[0, 2:4, 2:6, 1:4] = 51
    torchio.LabelMap(tensor=labels, affine=AFFINE).save(tmp_path / "labels.nii.gz")
    told = lines(capsys, ct, "--labels", tmp_path / "labels.nii.gz")
    assert told["labels"] == "1 (TotalSegmentator's names, assumed)"
    assert told["51"].startswith("heart")


def test_the_phantom(capsys: pytest.CaptureFixture[str]) -> None:
    told = lines(capsys, "phantom", "--spacing", "16")
    assert told["spacing"] == "16 x 16 x 16 mm"
    assert told["51"].startswith("heart")


def test_a_ct_that_is_not_in_hu_gets_a_warning(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    values = torch.full((1, 9, 7, 5), 24.0)
    values[0, 2:6, 2:6, 1:4] = 1064.0
    torchio.ScalarImage(tensor=values, affine=AFFINE).save(tmp_path / "ct.nii.gz")
    assert main(["info", str(tmp_path / "ct.nii.gz")]) == 0
    err = capsys.readouterr().err
    assert err.startswith("napari-drr: warning: CT does not look like HU: ")
    assert err.endswith("pass --hu-offset -1024.\n")
    told = lines(capsys, tmp_path / "ct.nii.gz", "--hu-offset", "-1024")
    assert told["values"] == "-1000 to 40 HU"
