"""Is what is pasted understood as it was meant, and all else refused with the reason?"""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_drr.geometry.camera import get_pinhole_camera, perspective_projection
from napari_drr.recipe import (
    Attenuation,
    CTReference,
    DetectorSettings,
    Display,
    Pose,
    Recipe,
    RendererSettings,
    Structure,
    intrinsics,
    intrinsics_text,
    pasted,
    pose_text,
    script,
    with_intrinsics,
)
from napari_drr.recipe._parts import EulerConvention

POSE = Pose(25.0, -40.0, 10.0, 12.5, 800.0, -7.25)
RECIPE = Recipe(pose=POSE, detector=DetectorSettings(1000.0, 240, 320, 1.5, 2.0, 8.0, -4.0))
MATRIX = POSE.rigid_transform().matrix[0].numpy()

angles = st.floats(-179, 179)
lengths = st.floats(-2000, 2000)
poses = st.builds(
    Pose,
    angles,
    angles,
    angles,
    lengths,
    lengths,
    lengths,
    convention=st.sampled_from(get_args(EulerConvention)),
)
spacings = st.floats(0.01, 20)
detectors = st.builds(
    DetectorSettings,
    st.floats(10, 3000) | st.floats(-3000, -10),
    st.integers(1, 4000),
    st.integers(1, 4000),
    spacings,
    spacings,
    st.floats(-500, 500),
    st.floats(-500, 500),
    st.booleans(),
)


def matrix(recipe: Recipe) -> np.ndarray:
    return recipe.pose.rigid_transform().matrix[0].numpy()


def rows(values: np.ndarray, separator: str = " ", end: str = "\n") -> str:
    return end.join(separator.join(repr(float(number)) for number in row) for row in values)


FORMS = {
    "numpy repr": lambda m: np.array_repr(m, precision=17, max_line_width=999),
    "numpy str": lambda m: np.array2string(m, precision=17, max_line_width=999),
    "torch": lambda m: repr(torch.from_numpy(m).tolist()).join(
        ["tensor(", ", dtype=torch.float64)"]
    ),
    "torch on a GPU": lambda m: f"tensor([{m.tolist()}], device='cuda:0', grad_fn=<MulBackward0>)",
    "transform": lambda m: f"RigidTransform(tensor([{m.tolist()}], dtype=torch.float64))",
    "assignment": lambda m: f"iso_from_camera = np.array(\n{m.tolist()}, dtype=np.float64)",
    "list": lambda m: str(m.tolist()),
    "flat list": lambda m: str(m.flatten().tolist()),
    "spaces": rows,
    "commas": lambda m: rows(m, ", "),
    "tabs": lambda m: rows(m, "\t"),
    "semicolons": lambda m: rows(m, ";"),
    "Windows": lambda m: rows(m, "\t", "\r\n") + "\r\n",
    "MATLAB": lambda m: f"T = [{rows(m, ' ', '; ')}];",
    "MATLAB, lines": lambda m: "[" + rows(m, " ", ";\n") + "]",
    "MATLAB, factor": lambda m: f"T =\n\n   1.0e+03 *\n\n{rows(m / 1000, '   ')}\n",
    "C++": lambda m: str(m.tolist()).translate(str.maketrans("[]", "{}")) + ";",
    "Markdown": lambda m: f"```\n{rows(m)}\n```",
    "Markdown, open": lambda m: f"```matlab\n{rows(m, '  ', ';  ')}",
    "byte order mark": lambda m: f"\N{ZERO WIDTH NO-BREAK SPACE}{rows(m)}",
    "minus sign": lambda m: rows(m).replace("-", "\N{MINUS SIGN}"),
    "exponents": lambda m: "\n".join(" ".join(f"{x:.17E}" for x in row) for row in m),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_matrix_is_the_pose_in_every_form(form: str) -> None:
    found, what = pasted(FORMS[form](MATRIX), Recipe())
    np.testing.assert_allclose(matrix(found), MATRIX, rtol=1e-12, atol=1e-11)
    assert what == "pose from a 4x4 matrix"
    assert replace(found, pose=Pose()) == Recipe()


@pytest.mark.parametrize("form", FORMS)
def test_a_matrix_may_leave_out_its_last_row(form: str) -> None:
    found, what = pasted(FORMS[form](MATRIX[:3]), Recipe())
    np.testing.assert_allclose(matrix(found), MATRIX, rtol=1e-12, atol=1e-11)
    assert what == "pose from a 3x4 matrix"


@settings(deadline=None)
@given(poses)
def test_a_pose_comes_back(pose: Pose) -> None:
    recipe = Recipe(pose=pose)
    found, _ = pasted(pose_text(recipe), replace(RECIPE, pose=Pose(convention=pose.convention)))
    np.testing.assert_allclose(matrix(found), matrix(recipe), atol=1e-7)
    assert found.pose.convention == pose.convention
    assert found.detector == RECIPE.detector


@settings(deadline=None)
@given(poses)
def test_text_keeps_every_bit(pose: Pose) -> None:
    written = eval(pose_text(Recipe(pose=pose)), {"np": np})
    np.testing.assert_array_equal(written, matrix(Recipe(pose=pose)))


@settings(deadline=None)
@given(poses, st.integers(2, 6))
def test_a_rotation_with_few_digits_becomes_the_nearest_one(pose: Pose, digits: int) -> None:
    exact = matrix(Recipe(pose=pose))
    found, what = pasted(rows(exact.round(digits)), Recipe(pose=replace(Pose(), convention="XYZ")))
    assert found.pose.convention == "XYZ"
    turned = matrix(found)
    np.testing.assert_allclose(turned[:3, :3] @ turned[:3, :3].T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(turned[:3, :3], exact[:3, :3], atol=3 * 10.0**-digits)
    # The source stands where the matrix says, not where a bent rotation would take it.
    np.testing.assert_allclose(turned[:3, 3], exact[:3, 3].round(digits), atol=1e-6)
    if ", its rotation rounded by up to " not in what:
        assert what == "pose from a 4x4 matrix"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_torch_and_numpy_print_is_enough(dtype: torch.dtype) -> None:
    tensor = torch.from_numpy(MATRIX).to(dtype)
    for text in (str(tensor), str(tensor[None]), str(tensor.numpy()), repr(tensor.numpy())):
        found, _ = pasted(text, Recipe())
        np.testing.assert_allclose(matrix(found), MATRIX, rtol=1e-4, atol=2e-4)


def test_the_message_tells_that_a_rotation_was_rounded() -> None:
    _, what = pasted(rows(MATRIX.round(2)), Recipe())
    assert what.startswith("pose from a 4x4 matrix, its rotation rounded by up to 0.00")


def test_a_rotation_leaves_the_translation() -> None:
    found, what = pasted(rows(MATRIX[:3, :3]), Recipe(pose=Pose(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)))
    np.testing.assert_allclose(matrix(found)[:3, :3], MATRIX[:3, :3], atol=1e-12)
    assert (found.pose.x, found.pose.y, found.pose.z) == (4.0, 5.0, 6.0)
    assert what == "rotation from a 3x3 matrix"


def test_no_rotation_at_all_is_a_rotation_and_no_camera() -> None:
    found, what = pasted("1 0 0\n0 1 0\n0 0 1", RECIPE)
    assert what == "rotation from a 3x3 matrix"
    assert found.pose == replace(POSE, alpha_deg=0.0, beta_deg=0.0, gamma_deg=0.0)


@pytest.mark.parametrize("form", FORMS)
def test_a_camera_matrix_sets_the_detector(form: str) -> None:
    camera = np.array([[750.0, 0.0, 150.5], [0.0, 500.0, 130.25], [0.0, 0.0, 1.0]])
    found, what = pasted(FORMS[form](camera), RECIPE)
    assert what == "detector from a 3x3 camera matrix K"
    np.testing.assert_allclose(intrinsics(found), camera, rtol=1e-12)
    kept = ("source_to_detector", "height", "width", "mirror")
    assert all(getattr(found.detector, f) == getattr(RECIPE.detector, f) for f in kept)
    assert replace(found, detector=RECIPE.detector) == RECIPE
    assert found.detector.pixel_spacing_x == pytest.approx(1000 / 750)
    assert found.detector.x0 == pytest.approx((150.5 - 160) * 1000 / 750)


@settings(deadline=None)
@given(detectors)
def test_a_detector_comes_back(detector: DetectorSettings) -> None:
    recipe = Recipe(detector=detector)
    other = replace(
        recipe, detector=replace(detector, pixel_spacing_x=3.0, pixel_spacing_y=4.0, x0=1.0, y0=2.0)
    )
    assume(not np.array_equal(np.abs(np.diag(intrinsics(recipe))), np.ones(3)))
    found, _ = pasted(intrinsics_text(recipe), other)
    for field in ("pixel_spacing_x", "pixel_spacing_y", "x0", "y0"):
        wanted = getattr(detector, field)
        assert getattr(found.detector, field) == pytest.approx(wanted, rel=1e-9, abs=1e-8)


@pytest.mark.parametrize("orientation", ["AP", "PA", None])
@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
def test_intrinsics_project_as_the_detector_does(
    orientation: str | None, mirror: bool, sign: int
) -> None:
    recipe = replace(
        RECIPE,
        orientation=orientation,
        detector=replace(RECIPE.detector, mirror=mirror, source_to_detector=sign * 1000.0),
    )
    detector, pose = recipe.detector.detector(orientation), recipe.pose.rigid_transform()
    source, center, right, down = (vector[0].numpy() for vector in detector.plane(pose))
    # Of the camera that looks at the detector: x along the columns, y along the rows.
    axes = [right / np.linalg.norm(right), down / np.linalg.norm(down), np.cross(right, down)]
    axes[2] *= np.sign(axes[2] @ center) / np.linalg.norm(axes[2])
    points = source + center + np.random.default_rng(0).uniform(-300, 300, (20, 3))
    projected = intrinsics(recipe) @ np.stack(axes) @ (points - source).T
    wanted = perspective_projection(detector, pose, torch.from_numpy(points)[None])[0].numpy()
    np.testing.assert_allclose((projected[:2] / projected[2]).T, wanted, rtol=1e-9)
    pinhole = get_pinhole_camera(SimpleNamespace(detector=detector), pose, torch.float64)
    given = pinhole.intrinsics[0, :3, :3].numpy()
    np.testing.assert_allclose(np.abs(given), intrinsics(recipe), rtol=1e-12)
    # Its focal lengths may be negative, and it may be padded to 4x4.
    found, what = pasted(repr(pinhole.intrinsics[0].tolist()), replace(recipe, pose=POSE))
    assert what == "detector from a 4x4 camera matrix K"
    np.testing.assert_allclose(intrinsics(found), intrinsics(recipe), rtol=1e-12)


STRUCTURES = (
    Structure(1, "heart", "organs", weight=2.0, color=(1.0, 0.5, 0.0)),
    Structure(2, "rib_left_1", "ribs", visible=False),
    Structure(3, "liver", "organs"),
)


def test_a_recipe_is_taken_whole() -> None:
    recipe = replace(RECIPE, ct=CTReference(name="a"), structures=STRUCTURES)
    assert pasted(f"\n{recipe.to_json()}\n", Recipe()) == (recipe, "all settings from a recipe")


def test_a_script_leaves_what_it_does_not_tell() -> None:
    ct = CTReference(name="a")
    before = replace(
        Recipe(),
        ct=ct,
        structures=(
            replace(STRUCTURES[0], weight=1.0),
            replace(STRUCTURES[1], visible=True),
            replace(STRUCTURES[2], visible=False, weight=3.0),
        ),
    )
    wanted = replace(RECIPE, ct=ct, structures=STRUCTURES)
    assert pasted(script(wanted, "ct.nii.gz"), before) == (wanted, "all settings from a script")
    elsewhere, _ = pasted(script(wanted), Recipe())
    assert elsewhere.weights() == wanted.weights()


def test_the_repr_of_a_recipe_is_taken() -> None:
    recipe = replace(RECIPE, ct=CTReference(shape=(2, 3, 4)), structures=STRUCTURES)
    assert pasted(repr(recipe), Recipe())[0] == recipe


@pytest.mark.parametrize(
    ("field", "part"),
    [
        ("pose", Pose(-1.5, convention="XYZ")),
        ("detector", DetectorSettings(-900.0, mirror=False)),
        ("renderer", RendererSettings("trilinear")),
        ("attenuation", Attenuation("relative")),
        ("display", Display(contrast_limits=(0.0, 2.0))),
    ],
)
def test_a_part_is_taken(field: str, part: object) -> None:
    found, what = pasted(f"part = {part!r}", RECIPE)
    assert found == replace(RECIPE, **{field: part})
    assert what == f"{field} from Python code"


def test_nothing_is_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    code = f"open({str(trap)!r}, 'w').close()"
    pasted(f"{code}\nrecipe = Recipe(pose=Pose(1.0))", Recipe())
    for text in (code, f"Recipe(pose=Pose({code}))", f"Recipe(**dict(x={code}))"):
        with pytest.raises(ValueError, match="not understood"):
            pasted(text, Recipe())
    assert not trap.exists()


LAST = "0 0 0 1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "There is no text to paste"),
        ("a fine view", "not understood. What can be pasted: a pose"),
        ("# Pose(alpha_deg=1)", "not understood. What can be pasted"),
        ("1 2 3", "3 numbers, not a matrix"),
        (rows(np.eye(5)), "25 numbers, not a matrix"),
        (rows(np.tile(MATRIX, (2, 1))), "32 numbers, not a matrix"),
        ("1 0 0 0\n0 1 0\n0 0 1 0 0\n0 0 0 1", "16 numbers, not a matrix"),
        ("0 1 0\n1 0 0\n0 0 1", "it mirrors .* nor is it a K"),
        (f"-1 0 0 0\n0 1 0 0\n0 0 1 0\n{LAST}", "it mirrors"),
        (f"2 0 0 0\n0 2 0 0\n0 0 2 0\n{LAST}", "it scales by 2"),
        (f"1 0 0 0\n0 1 0 0\n0 0 3 0\n{LAST}", "lengths 1, 1, 3"),
        (f"1 .6 0 0\n0 .8 0 0\n0 0 1 0\n{LAST}", "not perpendicular"),
        (rows(MATRIX.T), "Transpose it"),
        ("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 2", r"its last row is \[0.0, 0.0, 0.0, 2.0\]"),
        ("nan 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1", "not finite"),
        ("500 9 1\n0 500 1\n0 0 1", "no skew"),
        ("{}", "version"),
        ('{"version": 1, "pose": {"alpha": 1}}', r"pose\.alpha"),
        ('{"version": 99}', "newer"),
        ('{"version"', "not valid JSON"),
        ("Recipe(", "no Python script"),
        ("Recipe(pose=pose)", "`pose` is not understood"),
        ("Recipe(poes=Pose())", "poes"),
        ("Recipe(detector=DetectorSettings(height=0))", "`height` must be at least 1"),
        ("Pose(1j)", "not understood"),
        ("Structure(1, 'heart')", "`Structure` alone"),
        ("Recipe(" + "(" * 500, "no Python script"),
        ("Pose(" + "-" * 2000 + "1)", "nested too deeply|no Python script"),
        ("Recipe()\0", "no Python script"),
        ("1 " * 100_001, "too long"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        pasted(text, Recipe())


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("0123456789.-+e[](){},;\n \t", max_size=80))
def test_no_text_fails_otherwise(text: str) -> None:
    with suppress(ValueError):
        found, what = pasted(text, RECIPE)
        assert isinstance(found, Recipe)
        assert what


@pytest.mark.parametrize(
    ("camera", "reason"),
    [
        (np.eye(4), "3x3"),
        (np.full((3, 3), np.inf), "finite"),
        (np.diag([500.0, 0.0, 1.0]), "focal lengths"),
        ([[500, 0, 1], [0, 500, 1], [0, 0, 2]], r"last row \(0, 0, 1\)"),
        ([[500, 0, 1], [3, 500, 1], [0, 0, 1]], "skew"),
    ],
)
def test_what_is_no_camera_matrix_is_refused(camera: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        with_intrinsics(RECIPE, camera)
