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

# Affines that differ by less than this, in mm, place a CT alike: file headers hold them in float32,
# and recentring a CT and moving it back costs the last bits of a float64.
AFFINE_TOLERANCE_MM = 1e-3


def ct_hash(hounsfield: Float[ArrayLike, "i j k"], affine: Float[ArrayLike, "4 4"]) -> str:
    """Return a fingerprint of a CT's voxels, whatever the order of its axes.

    The affine serves to turn the axes to right, anterior, superior. Its numbers are left out:
    `CTReference` keeps them beside the hash and compares them in mm, since a hash would not forgive
    a last bit.

    Args:
        hounsfield: Values in HU; taken as float32, whatever their type.
        affine: World (RAS mm) from voxel indices.

    Returns:
        SHA-256 of the shape and the values (little-endian float32, last axis fastest), in hex.

    Examples:
        >>> ct = np.array([[[0, -1000, 40]]], np.int16)
        >>> ct_hash(ct, np.eye(4)) == ct_hash(ct[::-1], np.diag([-1, 1, 1, 1]))
        True
    """
    values, _ = _in_ras_order(np.asarray(hounsfield), np.asarray(affine, np.float64))
    return _hash(values)


@dataclass(frozen=True)
class CTReference(Values):
    """Which CT an image was made of; names and paths go in only when asked for.

    Args:
        name: A name to show, empty if none was asked for.
        sha256: `ct_hash` of the values, empty if unknown.
        series_uid: DICOM series instance UID, if any.
        path: Path of the file or folder, only when asked for.
        shape: Number of voxels to the right, anterior and superior; empty if unknown.
        affine: World (scanner RAS mm) from voxel indices in that order.
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
        voxels, affine = _in_ras_order(_image(source).numpy()[0], world_affine(source))
        return cls(name, _hash(voxels), series_uid, path, voxels.shape, affine.tolist())

    def difference(self, source: Any) -> str | None:
        """Tell how the CT of a subject differs from this one.

        Args:
            source: A subject from `read`, or an image.

        Returns:
            A clause for a message, or None if it is the same, or this reference says nothing.
        """
        if not self.shape:
            return None
        voxels, affine = _in_ras_order(_image(source).numpy()[0], world_affine(source))
        if voxels.shape != self.shape:
            return f"its grid is {_by(voxels.shape)}, not {_by(self.shape)}"
        if np.abs(affine - self.affine).max() > AFFINE_TOLERANCE_MM:
            return "it lies elsewhere in the world (another affine)"
        if self.sha256 and _hash(voxels) != self.sha256:
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


def _in_ras_order(
    voxels: NDArray[Any], affine: NDArray[np.float64]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Turn each voxel axis to the nearest world axis, and the affine with it."""
    # Here, since it takes a while to import and few recipes need it.
    from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

    order = io_orientation(affine)
    return apply_orientation(voxels, order), affine @ inv_ornt_aff(order, voxels.shape)


def _hash(voxels: NDArray[Any]) -> str:
    values = np.ascontiguousarray(voxels, dtype="<f4")
    digest = hashlib.sha256(str(values.shape).encode())
    digest.update(values.data)
    return digest.hexdigest()


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
