"""The plugin's page in napari's Preferences."""

from napari_sam2.ui.backend import ModelChoice
from napari_sam2.weights.registry import BUNDLED

PLUGIN = "napari-sam2"


def default_choice() -> ModelChoice:
    """The bundled model on the preferred device; where napari does not know the plugin, nothing is preferred."""
    try:
        from napari.settings import get_plugin_settings

        preferred = get_plugin_settings(PLUGIN).segmentation
    except (ImportError, KeyError):
        return ModelChoice(BUNDLED)
    return ModelChoice(BUNDLED, device=preferred.device, folder=preferred.cache_folder.strip())
