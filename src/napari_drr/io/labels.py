"""Structure names that come with a label map: in the file's own header, or in a CSV beside it."""

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from napari_drr.volume.structures import as_structures

STRUCTURES_FILE = "structures.csv"
"""Name of the table that is looked for beside a label map."""

_SEGMENT_KEY = re.compile(r"Segment(\d+)_(Name|LabelValue)")


def find_structures(path: str | Path) -> pd.DataFrame | None:
    """Return the names that belong to a label file.

    Args:
        path: the label file. Its own header goes first: the label table that TotalSegmentator
            writes as a NIfTI extension, or the segments that 3D Slicer writes into NRRD. Else a
            `structures.csv` in the same folder (columns id, structure and, optionally, group).

    Returns:
        A structure table, or None if nothing names the labels.

    Raises:
        ValueError: if the CSV is no structure table.
    """
    path = Path(path).expanduser()
    lower = path.name.lower()
    names: Mapping[int, str] = {}
    if lower.endswith((".nii", ".nii.gz")):
        names = _nifti_names(path)
    elif lower.endswith((".nrrd", ".nhdr")):
        names = _nrrd_names(path)
    if names:
        return as_structures(_table(names))
    beside = path.parent / STRUCTURES_FILE
    return as_structures(beside) if beside.is_file() else None


def _table(names: Mapping[int, str]) -> pd.DataFrame:
    """Return a table; where two labels share a name, each gets its id appended."""
    table = pd.DataFrame({"id": list(names.keys()), "structure": list(names.values())})
    twice = table["structure"].duplicated(keep=False)
    table.loc[twice, "structure"] += " (" + table["id"][twice].astype(str) + ")"
    return table


def _nifti_names(path: Path) -> dict[int, str]:
    """Read the label table (Caret's XML) in a NIfTI header extension."""
    import nibabel

    names: dict[int, str] = {}
    for extension in nibabel.load(path).header.extensions:
        content = extension.get_content()
        text = content.encode() if isinstance(content, str) else content
        if not isinstance(text, bytes) or b"<Label" not in text:
            continue
        try:
            root = ElementTree.fromstring(text.strip(b"\0 \r\n\t"))
        except ElementTree.ParseError:
            continue  # not a label table after all
        for label in root.iter("Label"):
            key, name = label.get("Key", ""), (label.text or "").strip()
            if key.isdecimal() and name:
                names[int(key)] = name
    return names


def _nrrd_names(path: Path) -> dict[int, str]:
    """Read 3D Slicer's segments (`Segment0_Name:=`, `Segment0_LabelValue:=`) in a NRRD header."""
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    fields: dict[str, dict[str, str]] = {}
    for key in reader.GetMetaDataKeys():
        match = _SEGMENT_KEY.fullmatch(key)
        if match:
            fields.setdefault(match[1], {})[match[2]] = reader.GetMetaData(key).strip()
    return {
        int(segment["LabelValue"]): segment["Name"]
        for segment in fields.values()
        if segment.get("Name") and segment.get("LabelValue", "").isdecimal()
    }
