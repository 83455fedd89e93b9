"""CT volumes from DICOM folders: one series, all its slices, evenly spaced, or an error."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_drr.io.files import Grid, check_memory, ras_affine, unreadable

_TAGS = [
    "SeriesInstanceUID",
    "SeriesDescription",
    "SeriesNumber",
    "Modality",
    "Rows",
    "Columns",
    "BitsAllocated",
    "SamplesPerPixel",
    "NumberOfFrames",
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
]

# Scanners round positions to 0.01 mm or so: gaps between slices may differ by this much.
_GAP_TOLERANCE = 0.02  # of a gap
_GAP_TOLERANCE_MM = 0.02


@dataclass(frozen=True)
class Slice:
    """One DICOM image's header, as far as geometry needs it (LPS, mm)."""

    path: Path
    rows: int
    columns: int
    bits: int
    samples: int
    frames: int
    spacing: tuple[float, ...]
    orientation: tuple[float, ...]
    position: tuple[float, ...]


@dataclass(frozen=True)
class Series:
    """The images of one series in a folder."""

    uid: str
    description: str
    modality: str
    slices: tuple[Slice, ...]

    def __str__(self) -> str:
        described = f' "{self.description}"' if self.description else ""
        return f"{self.uid}: {self.modality}{described}, {len(self.slices)} images"


def list_series(folder: str | Path) -> list[Series]:
    """List the image series in a DICOM folder, largest first; other files are passed over.

    Args:
        folder: searched without its subfolders; names and suffixes do not matter.

    Returns:
        The series that hold images.

    Raises:
        FileNotFoundError: if there is no such folder.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f'`folder` must be a DICOM folder, but there is no "{folder}".')
    found: dict[str, tuple[str, str, list[Slice]]] = {}
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        header = _header(path)
        if header is None or "Rows" not in header:
            continue
        uid = str(header.get("SeriesInstanceUID", ""))
        modality, text = str(header.get("Modality", "")), str(header.get("SeriesDescription", ""))
        found.setdefault(uid, (text, modality, []))[2].append(_slice(path, header))
    series = [
        Series(uid, description, modality, tuple(slices))
        for uid, (description, modality, slices) in found.items()
    ]
    return sorted(series, key=lambda each: (-len(each.slices), each.uid))


def read_series(folder: Path, series: str | None = None, name: str = "volume") -> Grid:
    """Read the CT series of a DICOM folder, in HU.

    Slices are ordered by position, whatever their names; the affine comes from the first and the
    last position, so that a tilted gantry's shear is kept. Rescale slope and intercept are applied.

    Args:
        folder: holds one series' files, or several if `series` names one.
        series: its SeriesInstanceUID.
        name: what the caller calls the folder, for the messages.

    Returns:
        HU and affine.

    Raises:
        FileNotFoundError: if the folder holds no DICOM image.
        ValueError: if the series is ambiguous, not CT, or not one full stack of slices.
        MemoryError: if it would not fit into this machine's memory.
    """
    chosen = _chosen(folder, list_series(folder), series, name)
    slices, step = _stack(chosen, name)
    first = slices[0]
    shape = (first.columns, first.rows, len(slices))
    check_memory(shape, 4, name)
    # DICOM's orientation is the direction of a row (along columns, i), then of a column (j).
    along_row, along_column = (np.array(first.orientation[k : k + 3]) for k in (0, 3))
    axes = np.stack([along_row * first.spacing[1], along_column * first.spacing[0], step], axis=1)
    return Grid(_pixels(slices, name), ras_affine(axes, first.position))


def is_dicom(path: Path) -> bool:
    """Tell whether a file is DICOM by its preamble."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _header(path: Path) -> Any:
    """Return a file's header as far as we need it, or None if it is not DICOM."""
    import pydicom

    try:
        return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
    except pydicom.errors.InvalidDicomError:
        return None


def _slice(path: Path, header: Any) -> Slice:
    numbers = {
        tag: tuple(float(value) for value in (header.get(tag) or ()))
        for tag in ("PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient")
    }
    return Slice(
        path,
        rows=int(header.Rows),
        columns=int(header.Columns),
        bits=int(header.get("BitsAllocated", 16)),
        samples=int(header.get("SamplesPerPixel", 1)),
        frames=int(header.get("NumberOfFrames", 1) or 1),
        spacing=numbers["PixelSpacing"],
        orientation=numbers["ImageOrientationPatient"],
        position=numbers["ImagePositionPatient"],
    )


def _chosen(folder: Path, found: list[Series], uid: str | None, name: str) -> Series:
    """Return the series asked for, or the only one; raise otherwise."""
    if not found:
        inside = next((sub for sub in sorted(folder.iterdir()) if sub.is_dir()), None)
        hint = (
            f' It has subfolders: pass the one with the files, "{inside}" perhaps.'
            if inside
            else ""
        )
        raise FileNotFoundError(f'`{name}`: "{folder}" holds no DICOM images.{hint}')
    listed = "".join(f"\n  {series}" for series in found)
    if uid is not None:
        found = [series for series in found if series.uid == uid]
        if not found:
            raise ValueError(f'`series` must be one of those in "{folder}", got {uid!r}:{listed}')
    if len(found) > 1:
        raise ValueError(
            f'`{name}`: "{folder}" holds {len(found)} series; choose one by its UID with '
            f"`series`:{listed}"
        )
    if found[0].modality != "CT":
        raise ValueError(
            f"`{name}` must be a CT, got modality {found[0].modality or 'unknown'}:{listed}\n"
            "If its values are HU all the same, read it otherwise and pass (array, affine)."
        )
    return found[0]


def _stack(series: Series, name: str) -> tuple[list[Slice], np.ndarray]:
    """Return the slices in order of position, and the step from one to the next (LPS, mm)."""
    slices = list(series.slices)
    _check_alike(slices, name)
    row, column = np.array(slices[0].orientation).reshape(2, 3)
    normal = np.cross(row, column)
    slices.sort(key=lambda each: float(np.dot(each.position, normal)))
    positions = np.array([each.position for each in slices])
    gaps = np.diff(positions @ normal)
    _check_gaps(gaps, positions @ normal, name)
    step: np.ndarray = (positions[-1] - positions[0]) / (len(slices) - 1)
    return slices, step


def _check_alike(slices: Sequence[Slice], name: str) -> None:
    """Raise unless all slices are single grayscale images of one size, spacing and direction."""
    first = slices[0]
    if any(each.frames > 1 for each in slices):
        raise ValueError(
            f"`{name}` is a multi-frame DICOM file, which is not supported. Convert it, to NIfTI "
            "for example (dcm2niix)."
        )
    if any(each.samples != 1 for each in slices):
        raise ValueError(f"`{name}` must be a grayscale CT, but the series is in color.")
    for each in slices:
        sizes = (len(each.spacing), len(each.orientation), len(each.position))
        if sizes != (2, 6, 3) or min(each.spacing) <= 0.0:
            raise ValueError(
                f'`{name}` cannot be placed in the patient: "{each.path.name}" lacks a valid '
                "PixelSpacing, ImageOrientationPatient or ImagePositionPatient."
            )
    kinds = Counter(
        (each.rows, each.columns, each.spacing, tuple(round(v, 4) for v in each.orientation))
        for each in slices
    )
    if len(kinds) > 1:
        odd = kinds.most_common()[-1][0]
        file = next(each for each in slices if (each.rows, each.columns, each.spacing) == odd[:3])
        raise ValueError(
            f"`{name}` must be slices of one size, spacing and direction, but the series mixes "
            f'{len(kinds)} kinds; "{file.path.name}" is of the rarest. Move such images away.'
        )
    if len(slices) < 2:
        raise ValueError(
            f'`{name}` must be a volume, but "{first.path.name}" is the only slice. Pass the '
            "folder with the whole series."
        )


def _check_gaps(gaps: np.ndarray, heights: np.ndarray, name: str) -> None:
    """Raise if slices are missing, double or unevenly spaced."""
    usual = float(np.median(gaps))
    if float(gaps.min()) <= _GAP_TOLERANCE_MM:
        at = heights[int(gaps.argmin())]
        raise ValueError(
            f"`{name}` has more than one slice at the same position ({at:.2f} mm along the stack): "
            "several time points or reconstructions in one series. Move all but one away."
        )
    tolerance = max(_GAP_TOLERANCE * usual, _GAP_TOLERANCE_MM)
    wide = np.flatnonzero(np.abs(gaps - usual) > tolerance)
    if not len(wide):
        return
    k = int(wide[0])
    raise ValueError(
        f"`{name}` must be evenly spaced slices, but {usual:.2f} mm apart is usual and "
        f"{gaps[k]:.2f} mm lie between {heights[k]:.2f} and {heights[k + 1]:.2f} mm along the "
        f"stack ({len(wide)} such gaps among {len(heights)} slices). Slices are missing, or the "
        "spacing varies: export the whole series again, or resample it."
    )


def _pixels(slices: Sequence[Slice], name: str) -> np.ndarray:
    """Return the values in HU, indexed (x, y, z)."""
    import SimpleITK

    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(each.path) for each in slices])
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise unreadable(
            slices[0].path.parent, name, "holds a series whose pixels cannot be decoded"
        ) from error
    array: np.ndarray = SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0)
    return array
