"""Frozen dataclasses of plain values, checked on construction and read strictly from JSON."""

import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np


@dataclass(frozen=True)
class Rule:
    """A condition on a value, for `Annotated`: what must hold, and how to say it."""

    text: str
    holds: Callable[[Any], bool]


Positive = Annotated[float, Rule("greater than 0", lambda number: number > 0)]
NonNegative = Annotated[float, Rule("at least 0", lambda number: number >= 0)]
NonZero = Annotated[float, Rule("other than 0", lambda number: number != 0)]
Share = Annotated[float, Rule("in (0, 1]", lambda number: 0 < number <= 1)]
Count = Annotated[int, Rule("at least 1", lambda number: number >= 1)]
SampleCount = Annotated[int, Rule("at least 2", lambda number: number >= 2)]


@dataclass(frozen=True)
class Values:
    """Base of the recipe's parts: immutable, hashable, comparable, exact in JSON.

    Every field is converted to the plain Python type that its annotation names (a NumPy number to
    `float`, a list to a tuple), so that equal settings are equal objects; what has another meaning
    is refused, with the field's name.
    """

    def __post_init__(self) -> None:
        """Convert and check every field."""
        for name, hint, kind, rule in _checks(type(self)):
            value = getattr(self, name)
            if not _is_plain(value, kind, rule):
                object.__setattr__(self, name, to_plain(value, hint, name))


ValuesT = TypeVar("ValuesT", bound=Values)


def from_mapping(cls: type[ValuesT], data: object, path: str) -> ValuesT:
    """Make one of our dataclasses of a mapping of plain values; errors name the key's path."""
    here = f"`{path}`" if path else f"A {cls.__name__.lower()}"
    if not isinstance(data, Mapping):
        raise ValueError(f"{here} must be an object with keys, got {_shown(data)}.")
    hints = _hints(cls)
    prefix = f"{path}." if path else ""
    for key in data:
        if key not in hints:
            raise ValueError(
                f"Unknown key `{prefix}{key}`: the keys here are {', '.join(hints)}. "
                "It may come from a newer napari-drr."
            )
    for field in fields(cls):
        if field.name not in data and _is_required(field):
            raise ValueError(f"The key `{prefix}{field.name}` is missing.")
    try:
        plain = {key: to_plain(value, hints[key], prefix + key) for key, value in data.items()}
    except TypeError as error:
        raise ValueError(str(error)) from None
    return cls(**plain)


def _is_required(field: Field[Any]) -> bool:
    has_default = field.default is not MISSING or field.default_factory is not MISSING
    return not has_default or "required" in field.metadata


_HINTS: dict[type, dict[str, Any]] = {}


def _hints(cls: type[Values]) -> dict[str, Any]:
    """Return the annotations of the fields, with their rules; resolving them is slow, so once."""
    if cls not in _HINTS:
        hints = get_type_hints(cls, include_extras=True)
        _HINTS[cls] = {field.name: hints[field.name] for field in fields(cls)}
    return _HINTS[cls]


_CHECKS: dict[type, list[tuple[str, Any, Any, Rule | None]]] = {}


def _checks(cls: type[Values]) -> list[tuple[str, Any, Any, Rule | None]]:
    """Return name, annotation, plain type and rule of each field; once, too."""
    if cls not in _CHECKS:
        _CHECKS[cls] = [
            (name, hint, *(get_args(hint) if get_origin(hint) is Annotated else (hint, None)))
            for name, hint in _hints(cls).items()
        ]
    return _CHECKS[cls]


def _is_plain(value: object, kind: Any, rule: Rule | None) -> bool:
    """Tell, quickly, of most values that nothing has to be converted: sliders make many recipes."""
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        return False
    return rule is None or rule.holds(value)


def to_plain(value: object, hint: Any, path: str) -> Any:
    """Convert `value` to the plain type that `hint` names, or raise with `path` in the message."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _ruled(value, hint, path)
    if origin in (Union, UnionType):
        return _optional(value, hint, path)
    if origin is Literal:
        return _choice(value, get_args(hint), path)
    if origin is tuple:
        return _tuple(value, get_args(hint), path)
    if is_dataclass(hint):
        part = cast("type[Any]", hint)
        return value if isinstance(value, part) else from_mapping(part, value, path)
    return _SCALARS[hint](value, path)


def _ruled(value: object, hint: Any, path: str) -> Any:
    kind, rule = get_args(hint)
    number = to_plain(value, kind, path)
    if not rule.holds(number):
        raise ValueError(f"`{path}` must be {rule.text}, got {number!r}.")
    return number


def _optional(value: object, hint: Any, path: str) -> Any:
    if value is None:
        return None
    (kind,) = (arg for arg in get_args(hint) if arg is not NoneType)
    return to_plain(value, kind, path)


def _choice(value: object, choices: tuple[Any, ...], path: str) -> Any:
    if isinstance(value, str) and value in choices:
        return str(value)
    raise ValueError(f"`{path}` must be one of {', '.join(choices)}; got {_shown(value)}.")


def _tuple(value: object, kinds: tuple[Any, ...], path: str) -> tuple[Any, ...]:
    if not isinstance(value, (tuple, list, np.ndarray)):
        raise TypeError(f"`{path}` must be a sequence, got {_shown(value)}.")
    if len(kinds) == 2 and kinds[1] is ...:
        # A hundred structures that were checked when they were made, for each step of a slider.
        if type(value) is tuple and {*map(type, value)} == {kinds[0]} and is_dataclass(kinds[0]):
            return value
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise ValueError(f"`{path}` must have {len(kinds)} entries, got {len(value)}.")
    pairs = zip(value, kinds, strict=True)
    return tuple(to_plain(item, kind, f"{path}[{i}]") for i, (item, kind) in enumerate(pairs))


def _float(value: object, path: str) -> float:
    if isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_)):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
        raise ValueError(f"`{path}` must be a finite number, got {number}.")
    raise TypeError(f"`{path}` must be a number, got {_shown(value)}.")


def _int(value: object, path: str) -> int:
    if isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_)):
        return int(value)
    raise TypeError(f"`{path}` must be a whole number, got {_shown(value)}.")


def _bool(value: object, path: str) -> bool:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise TypeError(f"`{path}` must be true or false, got {_shown(value)}.")


def _str(value: object, path: str) -> str:
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"`{path}` must be text, got {_shown(value)}.")


_SCALARS: dict[Any, Callable[[object, str], Any]] = {
    float: _float,
    int: _int,
    bool: _bool,
    str: _str,
}


def _shown(value: object) -> str:
    """Return a value for a message: its repr, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
