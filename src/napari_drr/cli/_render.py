"""`napari-drr render`."""

import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from napari_drr.cli._ct import read_subject, reference, with_ct
from napari_drr.cli._memory import shortage_told
from napari_drr.cli._outputs import Outputs
from napari_drr.cli._settings import changed, names, poses, showing, size_in_bytes, with_structures
from napari_drr.io.export import load_radiograph, load_recipe, save_radiograph
from napari_drr.recipe import Recipe
from napari_drr.recipe._rendering import aimed
from napari_drr.rendering._devices import checked, resolved

if TYPE_CHECKING:
    from pandas import DataFrame
    from torchio import Subject

    from napari_drr.rendering.drr import DRR


def render(options: Namespace) -> None:
    """Render what the arguments say.

    Raises:
        MemoryError: If there is not enough memory.
        OSError: If a file can't be read or written.
        ValueError: If the arguments, a file or the settings in it can't be used.
    """
    found = Recipe() if options.source is None else load_recipe(options.source)
    options = with_ct(options, found)
    recipe = changed(found, options)
    aims = poses(recipe, options)
    channels = _channels(options)
    # All that can be wrong with the arguments is told before the work begins.
    outputs = Outputs(options.output, len(aims), channels[0])
    device, settings = _device(options, recipe), _renderer_settings(options)
    subject = read_subject(options, recipe)
    recipe = with_structures(recipe, options, subject["structures"])
    with shortage_told(recipe.detector, device):
        drr = recipe.drr(subject, **settings).to(device)
        recipe = replace(recipe, ct=reference(options, found, subject))
        recipes = [replace(recipe, orientation=aim, pose=pose) for aim, pose in aims]
        _write(recipes, subject, drr, channels, outputs, options)


def _write(
    recipes: list[Recipe],
    subject: "Subject",
    drr: "DRR",
    channels: tuple[bool, list[str] | None],
    outputs: Outputs,
    options: Namespace,
) -> None:
    """Render and save images, telling how far it is."""
    with torch.inference_mode(), _progress_bar(options, len(recipes)) as bar:
        for index, each in enumerate(recipes):
            _warn_of_faults(each, drr, f"Image {index}: " if len(recipes) > 1 else "")
            image = _image(each, subject, drr, channels, bar.report)
            options.interrupts.check()
            for path in _save(image, each, subject["structures"], outputs, index, options.bits):
                bar.say(path)
            bar.next()


def _warn_of_faults(recipe: Recipe, drr: "DRR", which: str) -> None:
    """Warn of where the C-arm stands, before it takes its time."""
    from napari_drr.rendering.drr import RenderWarning

    for fault in aimed(recipe, drr).diagnose(recipe.pose.rigid_transform()):
        warnings.warn(which + fault, RenderWarning, stacklevel=2)


def _channels(options: Namespace) -> tuple[bool, list[str] | None]:
    """Return whether to render channels, and of which structures; None is all of them.

    A file of channels is rendered again as such.
    """
    if options.channels:
        return True, None if options.structures is None else names(options.structures)
    if options.source is None or options.source.lower().endswith(".json") or options.structures:
        return False, None
    stored = load_radiograph(options.source)[2]
    return stored is not None, stored


def _image(
    recipe: Recipe,
    subject: "Subject",
    drr: "DRR",
    channels: tuple[bool, list[str] | None],
    report: Callable[[int, int], None],
) -> tuple[torch.Tensor, list[str] | None]:
    """Return an image, or channels with their names."""
    from napari_drr.rendering.drr import RenderWarning

    as_channels, structures = channels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RenderWarning)  # `_warn_of_faults` has told
        if not as_channels:
            return recipe.render(subject, drr, report)[0, 0], None
        image, found = recipe.channels(subject, structures, drr, report)
    return image[0], found


def _save(
    image: tuple[torch.Tensor, list[str] | None],
    recipe: Recipe,
    table: "DataFrame",
    outputs: Outputs,
    index: int,
    bits: Literal[8, 16],
) -> Iterator[Path]:
    values, found = image
    if found is None or not outputs.by_name:
        yield save_radiograph(outputs.path(index), values, recipe, found, bit_depth=bits)
        return
    for path, name, channel in zip(outputs.channel_paths(index, found), found, values, strict=True):
        # Alone in a file, a channel is the image in which nothing else is shown.
        alone = showing(recipe, table, [name])
        yield save_radiograph(path, channel, alone, bit_depth=bits)


def _renderer_settings(options: Namespace) -> dict[str, int]:
    if options.memory_budget is None:
        return {}
    return {"memory_budget": size_in_bytes(options.memory_budget)}


def _device(options: Namespace, recipe: Recipe) -> torch.device:
    backend = recipe.renderer.backend
    # Whoever asks for a GPU's kernels need not ask for the GPU, too.
    return resolved(checked(options.device or ("auto" if backend == "cuda" else "cpu")), backend)


class _Bar:
    """A progress bar over images, each done ray by ray."""

    def __init__(self, bar: Any, quiet: bool) -> None:
        self._bar = bar
        self._quiet = quiet
        self._done = 0

    def report(self, done: int, total: int) -> None:
        """Show how much of the current image is done."""
        self._bar.n = self._done + done / total
        self._bar.refresh()

    def next(self) -> None:
        """Count an image."""
        self._done += 1
        self.report(0, 1)

    def say(self, path: Path) -> None:
        """Print the name of a file that is written, at once also into a pipe."""
        if not self._quiet:
            self._bar.write(str(path), file=sys.stdout)
            sys.stdout.flush()


@contextmanager
def _progress_bar(options: Namespace, n_images: int) -> Iterator[_Bar]:
    from tqdm import tqdm

    look = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    hidden = options.quiet or not sys.stderr.isatty()
    with tqdm(total=n_images, disable=hidden, bar_format=look, leave=False) as bar:
        yield _Bar(bar, options.quiet)
