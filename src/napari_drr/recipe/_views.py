"""Named views, with DICOM's positioner signs."""

from collections.abc import Callable

from napari_drr.recipe._parts import Orientation, Pose

# Sign of y, and the pose's (alpha, beta) in degrees for an angle n.
_PA_VIEWS: dict[str, Callable[[float], tuple[float, float]]] = {
    "PA": lambda n: (0.0, 0.0),
    "LAO": lambda n: (n, 0.0),
    "RAO": lambda n: (-n, 0.0),
    "CRA": lambda n: (0.0, n),
    "CAU": lambda n: (0.0, -n),
    "left lateral": lambda n: (90.0, 0.0),
    "right lateral": lambda n: (-90.0, 0.0),
}
VIEWS: tuple[str, ...] = ("AP", *_PA_VIEWS)


def view(name: str, distance: float = 850.0, angle_deg: float = 0.0) -> tuple[Orientation, Pose]:
    """Return the orientation and the pose of a named view.

    Args:
        name: One of `VIEWS`; case does not matter.
        distance: From source to isocenter, mm.
        angle_deg: Angle of LAO, RAO, CRA and CAU; the other views have none.

    Returns:
        The orientation and the pose (ZXY); the source stands before the patient for AP, behind
        for PA.

    Raises:
        ValueError: If there is no such view.

    Examples:
        >>> view("LAO", distance=800, angle_deg=30)[1].alpha_deg
        30.0
    """
    known = {known.lower(): known for known in VIEWS}
    if name.lower() not in known:
        raise ValueError(f"`view` must be one of {', '.join(VIEWS)}; got {name!r}.")
    name = known[name.lower()]
    if name == "AP":
        return "AP", Pose(y=distance)
    alpha, beta = _PA_VIEWS[name](angle_deg)
    return "PA", Pose(alpha, beta, y=-distance)
