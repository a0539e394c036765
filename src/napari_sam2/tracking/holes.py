"""Small holes in masks."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

FILLED_LOGIT = 0.1
_NEIGHBOURS = np.ones((3, 3), dtype=bool)


def fill_holes(logits: Tensor, largest: int) -> Tensor:
    """Raise 8-connected background regions of at most ``largest`` cells just above zero.

    (N, 1, h, w) logits to the same, as ``fill_holes_in_mask_scores`` of Meta's code.
    """
    if largest <= 0:
        return logits
    background = (logits <= 0).cpu().numpy()
    holes = np.zeros_like(background)
    for index in np.ndindex(background.shape[:2]):
        regions, count = ndimage.label(background[index], structure=_NEIGHBOURS)
        if count > 1 or (count == 1 and not background[index].all()):
            small = np.bincount(regions.ravel()) <= largest
            small[0] = False
            holes[index] = small[regions]
    if not holes.any():
        return logits
    return torch.where(torch.from_numpy(holes).to(logits.device), FILLED_LOGIT, logits)
