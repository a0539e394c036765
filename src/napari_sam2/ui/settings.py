"""The plugin's page in napari's Preferences."""

from typing import Any

from napari_sam2.ui.backend import ModelChoice
from napari_sam2.weights.addresses import split_mirrors
from napari_sam2.weights.registry import BUNDLED

PLUGIN = "napari-sam2"


def default_choice() -> ModelChoice:
    """The bundled model on the preferred device; where napari does not know the plugin, nothing is preferred."""
    preferred = _page()
    if preferred is None:
        return ModelChoice(BUNDLED)
    return ModelChoice(
        BUNDLED,
        device=preferred.device,
        folder=preferred.cache_folder.strip(),
        mirrors=split_mirrors(preferred.mirror),
    )


def prefer_folder(folder: str) -> None:
    """Keep downloads in this folder from now on, also after a restart."""
    preferred = _page()
    if preferred is not None:
        preferred.cache_folder = folder


def _page() -> Any:
    """The values of the page, None where napari does not know the plugin."""
    try:
        from napari.settings import get_plugin_settings

        return get_plugin_settings(PLUGIN).segmentation
    except (ImportError, KeyError):
        return None
