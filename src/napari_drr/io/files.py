"""Volumes from single files: NIfTI, NRRD, MHA and MHD, whatever SimpleITK reads beside them."""

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

_FORMATS = "NIfTI (.nii, .nii.gz), NRRD, MHA/MHD, or a folder with one DICOM series"
_MM_PER_UNIT = {"meter": 1000.0, "micron": 0.001}

# What reading a CT takes at its peak: the file's values, HU and density as float32, and as much
# again for the intermediate results of the map.
WORKING_BYTES_PER_VOXEL = 16


class Grid(NamedTuple):
    """Values (X, Y, Z) and the affine (world mm, RAS, from voxels) of an image."""

    array: np.ndarray
    affine: np.ndarray


def read_file(path: Path, name: str = "volume") -> Grid:
    """Read a 3-D image file.

    Args:
        path: an existing file.
        name: what the caller calls it, for the messages.

    Returns:
        Its values and affine; scaled integers come as float32.

    Raises:
        ValueError: if it is no image, not 3-D, in color, damaged, or has no voxel size.
        MemoryError: if it would not fit into this machine's memory; nothing is loaded then.
    """
    if path.name.lower().endswith((".nii", ".nii.gz")):
        return _read_nifti(path, name)
    return _read_itk(path, name)


def check_memory(shape: Sequence[int], itemsize: int, name: str = "volume") -> None:
    """Raise MemoryError if a volume of this shape cannot be worked with on this machine."""
    available = _physical_memory()
    needed = float(np.prod(shape, dtype=np.float64)) * (itemsize + WORKING_BYTES_PER_VOXEL)
    if available is None or needed <= available:
        return
    raise MemoryError(
        f"`{name}` has {' x '.join(map(str, shape))} voxels, which take about "
        f"{needed / 2**30:.0f} GiB to work with; this machine has {available / 2**30:.0f} GiB. "
        "Crop it, or resample it to larger voxels, before reading."
    )


def unreadable(path: Path, name: str, reason: str = "is no image that can be read") -> ValueError:
    """Return the error for a file that is no usable image."""
    return ValueError(f'`{name}`: "{path}" {reason}. Files may be {_FORMATS}.')


def _read_nifti(path: Path, name: str) -> Grid:
    """Read with nibabel: ITK turns NaN into 0 and refuses the shear of a tilted gantry."""
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    try:
        _check_pixdim(path, name)
        image = nibabel.load(path, mmap=False)  # a map would keep the file open
    except (ImageFileError, HeaderDataError, OSError, EOFError, zlib.error) as error:
        raise unreadable(path, name) from error
    _check_dimensions(image.shape, image.get_data_dtype().names is not None, path, name)
    check_memory(image.shape, image.get_data_dtype().itemsize, name)
    proxy = image.dataobj
    try:
        if (proxy.slope, proxy.inter) == (1.0, 0.0):
            array = np.asanyarray(proxy.get_unscaled())
        else:
            array = image.get_fdata(dtype=np.float32, caching="unchanged")
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, name, "ends too early: the file is damaged") from error
    scale = _MM_PER_UNIT.get(image.header.get_xyzt_units()[0], 1.0)
    affine = np.diag([scale, scale, scale, 1.0]) @ np.asarray(image.affine, dtype=np.float64)
    return Grid(array.reshape(array.shape[:3]), affine)


def _check_pixdim(path: Path, name: str) -> None:
    """Refuse voxel sizes that nibabel would quietly replace by 1, or by their absolute value."""
    from nibabel import Nifti1Header, Nifti2Header
    from nibabel.openers import ImageOpener

    for kind in (Nifti1Header, Nifti2Header):
        with ImageOpener(path) as file:
            block = file.read(kind.template_dtype.itemsize)
        if len(block) < kind.template_dtype.itemsize or not kind.may_contain_header(block):
            continue
        header = kind(block, check=False)
        if header["sform_code"] == 0:  # else the sform holds the sizes
            _check_spacing(header["pixdim"][1:4], path, name)
        return


def _read_itk(path: Path, name: str) -> Grid:
    """Read with SimpleITK, header first."""
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise unreadable(path, name) from error
    size = reader.GetSize()
    _check_dimensions(size, reader.GetNumberOfComponents() != 1, path, name)
    _check_spacing(reader.GetSpacing()[:3], path, name)
    check_memory(size, _itemsize(reader.GetPixelID()), name)
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise unreadable(
            path, name, "cannot be read: it is damaged, or its data lie elsewhere"
        ) from error
    if len(size) == 4:
        image = image[:, :, :, 0]
    # SimpleITK's arrays are (z, y, x) and its world is LPS.
    array = SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    return Grid(array, ras_affine(direction * np.array(image.GetSpacing()), image.GetOrigin()))


def ras_affine(axes_lps: Any, origin_lps: Any) -> np.ndarray:
    """Return the 4x4 affine (RAS) of voxel steps (columns, mm) and a first voxel given in LPS."""
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes_lps, origin_lps
    turned: np.ndarray = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    return turned


def _check_dimensions(shape: Sequence[int], color: bool, path: Path, name: str) -> None:
    """Refuse what is not one 3-D grayscale image."""
    found = " x ".join(map(str, shape))
    if color:
        raise unreadable(path, name, f"is a color or vector image ({found}), not a grayscale one")
    if len(shape) < 3:
        raise unreadable(path, name, f"is 2-D ({found}), not a volume")
    if any(size != 1 for size in shape[3:]):
        raise unreadable(
            path,
            name,
            f"has {len(shape)} dimensions ({found}), time points perhaps: save one of them",
        )


def _check_spacing(spacing: Sequence[float], path: Path, name: str) -> None:
    """Refuse voxel sizes that are not positive."""
    if not all(mm > 0.0 for mm in spacing):
        sizes = " x ".join(f"{mm:g}" for mm in spacing)
        raise ValueError(
            f'`{name}` must have positive voxel sizes, got {sizes} mm in "{path}". Correct the '
            "header, or pass (array, affine)."
        )


def _itemsize(pixel_id: int) -> int:
    """Return the bytes per voxel of a SimpleITK pixel type."""
    import SimpleITK

    return int(SimpleITK.GetArrayFromImage(SimpleITK.Image([1, 1], pixel_id)).itemsize)


def _physical_memory() -> float | None:
    """Return this machine's memory in bytes, or None where the system does not tell."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * float(os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return None
