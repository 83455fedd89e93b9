"""Attributes that tell when they change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class Told(Generic[Value]):
    """An attribute of an object with `events`, whose event of the same name tells a new value.

    Args:
        default: Its first value.
        checked: Turns what is set into the value, or raises; it is given the object too.
    """

    def __init__(self, default: Value, checked: Callable[[Any, Any], Value]) -> None:
        self._default, self._checked = default, checked

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, owner: None, kind: type) -> Told[Value]: ...
    @overload
    def __get__(self, owner: object, kind: type) -> Value: ...
    def __get__(self, owner: object | None, kind: type) -> Told[Value] | Value:
        if owner is None:
            return self
        value: Value = owner.__dict__.get(self._name, self._default)
        return value

    def __set__(self, owner: Any, value: Any) -> None:
        checked = self._checked(owner, value)
        if checked != self.__get__(owner, type(owner)):
            # Data descriptors go before the instance's own dictionary.
            owner.__dict__[self._name] = checked
            getattr(owner.events, self._name).emit(checked)
