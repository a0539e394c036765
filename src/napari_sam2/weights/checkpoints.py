"""Files of weights: read without ever running code that is in them."""

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor

from napari_sam2.weights.errors import ModelError

_GROUPS = ("model", "state_dict", "model_state_dict", "model_state", "module")
_WRAPPERS = ("module.", "_orig_mod.", "model.", "sam.", "sam2.", "sam2_model.", "net.", "network.")


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, on the CPU, and the variant where the file itself names one."""

    state: Mapping[str, Tensor]
    variant: str | None = None


def read_checkpoint(file: Path) -> Checkpoint:
    """The tensors of a file of safetensors or of torch.save, whatever it is called.

    Of the latter, Meta's layout ({"model": ...}), a bare state dict, and what trainers make of them: other names of the
    group ("state_dict", ...), and names of all tensors with something before them ("module.", ...).

    Raises:
        ModelError: cannot be read, is damaged, or holds something else than tensors.
    """
    if _is_safetensors(file):
        found = _read_safetensors(file)
        return Checkpoint(_plain_names(found.state), found.variant)
    return Checkpoint(_plain_names(_tensors(_read_pickle(file), file)))


def _is_safetensors(file: Path) -> bool:
    """Whether a file begins as one: the length of a header, which is JSON. A torch file begins as an archive."""
    try:
        with file.open("rb") as stream:
            start = stream.read(9)
    except OSError:
        start = b""
    return start[8:] == b"{" or (file.suffix == ".safetensors" and not zipfile.is_zipfile(file))


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
        with file.open("rb") as stream:  # of a path, torch believes the suffix
            return torch.load(stream, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # Also what a file without any pickle in it gives.
        raise ModelError(
            f"{file} is no file of weights, or holds more than weights, which is not loaded for safety; "
            "save its state dict alone with torch.save or as .safetensors"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise ModelError(f"{file} is damaged or incomplete, or no PyTorch file; get it again") from error


def _tensors(content: Any, file: Path) -> Mapping[str, Tensor]:
    groups = (content[name] for name in _GROUPS if name in content) if isinstance(content, Mapping) else ()
    state = next((group for group in groups if isinstance(group, Mapping)), content)
    if not isinstance(state, Mapping) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f'{file} holds no weights; expected tensors by name, or a group "model" of them')
    return state


def _plain_names(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The same without what wrappers have put before every name."""
    stripped = True
    while stripped:
        stripped = False
        for prefix in _WRAPPERS:
            if all(name.startswith(prefix) for name in state):
                state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
                stripped = True
    return state
