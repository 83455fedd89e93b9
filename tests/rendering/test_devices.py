"""Which device renders."""

import pytest
import torch

from napari_drr.rendering import _devices
from napari_drr.rendering._devices import checked, difference, missing, resolved

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@pytest.mark.parametrize("name", ["auto", "cpu", "cuda", "cuda:3", "mps"])
def test_names_need_not_be_there(name):
    assert checked(name) == name


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cpu:0", "", None, 0, "cuda:1\n"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="must be auto, cpu, cuda, cuda:1 or mps, got"):
        checked(name)


@pytest.mark.parametrize("backend", ["auto", "cpu"])
def test_the_cpu_is_always_there(backend):
    assert resolved("cpu", backend) == torch.device("cpu")
    assert resolved("auto", "cpu") == torch.device("cpu")


@without_gpu
def test_without_a_gpu_the_cpu_renders():
    assert resolved("auto") == torch.device("cpu")
    assert "no such GPU" in missing()["cuda"]


@pytest.mark.parametrize("name", ["cuda:99", pytest.param("cuda", marks=without_gpu)])
def test_a_device_that_is_not_there_is_named(name):
    with pytest.raises(
        ValueError, match=f"no device '{name}' on this machine: choose auto, or cpu"
    ):
        resolved(name)


@pytest.mark.parametrize("renderer", ["siddon", "trilinear"])
def test_the_cpu_agrees_with_itself(renderer):
    assert difference("cpu", renderer) == 0.0


@without_gpu
def test_a_gpu_that_fails_is_left_alone(caplog):
    _devices._gpu_renders_alike.cache_clear()
    assert not _devices._gpu_agrees()
    assert "a small render on it failed" in caplog.text
    _devices._gpu_renders_alike.cache_clear()
