"""Subjects of a session's layers; what did not change is not computed again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_drr.recipe import CTReference

if TYPE_CHECKING:
    from torchio import LabelMap, Subject

    from napari_drr.viewer._frames import Affine
    from napari_drr.viewer._requests import Inputs


class Subjects:
    """Makes the subject of what layers hold, and remembers the last one.

    Mapping HU and hashing them takes a second for a large CT. Painting labels, or moving the CT,
    changes neither.

    Attributes:
        ct: Which CT the last one is of.
    """

    def __init__(self) -> None:
        self.ct = CTReference()
        self._last: Subject | None = None
        self._key: tuple[Any, ...] | None = None

    def of(self, inputs: Inputs, attenuation: dict[str, Any]) -> Subject:
        """Return the subject of what was taken from the layers.

        Args:
            inputs: What was taken.
            attenuation: How HU are mapped; arguments of `make_subject`.

        Raises:
            ValueError: If CT and labels cannot be used.
            MemoryError: If they have yet to be loaded, and do not fit into memory.
        """
        key = (inputs.key[0], attenuation)
        if self._last is not None and self._key == key:
            return self._relocated(self._last, inputs)
        from torchio import ScalarImage

        from napari_drr.volume.subject import make_subject

        # Without the warnings of `read`: the session tells of them, with a way out.
        subject = make_subject(
            ScalarImage(tensor=inputs.hounsfield[None], affine=inputs.affine),
            _label_map(inputs),
            structures=inputs.structures,
            **attenuation,
        )
        self.ct = CTReference.of(subject)
        self._last, self._key = subject, key
        return subject

    def _relocated(self, last: Subject, inputs: Inputs) -> Subject:
        from napari_drr.recipe._ct import world_affine
        from napari_drr.volume.subject import relocate

        before = world_affine(last)
        subject = relocate(last, inputs.affine, _label_map(inputs), inputs.structures)
        self._last = subject
        if not np.array_equal(before, inputs.affine):
            self.ct = self._moved_reference(before, subject, inputs.affine)
        return subject

    def _moved_reference(self, before: Affine, subject: Subject, affine: Affine) -> CTReference:
        """Return the reference of the CT where it lies now; only a turned one is hashed again."""
        from nibabel.orientations import inv_ornt_aff, io_orientation

        order = io_orientation(affine)
        if not np.array_equal(io_orientation(before), order):
            return CTReference.of(subject)
        placed = affine @ inv_ornt_aff(order, subject["volume"].spatial_shape)
        return replace(self.ct, affine=placed.tolist())


def _label_map(inputs: Inputs) -> LabelMap | None:
    from torchio import LabelMap

    if inputs.labels is None:
        return None
    labels, affine = inputs.labels
    return LabelMap(tensor=labels[None], affine=affine)
