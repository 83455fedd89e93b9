"""What is imported and compiled ahead of its first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def warm_up() -> None:
    """Import and compile what renders, which a window should not wait for on its first render.

    Imports take two seconds; compiling takes some more, once on a machine.
    """
    import torchio  # noqa: F401 - imported ahead of its use

    from napari_drr.rendering import drr  # noqa: F401 - imported ahead of its use

    _render_a_voxel()


def warm_up_structures() -> None:
    """Compile what the first weight and the first masks need."""
    import torch

    labels = torch.zeros(1, 1, 1, dtype=torch.uint8)
    _render_a_voxel(labels=labels, weight_of_label=torch.ones(1, dtype=torch.float64))
    _render_a_voxel(labels=labels, channel_of_label=torch.zeros(1, dtype=torch.long))


def _render_a_voxel(**tables: torch.Tensor) -> None:
    import torch

    from napari_drr.geometry.detector import Detector
    from napari_drr.rendering.project import project

    volume, identity = torch.ones(1, 1, 1), torch.eye(4, dtype=torch.float64)
    detector = Detector(1.0, (1, 1), (1.0, 1.0))
    project(volume, identity, identity, detector, **tables)  # type: ignore[arg-type] # all tensors
