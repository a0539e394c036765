"""Files of weights: read without ever running code that is in them."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor

from napari_sam2.weights.errors import ModelError


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, on the CPU, and the variant where the file itself names one."""

    state: Mapping[str, Tensor]
    variant: str | None = None


def bundled_file() -> Path:
    """The weights that come with the package.

    Raises:
        ModelError: they are not there, so the installation is incomplete.
    """
    file = Path(__file__).with_name("micro.safetensors")
    if not file.is_file():
        raise ModelError(f"the bundled weights are missing ({file}); install napari-sam2 again")
    return file


def read_checkpoint(file: Path) -> Checkpoint:
    """The tensors of a `.safetensors` file, or of a `.pt` file in Meta's layout ({"model": ...}) or without it.

    Raises:
        ModelError: cannot be read, is damaged, or holds something else than tensors.
    """
    if file.suffix == ".safetensors":
        return _read_safetensors(file)
    return Checkpoint(_tensors(_read_pickle(file), file))


def _read_safetensors(file: Path) -> Checkpoint:
    try:
        with safetensors.safe_open(str(file), framework="pt") as opened:
            metadata = opened.metadata() or {}
        state = load_file(file)
    except (safetensors.SafetensorError, OSError) as error:
        raise ModelError(f"{file} is damaged or no safetensors file ({error}); get it again") from error
    variant = metadata.get("variant") if metadata.get("format") == "napari-sam2" else None
    return Checkpoint(state, variant)


def _read_pickle(file: Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # Also what a file without any pickle in it gives.
        raise ModelError(
            f"{file} is no file of weights, or holds more than weights, which is not loaded for safety; "
            "save its state dict alone with torch.save or as .safetensors"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise ModelError(f"{file} is damaged or incomplete, or no PyTorch file; get it again") from error


def _tensors(content: Any, file: Path) -> Mapping[str, Tensor]:
    state = content.get("model", content) if isinstance(content, Mapping) else content
    if not isinstance(state, Mapping) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f'{file} holds no weights; expected tensors by name, or a group "model" of them')
    return state
