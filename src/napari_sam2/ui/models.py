"""The models and devices to choose from, as the widget lists them."""

import sys
from pathlib import Path

from napari_sam2.weights.download import cached_file
from napari_sam2.weights.recent import recent_checkpoints
from napari_sam2.weights.registry import BUNDLED, PUBLISHED

_SIZES = {"tiny": "tiny", "small": "small", "base_plus": "base+", "large": "large"}


def model_choices() -> list[tuple[str, str]]:
    """(what the user reads, name) of every model, the bundled one first, the newer ones before the older ones."""
    newer = [name for name in PUBLISHED if name.startswith("sam2.1")]
    older = [name for name in PUBLISHED if name not in newer]
    return [(model_text(BUNDLED), BUNDLED), *((model_text(name), name) for name in (*newer, *older))]


def model_text(model: str) -> str:
    """What the user reads for a model name or the path of a checkpoint."""
    if model == BUNDLED:
        return "micro (bundled)"
    if model not in PUBLISHED:
        return Path(model).name
    family, _, size = model.partition("_hiera_")
    return f"SAM {family.removeprefix('sam')} {_SIZES.get(size, size)}"


def model_items(folder: str) -> list[tuple[str, str, str]]:
    """(what the user reads, name or path, more about it) of every model to choose from, with the user's own last."""
    items = []
    for text, name in model_choices():
        if is_here(name, folder):
            items.append((text, name, "" if name == BUNDLED else "downloaded"))
        else:
            amount = f"{PUBLISHED[name].about / 1e6:.0f} MB"
            items.append((f"{text}  (get {amount})", name, f"about {amount}, downloaded once when it is chosen"))
    for own in recent_checkpoints():
        items.append((f"{model_text(own.path)}  ({_family(own.variant)})", own.path, own.path))
    return items


def _family(variant: str) -> str:
    return model_text(variant).removesuffix(" (bundled)")


def is_here(model: str, folder: str) -> bool:
    """Whether a model can be had without a download. The file is not checked, that takes a while."""
    return model not in PUBLISHED or cached_file(PUBLISHED[model], folder or None).is_file()


def devices() -> list[str]:
    """The devices to offer. Whether CUDA works is known only once torch is imported; loading says so if not."""
    return ["auto", "cpu", "mps" if sys.platform == "darwin" else "cuda"]
