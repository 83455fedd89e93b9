"""Does what can't work end in one line, status 2 and no file?"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_drr.cli import main
from napari_drr.cli._memory import shortage_told
from napari_drr.io.export import save_radiograph, save_recipe
from napari_drr.recipe import DetectorSettings, Display, Pose, Recipe

PHANTOM = ["phantom", "--spacing", "16", "--height", "8", "--delx", "40"]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run a command that must fail, and return its one line."""
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert err.startswith("napari-drr: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["paint"], "invalid choice: 'paint'"),
        (["render"], "the following arguments are required: -o/--output (see `napari-drr render"),
        (
            ["render", "phantom", "-o", "a.tif", "--pose", "1"],
            "--pose: expected 6 numbers separated by",
        ),
        (
            ["render", "phantom", "-o", "a.tif", "--pose", "30,0,0,0,850,0"],
            "argument --pose: expected 6 numbers separated by spaces (see",
        ),
        (
            ["render", "phantom", "-o", "a.tif", "--contrast", "0,3"],
            "argument --contrast: expected 2 numbers separated by spaces (see",
        ),
        (["render", "phantom", "-o", "a.tif", "--sdd", "far"], "invalid float value: 'far'"),
        (["render", "phantom", "-o", "a.tif", "--rendere", "siddon"], "unrecognized arguments"),
        (
            ["render", "phantom", "-o", "a.tif", "--view", "AP", "--poses", "b.csv"],
            "--poses: not allowed with argument --view",
        ),
        (["info"], "Which CT? Name a file, a DICOM folder, `phantom` or `example`."),
        (["info", "absent.nii.gz"], "absent.nii.gz"),
        (["info", "phantom", "--labels", "a.nii.gz"], "--labels goes with a CT in a file"),
        (["info", "phantom", "--spacing", "0"], "--spacing must be one or three numbers"),
        (["info", "phantom", "--hu-offset", "-1024"], "--hu-offset goes with a CT in a file"),
        (["info", "example", "--spacing", "3"], "--spacing is the phantom's"),
    ],
)
def test_arguments_that_are_not_understood(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, *arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--view", "oblique"], "--view must be one of AP, PA, LAO"),
        (["--view", "LAO"], 'The view LAO needs an angle, as in "LAO 30"'),
        (["--view", "AP 30"], "The view AP has no angle, got 30"),
        (["--view", "LAO 30 RAO 20"], "A view of two angles is LAO or RAO, then CRA or CAU"),
        (["--view", "30"], '--view must be like AP, "LAO 30"'),
        (["--view", "PA", "--orientation", "AP"], "--orientation goes with --pose and --poses"),
        (["--convention", "XYZ"], "--convention tells the axes of --pose or --poses"),
        (
            ["--pose", "0", "0", "0", "0", "850", "0", "--distance", "900"],
            "--distance goes with --view",
        ),
        (["--pose", "0", "0", "0", "0", "nan", "0"], "`y` must be a finite number, got nan"),
        (["--poses", "absent.csv"], 'There is no file "absent.csv"'),
        (["--from", "absent.png"], 'There is no file "absent.png"'),
        (["--from", "poses.csv"], ".nii, .npz, .json; got"),
        (["--height", "0"], "--height must be at least 1, got 0"),
        (["--delx", "-1"], "--delx must be greater than 0, got -1.0"),
        (["--sdd", "0"], "--sdd must be other than 0"),
        (["--renderer", "trilinear", "--n-points", "1"], "--n-points must be at least 2, got 1"),
        (["--energy", "10"], "--energy must be 30 to 150 keV, got 10"),
        (["--bone-weight", "-1"], "--bone-weight must be at least 0"),
        (["--contrast", "2", "1"], "--contrast must be ascending, got (2.0, 1.0)"),
        (["--n-points", "60"], "--n-points needs --renderer trilinear"),
        (["--bone-attenuation-multiplier", "3"], "multiplier needs --attenuation relative"),
        (
            ["--attenuation", "relative", "--bone-weight", "0"],
            "--bone-weight needs --attenuation physical",
        ),
        (["--attenuation", "relative", "--energy", "60"], "--energy needs --attenuation physical"),
        (["--memory-budget", "lots"], "--memory-budget must be a size such as 500M or 2G"),
        (["--memory-budget", "0"], "--memory-budget must be a size such as 500M or 2G"),
        (["--device", "toaster"], "device must be auto, cpu, cuda, cuda:1 or mps"),
        (["--device", "cuda:99"], "There is no device 'cuda:99' on this machine"),
        (["--structures", ","], "--structures must name at least one structure"),
        (["--structures", "hart"], "Close to it: heart"),
        (["--channels", "--structures", "hart"], "Close to it: heart"),
        (["--weights", "heart"], '--weights must be like ribs=0.2,heart=2, got "heart"'),
        (["--weights", "heart=much"], '--weights must be like ribs=0.2,heart=2, got "heart=much"'),
        (["--weights", "ribs=-1"], '--weights must be finite and at least 0, got "ribs=-1"'),
        (["--weights", "ribs=nan"], '--weights must be finite and at least 0, got "ribs=nan"'),
        (["--structures", "ribs", "--weights", "ribs=0"], "leave nothing to render"),
        (
            ["--channels", "--structures", "heart", "--weights", "heart=0"],
            "leave nothing to render",
        ),
        (["--channels", "--weights", "*=0"], "leave nothing to render"),
        (["--weights", "*=0,background=0"], "leave nothing to render"),
        (["--reduction", "max", "--channels"], "sum"),
        (["--backend", "cuda"], "cuda"),
    ],
)
def test_settings_that_can_not_be_used(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, "render", *PHANTOM, *arguments, "-o", tmp_path / "a.tif")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("output", "arguments", "message"),
    [
        ("a.jpg", [], "--output must end in .png, .tif"),
        ("a.json", [], "--output must end in .png, .tif"),
        ("no/a.tif", [], 'There is no folder "no"'),
        ("no/folder/", [], "no/folder"),
        ("a_{number}.tif", [], "--output may hold {index}"),
        ("a_{index:x}{.tif", [], "other braces must be doubled"),
        ("a_{name}.png", [], "{name} in --output is a channel's name: it goes with --channels"),
        ("a.png", ["--channels"], "A PNG holds one channel: put {name} into --output"),
        ("a.tif", ["--poses", "poses.csv"], "--output must tell 2 images apart"),
    ],
)
def test_outputs_that_can_not_be_written(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    output: str,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    table = tmp_path / "poses.csv"
    table.write_text("alpha_deg,beta_deg,gamma_deg,x,y,z\n0,0,0,0,850,0\n1,0,0,0,850,0\n")
    assert message in refused(capsys, "render", *PHANTOM, *arguments, "-o", output)
    assert list(tmp_path.iterdir()) == [table]


def test_a_table_with_a_fault_is_refused_with_its_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    table = tmp_path / "poses.csv"
    table.write_text("alpha_deg,beta_deg,gamma_deg,x,y,z\n0,0,0,0,850,0\n0,0,,0,850,0\n")
    line = refused(capsys, "render", *PHANTOM, "--poses", table, "-o", f"{tmp_path}/{{index}}.tif")
    assert 'poses.csv", line 3: `gamma_deg` must be a number' in line


def test_structures_need_labels(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    import torchio

    ct = tmp_path / "ct.nii.gz"
    values = torch.full((1, 8, 8, 8), -1000.0)
    values[0, 2:6, 2:6, 2:6] = 40.0
    torchio.ScalarImage(tensor=values).save(ct)
    out = ["-o", tmp_path / "a.tif"]
    line = refused(capsys, "render", ct, "--structures", "heart", *out)
    assert "give --labels FILE" in line
    assert "label" in refused(capsys, "render", ct, "--channels", *out)
    assert "--spacing is the phantom's" in refused(capsys, "render", ct, "--spacing", "4", *out)
    line = refused(capsys, "render", ct, "--structures-file", "names.csv", *out)
    assert "--structures-file names the labels of --labels" in line
    assert "--series goes with a DICOM folder" in refused(capsys, "info", ct, "--series", "1.2")


def test_two_structures_never_go_to_one_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import torchio

    values, labels = torch.full((1, 8, 8, 8), -1000.0), torch.zeros(1, 8, 8, 8, dtype=torch.uint8)
    values[0, 2:6, 2:6, 2:6] = 40.0
    labels[0, 2:4, 2:6, 2:6], labels[0, 4:6, 2:6, 2:6] = 1, 2
    torchio.ScalarImage(tensor=values).save(tmp_path / "ct.nii.gz")
    torchio.LabelMap(tensor=labels).save(tmp_path / "labels.nii.gz")
    (tmp_path / "names.csv").write_text("id,structure\n1,left rib\n2,left/rib\n")
    line = refused(
        *(capsys, "render", tmp_path / "ct.nii.gz", "--labels", tmp_path / "labels.nii.gz"),
        *("--structures-file", tmp_path / "names.csv", "--channels", "--height", "8"),
        *("-o", tmp_path / "{name}.png"),
    )
    assert "Two of these structures have one file's name: left rib, left/rib" in line
    assert not list(tmp_path.glob("*.png"))


def test_a_recipe_that_names_no_ct_needs_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    json = save_recipe(tmp_path / "recipe.json", Recipe())
    line = refused(capsys, "render", "--from", json, "-o", tmp_path / "a.tif")
    assert "Which CT?" in line
    assert "The recipe records no path." in line


def test_files_without_a_recipe_can_not_be_redone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, a=np.zeros(3))
    line = refused(capsys, "render", *PHANTOM, "--from", path, "-o", tmp_path / "a.tif")
    assert "holds no recipe" in line
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG")
    line = refused(capsys, "render", *PHANTOM, "--from", path, "-o", tmp_path / "a.tif")
    assert "damaged or of another kind" in line


def test_a_distance_does_not_change_a_pose_of_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    json = save_recipe(tmp_path / "recipe.json", Recipe(pose=Pose(x=3.0)))
    line = refused(
        *(capsys, "render", *PHANTOM, "--from", json, "--distance", "900"),
        *("-o", tmp_path / "a.tif"),
    )
    assert "--distance goes with --view" in line


def test_debug_shows_where_an_error_arose(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`height` must be at least 1"):
        main(
            ["render", "phantom", "--height", "0", "--debug", "-o", str(tmp_path / "a.tif")],
        )


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for argument in ("--help", "--version"):
        with pytest.raises(SystemExit) as end:
            main([argument])
        assert end.value.code == 0
        assert "napari-drr" in capsys.readouterr().out


@pytest.mark.parametrize("height", ["3000000", "10000000000", "1" + 20 * "0"])
def test_too_little_memory_is_told_with_a_way_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, height: str
) -> None:
    # At least 10^13 pixels: no machine has the memory, and none is tried.
    line = refused(capsys, "render", *PHANTOM, "--height", height, "-o", tmp_path / "a.tif")
    assert f"memory of cpu does not suffice for {height} x {height} pixels" in line
    assert "--height" in line
    assert not list(tmp_path.iterdir())


def test_faults_of_ours_are_no_lack_of_memory() -> None:
    with (
        pytest.raises(RuntimeError, match="must match the size"),
        shortage_told(DetectorSettings(), torch.device("cpu")),
    ):
        torch.zeros(2) + torch.zeros(3)


def in_a_process(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


def test_help_loads_nothing_heavy() -> None:
    code = """
import sys
from napari_drr.cli import main
try:
    main(["render", "--help"])
except SystemExit:
    pass
sys.exit(str(sorted({"torch", "numpy", "napari", "qtpy", "torchio"} & set(sys.modules))))
"""
    assert in_a_process(code).stderr.strip() == "[]"


def test_the_command_is_a_process_with_a_status(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "napari_drr.cli", "render", "phantom", "--sdd", "0"]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "a.tif")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "napari-drr: --sdd must be other than 0, got 0.0.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_ends_with_130_and_no_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "napari_drr.cli", "render", "phantom"]
    table = tmp_path / "poses.csv"
    table.write_text("alpha_deg,beta_deg,gamma_deg,x,y,z\n" + 1000 * "0,0,0,0,850,0\n")
    folder = tmp_path / "out"
    folder.mkdir()
    # A shell's background jobs ignore SIGINT, and so would a process started by one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [*command, "--spacing", "16", "--poses", str(table), "-o", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    # The first file's name tells that it is at work.
    assert process.stdout.readline() == f"{folder / 'drr_0000.tif'}\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err == "napari-drr: interrupted\n"
    assert all(path.name.startswith("drr_") for path in folder.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
@pytest.mark.parametrize("instead", ["pass", "raise ImportError('half an import')"])
@pytest.mark.parametrize(
    "module", ["napari_drr.cli._render", "torchio", "napari_drr.rendering.drr"]
)
def test_ctrl_c_is_not_lost_in_an_import(tmp_path: Path, module: str, instead: str) -> None:
    code = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                {instead}
sys.meta_path.insert(0, Interrupted())
from napari_drr.cli import main
sys.exit(main(sys.argv[1:]))
"""
    done = in_a_process(code, "render", *PHANTOM, "-o", str(tmp_path / "a.tif"))
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "napari-drr: interrupted\n"
    assert not list(tmp_path.iterdir())


def test_pythons_own_handler_of_ctrl_c_comes_back() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(["info", "absent.nii.gz"]) == 2
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_image_without_a_range_is_still_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "flat.png"
    recipe = Recipe(display=Display("transmission"))
    save_radiograph(path, np.zeros((200, 200)), recipe)
    again = tmp_path / "again.png"
    assert main(["render", *PHANTOM, "--from", str(path), "--quiet", "-o", str(again)]) == 0
