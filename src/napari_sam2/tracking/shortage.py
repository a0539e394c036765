"""When memory runs out."""

from __future__ import annotations

import torch

_SAID = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, of whatever device.

    CUDA has a class for it, which is called otherwise before torch 2.5; its libraries, Apple's graphics processors and
    the processor's own memory say it in a RuntimeError.
    """
    said = str(error).lower()
    return type(error).__name__ in ("OutOfMemoryError", "MemoryError") or (
        isinstance(error, RuntimeError) and any(words in said for words in _SAID)
    )


def let_go(device: torch.device) -> None:
    """Give memory that torch keeps for later back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
