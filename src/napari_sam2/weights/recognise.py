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
        raise ModelError(
            f"{file} does not look like a SAM 2 model (first entry: {next(iter(state))}); "
            f"known are {', '.join(PRESETS)}"
        )
    return best


def _entries(config: ModelConfig) -> set[tuple[str, tuple[int, ...]]]:
    """Names and shapes of a network; on the meta device, building one costs neither memory nor time."""
    with torch.device("meta"):
        network = Sam2(config)
    return {(name, tuple(tensor.shape)) for name, tensor in network.state_dict().items()}
