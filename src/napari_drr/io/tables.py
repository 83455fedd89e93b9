"""Tables of poses."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from napari_drr.recipe import EulerConvention, Orientation, Pose

COLUMNS = ("alpha_deg", "beta_deg", "gamma_deg", "x", "y", "z")
"""Columns that a pose table must have; `orientation` and `convention` are optional."""

_ORIENTATIONS: dict[str, Orientation] = {"ap": "AP", "pa": "PA", "none": None}


def read_poses(
    path: str | Path,
    orientation: Orientation = "AP",
    convention: EulerConvention = "ZXY",
) -> list[tuple[Orientation, Pose]]:
    """Read a table of poses from a CSV file.

    The first line names the columns, in any order: `alpha_deg`, `beta_deg`, `gamma_deg` (degrees),
    `x`, `y`, `z` (mm), and optionally `orientation` (AP, PA or none) and `convention` (such as
    ZXY). Other columns are passed over, and so are empty lines.

    Args:
        path: The file: UTF-8, commas.
        orientation: For rows that have none.
        convention: For rows that have none.

    Returns:
        Orientation and pose of each row.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such table; the message names the line.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f'There is no file "{path}".')
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            poses = list(
                _poses(csv.DictReader(file, skipinitialspace=True), orientation, convention)
            )
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f'"{path}" is no table of poses in UTF-8 with commas ({error}).') from None
    except ValueError as error:
        raise ValueError(f'"{path}", {error}') from None
    if not poses:
        raise ValueError(f'"{path}" holds no poses.')
    return poses


def _poses(
    table: "csv.DictReader[str]", orientation: Orientation, convention: EulerConvention
) -> Iterator[tuple[Orientation, Pose]]:
    names = [name.strip().lower() for name in table.fieldnames or []]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise ValueError(
            f"line 1: missing columns {', '.join(missing)}; there are {', '.join(names) or 'none'}."
        )
    table.fieldnames = names
    for row in table:
        # DictReader collects what is too much under None, and fills up with None.
        values = {name: (text or "").strip() for name, text in row.items() if name is not None}
        if any(values.values()):
            try:
                yield (
                    _orientation(values.get("orientation", ""), orientation),
                    _pose(values, convention),
                )
            except ValueError as error:
                raise ValueError(f"line {table.line_num}: {error}") from None


def _pose(values: Mapping[str, str], convention: str) -> Pose:
    numbers = {name: _number(name, values[name]) for name in COLUMNS}
    named = values.get("convention", "").upper() or convention
    return Pose(**numbers, convention=cast("EulerConvention", named))  # Pose checks it


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"`{name}` must be a number, got {text!r}.") from None


def _orientation(text: str, default: Orientation) -> Orientation:
    if not text:
        return default
    if text.lower() not in _ORIENTATIONS:
        raise ValueError(f"`orientation` must be AP, PA or none, got {text!r}.")
    return _ORIENTATIONS[text.lower()]
