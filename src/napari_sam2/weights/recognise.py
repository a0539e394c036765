"""Which variant a file of weights belongs to, from the names and shapes in it."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from napari_sam2.sam2 import PRESETS, ModelConfig, Sam2
from napari_sam2.weights.errors import ModelError


def recognise_variant(state: Mapping[str, Tensor], file: Path) -> str:
    """The variant that shares most names and shapes with `state`, as a key of `PRESETS`.

    It may still not fit: then strict loading says what is missing, which tells more than a mere "unknown".

    Raises:
        ModelError: not even half of the entries are those of any variant.
    """
    found = {(name, tuple(tensor.shape)) for name, tensor in state.items()}
    misfits = {variant: len(found ^ _entries(config)) for variant, config in PRESETS.items()}
    best = min(misfits, key=lambda variant: misfits[variant])
    if len(found & _entries(PRESETS[best])) * 2 < len(found):
        _explain_foreign(state, file)
        raise ModelError(
            f"{file} does not look like a SAM 2 model (first entry: {next(iter(state))}); "
            f"known are {', '.join(PRESETS)}"
        )
    return best


# An entry that tells a layout of others, by the beginning of its name, and what to say.
_FOREIGN = {
    "vision_encoder.": "it has the layout of Hugging Face's transformers; take the .pt file of the same model",
    "image_encoder.blocks.": "it is a model of the first SAM, not of SAM 2",
    "image_encoder.patch_embed.": "it is a model of the first SAM, not of SAM 2",
    "detector.": "it is a SAM 3 model, not a SAM 2 one",
}


def _explain_foreign(state: Mapping[str, Tensor], file: Path) -> None:
    """Raise ModelError for a layout that is known to be another one."""
    for start, reason in _FOREIGN.items():
        if any(name.startswith(start) for name in state):
            raise ModelError(f"{file} cannot be used: {reason}; known are {', '.join(PRESETS)}")


def _entries(config: ModelConfig) -> set[tuple[str, tuple[int, ...]]]:
    """Names and shapes of a network; on the meta device, building one costs neither memory nor time."""
    with torch.device("meta"):
        network = Sam2(config)
    return {(name, tuple(tensor.shape)) for name, tensor in network.state_dict().items()}
