"""Does the command line render what the library renders?"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torchio

from napari_drr import load_example_ct, load_phantom
from napari_drr.cli import main
from napari_drr.cli._settings import parse_view
from napari_drr.io.export import load_radiograph, load_recipe, save_recipe
from napari_drr.recipe import (
    Attenuation,
    CTReference,
    DetectorSettings,
    Display,
    Pose,
    Recipe,
    RendererSettings,
    Structure,
)

Run = Callable[..., tuple[str, str]]

SMALL = ["--height", "24", "--width", "32", "--delx", "14"]
PHANTOM = ["phantom", "--spacing", "12", *SMALL]
DETECTOR = DetectorSettings(height=24, width=32, pixel_spacing_x=14.0, pixel_spacing_y=14.0)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command that must succeed, and returns what it prints."""

    def call(*arguments: str | Path) -> tuple[str, str]:
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert status == 0, err
        return out, err

    return call


@pytest.fixture(scope="module")
def phantom() -> torchio.Subject:
    return load_phantom(spacing=12.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, phantom: torchio.Subject) -> Path:
    """Return a folder with a CT, its labels and their names."""
    folder = tmp_path_factory.mktemp("ct")
    affine = phantom.volume.affine.copy()
    affine[:3, 3] += phantom.isocenter.numpy()
    ct = torchio.ScalarImage(tensor=phantom.volume.data, affine=affine)
    ct.save(folder / "ct.nii.gz")
    torchio.LabelMap(tensor=phantom.mask.data, affine=affine).save(folder / "labels.nii.gz")
    phantom.structures.to_csv(folder / "names.csv", index=False)
    return folder


def rendered(recipe: Recipe, subject: torchio.Subject) -> np.ndarray:
    return recipe.render(subject)[0, 0].numpy()


@pytest.mark.parametrize("suffix", [".tif", ".nii.gz", ".npz"])
def test_the_image_is_the_librarys_to_the_last_bit(
    run: Run, tmp_path: Path, phantom: torchio.Subject, suffix: str
) -> None:
    path = tmp_path / f"drr{suffix}"
    out, err = run("render", *PHANTOM, "-o", path)
    assert out == f"{path}\n"
    assert err == ""
    image, recipe, channels = load_radiograph(path)
    assert channels is None
    assert recipe == Recipe(ct=CTReference.of(phantom, name="phantom"), detector=DETECTOR)
    np.testing.assert_array_equal(image, rendered(recipe, phantom))


@pytest.mark.parametrize("suffix", [".tif", ".nii.gz", ".npz", ".png"])
def test_a_file_rendered_again_is_the_same(run: Run, tmp_path: Path, suffix: str) -> None:
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    settings = ["--view", "LAO 30 CRA 20", "--invert", "--gamma", "2", "--bone-weight", "0.5"]
    run("render", *PHANTOM, *settings, "-o", first)
    _, err = run("render", "--from", first, "-o", second)
    assert err == ""
    np.testing.assert_array_equal(load_radiograph(first)[0], load_radiograph(second)[0])
    assert load_recipe(first) == load_recipe(second)


def test_channels_rendered_again_are_the_same(run: Run, tmp_path: Path) -> None:
    first, second = tmp_path / "a.tif", tmp_path / "b.npz"
    run("render", *PHANTOM, "--channels", "--structures", "heart,ribs", "-o", first)
    run("render", "phantom", "--from", first, "-o", second)
    image, _, channels = load_radiograph(second)
    assert channels is not None
    assert channels[:2] == ["heart", "rib_left_1"]
    assert len(channels) == len(image) > 20
    np.testing.assert_array_equal(image, load_radiograph(first)[0])


def test_all_settings_reach_the_recipe(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "drr.tif"
    run(
        *("render", "phantom", "--spacing", "16", "--pose", "10", "-20", "-1e-1", "5", "-800", "0"),
        *("--orientation", "PA", "--convention", "XYZ", "--isocenter", "10", "-170", "-400"),
        *("--sdd", "1000", "--height", "12", "--width", "10", "--delx", "30", "--dely", "31"),
        *("--x0", "11", "--y0", "-6.5", "--no-mirror", "--renderer", "trilinear"),
        *("--reduction", "max", "--n-points", "60", "--backend", "reference"),
        *("--attenuation", "physical", "--energy", "60", "--bone-weight", "0.5"),
        *("--display", "transmission", "--invert"),
        *("--gamma", "2", "--contrast", "0.5", "3", "--memory-budget", "1M", "-o", str(path)),
    )
    recipe = load_recipe(path)
    assert recipe == Recipe(
        ct=recipe.ct,
        isocenter=(10.0, -170.0, -400.0),
        pose=Pose(10.0, -20.0, -0.1, 5.0, -800.0, 0.0, "XYZ"),
        orientation="PA",
        detector=DetectorSettings(1000.0, 12, 10, 30.0, 31.0, 11.0, -6.5, mirror=False),
        renderer=RendererSettings("trilinear", "max", 60, "reference"),
        attenuation=Attenuation("physical", 60.0, 0.5),
        display=Display("transmission", True, 2.0, (0.5, 3.0)),
    )
    image = load_radiograph(path)[0]
    np.testing.assert_array_equal(image, rendered(recipe, load_phantom(spacing=16.0)))


def test_the_relative_map_has_its_own_setting(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "drr.tif"
    relative = ["--attenuation", "relative", "--bone-attenuation-multiplier", "2"]
    run("render", *PHANTOM, *relative, "-o", path)
    image, recipe, _ = load_radiograph(path)
    assert recipe.attenuation == Attenuation("relative", bone_attenuation_multiplier=2.0)
    np.testing.assert_array_equal(image, rendered(recipe, load_phantom(spacing=12.0)))
    # A recipe's settings count for what goes with them.
    run("render", "--from", path, "--bone-attenuation-multiplier", "3", "-o", path)
    assert load_recipe(path).attenuation.bone_attenuation_multiplier == 3.0


def test_arguments_change_the_recipe_of_a_file(
    run: Run, tmp_path: Path, phantom: torchio.Subject
) -> None:
    recipe = Recipe(
        ct=CTReference.of(phantom, name="phantom"),
        pose=Pose(alpha_deg=10.0),
        detector=DETECTOR,
        display=Display(invert=True),
    )
    json = save_recipe(tmp_path / "recipe.json", recipe)
    path = tmp_path / "drr.png"
    run("render", "--from", json, "--gamma", "3", "--no-invert", "--dely", "16", "-o", path)
    found = load_recipe(path)
    assert found.pose == recipe.pose
    assert found.display == Display(gamma=3.0)
    assert found.detector.pixel_spacing_x == 14.0
    assert found.detector.pixel_spacing_y == 16.0
    run("render", "--from", json, "--view", "PA", "--distance", "900", "-o", path)
    assert load_recipe(path).pose == Pose(y=-900.0)
    assert load_recipe(path).orientation == "PA"


def test_a_ct_in_a_file_with_labels(
    run: Run, tmp_path: Path, files: Path, phantom: torchio.Subject
) -> None:
    path = tmp_path / "drr.tif"
    labels = ["--labels", files / "labels.nii.gz", "--structures-file", files / "names.csv"]
    run("render", files / "ct.nii.gz", *labels, *SMALL, "--structures", "ribs,heart", "-o", path)
    image, recipe, _ = load_radiograph(path)
    assert not recipe.structures[0].visible
    assert recipe.structures[0].name == "background"
    shown = [each for each in recipe.structures if each.visible]
    assert {each.group for each in shown} == {"ribs", "cardiac"}
    channels, _ = Recipe(detector=DETECTOR).channels(phantom, ["ribs", "heart"])
    # Weights are summed along the ray, channels after it: the last bits of float32.
    np.testing.assert_allclose(image, channels[0].sum(0), atol=1e-5 * image.max())


def test_weights_are_put_on_structures(run: Run, tmp_path: Path, phantom: torchio.Subject) -> None:
    path = tmp_path / "drr.tif"
    run("render", *PHANTOM, "--weights", "heart=2.5, rib_left_*=0", "-o", path)
    image, recipe, _ = load_radiograph(path)
    weights = {each.name: each.weight for each in recipe.structures if each.weight != 1.0}
    assert weights == {"heart": 2.5} | {f"rib_left_{n}": 0.0 for n in range(1, 13)}
    np.testing.assert_array_equal(image, rendered(recipe, phantom))


def test_each_channel_goes_to_a_file_of_its_own(
    run: Run, tmp_path: Path, phantom: torchio.Subject
) -> None:
    out, _ = run(
        *("render", *PHANTOM, "--channels", "--structures", "heart,aorta"),
        *("-o", tmp_path / "mask_{name}.tif"),
    )
    assert out == f"{tmp_path / 'mask_heart.tif'}\n{tmp_path / 'mask_aorta.tif'}\n"
    image, recipe, channels = load_radiograph(tmp_path / "mask_aorta.tif")
    assert channels is None
    expected, _ = Recipe(detector=DETECTOR).channels(phantom, ["aorta"])
    np.testing.assert_array_equal(image, expected[0, 0])
    # Its recipe shows the structure alone, so that it renders the same.
    assert [each.name for each in recipe.structures if each.visible] == ["aorta"]
    np.testing.assert_allclose(rendered(recipe, phantom), image, atol=1e-5 * image.max())


def test_a_row_of_a_table_is_an_image(run: Run, tmp_path: Path, phantom: torchio.Subject) -> None:
    table = tmp_path / "poses.csv"
    table.write_text(
        "alpha_deg,beta_deg,gamma_deg,x,y,z,orientation\n0,0,0,0,850,0,AP\n30,0,0,0,-800,0,PA\n"
    )
    run("render", *PHANTOM, "--poses", table, "-o", tmp_path / "drr_{index:03d}.npz")
    for index, (orientation, pose) in enumerate(
        [("AP", Pose(y=850.0)), ("PA", Pose(alpha_deg=30.0, y=-800.0))]
    ):
        image, recipe, _ = load_radiograph(tmp_path / f"drr_{index:03d}.npz")
        assert (recipe.orientation, recipe.pose) == (orientation, pose)
        np.testing.assert_array_equal(image, rendered(recipe, phantom))


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_takes_numbered_files(run: Run, tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "images"
    if exists:
        folder.mkdir()
    run("render", *PHANTOM, "--quiet", "-o", folder if exists else f"{folder}/")
    assert [path.name for path in folder.iterdir()] == ["drr_0000.tif"]


def test_quiet_prints_nothing(run: Run, tmp_path: Path) -> None:
    assert run("render", *PHANTOM, "--quiet", "-o", tmp_path / "a.tif") == ("", "")


def test_the_path_goes_in_only_when_asked_for(run: Run, tmp_path: Path, files: Path) -> None:
    ct, first, second = files / "ct.nii.gz", tmp_path / "a.tif", tmp_path / "b.tif"
    run("render", ct, *SMALL, "-o", first)
    assert (load_recipe(first).ct.name, load_recipe(first).ct.path) == ("", None)
    assert str(files) not in load_recipe(first).to_json()
    run("render", ct, *SMALL, "--record-path", "-o", first)
    assert load_recipe(first).ct.path == str(ct)
    # Then the recipe is enough to find the CT, and keeps the path.
    run("render", "--from", first, "-o", second)
    assert load_recipe(second) == load_recipe(first)


def test_another_ct_gets_a_warning_and_its_own_reference(
    run: Run, tmp_path: Path, files: Path
) -> None:
    first, second = tmp_path / "a.tif", tmp_path / "b.tif"
    run("render", "phantom", "--spacing", "16", *SMALL, "-o", first)
    _, err = run("render", files / "ct.nii.gz", "--from", first, "-o", second)
    assert err.startswith("napari-drr: warning: This is not the CT that the recipe names (phantom)")
    assert err.count("\n") == 1
    assert load_recipe(second).ct.name == ""
    assert load_recipe(second).ct.sha256 != load_recipe(first).ct.sha256


def test_rays_that_all_miss_get_a_warning(run: Run, tmp_path: Path) -> None:
    pose = ["--pose", "0", "0", "0", "5000", "850", "0"]
    _, err = run("render", *PHANTOM, *pose, "-o", tmp_path / "a.tif")
    assert err.startswith("napari-drr: warning: No ray meets the CT")
    assert err.count("\n") == 1


def test_a_source_in_the_ct_gets_a_warning(run: Run, tmp_path: Path) -> None:
    pose = ["--pose", "0", "0", "0", "0", "0", "0"]
    _, err = run("render", *PHANTOM, *pose, "--quiet", "-o", tmp_path / "a.tif")
    assert err.startswith("napari-drr: warning: The source lies inside the CT")
    assert err.count("\n") == 1


def test_a_body_behind_the_detector_gets_a_warning(run: Run, tmp_path: Path) -> None:
    _, err = run("render", *PHANTOM, "--sdd", "850", "--channels", "-o", tmp_path / "a.tif")
    assert "% of the body lies behind the detector" in err
    assert err.count("\n") == 1


def test_of_several_poses_the_faulty_one_is_named(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "poses.csv"
    table.write_text(
        "alpha_deg,beta_deg,gamma_deg,x,y,z,orientation\n"
        "0,0,0,0,850,0,AP\n0,0,0,0,850,0,PA\n0,0,0,0,0,0,AP\n"
    )
    _, err = run("render", *PHANTOM, "--poses", table, "-o", tmp_path / "{index}.tif")
    first, second = err.splitlines()
    assert first.startswith("napari-drr: warning: Image 1: No ray meets the CT")
    assert second.startswith("napari-drr: warning: Image 2: The source lies inside the CT")


@pytest.mark.parametrize(
    ("text", "orientation", "pose"),
    [
        ("AP", "AP", Pose(y=800.0)),
        (" pa ", "PA", Pose(y=-800.0)),
        ("LAO 30", "PA", Pose(alpha_deg=30.0, y=-800.0)),
        ("rao12.5", "PA", Pose(alpha_deg=-12.5, y=-800.0)),
        ("CAU 20", "PA", Pose(beta_deg=-20.0, y=-800.0)),
        ("RAO 30 CAU 20", "PA", Pose(alpha_deg=-30.0, beta_deg=-20.0, y=-800.0)),
        ("left lateral", "PA", Pose(alpha_deg=90.0, y=-800.0)),
    ],
)
def test_views_in_words(text: str, orientation: str, pose: Pose) -> None:
    assert parse_view(text, 800.0) == (orientation, pose)


@pytest.mark.chest
@pytest.mark.skipif(
    not (Path(os.environ.get("NAPARI_DRR_DATA", "")) / "cxr.nii.gz").is_file(),
    reason="NAPARI_DRR_DATA names no folder with the example CT",
)
def test_the_example_ct(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "chest.tif"
    run("render", "example", *SMALL, "--structures", "skeleton", "-o", path)
    image, recipe, _ = load_radiograph(path)
    assert recipe.ct.name == "example"
    np.testing.assert_array_equal(image, rendered(recipe, load_example_ct()))


def test_structures_of_the_recipe_are_kept(
    run: Run, tmp_path: Path, phantom: torchio.Subject
) -> None:
    heart = Structure(51, "heart", "cardiac", weight=3.0, color=(1.0, 0.0, 0.0))
    recipe = Recipe(CTReference.of(phantom, name="phantom"), detector=DETECTOR, structures=(heart,))
    json = save_recipe(tmp_path / "recipe.json", recipe)
    run("render", "--from", json, "--weights", "aorta=2", "-o", tmp_path / "a.tif")
    assert load_recipe(tmp_path / "a.tif").weights() == {51: 3.0, 52: 2.0}
    assert heart in load_recipe(tmp_path / "a.tif").structures
