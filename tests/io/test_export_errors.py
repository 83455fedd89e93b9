"""Is a file written as a whole or not at all, and is what can't be written refused clearly?"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_drr.io.export import save_radiograph
from napari_drr.recipe import DetectorSettings, Recipe

RECIPE = Recipe(detector=DetectorSettings(height=3, width=5))
IMAGE = np.zeros((3, 5))


@pytest.mark.parametrize(
    ("image", "names", "message"),
    [
        (np.zeros((5, 3)), None, r"`image` must be 3 x 5 as the recipe says.*\(5, 3\)"),
        (np.zeros((1, 1, 3, 5)), None, r"got shape \(1, 1, 3, 5\).*`images\[0, 0\]`"),
        (np.zeros((0, 3, 5)), None, r"got shape \(0, 3, 5\)"),
        (np.full((3, 5), np.nan), None, "`image` must hold finite real numbers"),
        (np.zeros((3, 5), complex), None, "`image` must hold finite real numbers"),
        (IMAGE, ["a"], "`names` are for channels"),
        (np.zeros((2, 3, 5)), ["a"], "`names` must be 2, one for each channel, got 1"),
    ],
)
def test_what_is_no_image_is_refused(
    tmp_path: Path, image: Any, names: list[str] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        save_radiograph(tmp_path / "image.tif", image, RECIPE, names)
    assert not list(tmp_path.iterdir())


def test_a_png_holds_one_image_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"A PNG holds one image, got 2 channels: .*\.tif"):
        save_radiograph(tmp_path / "image.png", np.zeros((2, 3, 5)), RECIPE)
    assert not list(tmp_path.iterdir())


def test_formats_that_are_unknown_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'must end in \.png, \.tif.*; got ".*image\.jpg"'):
        save_radiograph(tmp_path / "image.jpg", IMAGE, RECIPE)
    with pytest.raises(ValueError, match="`bit_depth` must be 8 or 16, got 12"):
        save_radiograph(tmp_path / "image.png", IMAGE, RECIPE, bit_depth=12)


def test_folders_that_can_not_be_written_to_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'Can\'t write ".*": there is no folder ".*no"'):
        save_radiograph(tmp_path / "no" / "image.tif", IMAGE, RECIPE)
    (tmp_path / "image.tif").mkdir()
    with pytest.raises(IsADirectoryError, match=r'Can\'t write ".*image\.tif": it is a folder'):
        save_radiograph(tmp_path / "image.tif", IMAGE, RECIPE)
    with pytest.raises(OSError, match=r'Can\'t write ".*": .*too long'):
        save_radiograph(tmp_path / f"{'x' * 300}.tif", IMAGE, RECIPE)


FULL_DISK = """
import resource, signal, sys
import numpy as np
from napari_drr.io.export import save_radiograph
from napari_drr.recipe import DetectorSettings, Recipe

recipe = Recipe(detector=DetectorSettings(height=300, width=300))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    save_radiograph(sys.argv[1], np.random.default_rng(0).random((300, 300)), recipe)
except OSError as error:
    sys.exit(str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("suffix", [".png", ".tif", ".nii.gz", ".npz"])
def test_a_disk_that_runs_full_leaves_the_old_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    path.write_bytes(b"the old file")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f'Can\'t write "{path}": ' in done.stderr
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"the old file"
