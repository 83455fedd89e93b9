"""From arguments to recipes."""

import math
import re
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_drr.io.tables import read_poses
from napari_drr.recipe import Orientation, Pose, Recipe, Structure, view

if TYPE_CHECKING:
    from pandas import DataFrame

DISTANCE_MM = 850.0
_ANGLED = ("LAO", "RAO", "CRA", "CAU")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


def changed(recipe: Recipe, options: Namespace) -> Recipe:
    """Return the recipe with what the arguments say about all but pose, CT and structures.

    Args:
        recipe: What holds where the arguments say nothing.
        options: The arguments of `render`.

    Returns:
        The recipe to render with.

    Raises:
        ValueError: If a value is out of range, or would change nothing.
    """
    renderer = _given(
        renderer=options.renderer,
        reduction=options.reduction,
        n_points=options.n_points,
        backend=options.backend,
        sparse_share=options.sparse_share,
    )
    attenuation = _given(
        kind=options.attenuation,
        energy_kev=options.energy,
        bone_weight=options.bone_weight,
        bone_attenuation_multiplier=options.bone_attenuation_multiplier,
    )
    display = _given(
        mode=options.display,
        invert=options.invert,
        gamma=options.gamma,
        contrast_limits=options.contrast,
    )
    new = replace(
        recipe,
        detector=replace(recipe.detector, **_detector(options)),
        renderer=replace(recipe.renderer, **renderer),
        attenuation=replace(recipe.attenuation, **attenuation),
        display=replace(recipe.display, **display),
        isocenter=recipe.isocenter if options.isocenter is None else options.isocenter,
    )
    _check_used(new, options)
    return new


def _detector(options: Namespace) -> dict[str, Any]:
    """Return what the arguments say about the detector."""
    return _given(
        source_to_detector=options.sdd,
        height=options.height,
        width=options.height if options.width is None else options.width,
        pixel_spacing_x=options.delx,
        pixel_spacing_y=options.delx if options.dely is None else options.dely,
        x0=options.x0,
        y0=options.y0,
        mirror=options.mirror,
    )


def _check_used(recipe: Recipe, options: Namespace) -> None:
    """Raise if an argument would change nothing."""
    is_physical = recipe.attenuation.kind == "physical"
    for name, needed, is_used in (
        ("n_points", "--renderer trilinear", recipe.renderer.renderer == "trilinear"),
        ("energy", "--attenuation physical", is_physical),
        ("bone_weight", "--attenuation physical", is_physical),
        ("bone_attenuation_multiplier", "--attenuation relative", not is_physical),
    ):
        if getattr(options, name) is not None and not is_used:
            flag = name.replace("_", "-")
            raise ValueError(f"--{flag} needs {needed}: otherwise it would change nothing.")


def poses(recipe: Recipe, options: Namespace) -> list[tuple[Orientation, Pose]]:
    """Return the orientations and poses to render.

    Args:
        recipe: What holds where the arguments say nothing.
        options: The arguments of `render`.

    Returns:
        At least one orientation and pose.

    Raises:
        OSError: If the table of poses can't be read.
        ValueError: If arguments contradict each other, or a view or a table is not understood.
    """
    _check_pose_options(options)
    orientation = recipe.orientation
    if options.orientation is not None:
        orientation = None if options.orientation == "none" else options.orientation
    convention = options.convention or recipe.pose.convention
    if options.poses is not None:
        return read_poses(options.poses, orientation, convention)
    if options.pose is not None:
        alpha, beta, gamma, x, y, z = options.pose
        return [(orientation, Pose(alpha, beta, gamma, x, y, z, convention))]
    if options.view is not None or options.distance is not None:
        distance = DISTANCE_MM if options.distance is None else options.distance
        return [parse_view(options.view or "AP", distance)]
    return [(orientation, recipe.pose)]


def _check_pose_options(options: Namespace) -> None:
    has_angles = options.pose is not None or options.poses is not None
    if options.convention is not None and not has_angles:
        raise ValueError("--convention tells the axes of --pose or --poses: give one of them.")
    if options.orientation is not None and options.view is not None:
        raise ValueError("--orientation goes with --pose and --poses: a view has its own.")
    if options.distance is not None and (has_angles or (options.source and not options.view)):
        raise ValueError("--distance goes with --view: a pose has its own distance.")


def parse_view(text: str, distance: float) -> tuple[Orientation, Pose]:
    """Return the orientation and pose of a view in words.

    Args:
        text: Such as `PA`, `LAO 30` or `LAO 30 CRA 20`.
        distance: From source to isocenter, mm.

    Returns:
        The orientation and the pose.

    Raises:
        ValueError: If it is no view.

    Examples:
        >>> orientation, pose = parse_view("LAO 30 CRA 20", 850.0)
        >>> orientation, pose.alpha_deg, pose.beta_deg, pose.y
        ('PA', 30.0, 20.0, -850.0)
    """
    words = re.fullmatch(r"\s*([a-z ]+?)\s*([\d.]+)?(?:\s+([a-z]+)\s*([\d.]+))?\s*", text, re.I)
    if words is None:
        raise ValueError(f'--view must be like AP, "LAO 30" or "LAO 30 CRA 20", got "{text}".')
    name, angle, second, second_angle = words.groups()
    orientation, pose = view(name, distance, _angle(name, angle))
    if second is None:
        return orientation, pose
    if name.upper() not in ("LAO", "RAO") or second.upper() not in ("CRA", "CAU"):
        raise ValueError(f'A view of two angles is LAO or RAO, then CRA or CAU; got "{text}".')
    _, tilt = view(second, distance, _angle(second, second_angle))
    return orientation, replace(pose, beta_deg=tilt.beta_deg)


def _angle(name: str, text: str | None) -> float:
    is_angled = name.upper() in _ANGLED
    if is_angled != (text is not None):
        raise ValueError(
            f'The view {name} needs an angle, as in "{name} 30".'
            if is_angled
            else f"The view {name} has no angle, got {text}."
        )
    return float(text or 0.0)


def with_structures(recipe: Recipe, options: Namespace, table: "DataFrame | None") -> Recipe:
    """Return the recipe with what the arguments show and weight.

    Args:
        recipe: The recipe.
        options: The arguments of `render`.
        table: The structures of the CT's labels, None without labels.

    Returns:
        The recipe, with the structures listed where something was said about them.

    Raises:
        ValueError: If there are no labels, a structure is unknown, or nothing is left to render.
    """
    shown = None if options.channels or options.structures is None else names(options.structures)
    if shown is None and options.weights is None:
        return recipe
    if table is None:
        raise ValueError("--structures and --weights need the CT's labels: give --labels FILE.")
    structures = {each.id: each for each in _listed(recipe, table).structures}
    for name, weight in _weights(options.weights):
        for key in select(table, [name]):
            structures[key] = replace(structures[key], weight=weight)
    recipe = replace(recipe, structures=tuple(structures.values()))
    if shown is not None:
        recipe = showing(recipe, table, shown)
    _check_left(recipe, options, table)
    return recipe


def _check_left(recipe: Recipe, options: Namespace, table: "DataFrame") -> None:
    """Raise if all that is asked for weighs nothing."""
    if options.structures is not None:
        asked = select(table, names(options.structures))
    else:
        asked = [*table["id"], *([] if options.channels else [0])]
    weights = recipe.weights()
    if all(weights.get(label) == 0.0 for label in asked):
        raise ValueError(
            "--structures and --weights leave nothing to render: all that is asked for has the "
            "weight 0."
        )


def showing(recipe: Recipe, table: "DataFrame", chosen: list[str]) -> Recipe:
    """Return the recipe that shows structures and nothing else.

    Args:
        recipe: The recipe.
        table: The structures of the CT's labels.
        chosen: Structures, groups, ids or patterns.

    Returns:
        The recipe, with all structures listed.

    Raises:
        ValueError: If a structure is unknown.
    """
    ids = select(table, chosen)
    listed = _listed(recipe, table).structures
    return replace(recipe, structures=tuple(replace(s, visible=s.id in ids) for s in listed))


def _listed(recipe: Recipe, table: "DataFrame") -> Recipe:
    """Add the structures that the recipe does not list."""
    known = {each.id for each in recipe.structures}
    added = tuple(each for each in _structures_of(table) if each.id not in known)
    return replace(recipe, structures=recipe.structures + added)


def _structures_of(table: "DataFrame") -> Iterable[Structure]:
    # What no label claims is hidden with the structures that are not asked for.
    yield Structure(0, "background")
    for label, name, group in table[["id", "structure", "group"]].values.tolist():
        yield Structure(label, name, group)


def select(table: "DataFrame", chosen: list[str]) -> list[int]:
    """Return the ids of structures, groups and patterns of names."""
    from napari_drr.volume.structures import select_structures

    return select_structures(table, chosen)


def names(text: str) -> list[str]:
    """Split `a,b` into names.

    Raises:
        ValueError: If there is none.
    """
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise ValueError("--structures must name at least one structure.")
    return found


def _weights(text: str | None) -> Iterable[tuple[str, float]]:
    for part in (text or "").split(","):
        if part.strip():
            name, _, number = part.rpartition("=")
            try:
                weight = float(number)
            except ValueError:
                raise ValueError(
                    f'--weights must be like ribs=0.2,heart=2, got "{part.strip()}".'
                ) from None
            if not 0.0 <= weight < math.inf:
                raise ValueError(f'--weights must be finite and at least 0, got "{part.strip()}".')
            yield name.strip(), weight


def size_in_bytes(text: str) -> int:
    """Return the bytes that a size such as `500M` or `2G` means.

    Raises:
        ValueError: If it is no size.

    Examples:
        >>> size_in_bytes("1.5K")
        1536
    """
    found = re.fullmatch(r"\s*(\d+\.?\d*)\s*([KMG]?)(?:i?B)?\s*", text, re.I)
    if found is None or float(found[1]) == 0:
        raise ValueError(f'--memory-budget must be a size such as 500M or 2G, got "{text}".')
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
