"""A torchio subject whose attributes and items are one thing.

torchio keeps both, and lets them drift apart: `subject.density = x` leaves `subject["density"]` as
it was, and the other way round, so that what is rendered would depend on how it was replaced.
"""

from typing import Any

from torchio import Subject


class LinkedSubject(Subject):  # type: ignore[misc] # torchio is untyped here
    """A subject in which setting an attribute sets the item of that name, and back."""

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        self.__dict__[key] = value

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in self:
            super().__setitem__(name, value)
