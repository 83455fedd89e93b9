"""The API page names what there is, with the arguments that there are."""

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import napari_drr

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
# A name at the head of a line of its own, with or without arguments; these may take several lines.
ENTRIES = dict(re.findall(r"^- `([\w.]+)(\([^`]*\))?`", TEXT, re.MULTILINE))


def find(name):
    """Return the object behind a dotted name of the page."""
    if name.startswith("Session."):
        return getattr(import_module("napari_drr.viewer._session").Session, name[8:])
    module, attribute = napari_drr, None
    for part in name.split("."):
        attribute = getattr(module, part, None)
        module = import_module(f"{module.__name__}.{part}") if attribute is None else attribute
    return module


def arguments(text):
    """Return each argument's name, with its stars, and default, as Python reads them."""
    tree = ast.parse(f"def f{text}: ...").body[0].args
    positional = [argument.arg for argument in tree.args]
    defaults = [None] * (len(positional) - len(tree.defaults)) + tree.defaults
    stars = [(tree.vararg, "*"), (tree.kwarg, "**")]
    return {
        **dict(zip(positional, defaults, strict=True)),
        **dict(zip((a.arg for a in tree.kwonlyargs), tree.kw_defaults, strict=True)),
        **{f"{star}{argument.arg}": None for argument, star in stars if argument},
    }


def actual(function):
    """Return the same of a function, from the function itself."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return {
        stars.get(p.kind, "") + p.name: None if p.default is p.empty else repr(p.default)
        for p in inspect.signature(function).parameters.values()
        if p.name != "self"
    }


def test_every_public_name_is_there():
    missing = [name for name in napari_drr.__all__ if name not in ENTRIES]
    assert missing == ["__version__"]
    assert "`__version__`" in TEXT


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_named_exists_and_takes_these_arguments(name):
    found = find(name)
    if ENTRIES[name] in ("", "(...)"):
        return
    told = arguments(ENTRIES[name])
    there = actual(found)
    assert set(told) == set(there)
    for argument, default in told.items():
        if isinstance(default, ast.Constant) and default.value is ...:
            continue  # too long for the page
        text = None if default is None else ast.unparse(default)
        assert text == there[argument], argument
