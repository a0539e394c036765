"""Frames in, masks out: the streaming tracker. No napari, no Qt.

The names below are loaded on first use: `tracking.contrast` and its like are wanted where torch is not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sam2.tracking.contrast import Contrast
    from napari_sam2.tracking.errors import TrackingError
    from napari_sam2.tracking.options import TrackerOptions
    from napari_sam2.tracking.result import FrameResult
    from napari_sam2.tracking.tracker import Tracker

__all__ = ["Contrast", "FrameResult", "Tracker", "TrackerOptions", "TrackingError"]

_HOMES = {
    "Contrast": "contrast",
    "FrameResult": "result",
    "Tracker": "tracker",
    "TrackerOptions": "options",
    "TrackingError": "errors",
}


def __getattr__(name: str) -> Any:
    """Load one of the public names from its module (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
