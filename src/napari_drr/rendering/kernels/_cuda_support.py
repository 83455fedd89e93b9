"""Whether the kernels for GPUs can render a volume here."""

import os
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from napari_drr.rendering.kernels._settings import RaySettings

NO_GPU = "there is no NVIDIA GPU that PyTorch can use"

_OLDEST_CAPABILITY = (7, 0)  # Triton has no code for older GPUs


def reason_not_to_serve(volume: Tensor, settings: RaySettings) -> str | None:
    """Say why these kernels can't render, or None if they can."""
    if volume.device.type != "cuda" and not _is_interpreted():
        where = f"the volume lies on {volume.device.type!r}"
        return where if torch.cuda.is_available() else NO_GPU
    if not _has_triton():
        return "Triton, which comes with torch for CUDA on Linux, is not installed"
    if volume.device.type == "cuda":
        capability = torch.cuda.get_device_capability(volume.device)
        if capability < _OLDEST_CAPABILITY:
            return "the GPU's compute capability is {}.{}, and they need {}.{}".format(
                *capability, *_OLDEST_CAPABILITY
            )
    if volume.dtype != torch.float32:
        return f"they take float32 volumes, and this one is {str(volume.dtype).split('.')[-1]}"
    if callable(settings.reduction):
        return "a callable reduction needs every sample"
    return None


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def _is_interpreted() -> bool:
    return os.environ.get("TRITON_INTERPRET") == "1"
