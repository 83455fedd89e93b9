"""Recipes written as Python expressions, read without running them."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from typing import Any

from napari_drr.recipe._ct import CTReference
from napari_drr.recipe._display import Display
from napari_drr.recipe._parts import (
    Attenuation,
    DetectorSettings,
    Pose,
    RendererSettings,
    Structure,
)
from napari_drr.recipe._recipe import Recipe
from napari_drr.recipe._values import Values

# The only names that are looked up.
_CLASSES: dict[str, type[Values]] = {
    cls.__name__: cls
    for cls in (
        Recipe,
        Pose,
        DetectorSettings,
        RendererSettings,
        Attenuation,
        Display,
        CTReference,
        Structure,
    )
}
_CALL = re.compile(rf"\b(?:{'|'.join(_CLASSES)})\s*\(")
_SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: lambda number: -number,
    ast.UAdd: lambda number: number,
}


def expression_of(text: str) -> Values | None:
    """Read the first recipe in Python code, or the first part of one if there is no recipe.

    Nothing is run: only literals, tuples, lists and our own dataclasses are understood.

    Args:
        text: A script, or the `repr` of a recipe or of one of its parts.

    Returns:
        A recipe, a pose, a detector's settings or another part; None if the text names none.

    Raises:
        ValueError: If it is no Python, or the recipe needs more than literals, or has values that
            it can't have.

    Examples:
        >>> expression_of("pose = Pose(alpha_deg=-30.0)").alpha_deg
        -30.0
    """
    if not _CALL.search(text):
        return None
    try:
        calls = [node for node in ast.walk(_parsed(text)) if _class(node) is not None]
        calls.sort(key=lambda node: _class(node) is not Recipe)
        # None if the names stand in strings or comments only.
        value = _value(calls[0]) if calls else None
    except RecursionError:
        raise ValueError("This Python script is nested too deeply.") from None
    return value if isinstance(value, Values) else None


def _parsed(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what looks odd in others' code
            return ast.parse(text)
    except SyntaxError as error:
        raise ValueError(f"This is no Python script: {error.msg}, line {error.lineno}.") from None
    except (ValueError, MemoryError):  # null bytes; too many brackets
        raise ValueError("This is no Python script.") from None


def _class(node: ast.AST) -> type[Values] | None:
    """Return which of our dataclasses a node makes."""
    if not isinstance(node, ast.Call):
        return None
    named = node.func
    name = named.id if isinstance(named, ast.Name) else getattr(named, "attr", None)
    return _CLASSES.get(name) if isinstance(name, str) else None


def _value(node: ast.AST) -> Any:
    """Evaluate a literal, a sequence, or one of our dataclasses."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | None):
        return node.value
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(_value(each) for each in node.elts)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _SIGNS:
        number = _value(node.operand)
        if isinstance(number, int | float):
            return _SIGNS[type(node.op)](number)
    if isinstance(node, ast.Call) and (cls := _class(node)) is not None:
        return _made(cls, node)
    raise ValueError(
        f"`{_shown(node)}` is not understood: scripts are read, not run, so a recipe must be "
        "written out in numbers and text."
    )


def _made(cls: type[Values], call: ast.Call) -> Values:
    positional = [_value(each) for each in call.args]
    keywords = {}
    for each in call.keywords:
        if each.arg is None:
            raise ValueError(f"`**{_shown(each.value)}` is not understood: write the values out.")
        keywords[each.arg] = _value(each.value)
    try:
        return cls(*positional, **keywords)
    except TypeError as error:
        raise ValueError(f"`{cls.__name__}` can't be made: {error}.") from None


def _shown(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 40 else f"{text[:37]}..."
