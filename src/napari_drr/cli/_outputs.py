"""The files that a command writes."""

import re
from collections.abc import Sequence
from pathlib import Path

from napari_drr.io.export import SUFFIXES

FOLDER_PATTERN = "drr_{index:04d}.tif"


class Outputs:
    """Where images go: one file, a pattern with `{index}` and `{name}`, or a folder.

    Args:
        text: What the user gave.
        n_images: Number of poses.
        channels: Whether each image is several channels.

    Raises:
        OSError: If there is no such folder.
        ValueError: If the pattern can't hold so many images, or the ending is unknown.
    """

    def __init__(self, text: str, n_images: int, channels: bool) -> None:
        path = Path(text).expanduser()
        is_folder = text.endswith(("/", "\\")) or path.is_dir()
        self._pattern = str(path / FOLDER_PATTERN if is_folder else path)
        self.by_name = "{name" in self._pattern
        first = self.path(0, "name")
        if not str(first).lower().endswith(SUFFIXES):
            raise ValueError(
                f'--output must end in {", ".join(SUFFIXES)}, or be a folder; got "{text}".'
            )
        if n_images > 1 and self.path(0) == self.path(1):
            raise ValueError(
                f"--output must tell {n_images} images apart, as drr_{{index:04d}}.tif does, or be "
                f'a folder; got "{text}".'
            )
        if self.by_name and not channels:
            raise ValueError("{name} in --output is a channel's name: it goes with --channels.")
        if channels and not self.by_name and first.suffix.lower() == ".png":
            raise ValueError(
                "A PNG holds one channel: put {name} into --output, or write .tif, .nii.gz or .npz."
            )
        if is_folder:
            path.mkdir(exist_ok=True)
        if not first.parent.is_dir():
            raise FileNotFoundError(f'There is no folder "{first.parent}".')

    def path(self, index: int, name: str = "") -> Path:
        """Return the path of an image, or of one of its channels."""
        try:
            return Path(self._pattern.format(index=index, name=re.sub(r"[^\w.-]+", "_", name)))
        except (AttributeError, IndexError, KeyError, ValueError):
            raise ValueError(
                "--output may hold {index}, as in drr_{index:04d}.tif, and {name}; other braces "
                f'must be doubled. Got "{self._pattern}".'
            ) from None

    def channel_paths(self, index: int, names: Sequence[str]) -> list[Path]:
        """Return a path for each channel of an image.

        Raises:
            ValueError: If two channels would be written to one file.
        """
        paths = [self.path(index, name) for name in names]
        if len(set(paths)) < len(paths):
            raise ValueError(f"Two of these structures have one file's name: {', '.join(names)}.")
        return paths
