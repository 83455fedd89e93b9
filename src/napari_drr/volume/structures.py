"""Names and groups of the structures in a label map.

A structure table is a pandas DataFrame with one row per label: `id` (int), `structure` (name) and
`group`; more columns are kept. Label 0 is the background and never has a row.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from numbers import Integral
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

BACKGROUND = "background"
"""Name of label 0: all that no structure claims."""

COLUMNS = ("id", "structure", "group")
"""Columns that every structure table has."""

BONE_GROUPS = ("skeleton", "ribs", "vertebrae")
"""Groups that the selection `"bones"` stands for."""

Selection: TypeAlias = int | str | Sequence[int | str]


def totalsegmentator_structures() -> pd.DataFrame:
    """Return the 117 classes of TotalSegmentator v2's task "total" as a structure table.

    Ids and names are TotalSegmentator's (Wasserthal et al., Radiology: Artificial Intelligence 5
    (2023) e230024; class list of version 2). The groups are ours: organs, vertebrae, cardiac,
    skeleton, nervous, muscles, ribs.

    >>> totalsegmentator_structures().query("id == 51")[["structure", "group"]].values.tolist()
    [['heart', 'cardiac']]
    """
    return _totalsegmentator().copy()


def as_structures(table: pd.DataFrame | str | Path) -> pd.DataFrame:
    """Return a checked structure table from a DataFrame or a CSV file.

    Args:
        table: columns `id` and `structure`, optionally `group` (else TotalSegmentator's group of
            the same name, else empty) and any others.

    Returns:
        A new table, sorted by id, without row 0.

    Raises:
        FileNotFoundError: if the file does not exist.
        TypeError: if it is neither a DataFrame nor a path.
        ValueError: if the file is no table, a column is missing, an id is not a whole number of at
            least 0, or an id or a name appears twice.

    >>> table = as_structures(pd.DataFrame({"id": [2, 1], "structure": ["stent", "heart"]}))
    >>> table["structure"].tolist(), table["group"].tolist()
    (['heart', 'stent'], ['cardiac', ''])
    """
    table = _load(table)
    missing = [name for name in ("id", "structure") if name not in table.columns]
    if missing:
        raise ValueError(
            f"`structures` must have the columns id and structure, got {list(table.columns)}."
        )
    table = table.assign(
        id=_checked_ids(table["id"]), structure=table["structure"].astype(str).str.strip()
    )
    table = table[table["id"] != 0]
    for column in ("id", "structure"):
        twice = table[column][table[column].duplicated()]
        if len(twice):
            raise ValueError(
                f"`structures` must list each {column} once, got {twice.iloc[0]!r} more than once."
            )
    table = table.assign(group=_groups(table)).sort_values("id", ignore_index=True)
    return table[[*COLUMNS, *(name for name in table.columns if name not in COLUMNS)]]


def name_labels(ids: Iterable[int], named: pd.DataFrame | None = None) -> pd.DataFrame:
    """Name the labels of a label map.

    Args:
        ids: the labels that the map holds; 0 is left out.
        named: the names that are known (`as_structures`), whatever their source. None: if every id
            is one of TotalSegmentator v2's 117, its names are assumed.

    Returns:
        One row per id, sorted by id. A label without a name is called `label 7`. The table's
        `attrs["assumed"]` is True where TotalSegmentator's names are only assumed.

    >>> name_labels([0, 5, 51])["structure"].tolist()
    ['liver', 'heart']
    >>> name_labels([5, 200])["structure"].tolist()
    ['label 5', 'label 200']
    """
    ids = sorted({int(value) for value in ids} - {0})
    assumed = named is None and bool(ids) and ids[-1] <= len(_totalsegmentator())
    known = _totalsegmentator() if assumed else named
    if known is None:
        known = pd.DataFrame({"id": [], "structure": [], "group": []})
    table = pd.DataFrame({"id": pd.Series(ids, dtype="int64")}).merge(
        known.astype({"id": "int64"}), on="id", how="left"
    )
    names = [
        f"label {label}" if pd.isna(name) else str(name)
        for label, name in zip(table["id"], table["structure"], strict=True)
    ]
    groups = ["" if pd.isna(group) else str(group) for group in table["group"]]
    table = table.assign(structure=names, group=groups)
    table.attrs["assumed"] = assumed
    return table


def select_structures(structures: pd.DataFrame | None, selection: Selection) -> list[int]:
    """Resolve ids, names and groups to label ids.

    Args:
        structures: the structure table.
        selection: one, or a sequence, array or tensor, of: an id (an integer, or its digits); a
            structure's name; a pattern of names such as `"rib_left_*"`; a group; `"bones"` for the
            groups skeleton, ribs and vertebrae; `"background"` or 0 for label 0. A name goes before
            a group of the same spelling.

    Returns:
        The ids, each once, in the order given.

    Raises:
        ValueError: if something matches nothing; close matches are listed.
        TypeError: if something is neither an integer nor a string.

    >>> select_structures(totalsegmentator_structures(), ["heart", 5, "rib_left_1*"])
    [51, 5, 92, 101, 102, 103]
    """
    table = name_labels([]) if structures is None else structures
    plain = _plain(selection)
    items = list(plain) if isinstance(plain, Iterable) and not isinstance(plain, str) else [plain]
    ids = [label for item in items for label in _resolve(table, item)]
    return list(dict.fromkeys(ids))


def _plain(value: Any) -> Any:
    """Return the Python values of an array, a tensor or a NumPy number; others as they are."""
    return value.tolist() if hasattr(value, "tolist") else value


def _resolve(table: pd.DataFrame, item: object) -> list[int]:
    """Return the ids that one item of a selection stands for."""
    item = _plain(item)
    if isinstance(item, str):
        found = _named(table, item)
        if found or not item.isdecimal():
            return found or _unknown(table, item)
        item = int(item)
    if isinstance(item, bool) or not isinstance(item, Integral):
        raise TypeError(
            f"A structure is selected by id (int) or name (str), got {type(item).__name__}."
        )
    if item != 0 and int(item) not in set(table["id"]):
        return _unknown(table, item)
    return [int(item)]


def _named(table: pd.DataFrame, name: str) -> list[int]:
    """Return the ids of a structure, a pattern or a group; none if there is no such thing."""
    if name == BACKGROUND:
        return [0]
    rows = table["structure"] == name
    if not rows.any() and any(character in name for character in "*?["):
        rows = table["structure"].map(lambda structure: fnmatchcase(structure, name))
    if not rows.any():
        rows = table["group"] == name
    if not rows.any() and name == "bones":
        rows = table["group"].isin(BONE_GROUPS)
    return [int(label) for label in table["id"][rows]]


def _unknown(table: pd.DataFrame, item: object) -> list[int]:
    """Raise the error that tells what there is instead."""
    groups = sorted(set(table["group"]) - {""})
    close = get_close_matches(str(item), [*table["structure"], *groups], n=5, cutoff=0.5)
    hint = (
        f"Close to it: {', '.join(close)}." if close else f"Groups: {', '.join(groups) or 'none'}."
    )
    raise ValueError(f"{item!r} is no structure, id or group of this label map. {hint}")


@cache
def _totalsegmentator() -> pd.DataFrame:
    source = files("napari_drr.volume") / "data" / "totalsegmentator.csv"
    with source.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def _load(table: pd.DataFrame | str | Path) -> pd.DataFrame:
    """Read a CSV file, unless it is a table already."""
    if isinstance(table, pd.DataFrame):
        return table
    if not isinstance(table, str | Path):
        raise TypeError(
            "`structures` must be a DataFrame or the path of a CSV file, got "
            f'{type(table).__name__}. Make a table: DataFrame({{"id": [51], "structure": '
            '["heart"]}).'
        )
    path = Path(table).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'`structures` must name a CSV file, but "{path}" is none.')
    try:
        return pd.read_csv(path, skipinitialspace=True)
    except ValueError as error:  # pandas' and Unicode's errors are ValueErrors
        raise ValueError(
            f'`structures` must be a table with commas in UTF-8, but "{path}" is none ({error}).'
        ) from None


def _checked_ids(ids: "pd.Series[int]") -> "pd.Series[int]":
    """Return the ids as int64, or raise."""
    numbers = pd.to_numeric(ids, errors="coerce")
    bad = ids[numbers.isna() | (numbers % 1 != 0) | (numbers < 0)]
    if len(bad):
        raise ValueError(f"`structures` must have whole ids of at least 0, got {bad.iloc[0]!r}.")
    return numbers.astype("int64")


def _groups(table: pd.DataFrame) -> "pd.Series[str]":
    """Return each row's group; where it is blank, TotalSegmentator's for that name."""
    official = _totalsegmentator().set_index("structure")["group"]
    given = table["group"] if "group" in table.columns else pd.Series(pd.NA, index=table.index)
    return given.fillna(table["structure"].map(official)).fillna("").astype(str)
