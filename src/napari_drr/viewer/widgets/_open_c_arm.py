"""The way to the C-arm in 3-D."""

from __future__ import annotations

from typing import Any

from napari.settings import get_settings

PLUGIN, WIDGET = "napari-drr", "C-arm in 3-D"
# As napari calls the dock; the Plugins menu then knows that it is open.
NAME = f"{WIDGET} ({PLUGIN})"


def open_c_arm(viewer: Any) -> None:
    """Dock the C-arm in 3-D in a viewer's window, or show it again.

    It goes below the canvas, unless the user has taken it to another place before.

    Args:
        viewer: A viewer with a window.
    """
    get_settings().application.plugin_widget_positions.setdefault(NAME, "bottom")
    dock, _ = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    dock.show()
    dock.raise_()
