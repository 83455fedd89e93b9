"""Where a layer's voxels lie in the world; found without reading any, and without torch."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_drr.viewer._frames import RAS_FROM_LPS, REVERSE, Affine, millimeters

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer

# An axis that leaves its own world axis by less than this share of a voxel is straight.
UNSEEN_DRIFT = 0.5

Frame = Literal["RAS", "LPS"]


class LayerGrid(NamedTuple):
    """A grid of voxels.

    Args:
        affine: World RAS mm from indices (x, y, z), those of the layer's array reversed.
        shape: Numbers of voxels (x, y, z).
    """

    affine: Affine
    shape: tuple[int, int, int]


def grid_of(layer: Image | Labels, frame: Frame = "RAS") -> LayerGrid:
    """Return the grid of a 3-D layer.

    Args:
        layer: A 3-D image or labels layer; of a multiscale one the full resolution is taken.
        frame: The layer's world axes; ours are RAS.

    Returns:
        Its grid; numbers without a unit of length are taken as mm.

    Raises:
        ValueError: If the layer is no 3-D, gray-valued volume, its units are not lengths, or
            `frame` is unknown.
    """
    if frame not in ("RAS", "LPS"):
        raise ValueError(f'`frame` must be "RAS" or "LPS", got {frame!r}.')
    if (fault := no_volume(layer)) is not None:
        raise ValueError(fault)
    affine = REVERSE @ world_from_data(layer) @ REVERSE
    x, y, z = (int(size) for size in reversed(layer.data.shape))
    return LayerGrid(RAS_FROM_LPS @ affine if frame == "LPS" else affine, (x, y, z))


def no_volume(layer: Image | Labels) -> str | None:
    """Return why a layer is no gray-valued volume, and the way out; None if it is one."""
    label = f"Layer {layer.name!r}"
    if getattr(layer, "rgb", False):
        return f"{label} is an RGB picture: choose a gray-valued volume."
    if layer.ndim < 3:
        return f"{label} must be 3-D, it is {layer.ndim}-D: choose a volume."
    if layer.ndim > 3:
        return (
            f"{label} must be 3-D, it is {layer.ndim}-D: add the volume that is meant as a layer "
            "of its own, such as "
            f"`viewer.add_image(layer.data[0], scale=layer.scale[{layer.ndim - 3}:])`."
        )
    return None


def has_unit(layer: Image | Labels) -> bool:
    """Tell whether a layer is measured at all; napari's default unit is the pixel."""
    return any(str(unit) != "pixel" for unit in layer.units)


def has_length(layer: Image | Labels) -> bool:
    """Tell whether all axes of a layer are measured in lengths."""
    return all(millimeters(unit) is not None for unit in layer.units)


def is_askew(grid: LayerGrid) -> bool:
    """Tell whether a grid's axes leave the world's by more than the eye may miss.

    napari's 2-D slices leave out whatever turns an axis out of the slice.

    Args:
        grid: Of any orientation.
    """
    linear = grid.affine[:3, :3]
    drift = np.abs(linear - np.diag(np.diag(linear))) @ (np.array(grid.shape) - 1)
    return bool((drift > UNSEEN_DRIFT * np.linalg.norm(linear, axis=0).min()).any())


def warn_if_unitless(layer: Image | Labels) -> None:
    """Warn that a layer's numbers are taken as mm, if they have no unit."""
    if not has_unit(layer):
        warnings.warn(
            f"Layer {layer.name!r} has no unit of length: its numbers are taken as mm. "
            'Set `layer.units = ("mm", "mm", "mm")` where that is right.',
            stacklevel=3,
        )


def world_from_data(layer: Image | Labels) -> Affine:
    """Return the whole transform of a 3-D layer: world mm from array indices, both (z, y, x).

    Raises:
        ValueError: If the layer's units are not lengths.
    """
    return np.diag([*_units(layer), 1.0]) @ matrix_of(layer)


def matrix_of(layer: Layer) -> NDArray[np.float64]:
    """Return a layer's whole transform: its world from its array's indices, in its own units."""
    ndim = layer.ndim
    points = np.vstack([np.zeros(ndim), np.eye(ndim)])
    origin, *ends = (np.array(layer.data_to_world(point), dtype=float) for point in points)
    affine: NDArray[np.float64] = np.eye(ndim + 1)
    affine[:-1, :-1] = np.column_stack([end - origin for end in ends])
    affine[:-1, -1] = origin
    return affine


def full_resolution(layer: Image | Labels) -> Any:
    """Return a layer's array, of a multiscale layer its finest: NumPy's, or a lazy one."""
    return layer.data[0] if layer.multiscale else layer.data


def _units(layer: Image | Labels) -> list[float]:
    """Return how many mm one unit of each world axis of the layer is."""
    if not has_unit(layer):
        return [1.0] * layer.ndim
    lengths = [length for unit in layer.units if (length := millimeters(unit)) is not None]
    if len(lengths) < layer.ndim:
        raise ValueError(
            f"Layer {layer.name!r} must be measured in lengths, its units are "
            f'{", ".join(map(str, layer.units))}: set `layer.units = ("mm", "mm", "mm")`.'
        )
    return lengths
