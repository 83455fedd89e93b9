"""A recipe as a short Python script."""

from __future__ import annotations

import json
from dataclasses import MISSING, Field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_drr.recipe._ct import CTReference
from napari_drr.recipe._values import Values

if TYPE_CHECKING:
    from napari_drr.recipe._parts import Attenuation
    from napari_drr.recipe._recipe import Recipe

_LINE_LENGTH = 88
_INDENT = 4
_PHANTOM: Literal["phantom"] = "phantom"
_LOADERS = {_PHANTOM: "load_phantom", "example": "load_example_ct"}


def script(recipe: Recipe, ct_path: str | None = None, labels_path: str | None = None) -> str:
    """Write a Python script that makes the recipe's image, and saves it as a PNG.

    It gives what `recipe.render(read(...))` gives, to the last bit. Only settings that differ from
    their defaults are written, and of the structures only those that are hidden, weighted or
    colored. The CT is not described: any CT can be rendered.

    Args:
        recipe: What to render.
        ct_path: File or DICOM folder of the CT, or `"phantom"` or `"example"`; None is what the
            recipe says, else a name to fill in.
        labels_path: File of the labels; None is a name to fill in where the image needs labels.

    Returns:
        The script, which `pasted` takes back.

    Examples:
        >>> from napari_drr.recipe import Pose, Recipe
        >>> print(script(Recipe(pose=Pose(alpha_deg=30.0)), "chest.nii.gz"))
        from napari_drr import read
        from napari_drr.io.export import save_radiograph
        from napari_drr.recipe import Pose, Recipe
        <BLANKLINE>
        CT = "chest.nii.gz"  # NIfTI, NRRD or MHA file, or DICOM folder
        <BLANKLINE>
        recipe = Recipe(pose=Pose(alpha_deg=30.0))
        <BLANKLINE>
        subject = read(CT, attenuation="physical")
        image = recipe.render(subject)[0, 0]  # line integrals (height, width)
        save_radiograph("radiograph.drr.png", image, recipe)
        <BLANKLINE>
    """
    compact = _compact(recipe)
    known = recipe.ct.path or (recipe.ct.name if recipe.ct.name in _LOADERS else None)
    ct = ct_path or known
    paths: list[str] = []
    if ct in _LOADERS:
        loader, subject = _LOADERS[ct], _built_in(recipe, ct)
    else:
        loader = "read"
        paths, subject = _from_files(recipe, ct, labels_path)
    lines = [
        f"from napari_drr import {loader}",
        "from napari_drr.io.export import save_radiograph",
        _import(sorted(_classes(compact))),
        "",
        *paths,
        f"recipe = {_code(compact)}",
        "",
        f"subject = {subject}",
        "image = recipe.render(subject)[0, 0]  # line integrals (height, width)",
        'save_radiograph("radiograph.drr.png", image, recipe)',
    ]
    return "\n".join(lines) + "\n"


def _compact(recipe: Recipe) -> Recipe:
    """Leave out what changes no image: the CT's description, and structures shown as they are."""
    structures = tuple(
        replace(each, group="")
        for each in recipe.structures
        if not each.visible or each.weight != 1.0 or each.color is not None
    )
    return replace(recipe, ct=CTReference(), structures=structures)


def _import(names: list[str]) -> str:
    line = f"from napari_drr.recipe import {', '.join(names)}"
    if len(line) <= _LINE_LENGTH:
        return line
    lines = [f"{' ' * _INDENT}{name},\n" for name in names]
    return f"from napari_drr.recipe import (\n{''.join(lines)})"


def _from_files(recipe: Recipe, ct: str | None, labels: str | None) -> tuple[list[str], str]:
    """Return the lines that name files, and the call that reads them."""
    series = recipe.ct.series_uid
    placeholder = "ct.nii.gz" if series is None else "dicom_folder"
    path = _text(str(ct or placeholder))
    lines, arguments = [f"CT = {path}  # NIfTI, NRRD or MHA file, or DICOM folder"], ["CT"]
    if labels is None and recipe.weights():
        labels = "labels.nii.gz"
    if labels is not None:
        lines.append(f"LABELS = {_text(str(labels))}  # NIfTI, NRRD or MHA file")
        arguments.append("LABELS")
    if series is not None:
        arguments.append(f"series={_text(series)}")
    return [*lines, ""], _call("read", [*arguments, *_mapping(recipe.attenuation)])


def _built_in(recipe: Recipe, name: str) -> str:
    """Return the call that makes the phantom, as fine as the recipe's, or loads the example."""
    spacing: list[str] = []
    if name == recipe.ct.name == _PHANTOM and recipe.ct.shape:
        x, y, z = np.abs(recipe.ct.affine)[:3, :3].max(axis=0).tolist()
        spacing = [f"spacing={x if x == y == z else (x, y, z)}"]
    return _call(_LOADERS[name], [*spacing, *_mapping(recipe.attenuation)])


def _mapping(attenuation: Attenuation) -> list[str]:
    """Return how `read` is to map HU: as the recipe would, so that it need not map them again."""
    if attenuation.kind == "relative":
        multiplier = attenuation.bone_attenuation_multiplier
        return [] if multiplier == 1.0 else [f"bone_attenuation_multiplier={multiplier}"]
    energy = attenuation.energy_kev
    default = type(attenuation)().energy_kev
    return ['attenuation="physical"', *([] if energy == default else [f"energy_kev={energy}"])]


def _classes(value: object) -> set[str]:
    """Return the names of our dataclasses that the code of a value mentions."""
    if isinstance(value, tuple):
        return set().union(*map(_classes, value))
    if not isinstance(value, Values):
        return set()
    told = (getattr(value, field.name) for field in fields(value) if _is_told(value, field))
    return {type(value).__name__}.union(*map(_classes, told))


def _code(value: object, indent: int = 0, lead: int = len("recipe = ")) -> str:
    """Return an expression that evaluates to a value, broken into lines where it is long.

    `indent` is that of its first line, `lead` what stands before it there.
    """
    inner = indent + _INDENT
    if isinstance(value, Values):
        arguments = []
        for field in fields(value):
            if _is_told(value, field):
                key = "" if _default(field) is MISSING else f"{field.name}="
                arguments.append(key + _code(getattr(value, field.name), inner, len(key)))
        return _call(type(value).__name__, arguments, indent, lead)
    if isinstance(value, tuple) and any(isinstance(each, Values) for each in value):
        lines = [f"{' ' * inner}{_code(each, inner, 0)},\n" for each in value]
        return f"(\n{''.join(lines)}{' ' * indent})"
    return _text(value) if isinstance(value, str) else repr(value)


def _call(name: str, arguments: list[str], indent: int = 0, lead: int = len("subject = ")) -> str:
    flat = f"{name}({', '.join(arguments)})"
    if "\n" not in flat and indent + lead + len(flat) < _LINE_LENGTH:
        return flat
    lines = [f"{' ' * (indent + _INDENT)}{argument},\n" for argument in arguments]
    return f"{name}(\n{''.join(lines)}{' ' * indent})"


def _is_told(value: Values, field: Field[Any]) -> bool:
    # By their text: -0.0 equals 0.0 and is not the same.
    return repr(getattr(value, field.name)) != repr(_default(field))


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _text(value: str) -> str:
    """Return a string literal in double quotes; JSON's escapes are Python's."""
    return json.dumps(value, ensure_ascii=False)
