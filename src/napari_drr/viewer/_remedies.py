"""Ways out of a session's problems; each adds a layer and leaves the user's as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from napari_drr.viewer import layers
from napari_drr.viewer._grids import full_resolution
from napari_drr.viewer._lazy import loaded
from napari_drr.viewer._resampling import layer_affine, resampled, straight_grid
from napari_drr.viewer._scan import Scan

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from napari_drr.viewer._problems import Problem
    from napari_drr.viewer._session import Session

T = TypeVar("T")

# What stands for infinity: the densest that 12 bits hold.
DENSEST_HU = 3071.0
INT16 = np.iinfo(np.int16)
MM = ("mm", "mm", "mm")


class Remedies:
    """The session's methods that solve what `problems` tells.

    Those that compute return at once with `wait=False`; the new layers then come when they are
    ready, and `events.failed` tells if they can't be made.
    """

    def solve(self, problem: Problem) -> None:
        """Do what a problem names as its remedy, without waiting for it.

        Args:
            problem: One of `Session.problems()`.

        Raises:
            ValueError: If it has no remedy.
        """
        if problem.remedy is None:
            raise ValueError(f"This has to be solved by hand: {problem}")
        remedy = getattr(self, problem.remedy)
        if problem.remedy in ("take_volume", "use_millimeters"):
            remedy()
        else:
            remedy(wait=False)

    def take_volume(self, layer: Image | None = None) -> Image:
        """Take the volume of a series that is shown now as the CT.

        Args:
            layer: A gray-valued image layer of four or more dimensions; None takes the CT's own or
                the viewer's first.

        Returns:
            The CT's new layer, which shares the series' memory.

        Raises:
            ValueError: If there is no such layer.
        """
        session = _session(self)
        offers = [session.ct, *layers.not_offered(session.viewer)]
        series = [each for each in offers if each is not None and each.ndim > 3 and not each.rgb]
        chosen = layer if layer is not None else next(iter(series), None)
        if chosen is None:
            raise ValueError("No image layer is a series of volumes: open one.")
        session.ct = layers.volume_shown(session.viewer, chosen)
        return session.ct

    def use_millimeters(self) -> None:
        """Measure CT and labels in mm, where they have no unit of length."""
        session = _session(self)
        for layer in (session.ct, session.labels):
            if layer is not None and layer.ndim == 3 and not layers.has_length(layer):
                layer.units = MM

    def resample_ct(self, wait: bool = True) -> None:
        """Add straight copies of a CT and labels that lie askew to the world, and choose them.

        The CT is interpolated linearly, its labels take the nearest voxel's; where axes are only
        exchanged or turned around, nothing is computed.

        Args:
            wait: Return when the copies are there.

        Raises:
            ValueError: If there is no CT (with `wait`, as all errors).
            MemoryError: If they do not fit into memory.
        """
        session = _session(self)
        ct, labels = _the_ct(session), session.labels
        is_straight = labels is None or not layers.is_askew(layers.grid_of(labels))
        jobs = [ct] if is_straight else [ct, labels]
        # In the layers' own world, whatever its frame.
        target = straight_grid(layers.grid_of(ct))
        works = [
            partial(_straight, full_resolution(layer), layers.grid_of(layer), target)
            for layer in jobs
        ]
        kinds = [layer is labels for layer in jobs]

        def work() -> list[NDArray[Any]]:
            return [job(nearest=nearest) for job, nearest in zip(works, kinds, strict=True)]

        def done(found: list[NDArray[Any]]) -> None:
            copies = [
                layers.add_copy(
                    session.viewer, layer, voxels, f"{layer.name} straight", layer_affine(target)
                )
                for layer, voxels in zip(jobs, found, strict=True)
            ]
            session.ct = copies[0]
            if not is_straight:
                session.labels = copies[1]

        _aside(session, "Resampling the CT ...", jobs, work, done, wait)

    def shift_ct(self, offset: float = -1024.0, wait: bool = True) -> None:
        """Add a copy of the CT with an offset added to its values, and choose it.

        Args:
            offset: Of HU against what is stored; -1024 where air is stored as about 0.
            wait: Return when the copy is there.

        Raises:
            ValueError: If there is no CT (with `wait`, as all errors).
        """

        def shifted(voxels: NDArray[Any]) -> NDArray[Any]:
            if voxels.dtype.kind == "f" or not float(offset).is_integer():
                return voxels.astype(np.float32) + np.float32(offset)
            moved = voxels.astype(np.int32) + int(offset)
            fits = abs(moved.min()) <= INT16.max and moved.max() <= INT16.max
            return moved.astype(np.int16) if fits else moved

        session = _session(self)
        low, high = _the_ct(session).contrast_limits
        limits = (low + offset, high + offset)
        _replace_ct(session, shifted, "in HU", wait, contrast_limits=limits)

    def fill_ct(self, wait: bool = True) -> None:
        """Add a copy of the CT with air where it is NaN or infinite, and choose it.

        What is infinitely dense becomes as dense as 12 bits hold, or as the densest voxel.

        Args:
            wait: Return when the copy is there.

        Raises:
            ValueError: If there is no CT (with `wait`, as all errors).
        """

        def filled(voxels: NDArray[Any]) -> NDArray[Any]:
            scan = Scan.of(voxels)
            highest = max(DENSEST_HU, scan.high)
            finite: NDArray[Any] = np.nan_to_num(
                voxels, nan=scan.air, posinf=highest, neginf=scan.air
            )
            return finite

        _replace_ct(_session(self), filled, "filled", wait)

    def convert_labels(self, layer: Image | None = None, wait: bool = True) -> None:
        """Add a labels layer of an image layer's values, and choose it.

        Args:
            layer: A 3-D image layer of whole numbers from 0; None takes the first that is called
                like labels.
            wait: Return when the labels are there.

        Raises:
            ValueError: If there is no such layer, or its values are no labels (with `wait`, as all
                errors).
        """
        session = _session(self)
        found = layer if layer is not None else layers.image_of_labels(session.viewer, session.ct)
        if found is None:
            raise ValueError("No image layer is called labels, mask or segmentation: name one.")

        def done(labels: NDArray[Any]) -> None:
            session.labels = layers.add_labels_of(session.viewer, found, labels)

        work = partial(_as_labels, full_resolution(found), found.name)
        _aside(session, "Converting the labels ...", [found], work, done, wait)


def _session(remedies: Remedies) -> Session:
    return cast("Session", remedies)


def _the_ct(session: Session) -> Image:
    if session.ct is None:
        raise ValueError("There is no CT: choose one.")
    return session.ct


def _aside(
    session: Session,
    doing: str,
    originals: Sequence[Layer],
    work: Callable[[], T],
    done: Callable[[T], None],
    wait: bool,
) -> None:
    """Make copies in the background; of what is deleted meanwhile nobody wants one any more."""
    shown = layers.unwrap(session.viewer).layers
    there = [original for each in originals if (original := layers.unwrap(each)) in shown]

    def if_still_there(made: T) -> None:
        gone = [original.name for original in there if original not in shown]
        if gone:
            session.events.message.emit(f"{gone[0]} was deleted meanwhile: no copy was added.")
        else:
            done(made)

    session._rendering.aside(doing, work, if_still_there, wait=wait)


def _replace_ct(
    session: Session,
    change: Callable[[NDArray[Any]], NDArray[Any]],
    suffix: str,
    wait: bool,
    **how: Any,
) -> None:
    ct = _the_ct(session)
    data = full_resolution(ct)

    def work() -> NDArray[Any]:
        return change(loaded(data))

    def done(voxels: NDArray[Any]) -> None:
        copy = layers.add_copy(session.viewer, ct, voxels, f"{ct.name} {suffix}", **how)
        session.ct = copy

    _aside(session, "Changing the CT ...", [ct], work, done, wait)


def _straight(data: Any, grid: Any, target: Any, *, nearest: bool) -> NDArray[Any]:
    voxels = loaded(data)
    outside = 0.0 if nearest else Scan.of(voxels).air
    return resampled(voxels, grid, target, outside=outside, nearest=nearest)


def _as_labels(data: Any, name: str) -> NDArray[Any]:
    values = loaded(data)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name!r} holds {values.dtype} and can't be labels: choose another one.")
    whole = np.rint(values)
    if not np.array_equal(whole, values) or whole.min() < 0:
        raise ValueError(
            f"{name!r} can't be labels: they are whole numbers of at least 0. Choose the label map "
            "itself, not probabilities."
        )
    labels: NDArray[Any] = whole.astype(np.min_scalar_type(int(whole.max())))
    return labels
