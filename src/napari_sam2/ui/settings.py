"""The plugin's page in napari's Preferences."""

from collections.abc import Callable
from typing import Any

from napari_sam2.ui.backend import ModelChoice
from napari_sam2.ui.keeping import Keep
from napari_sam2.ui.preferences import page
from napari_sam2.weights.addresses import split_mirrors
from napari_sam2.weights.registry import BUNDLED


def default_choice() -> ModelChoice:
    """The bundled model on the preferred device; where napari does not know the plugin, nothing is preferred."""
    preferred = page()
    if preferred is None:
        return ModelChoice(BUNDLED)
    return ModelChoice(
        BUNDLED,
        device=preferred.device,
        folder=preferred.cache_folder.strip(),
        mirrors=split_mirrors(preferred.mirror),
    )


def keep() -> Keep:
    """Where and how often sessions are kept while somebody works."""
    preferred = page()
    if preferred is None:
        return Keep()
    seconds = float(preferred.autosave_seconds) if preferred.autosave else -1.0
    return Keep(preferred.sessions_folder.strip(), seconds)


def prefer_folder(folder: str) -> None:
    """Keep downloads in this folder from now on, also after a restart."""
    preferred = page()
    if preferred is not None:
        preferred.cache_folder = folder


def on_places_changed(call: Callable[[], None]) -> Callable[[], None]:
    """Let `call` run when the folder of downloads or the mirrors are changed; returns what ends that."""
    preferred = page()
    if preferred is None:
        return lambda: None

    def heard(event: Any = None) -> None:
        call()

    events = (preferred.events.cache_folder, preferred.events.mirror)
    for event in events:
        event.connect(heard)

    def stop() -> None:
        for event in events:
            event.disconnect(heard)

    return stop
