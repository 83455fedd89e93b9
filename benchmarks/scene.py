"""Makes the scenes: the chest CT, or the phantom where it is not here, and what scaling needs."""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

from benchmarks.scene_files import Scene, load_scene, save_scene
from napari_drr import load_example_ct, load_phantom, read

TINY = 16  # voxels along each axis of the scene that loads a program's code

CT, TINY_NAME = "ct", "tiny"


class Scenes:
    """Scenes in a folder, each made when it is first asked for.

    Args:
        folder: Where they lie.
        phantom: Use the phantom even if the CT is here.

    Attributes:
        name: What the CT is, in words.
    """

    def __init__(self, folder: Path, phantom: bool = False) -> None:
        self.folder = folder
        subject, self.name = _ct(phantom)
        self._save(CT, _scene_of(subject))
        self._save(TINY_NAME, resampled(self[CT], TINY))

    def __getitem__(self, name: str) -> Scene:
        return load_scene(self.folder / name)

    def cube(self, size: int) -> str:
        """Resample the CT to `size` voxels along each axis, and return the scene's name."""
        return self._made(f"cube{size}", lambda: resampled(self[CT], size))

    def labelled(self, count: int) -> str:
        """Fold the labels to `count` of them, and return the scene's name."""
        return self._made(f"labels{count}", lambda: with_labels(self[CT], count))

    def forget(self, name: str) -> None:
        """Delete a scene's files."""
        for path in (self.folder / name).glob("*.npy"):
            path.unlink()

    def _made(self, name: str, make: "object") -> str:
        if not (self.folder / name / "density.npy").is_file():
            self._save(name, make())  # type: ignore[operator]
        return name

    def _save(self, name: str, scene: Scene) -> None:
        save_scene(scene, self.folder / name)


def _ct(phantom: bool) -> "tuple[object, str]":
    if not phantom:
        try:
            subject = load_example_ct()
        except (ConnectionError, ValueError) as error:
            print(f"The chest CT is not here, the phantom is used: {error}")
        else:
            return subject, f"chest CT, {_size(subject)} voxels"
    subject = load_phantom(spacing=1.0)
    return subject, f"thorax phantom, {_size(subject)} voxels (the chest CT was not here)"


def _size(subject: object) -> str:
    return " x ".join(map(str, subject.volume.spatial_shape))  # type: ignore[attr-defined]


def _scene_of(subject: "object") -> Scene:
    """Copy a subject's arrays; its density is the one that everybody renders."""
    hounsfield, labels = (getattr(subject, name).data[0] for name in ("volume", "mask"))
    return Scene(
        hounsfield.float().numpy(),
        subject.density.data[0].float().numpy(),  # type: ignore[attr-defined]
        labels.to(torch.uint8).numpy(),
        np.asarray(subject.volume.affine, dtype=np.float64),  # type: ignore[attr-defined]
    )


def resampled(scene: Scene, size: int) -> Scene:
    """Resample to a cube of voxels that covers the same box."""
    hounsfield = _interpolate(scene.hounsfield, size, "trilinear")
    labels = _interpolate(scene.labels.astype(np.float32), size, "nearest").astype(np.uint8)
    affine = np.array(scene.affine)
    scale = np.asarray(scene.density.shape) / size
    affine[:3, 3] += affine[:3, :3] @ ((scale - 1) / 2)
    affine[:3, :3] *= scale
    return _mapped(hounsfield, labels, affine)


def _interpolate(volume: np.ndarray, size: int, mode: str) -> np.ndarray:
    tensor = torch.from_numpy(np.array(volume))[None, None]
    return interpolate(tensor, size=(size,) * 3, mode=mode)[0, 0].numpy()


def _mapped(hounsfield: np.ndarray, labels: np.ndarray, affine: np.ndarray) -> Scene:
    return _scene_of(read((hounsfield, affine), (labels, affine)))


def with_labels(scene: Scene, count: int) -> Scene:
    """Keep the background and fold the other labels into `count - 1`."""
    labels = scene.labels
    folded = np.where(labels > 0, (labels - 1) % max(count - 1, 1) + 1, 0)
    folded = folded if count > 1 else np.zeros_like(labels)
    return Scene(scene.hounsfield, scene.density, folded.astype(np.uint8), scene.affine)
