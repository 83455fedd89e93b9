"""A session's problems: of its layers, and of where its C-arm stands."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from napari_drr.rendering._sentences import INSIDE, NO_HIT
from napari_drr.viewer import _layer_checks
from napari_drr.viewer._carm import Box, CArm
from napari_drr.viewer._grids import full_resolution
from napari_drr.viewer._lazy import Deferred, is_lazy
from napari_drr.viewer._problems import SEVERITIES, About, Problem
from napari_drr.viewer._scan import Scan

if TYPE_CHECKING:
    from napari.layers import Image, Labels

    from napari_drr.viewer._grids import LayerGrid
    from napari_drr.viewer._session import Session

Points = Float[NDArray[np.float64], "n 3"]


class Checks:
    """Finds a session's problems in a few milliseconds.

    Args:
        session: The session; held weakly.
    """

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self._scan: tuple[Any, Scan] | None = None

    def __call__(self, about: About | None = None) -> tuple[Problem, ...]:
        """Return the problems, or those about one thing, the worst first."""
        session = self._session()
        if session is None or session._viewer() is None:
            return ()
        # A pose takes torch, whose import takes a second: only who asks for it waits.
        found = self._all(session, with_pose=about != "layers")
        wanted = [problem for problem in found if about in (None, problem.about)]
        return tuple(sorted(wanted, key=lambda p: SEVERITIES.index(p.severity)))

    def _all(self, session: Session, *, with_pose: bool) -> Iterator[Problem]:
        ct, labels, frame = session.ct, session.labels, session.frame
        if ct is None:
            yield from _layer_checks.without_ct(session.viewer)
            return
        grid, faults = _layer_checks.checked_grid(ct, frame)
        yield from faults
        if grid is not None and (scan := self._scanned(session, ct)) is not None:
            yield from _layer_checks.of_values(ct, scan)
        if labels is not None:
            yield from _of_labels(session, labels, ct, grid)
        else:
            yield from _layer_checks.labels_that_are_images(session.viewer, ct)
            yield from _weights_without_labels(session)
        if with_pose and grid is not None and session._rendering.is_warm:
            yield from _of_pose(session, grid)
            yield from _of_image(session)

    def _scanned(self, session: Session, ct: Image) -> Scan | None:
        """Look at the CT's values, and at all of them where a render failed."""
        voxels = _in_memory(session, ct)
        if voxels is None:
            return None
        whole = session._rendering.has_failed
        key = (session._inputs.voxels_key, whole)
        if self._scan is None or self._scan[0] != key:
            self._scan = (key, Scan.of(voxels, whole=whole))
        return self._scan[1]


def _in_memory(session: Session, ct: Image) -> NDArray[Any] | None:
    """Return the CT's voxels, or None where they are not loaded yet."""
    data = full_resolution(ct)
    if not is_lazy(data):
        array: NDArray[Any] = data
        return array
    taken = session._inputs.taken()
    if taken is None or not isinstance(taken.voxels, Deferred) or not taken.voxels.is_loaded:
        return None
    voxels: NDArray[Any] = taken.voxels.tensor().numpy()
    return voxels


def _of_labels(
    session: Session, labels: Labels, ct: Image, ct_grid: LayerGrid | None
) -> Iterator[Problem]:
    grid, faults = _layer_checks.checked_grid(labels, session.frame)
    yield from faults
    if grid is not None and ct_grid is not None:
        yield from _layer_checks.of_overlap((labels.name, grid), (ct.name, ct_grid))
    yield from _layer_checks.of_names(labels, session._structures)


def _weights_without_labels(session: Session) -> Iterator[Problem]:
    if session.recipe.weights():
        yield Problem(
            "The recipe hides or weighs structures, but no labels are chosen: choose the CT's "
            "labels, or show all structures.",
            about="recipe",
        )


def _of_pose(session: Session, grid: LayerGrid) -> Iterator[Problem]:
    box = Box(grid.affine, grid.shape)
    center = session.isocenter
    arm = CArm.of(session.recipe, box.center if center is None else center)
    index = box.voxels(arm.source)
    if ((index >= -0.5) & (index < np.array(grid.shape) - 0.5)).all():
        yield Problem(INSIDE, "warning", about="recipe")
    elif not _touch(box.corners, np.vstack([arm.source, arm.corners])):
        yield Problem(NO_HIT, "warning", about="recipe")


def _of_image(session: Session) -> Iterator[Problem]:
    """Tell what a render found of this very pose, such as body behind the detector."""
    for warning in session._rendering.warnings():
        if warning not in (INSIDE, NO_HIT):
            yield Problem(warning, "warning", about="recipe")


def _touch(box: Points, beam: Points) -> bool:
    """Tell whether a box and a pyramid have a point in common.

    Two convex bodies have none if, and only if, they lie apart along the normal of one of their
    faces, or along a direction at right angles to an edge of each.

    Args:
        box: Its corners, in the order of `Box.corners`.
        beam: The pyramid's tip, then the corners of its base, around it.
    """
    box_edges = box[[1, 2, 4]] - box[0]
    beam_edges = np.vstack([beam[1:] - beam[0], beam[2] - beam[1], beam[3] - beam[2]])
    pairs = [
        *((a, b) for i, a in enumerate(box_edges) for b in box_edges[:i]),
        *((a, b) for i, a in enumerate(beam_edges) for b in beam_edges[:i]),
        *((a, b) for a in box_edges for b in beam_edges),
    ]
    directions = np.cross([a for a, _ in pairs], [b for _, b in pairs])
    ours, theirs = box @ directions.T, beam @ directions.T
    return bool(
        np.all((ours.min(axis=0) <= theirs.max(axis=0)) & (theirs.min(axis=0) <= ours.max(axis=0)))
    )
