"""The values of the plugin's page in napari's Preferences, and the bounds of memory among them."""

from pathlib import Path
from typing import Any

from napari_sam2.weights.download import cache_folder

PLUGIN = "napari-sam2"


def frame_memory() -> int:
    """Bytes that may be needed to look at one frame; a finer level of a multiscale image is not taken."""
    return round(_number("frame_memory_mb", 1024) * 2**20)


def largest_in_memory() -> int:
    """Bytes of masks that are kept in memory; larger ones are kept on the disk."""
    return round(_number("masks_in_memory_gb", 4) * 2**30)


def feature_memory() -> int:
    """Bytes of image features that are kept for frames that are looked at again."""
    return round(_number("feature_memory_mb", 256) * 2**20)


def masks_folder() -> Path:
    """Where masks are kept that are too large for the memory."""
    preferred = page()
    chosen = getattr(preferred, "masks_folder", "").strip() if preferred is not None else ""
    return Path(chosen).expanduser() if chosen else cache_folder() / "masks"


def _number(name: str, default: float) -> float:
    return float(getattr(page(), name, default))


def page() -> Any:
    """The values of the page, None where napari does not know the plugin."""
    try:
        from napari.settings import get_plugin_settings

        return get_plugin_settings(PLUGIN).segmentation
    except (ImportError, KeyError):
        return None
