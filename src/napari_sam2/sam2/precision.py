"""Half precision where it pays: on processors that multiply it faster, for the parts that do most of the work.

The image encoder, memory attention and the memory encoder are run in half precision. Prompts and the mask decoder stay
in float32: they are cheap, and places of clicks and edges of masks lose there (docs/performance.md has the figures).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

Net = TypeVar("Net", bound=nn.Module)

HEAVY = ("image_encoder", "memory_attention", "memory_encoder")
"""Components whose weights are in half precision in a mixed network."""


def quick_dtype(device: torch.device) -> torch.dtype:
    """The type that products are fastest in on a device without loss that matters: float32 where nothing is faster."""
    if device.type == "cuda":
        # Torch says of every card that it supports bfloat16; those before Ampere (8) only emulate it, slowly, and those
        # before Volta (7) are slower in half precision of any kind.
        generation = torch.cuda.get_device_capability(device)[0]
        if torch.version.hip is not None or generation >= 8:
            return torch.bfloat16
        return torch.float16 if generation == 7 else torch.float32
    if device.type == "cpu":
        # Older releases of torch cannot be asked.
        ask: Callable[[], dict[str, object]] = getattr(torch.cpu, "get_capabilities", dict)
        known = ask()
        return torch.bfloat16 if known.get("avx512_bf16") or known.get("amx_bf16") else torch.float32
    return torch.float32


def mixed(model: Net, dtype: torch.dtype) -> Net:
    """A network that shares all weights with ``model``, with the heavy parts in ``dtype``; made once per device."""
    kept: dict[tuple[torch.dtype, torch.device], Net] = model.__dict__.setdefault("_mixed", {})
    key = (dtype, next(model.parameters()).device)
    if key not in kept:
        twin = copy.copy(model)
        twin.__dict__["_mixed"] = {}
        twin._modules = dict(model._modules)
        for name in HEAVY:
            twin._modules[name] = copy.deepcopy(model.get_submodule(name)).to(dtype)
        kept[key] = twin
    return kept[key]
