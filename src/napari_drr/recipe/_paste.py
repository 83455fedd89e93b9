"""Poses, cameras and recipes taken from text, and given as text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from napari_drr.recipe._ct import CTReference
from napari_drr.recipe._display import Display
from napari_drr.recipe._expressions import expression_of
from napari_drr.recipe._intrinsics import intrinsics, with_intrinsics
from napari_drr.recipe._matrix_text import matrix_of, matrix_text
from napari_drr.recipe._parts import (
    Attenuation,
    DetectorSettings,
    Pose,
    RendererSettings,
    Structure,
)
from napari_drr.recipe._recipe import Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_drr.recipe._values import Values

_UNDERSTOOD = (
    "What can be pasted: a pose (a matrix of 4x4 or 3x4 numbers), a rotation or a camera matrix K "
    "(3x3), a recipe (JSON), or a script that napari-drr wrote."
)
_PARTS: dict[type[Values], str] = {
    Pose: "pose",
    DetectorSettings: "detector",
    RendererSettings: "renderer",
    Attenuation: "attenuation",
    Display: "display",
}
# Of a rotation's entries: two decimals are off by 0.005, and each column is off in three entries.
_ROUNDED = 0.02
# Of what is written with enough digits: float32.
_EXACT = 1e-5
_MOST_CHARACTERS = 200_000


def pasted(text: str, recipe: Recipe) -> tuple[Recipe, str]:
    """Take what is in a text into a recipe; nothing in it is run.

    - Numbers of 4x4 or 3x4: the pose's matrix [R | R t], iso from camera before the orientation, in
      mm. A rotation with few digits becomes the nearest one; the Euler convention stays.
    - Numbers of 3x3: a rotation, with the translation (x, y, z) kept; or K, as `with_intrinsics`.
    - JSON, or Python code that contains a `Recipe(...)`: all settings. What a script does not name,
      CT, and names, groups and colors of structures, stays.
    - Python code that contains a part of a recipe, such as `Pose(...)`: that part.

    Args:
        text: A matrix as Python, MATLAB or a spreadsheet print it, a recipe in JSON, or a script.
        recipe: The settings so far.

    Returns:
        The new recipe, and what was taken, to show: `"pose from a 4x4 matrix"`.

    Raises:
        ValueError: If the text is nothing of that, or can't be a pose, a camera or a recipe; the
            message tells why.

    Examples:
        >>> text = "[0 -1 0 0; 1 0 0 850; 0 0 1 0; 0 0 0 1]"
        >>> turned, what = pasted(text, Recipe())
        >>> what, round(turned.pose.alpha_deg), round(turned.pose.x)
        ('pose from a 4x4 matrix', 90, 850)
    """
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"The text is too long ({len(text)} characters). {_UNDERSTOOD}")
    bare = _without_fence(text)
    if bare.startswith("{") and bare[1:].lstrip()[:1] in ('"', "}"):
        return Recipe.from_json(bare), "all settings from a recipe"
    if (found := expression_of(bare)) is not None:
        return _with_expression(found, recipe)
    try:
        matrix = matrix_of(bare)
    except ValueError as error:
        raise ValueError(f"{error} {_UNDERSTOOD}") from None
    if matrix is None:
        what = "There is no text to paste." if not bare else "This text is not understood."
        raise ValueError(f"{what} {_UNDERSTOOD}")
    return _with_matrix(matrix, recipe)


def pose_text(recipe: Recipe) -> str:
    """Write the pose's matrix [R | R t] (iso from camera, mm) as Python code, to the last bit.

    Args:
        recipe: Of which the pose is taken.

    Returns:
        `np.array([...])`, which `pasted` takes back.

    Examples:
        >>> print(pose_text(Recipe()))
        np.array([
            [1.0, 0.0, 0.0,   0.0],
            [0.0, 1.0, 0.0, 850.0],
            [0.0, 0.0, 1.0,   0.0],
            [0.0, 0.0, 0.0,   1.0],
        ])
    """
    return matrix_text(recipe.pose.rigid_transform().matrix[0].numpy())


def intrinsics_text(recipe: Recipe) -> str:
    """Write `intrinsics(recipe)`, K in pixels, as Python code, to the last bit.

    Args:
        recipe: Of which the detector is taken.

    Returns:
        `np.array([...])`, which `pasted` takes back.
    """
    return matrix_text(intrinsics(recipe))


def _without_fence(text: str) -> str:
    """Strip blanks, a byte order mark, and the fence of a block of code in Markdown."""
    # Not `splitlines`, which would also break a structure's name at other separators.
    lines = text.strip().removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").split("\n")
    if lines[0].startswith("```"):
        lines = lines[1:-1] if lines[-1].startswith("```") else lines[1:]
    return "\n".join(lines).strip()


def _with_expression(found: Values, recipe: Recipe) -> tuple[Recipe, str]:
    if isinstance(found, Recipe):
        ct = recipe.ct if found.ct == CTReference() else found.ct
        structures = _merged(recipe.structures, found.structures)
        return replace(found, ct=ct, structures=structures), "all settings from a script"
    if type(found) not in _PARTS:
        raise ValueError(f"`{type(found).__name__}` alone can't be pasted. {_UNDERSTOOD}")
    field = _PARTS[type(found)]
    changed: dict[str, Any] = {field: found}
    return replace(recipe, **changed), f"{field} from Python code"


def _merged(present: tuple[Structure, ...], told: tuple[Structure, ...]) -> tuple[Structure, ...]:
    """Return structures weighted as a script says: those that it does not list as they are."""
    said = {each.id: each for each in told}
    known = [_told_of(each, said.pop(each.id, None)) for each in present]
    return (*known, *said.values())


def _told_of(structure: Structure, told: Structure | None) -> Structure:
    if told is None:
        return replace(structure, visible=True, weight=1.0)
    color = structure.color if told.color is None else told.color
    return replace(structure, visible=told.visible, weight=told.weight, color=color)


def _with_matrix(matrix: NDArray[np.float64], recipe: Recipe) -> tuple[Recipe, str]:
    if not np.isfinite(matrix).all():
        raise ValueError("The matrix has entries that are not finite: NaN or infinity.")
    block = matrix[:3, :3]
    size = " x ".join(map(str, matrix.shape)).replace(" ", "")
    is_padded = np.array_equal(matrix, _padded(block)) and block[0, 1] == 0.0
    if (matrix.shape == (3, 3) or is_padded) and _is_camera(block):
        return with_intrinsics(recipe, block), f"detector from a {size} camera matrix K"
    if matrix.shape == (3, 3):
        rotation, note = _rotation(block, ", nor is it a K: upper triangular, last row 0 0 1")
        pose = recipe.pose
        xyz = np.array([pose.x, pose.y, pose.z])
        turned = Pose.from_matrix(_padded(rotation, rotation @ xyz), pose.convention)
        turned = replace(turned, x=pose.x, y=pose.y, z=pose.z)
        return replace(recipe, pose=turned), f"rotation from a 3x3 matrix{note}"
    _check_last_row(matrix)
    rotation, note = _rotation(block)
    pose = Pose.from_matrix(_padded(rotation, matrix[:3, 3]), recipe.pose.convention)
    return replace(recipe, pose=pose), f"pose from a {size} matrix{note}"


def _padded(
    block: NDArray[np.float64], column: NDArray[np.float64] | None = None
) -> Float[NDArray[np.float64], "4 4"]:
    matrix = np.eye(4)
    matrix[:3, :3] = block
    matrix[:3, 3] = 0.0 if column is None else column
    return matrix


def _is_camera(block: NDArray[np.float64]) -> bool:
    """Tell whether a 3x3 matrix is a K: upper triangular, with last row (0, 0, 1), no rotation."""
    (fx, _, _), (below, fy, _), bottom = block.tolist()
    is_triangular = below == 0.0 and fx * fy != 0.0 and bottom == [0.0, 0.0, 1.0]
    return is_triangular and not np.array_equal(block @ block.T, np.eye(3))


def _check_last_row(matrix: NDArray[np.float64]) -> None:
    if matrix.shape == (3, 4) or np.allclose(matrix[3], (0, 0, 0, 1), atol=_EXACT):
        return
    if np.allclose(matrix[:, 3], (0, 0, 0, 1), atol=_EXACT):
        raise ValueError(
            "The matrix is not a pose: its translation stands in the last row, as for row vectors. "
            "Transpose it."
        )
    raise ValueError(
        f"The matrix is not a pose: its last row is {matrix[3].tolist()}, not (0, 0, 0, 1)."
    )


def _rotation(block: NDArray[np.float64], besides: str = "") -> tuple[NDArray[np.float64], str]:
    """Return the nearest rotation, and a note if it was off; raise if it is too far."""
    import torch

    from napari_drr.geometry.rotations import rotation_9d_to_matrix

    flat = torch.from_numpy(np.ascontiguousarray(block)).reshape(1, 9)
    nearest: NDArray[np.float64] = rotation_9d_to_matrix(flat)[0].numpy()
    off = float(np.abs(nearest - block).max())
    if off > _ROUNDED:
        raise ValueError(f"The matrix holds no rotation: {_reason(block)}{besides}.")
    return nearest, "" if off <= _EXACT else f", its rotation rounded by up to {off:.1g}"


def _reason(block: NDArray[np.float64]) -> str:
    """Tell why a 3x3 matrix is no rotation."""
    lengths = np.linalg.norm(block, axis=0)
    if np.allclose(lengths, lengths[0], rtol=_ROUNDED) and abs(lengths[0] - 1) > _ROUNDED:
        return f"it scales by {lengths[0]:.4g}"
    if not np.allclose(lengths, 1.0, atol=_ROUNDED):
        return f"its columns have the lengths {', '.join(f'{each:.4g}' for each in lengths)}, not 1"
    if np.linalg.det(block) < 0:
        return "it mirrors (determinant -1), as a change from LPS to RAS of one axis does"
    return "its columns are not perpendicular"
