"""What the user prefers, as napari's Preferences keep it for this plugin."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, get_args, get_type_hints

from napari_drr.recipe import Attenuation, Recipe, RendererSettings, view

_log = logging.getLogger(__name__)

PLUGIN = "napari-drr"

# Of the manifest's `configurations`. napari also reads it from the environment, where it has to be
# told from others: NAPARI_DRR_RENDERING_BACKEND and so on.
CATEGORY = "drr_rendering"

DEVICES = ("auto", "cpu", "cuda", "mps")

VIEWS = ("AP", "PA", "left lateral", "right lateral")


@dataclass(frozen=True)
class Preferences:
    """What a new session begins with, and how previews are made.

    Args:
        backend: Which kernels render: `"auto"`, `"cpu"`, `"cuda"` or `"reference"`.
        device: Where they render: `"auto"`, `"cpu"`, `"cuda"` or `"mps"`.
        preview_ms: Milliseconds that a preview may take; 0 finds it from what painting takes.
        view: The first view, one of `VIEWS`.
        distance: From source to isocenter, mm.
        attenuation: `"physical"` or `"relative"`.
        live: Whether the dock renders every change.
    """

    backend: str = "auto"
    device: str = "auto"
    preview_ms: int = 0
    view: str = "AP"
    distance: float = 850.0
    attenuation: str = "physical"
    live: bool = True

    def recipe(self) -> Recipe:
        """Return the recipe that a new session begins with."""
        plain = Recipe()
        orientation, pose = view(self.view, self.distance)
        return replace(
            plain,
            orientation=orientation,
            pose=pose,
            renderer=replace(plain.renderer, backend=self.backend),  # type: ignore[arg-type]
            attenuation=replace(plain.attenuation, kind=self.attenuation),  # type: ignore[arg-type]
        )

    @property
    def budget(self) -> float | None:
        """Seconds that a preview may take, or None to find them."""
        return self.preview_ms / 1000 or None


def preferences() -> Preferences:
    """Return what the user prefers; the defaults where napari keeps no settings for us."""
    kept = _kept()
    if kept is None:
        return Preferences()
    found: dict[str, Any] = {}
    for field in fields(Preferences):
        value = getattr(kept, field.name, field.default)
        if _is_valid(field.name, value):
            found[field.name] = value
        else:
            _log.warning("The preference %s can't be %r: it is not heeded.", field.name, value)
    return Preferences(**found)


def on_preferences_changed(callback: Callable[[Any], None]) -> None:
    """Call a method, with an event, whenever the user changes a preference; it is held weakly.

    Args:
        callback: The method.
    """
    settings = _settings()
    if settings is not None:
        settings.events.changed.connect(callback)


def _settings() -> Any:
    """Return napari's settings of this plugin, or None: it may be disabled, or not installed."""
    try:
        from napari.settings import get_plugin_settings

        return get_plugin_settings(PLUGIN)
    except (ImportError, KeyError, ValueError, OSError) as error:
        _log.debug("There are no preferences: %r.", error)
        return None


def _kept() -> Any:
    return getattr(_settings(), CATEGORY, None)


def _is_valid(name: str, value: Any) -> bool:
    """Tell whether a value is one that its field may have: files can be edited by hand."""
    choices = {
        "backend": get_args(get_type_hints(RendererSettings)["backend"]),
        "device": DEVICES,
        "view": VIEWS,
        "attenuation": get_args(get_type_hints(Attenuation)["kind"]),
        "live": (True, False),
    }
    if name in choices:
        return value in choices[name]
    return isinstance(value, int | float) and (value > 0 or (name == "preview_ms" and value == 0))
