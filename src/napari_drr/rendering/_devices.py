"""Which device renders. Torch is imported by what looks for one, not before."""

from __future__ import annotations

import logging
import re
from functools import cache
from typing import TYPE_CHECKING, Literal

from napari_drr.rendering._memory import is_shortage

if TYPE_CHECKING:
    import torch

    from napari_drr.rendering.kernels._settings import RendererName

_log = logging.getLogger(__name__)

AUTO = "auto"

_NAME = re.compile(r"auto|cpu|mps|cuda(:\d+)?")

NO_GPU = "There is no such GPU here that PyTorch can use."

# By how much of the largest value a GPU's image may differ: float32 rounds sums of some dozens.
SAME = 1e-4


def checked(name: object) -> str:
    """Return the name of a device, which need not be there.

    Args:
        name: `"auto"`, `"cpu"`, `"cuda"`, `"cuda:1"` and so on, or `"mps"`.

    Raises:
        ValueError: If it is none of them.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"The device must be auto, cpu, cuda, cuda:1 or mps, got {name!r}.")
    return name


def missing() -> dict[str, str]:
    """Return the kinds of device that are not there, and why."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return {kind: NO_GPU for kind, is_there in there.items() if not is_there}


def resolved(name: str, backend: str = AUTO) -> torch.device:
    """Return the device to render on.

    Args:
        name: What was asked for. `"auto"` takes a GPU where it serves the backend; without a
            backend's name, only one that renders a small volume as the CPU does.
        backend: The backend that was asked for.

    Raises:
        ValueError: If there is no such device.
    """
    import torch

    if name == AUTO:
        has_gpu = backend != "cpu" and torch.cuda.is_available()
        return torch.device("cuda" if has_gpu and (backend != AUTO or _gpu_agrees()) else "cpu")
    device = torch.device(name)
    count = torch.cuda.device_count() if device.type == "cuda" else 1
    if device.type in missing() or (device.index or 0) >= count:
        raise ValueError(f"There is no device {name!r} on this machine: choose auto, or cpu.")
    return device


def _gpu_agrees() -> bool:
    """Tell whether the GPU's kernels serve, and render a small volume as the CPU's do."""
    try:
        return _gpu_renders_alike()
    except (MemoryError, RuntimeError) as error:
        # Another program may use its memory now: the next render asks again.
        _log.warning("The GPU is not used for now, since it lacks memory: %r", error)
        return False


@cache
def _gpu_renders_alike() -> bool:
    renderers: tuple[RendererName, ...] = ("siddon", "trilinear")
    try:
        return all(difference("cuda", renderer) <= SAME for renderer in renderers)
    except Exception as error:
        # A driver or a compiler may fail in any way.
        if is_shortage(error):
            raise
        _log.warning("The GPU is not used, since a small render on it failed: %r", error)
        return False


def difference(device: Literal["cpu", "cuda"], renderer: RendererName) -> float:
    """Return by how much of its largest value a device's image of a small volume differs.

    Args:
        device: The device, whose own kernels render.
        renderer: `"siddon"` or `"trilinear"`.

    Raises:
        ValueError: If these kernels don't serve.
    """
    import torch

    from napari_drr.geometry.detector import Detector
    from napari_drr.geometry.pose import convert
    from napari_drr.rendering.project import project

    generator = torch.Generator().manual_seed(0)
    volume = torch.rand(17, 19, 23, generator=generator)
    voxel_from_iso = torch.eye(4, dtype=torch.float64)
    voxel_from_iso[:3, 3] = torch.tensor([8.0, 9.0, 11.0])
    pose = convert(
        [[0.5, 0.3, 0.2]], [[0.0, 60.0, 0.0]], parameterization="euler_angles", convention="ZXY"
    ).matrix
    detector = Detector(90.0, (24, 20), (2.0, 2.0))

    def image(where: Literal["cpu", "cuda"]) -> torch.Tensor:
        matrices = voxel_from_iso.to(where), pose.to(where)
        shown = project(
            volume.to(where),
            *matrices,
            detector,
            renderer=renderer,
            n_points=64,
            backend=where,
        )
        return shown.cpu()

    exact = image("cpu")
    return float((image(device) - exact).abs().max() / exact.max())
