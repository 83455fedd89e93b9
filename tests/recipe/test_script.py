"""Does the script make the image that the recipe makes?"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
import torchio
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_drr import load_phantom, read
from napari_drr.io.export import load_radiograph
from napari_drr.recipe import (
    Attenuation,
    CTReference,
    DetectorSettings,
    Display,
    Pose,
    Recipe,
    RendererSettings,
    Structure,
    pasted,
    script,
)

DETECTOR = DetectorSettings(1000.0, 24, 32, 14.0, 16.0, x0=11.0, y0=-6.5)
RECIPE = Recipe(pose=Pose(10.0, 1 / 3, y=800.0), detector=DETECTOR)
HEART = Structure(51, "heart", "organs", weight=2.0)
LIVER = Structure(5, "liver", "organs", visible=False)
SEEN = Structure(10, "lung_upper_lobe_left", "organs")

numbers = st.floats(-1e6, 1e6)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The phantom and its labels in files."""
    phantom = load_phantom(spacing=16.0, center_volume=False)
    folder = tmp_path_factory.mktemp("files")
    paths = folder / "the ct.nii.gz", folder / "labels.nii.gz"
    for path, image in zip(paths, (phantom["volume"], phantom["mask"]), strict=True):
        nibabel.save(nibabel.Nifti1Image(image.numpy()[0], image.affine), path)
    return str(paths[0]), str(paths[1])


def run(text: str) -> torch.Tensor:
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    return namespace["image"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"attenuation": Attenuation(energy_kev=55.0)},
        {"attenuation": Attenuation("relative", bone_attenuation_multiplier=1.7)},
        {"attenuation": Attenuation(bone_weight=2.5), "structures": (HEART, LIVER, SEEN)},
        {"isocenter": (12.0, -170.0, -400.0), "orientation": "PA", "pose": Pose(-20.0, y=-700.0)},
        {"renderer": RendererSettings("trilinear", "max", 60, "reference")},
    ],
)
def test_the_image_is_the_recipes_to_the_last_bit(
    files: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = replace(RECIPE, **changes)
    image = run(recipe.script(*files))
    assert image.max() > 0
    assert torch.equal(image, recipe.render(read(*files))[0, 0])
    assert load_radiograph(tmp_path / "radiograph.drr.png")[1].pose == recipe.pose


def test_it_runs_as_a_file(files: tuple[str, str], tmp_path: Path) -> None:
    recipe = replace(RECIPE, structures=(HEART, LIVER))
    code = recipe.script(*files) + 'import numpy\nnumpy.save("image.npy", image)\n'
    (tmp_path / "drr.py").write_text(code, encoding="utf-8")
    subprocess.run([sys.executable, "drr.py"], cwd=tmp_path, check=True)
    image = np.load(tmp_path / "image.npy")
    np.testing.assert_array_equal(image, recipe.render(read(*files))[0, 0])


def test_the_phantom_needs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    phantom = load_phantom(spacing=(16.0, 12.0, 20.0))
    recipe = replace(RECIPE, ct=CTReference.of(phantom, name="phantom"), structures=(LIVER,))
    assert torch.equal(run(recipe.script()), recipe.render(phantom)[0, 0])
    assert "load_phantom(spacing=16.0," in script(
        replace(recipe, ct=CTReference.of(load_phantom(spacing=16.0), name="phantom"))
    )


def test_only_what_is_needed_is_written() -> None:
    plain = script(Recipe())
    assert "recipe = Recipe()\n" in plain
    assert "LABELS" not in plain
    assert 'CT = "ct.nii.gz"' in plain
    text = script(replace(RECIPE, structures=(HEART, LIVER, SEEN), display=Display(invert=True)))
    assert 'LABELS = "labels.nii.gz"' in text
    assert 'Structure(51, "heart", weight=2.0)' in text
    assert "lung_upper_lobe_left" not in text
    assert "Attenuation(" not in text
    assert max(map(len, text.splitlines())) <= 88


def test_what_identifies_a_patient_is_written_where_it_was_recorded_only() -> None:
    phantom: torchio.Subject = load_phantom(spacing=16.0)
    ct = CTReference.of(phantom, name="Doe^Jane")
    text = script(replace(RECIPE, ct=ct))
    assert "Doe" not in text
    assert ct.sha256 not in text
    recorded = script(replace(RECIPE, ct=replace(ct, path="/data/1", series_uid="1.2.3")))
    assert 'CT = "/data/1"' in recorded
    assert 'series="1.2.3"' in recorded


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), st.booleans())
def test_any_path_is_written_so_that_python_reads_it(path: str, is_labels: bool) -> None:
    text = script(Recipe(), "ct.nii.gz" if is_labels else f"./{path}", f"./{path}")
    namespace: dict[str, Any] = {}
    exec(
        "\n".join(line for line in text.split("\n") if line.startswith(("CT", "LABELS"))), namespace
    )
    assert namespace["LABELS" if is_labels else "CT"] == f"./{path}"


@settings(deadline=None)
@given(
    st.builds(
        Recipe,
        isocenter=st.none() | st.tuples(numbers, numbers, numbers),
        pose=st.builds(Pose, numbers, y=numbers, convention=st.sampled_from(["ZXY", "XYX"])),
        orientation=st.sampled_from(["AP", "PA", None]),
        detector=st.builds(
            DetectorSettings, numbers.filter(bool), st.integers(1, 999), mirror=st.booleans()
        ),
        renderer=st.builds(RendererSettings, st.sampled_from(["siddon", "trilinear"])),
        attenuation=st.builds(Attenuation, st.sampled_from(["physical", "relative"])),
        structures=st.lists(
            st.builds(
                Structure,
                st.integers(0, 9),
                st.text(max_size=5),
                visible=st.booleans(),
                weight=numbers,
                color=st.none() | st.tuples(numbers, numbers, numbers),
            ),
            unique_by=lambda structure: structure.id,
        ).map(tuple),
        display=st.builds(Display, gamma=st.floats(0.1, 9), contrast_limits=st.just((0.0, 3.0))),
    )
)
def test_it_can_be_pasted(recipe: Recipe) -> None:
    told = tuple(
        s for s in recipe.structures if not s.visible or s.weight != 1.0 or s.color is not None
    )
    found, what = pasted(script(recipe), Recipe())
    assert found == replace(recipe, structures=told)
    assert found.weights() == recipe.weights()
    assert what == "all settings from a script"
