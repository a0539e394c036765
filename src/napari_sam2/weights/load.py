"""From a name or a file to a network that is ready to use."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch

from napari_sam2.sam2 import PRESETS, CheckpointError, Sam2, load_state
from napari_sam2.sam2.precision import mixed, quick_dtype
from napari_sam2.weights import registry
from napari_sam2.weights.checkpoints import read_checkpoint
from napari_sam2.weights.download import fetch
from napari_sam2.weights.errors import ModelError
from napari_sam2.weights.recognise import recognise_variant
from napari_sam2.weights.transfer import Progress

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load_model(
    name_or_path: str | os.PathLike[str],
    *,
    variant: str | None = None,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    folder: str | os.PathLike[str] | None = None,
    mirrors: Sequence[str] = (),
    progress: Progress | None = None,
) -> Sam2:
    """A network with its weights, in evaluation mode on its device.

    Args:
        name_or_path: "micro" (bundled), one of the published names (downloaded once), or a file of weights of a known
            layout, `.pt` or `.safetensors`.
        variant: key of `napari_sam2.sam2.PRESETS`; found out from the file when None.
        device: "auto" takes CUDA, then Apple's MPS, then the CPU.
        dtype: of the weights of the heavy parts: "float32", "bfloat16" or "float16". With "auto" they are float32, and
            trackers use a copy in half precision where the device is faster in it (see `Tracker.precision`).
        folder: where downloads are kept, instead of the cache folder.
        mirrors: addresses of folders on the web to try first for a download.
        progress: called with (bytes so far, bytes in all or None) while a published model is downloaded.

    Raises:
        ModelError: unknown name, unreadable or unfitting file, missing device; DownloadError (a ModelError): not here
            and not to be had. The message says what to do.
    """
    chosen_device, chosen_dtype = choose_device(device), _dtype(dtype)
    if variant is not None and variant not in PRESETS:
        raise ModelError(f"there is no variant {variant!r}; there are {', '.join(PRESETS)}")
    file, known = _locate(name_or_path, partial(fetch, folder=folder, mirrors=mirrors, progress=progress))
    if variant is not None and known is not None and variant != known:
        raise ModelError(f"{name_or_path} is the variant {known}, not {variant}; leave variant out")
    checkpoint = read_checkpoint(file)
    name = variant or known or checkpoint.variant or recognise_variant(checkpoint.state, file)
    if name not in PRESETS:
        raise ModelError(
            f"{file} says it is the variant {name!r}, which this version does not know; update napari-sam2"
        )
    model = Sam2(PRESETS[name])
    try:
        load_state(model, checkpoint.state, name)
    except CheckpointError as error:
        raise ModelError(f"{file}: {error}") from error
    return _place(model.eval().requires_grad_(False), chosen_device, chosen_dtype)


def _locate(name_or_path: str | os.PathLike[str], get: Callable[[str], Path]) -> tuple[Path, str | None]:
    """The file of weights, and its variant where the name says it."""
    if name_or_path == registry.BUNDLED:
        return registry.bundled_file(), registry.BUNDLED
    if isinstance(name_or_path, str) and name_or_path in registry.PUBLISHED:
        return get(name_or_path), name_or_path
    file = Path(name_or_path).expanduser()
    if file.is_file():
        return file, None
    raise ModelError(
        f"there is no model and no file {str(name_or_path)!r}; give a .pt or .safetensors file or one of "
        + ", ".join(registry.names())
    )


def choose_device(device: str | torch.device) -> torch.device:
    """The device that "auto", a name or a device stands for. Raises ModelError when it is not available."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ModelError(f"there is no device {device!r}; use auto, cpu, cuda or mps") from error
    available: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    if chosen.type not in available or not available[chosen.type]():
        raise ModelError(f"the device {device} is not available here; use auto or cpu")
    return chosen


def _dtype(dtype: str | torch.dtype) -> torch.dtype | None:
    if isinstance(dtype, torch.dtype) and dtype in _DTYPES.values():
        return dtype
    if dtype == "auto":
        return None
    try:
        return _DTYPES[str(dtype)]
    except KeyError:
        raise ModelError(f"there is no dtype {str(dtype)!r}; use auto, {', '.join(_DTYPES)}") from None


def _place(model: Sam2, device: torch.device, dtype: torch.dtype | None) -> Sam2:
    try:
        model = model.to(device=device)
        if dtype is not None:
            return mixed(model, dtype)
    except RuntimeError as error:  # torch.OutOfMemoryError is one, and so is a driver that does not answer
        reason = str(error).splitlines()[0]
        raise ModelError(f"{model.config.name} cannot be put on {device}: {reason}; use device cpu") from error
    model.quick_dtype = quick_dtype(device)
    return model
