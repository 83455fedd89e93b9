"""The Triton kernels against the reference: interpreted and compiled anywhere, run where a GPU is.

Triton's interpreter and its compiler each want a process of their own: whether kernels are
interpreted is settled when Triton is imported.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import ray_cases
import torch
from shared_volumes import POSES, euler

from napari_drr import Detector, load_phantom, project
from napari_drr.recipe import DetectorSettings, Recipe, RendererSettings
from napari_drr.rendering import _devices
from napari_drr.rendering.kernels import cuda
from napari_drr.rendering.kernels._cuda_support import NO_GPU
from napari_drr.rendering.kernels._settings import RaySettings

HELPERS = Path(__file__).parents[1] / "helpers"
# Sums of float32 numbers in another order; an error in the arithmetic is a thousand times this.
IMAGE, GRADIENT = 1e-6, 5e-6

needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


def run_helper(name, folder):
    """Run a helper in a process of its own; return what it prints."""
    environment = os.environ | {"TRITON_CACHE_DIR": str(folder)}
    environment.pop("TRITON_INTERPRET", None)
    done = subprocess.run(
        [sys.executable, HELPERS / name], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory):
    """Return what the interpreter makes of all cases."""
    return run_helper("interpret_triton.py", tmp_path_factory.mktemp("triton"))


@needs_triton
@pytest.mark.parametrize("name", ray_cases.CASES)
def test_interpreted_kernels_agree_with_the_reference(interpreted, name):
    image, *gradients = interpreted["errors"][name]
    assert image <= IMAGE
    assert max(gradients) <= GRADIENT


@needs_triton
def test_the_door_leads_to_the_kernels(interpreted):
    image, *gradients = interpreted["door"]
    assert image <= IMAGE
    assert max(gradients) <= GRADIENT


@needs_triton
def test_what_they_do_not_serve_is_told(interpreted):
    assert interpreted["reasons"] == {
        "served": None,
        "float64": "they take float32 volumes, and this one is float64",
        "callable": "a callable reduction needs every sample",
    }


@needs_triton
def test_kernels_compile_for_a_gpu(tmp_path):
    compiled = run_helper("compile_triton.py", tmp_path)
    assert len(compiled) == 16
    for name, code in compiled.items():
        assert code["bytes"] > 1000, name
        # A multiplication fused with an addition would round otherwise than the reference.
        assert code["fused"] == 0, name


def test_volumes_on_the_cpu_are_not_served():
    reason = cuda.reason_not_to_serve(torch.zeros(2, 2, 2), RaySettings())
    there_is_a_gpu = torch.cuda.is_available()
    assert reason == ("the volume lies on 'cpu'" if there_is_a_gpu else NO_GPU)


@needs_gpu
def test_auto_takes_a_gpu_that_agrees():
    assert _devices.resolved("auto") == torch.device("cuda")
    assert _devices.difference("cuda", "siddon") <= IMAGE


@needs_gpu
def test_a_renderer_for_the_gpu_is_made_on_the_cpu():
    phantom = load_phantom(spacing=16.0)
    recipe = Recipe(
        detector=DetectorSettings(height=12, width=10, pixel_spacing_x=20, pixel_spacing_y=20),
        renderer=RendererSettings(backend="cuda"),
    )
    drr = recipe.drr(phantom)
    with pytest.raises(ValueError, match="the volume lies on 'cpu'"):
        recipe.render(phantom, drr)
    image = recipe.render(phantom, drr.to("cuda")).cpu()
    exact = replace(recipe, renderer=RendererSettings()).render(phantom)
    torch.testing.assert_close(image, exact, atol=IMAGE * float(exact.max()), rtol=0)


@pytest.fixture
def determinism():
    """Return torch's switch, and put it back."""
    yield torch.use_deterministic_algorithms
    torch.use_deterministic_algorithms(False)


def test_the_volumes_gradient_refuses_where_determinism_is_asked_for(determinism):
    arguments = ray_cases.case(lines=ray_cases.random_lines()[:0])
    gradient = torch.zeros(0, 1, 15)
    determinism(True)
    with pytest.raises(RuntimeError, match="Use `backend='reference'`"):
        cuda.backward(gradient, *arguments.values(), (True, False, False))
    _, by_lines, _ = cuda.backward(gradient, *arguments.values(), (False, True, False))
    assert by_lines.shape == (0, 7, 3)
    determinism(True, warn_only=True)
    with pytest.warns(UserWarning, match="not deterministic"):
        cuda.backward(gradient, *arguments.values(), (True, False, False))


@needs_gpu
@pytest.mark.parametrize("name", ray_cases.CASES)
def test_kernels_agree_with_the_reference(name):
    image, *gradients = ray_cases.compare(cuda, ray_cases.CASES[name], "cuda")
    assert image <= IMAGE
    assert max(gradients) <= GRADIENT


@needs_gpu
@pytest.mark.parametrize("renderer", ray_cases.RENDERERS)
@pytest.mark.parametrize("view", POSES)
def test_a_large_render_agrees_with_the_reference(renderer, view):
    density = torch.rand(96, 80, 64, generator=torch.Generator().manual_seed(0)).cuda()
    voxel_from_iso = torch.eye(4, dtype=torch.float64, device="cuda")
    voxel_from_iso[:3, 3] = torch.tensor([47.6, 39.4, 31.7])
    pose = euler(*POSES[view]).to("cuda")
    detector = Detector(600.0, (70, 90), (2.1, 1.9))
    images = [
        project(density, voxel_from_iso, pose, detector, renderer=renderer, backend=backend)
        for backend in ("cuda", "reference", "cuda")
    ]
    error = (images[0] - images[1]).abs() / images[1].max()
    assert error.max() <= 1e-5
    assert error.square().mean().sqrt() <= 1e-6
    assert torch.equal(images[0], images[2])  # forward is deterministic
