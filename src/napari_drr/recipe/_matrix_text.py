"""Matrices in text, as Python, MATLAB, C++ and spreadsheets print them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_NUMBER = re.compile(
    r"(?<![\w.])[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf(?:inity)?)(?![\w.])", re.I
)
# What stands around the numbers and says nothing of them.
_NAME = re.compile(r"^\s*[A-Za-z_][\w.]*\s*[:=]\s*")
_WRAPPER = re.compile(r"\b(?:\w+\.)*(?:array|tensor|matrix|asarray|RigidTransform)\s*(?=\()")
_KEYWORD = re.compile(r",?\s*\b(?:dtype|device|grad_fn|requires_grad)\s*=\s*[^,()\[\]]+(?:\(\))?")
# MATLAB and torch may print a common factor first: "1.0e+03 *".
_FACTOR = re.compile(r"([+-]?\d+\.?\d*(?:[eE][+-]?\d+)?)\s*\*")
_FILLING = re.compile(r"[\s,;\[\](){}|]*")
_MOST_CHARACTERS = 5_000
_SHAPES = ((4, 4), (3, 4), (3, 3))


def matrix_of(text: str) -> Float[NDArray[np.float64], "m n"] | None:
    """Read one matrix of 4x4, 3x4 or 3x3 numbers.

    Args:
        text: Numbers in rows, or row after row in one line; separated by spaces, commas, tabs or
            semicolons; with any brackets, the name of a variable, or `array(...)` around them.

    Returns:
        The matrix, or None if the text is something else.

    Raises:
        ValueError: If the text is numbers, but of another shape.

    Examples:
        >>> matrix_of("K = [510 0 100; 0 510 100; 0 0 1]").tolist()
        [[510.0, 0.0, 100.0], [0.0, 510.0, 100.0], [0.0, 0.0, 1.0]]
    """
    if len(text) > _MOST_CHARACTERS:
        return None
    text = text.replace("\N{MINUS SIGN}", "-")
    text = _KEYWORD.sub("", _WRAPPER.sub("", _NAME.sub("", text)))
    factor = 1.0
    if found := _FACTOR.search(text):
        factor, text = float(found[1]), text[: found.start()] + text[found.end() :]
    if not _FILLING.fullmatch(_NUMBER.sub("", text)) or not _NUMBER.search(text):
        return None
    return factor * np.array(_rows(text))


def matrix_text(matrix: Float[ArrayLike, "m n"]) -> str:
    """Write a matrix as Python code that keeps every bit, and that `matrix_of` reads.

    Args:
        matrix: Numbers in rows.

    Returns:
        Text in columns.

    Examples:
        >>> print(matrix_text([[510.0, 0.0], [0.1, 1.0]]))
        np.array([
            [510.0, 0.0],
            [  0.1, 1.0],
        ])
    """
    # Adding 0.0 turns -0.0 into 0.0.
    texts = [[repr(float(number) + 0.0) for number in row] for row in np.asarray(matrix)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    rows = (
        ", ".join(text.rjust(width) for text, width in zip(row, widths, strict=True))
        for row in texts
    )
    return "np.array([\n" + "".join(f"    [{row}],\n" for row in rows) + "])"


def _rows(text: str) -> list[list[float]]:
    """Split numbers into rows: at brackets, line ends or semicolons, whichever gives a matrix."""
    for separator in (r"[\])}]", r"\n", r";"):
        parts = (_NUMBER.findall(part) for part in re.split(separator, text))
        rows = [[float(number) for number in part] for part in parts if part]
        if len({len(row) for row in rows}) == 1 and (len(rows), len(rows[0])) in _SHAPES:
            return rows
    flat = [float(number) for number in _NUMBER.findall(text)]
    for n_rows, n_columns in _SHAPES:
        # Numbers in one line tell no rows; in several lines they would have made a matrix.
        if len(flat) == n_rows * n_columns and "\n" not in text.strip():
            return np.reshape(flat, (n_rows, n_columns)).tolist()
    raise ValueError(
        f"These are {len(flat)} numbers, not a matrix of 4x4, 3x4 or 3x3: copy one matrix, whole."
    )
