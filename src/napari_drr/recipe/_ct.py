"""Which CT an image was made of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from napari_drr.recipe._values import Values

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Row = tuple[float, float, float, float]
Matrix = tuple[Row, Row, Row, Row]
IDENTITY: Matrix = (
    (1.0, 0.0, 0.0, 0.0),
    (0.0, 1.0, 0.0, 0.0),
    (0.0, 0.0, 1.0, 0.0),
    (0.0, 0.0, 0.0, 1.0),
)

# Affines that differ by less than this, in mm, place a CT alike: recentring a CT and moving it back
# costs a few units in the last place of a float64.
AFFINE_TOLERANCE_MM = 1e-3


def ct_hash(hounsfield: Float[ArrayLike, "x y z"]) -> str:
    """Return a fingerprint of a CT's voxels.

    The affine is left out: `CTReference` keeps it beside the hash and compares it in mm, since a
    hash would not forgive the last bit that recentring changes.

    Args:
        hounsfield: Values in HU; taken as float32, whatever their type.

    Returns:
        SHA-256 of the shape and the values (little-endian float32, last axis fastest), in hex.

    Examples:
        >>> ct_hash([[[0.0, -1000.0]]])[:8] == ct_hash(np.array([[[0, -1000]]], np.int16))[:8]
        True
    """
    values = np.ascontiguousarray(hounsfield, dtype="<f4")
    digest = hashlib.sha256(str(values.shape).encode())
    digest.update(values.data)
    return digest.hexdigest()


@dataclass(frozen=True)
class CTReference(Values):
    """Which CT an image was made of; names and paths go in only when asked for.

    Args:
        name: A name to show, empty if none was asked for.
        sha256: `ct_hash` of the values, empty if unknown.
        series_uid: DICOM series instance UID, if any.
        path: Path of the file or folder, only when asked for.
        shape: Number of voxels along the array's axes, empty if unknown.
        affine: World (scanner RAS mm) from voxel indices.
    """

    name: str = ""
    sha256: str = ""
    series_uid: str | None = None
    path: str | None = None
    shape: tuple[int, ...] = ()
    affine: Matrix = IDENTITY

    @classmethod
    def of(
        cls, source: Any, *, name: str = "", path: str | None = None, series_uid: str | None = None
    ) -> CTReference:
        """Describe the CT of a subject, or an image.

        Args:
            source: A subject from `read`, or a `torchio.ScalarImage` in world coordinates.
            name: A name to show.
            path: Where the CT lies.
            series_uid: DICOM series instance UID.

        Returns:
            The reference, with the hash, the shape and the world affine of `source`.
        """
        voxels = _image(source).numpy()[0]
        affine = world_affine(source)
        return cls(name, ct_hash(voxels), series_uid, path, voxels.shape, affine.tolist())

    def difference(self, source: Any) -> str | None:
        """Tell how the CT of a subject differs from this one.

        Args:
            source: A subject from `read`, or an image.

        Returns:
            A clause for a message, or None if it is the same, or this reference says nothing.
        """
        image = _image(source)
        if self.shape and tuple(image.spatial_shape) != self.shape:
            return f"its grid is {tuple(image.spatial_shape)}, not {self.shape}"
        if self.shape and np.abs(world_affine(source) - self.affine).max() > AFFINE_TOLERANCE_MM:
            return "its affine is another one"
        if self.sha256 and ct_hash(image.numpy()[0]) != self.sha256:
            return "its values are others"
        return None


def world_affine(source: Any) -> NDArray[np.float64]:
    """Return world (scanner RAS mm) from voxel indices of a subject or an image."""
    affine = np.array(_image(source).affine, dtype=np.float64)
    # From iso to world: `read` moved the isocenter to the origin and kept the shift.
    affine[:3, 3] += np.asarray(source.get("isocenter", 0.0), np.float64)
    return affine


def _image(source: Any) -> Any:
    return source.get("volume", source)
