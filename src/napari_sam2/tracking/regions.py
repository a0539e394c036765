"""Small holes in masks, and small specks beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

FILLED_LOGIT, DROPPED_LOGIT = 0.1, -0.1
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


def drop_specks(logits: Tensor, share: float, clicked: Sequence[tuple[int, int]] = ()) -> Tensor:
    """Lower 8-connected parts of a mask that have less than ``share`` of its largest part's area just below zero.

    (N, 1, h, w) logits to the same. A cell is one piece; what a mask picks up in look-alike neighbours is not. Parts
    with a ``clicked`` cell (row, column) stay: the user wants them.
    """
    if share <= 0:
        return logits
    inside = (logits > 0).cpu().numpy()
    specks = np.zeros_like(inside)
    for index in np.ndindex(inside.shape[:2]):
        regions, count = ndimage.label(inside[index], structure=_NEIGHBOURS)
        if count > 1:
            areas = np.bincount(regions.ravel())
            small = areas < share * areas[1:].max()
            small[[0, *(regions[cell] for cell in clicked)]] = False
            specks[index] = small[regions]
    if not specks.any():
        return logits
    return torch.where(torch.from_numpy(specks).to(logits.device), DROPPED_LOGIT, logits)
