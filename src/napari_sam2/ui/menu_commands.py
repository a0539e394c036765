"""Commands of the Layers menu: they open the widget where it is closed and press its buttons."""

from typing import Any

from napari import Viewer

from napari_sam2.ui.preferences import PLUGIN


def _widget(viewer: Any) -> Any:
    """The widget of a viewer, opened when it was closed."""
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment stack")
    return widget


def save_session(viewer: Viewer) -> None:
    """Ask for a folder and save the session into it."""
    _widget(viewer).sessions.save()


def open_session(viewer: Viewer) -> None:
    """Ask for the folder of a session and open it."""
    _widget(viewer).sessions.open()
