"""The examples run as they are, and do what they say."""

import gc
import os
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from docks import Watch

from napari_drr import load_phantom
from napari_drr.io.export import load_radiograph
from napari_drr.viewer import widgets

EXAMPLES = Path(__file__).parents[2] / "examples"
PLAIN = {"render_drr", "channels", "register_pose"}
IN_A_WINDOW = {"open_phantom", "console_session", "sections_alone", "structures_alone"}


def run(name):
    """Run an example as an import would: up to, and without, its `napari.run()`."""
    return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="example")


@pytest.fixture
def run_in_window(qtbot):
    """Run an example that opens napari; return what it leaves, and close its viewer later."""
    left = []

    def start(name):
        left.append(run(name))
        return left[-1]

    yield start
    for namespace in left:
        for section in [*namespace.get("sections", {}).values(), namespace.get("section")]:
            if section is not None:
                section.close()
        namespace["viewer"].close()
        namespace.clear()
    gc.collect()


def test_every_example_is_tested():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == PLAIN | IN_A_WINDOW


def test_render_drr(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = run("render_drr")

    assert example["image"].shape == (1, 1, 200, 200)
    saved, recipe, _ = load_radiograph("drr.tif")
    again = recipe.render(load_phantom(spacing=4.0))
    assert torch.equal(torch.from_numpy(saved), again[0, 0])
    assert os.path.getsize("drr.png") > 0


def test_channels():
    example = run("channels")

    assert example["names"][:2] == ["heart", "rib_left_1"]
    assert example["image"].shape[1] == len(example["names"])
    # Sums in another order: float32's rounding.
    assert example["difference"] < 1e-5


def test_register_pose():
    example = run("register_pose")

    # It starts some 60 mm off, and has to come as near as a tenth of that.
    assert example["errors"][0] > 50
    assert example["errors"][-1] < 6


@pytest.mark.gui
def test_open_phantom(run_in_window, qtbot):
    s = run_in_window("open_phantom")["s"]
    Watch(s, qtbot).settle()

    assert s.output().data.max() > 1
    assert s.output().metadata["napari-drr"]["orientation"] == "PA"


@pytest.mark.gui
def test_console_session(run_in_window):
    example = run_in_window("console_session")
    s, layer = example["s"], example["layer"]

    assert layer is s.output()
    assert layer.data.shape == (100, 100)
    assert (s.pose.alpha_deg, s.pose.beta_deg) == (30, 10)
    heart = s.structures["heart"].id
    assert heart in s.output("DRR structures").data
    assert not np.isin(s.output("DRR structures").data, s.structures.ids("ribs")).any()


@pytest.mark.gui
def test_sections_alone(run_in_window, qtbot):
    example = run_in_window("sections_alone")
    s, sections = example["s"], example["sections"]
    modules = {path.stem for path in Path(widgets.__file__).parent.glob("[a-z]*.py")}
    assert set(sections) == modules - {"carm", "dock"}
    Watch(s, qtbot).settle()
    first = s.output().data.copy()

    sections["view"].buttons["L lat"].native.click()
    qtbot.waitUntil(lambda: not np.array_equal(s.output().data, first))
    assert s.pose.alpha_deg == 90
    sections["pose"].rows["pose.beta_deg"].value = 12
    sections["detector"].rows["detector.width"].value = 40
    sections["renderer"].rows["renderer.reduction"].value = "mip"
    sections["display"].rows["display.invert"].value = True
    sections["structures"].show_none.native.click()
    sections["output"].mask_labels.value = True
    recipe = s.recipe
    assert (recipe.pose.beta_deg, recipe.detector.width) == (12, 40)
    assert (recipe.renderer.reduction, recipe.display.invert) == ("mip", True)
    assert not any(structure.visible for structure in recipe.structures)
    assert s.masks == {"labels"}
    sections["inputs"].labels_choice.value = None
    assert s.labels is None
    sections["inputs"].ct_choice.value = None
    s.viewer.layers.clear()
    s.viewer.add_image(np.zeros((2, 3, 4, 5)))
    assert sections["problems"].shown[0].remedy_text == sections["problems"].buttons[0].text


@pytest.mark.gui
def test_structures_alone(run_in_window, qtbot):
    example = run_in_window("structures_alone")
    s, section = example["s"], example["section"]
    Watch(s, qtbot).settle()
    assert section.tree.ids == (s.structures["heart"].id,)
    before = s.output().data.copy()

    section.show_none.native.click()
    qtbot.waitUntil(lambda: s.output().data.max() < 0.9 * before.max())
    assert section.summary.startswith("0 of ")
