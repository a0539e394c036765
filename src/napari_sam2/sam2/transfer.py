"""From the memory of the computer to that of a device."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on ``device``; itself where it is there already.

    A graphics card of CUDA fetches it by itself, from pages that stay where they are, while the program goes on: the
    copy takes its turn among the work that the card was given before. Torch keeps the pages until they have been read.
    Everywhere else it is a plain copy; Apple's processors share their memory, and have no such pages.
    """
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
