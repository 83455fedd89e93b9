import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from npe2 import PluginManifest

from napari_drr.viewer.reader import RADIOGRAPHS, RECIPE, VOLUMES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def manifest():
    return PluginManifest.from_distribution("napari-drr")


def test_the_manifest_is_valid_and_what_it_names_exists(manifest):
    manifest.validate_imports()


def test_the_installed_manifest_is_the_one_at_the_top():
    installed = (ROOT / "src" / "napari_drr" / "napari.yaml").read_bytes()
    assert (ROOT / "napari.yaml").read_bytes() == installed


def test_the_reader_is_asked_for_what_it_reads_and_no_other_pictures(manifest):
    (reader,) = manifest.contributions.readers
    for suffix in (*VOLUMES, *RADIOGRAPHS, RECIPE, ".dcm"):
        assert any(fnmatch(f"a{suffix}", pattern) for pattern in reader.filename_patterns)
    for name in ("a.png", "a.tif", "a.npz", "a.json"):
        assert not any(fnmatch(name, pattern) for pattern in reader.filename_patterns)


def test_finding_the_plugin_loads_neither_torch_nor_qt_nor_napari():
    code = """
import sys
import npe2
import napari_drr
npe2.PluginManifest.from_distribution("napari-drr")
import napari_drr.viewer.reader
napari_drr.viewer.reader.get_reader("ct.nii.gz")
heavy = {"torch", "torchio", "qtpy", "PyQt6", "PySide6", "napari", "pandas"} & set(sys.modules)
sys.exit(", ".join(heavy) or 0)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
