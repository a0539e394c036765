"""Which candidate of an ambiguous click is meant: the one that is found from nearer and from farther, too.

The network ranks its candidates by the IoU that it predicts for each. Parts of a textured cell and clumps of cells are
often rated as high as the cell, but seldom in windows of several sizes alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_sam2.sam2 import Segmentation
from napari_sam2.tracking.view import View

SIZES = (0.72, 1.38)
"""Sides of the other windows over that of the one in which the click is answered."""


def looks(view: View, yx: tuple[float, float], shape: tuple[int, int]) -> tuple[View, ...]:
    """Windows around the same centre, nearer and farther, in which a click at (y, x) can be asked again."""
    found = (View.window(view.centre, view.side * size, shape) for size in SIZES)
    return tuple(other for other in found if other != view and _holds(other, yx))


def _holds(view: View, yx: tuple[float, float]) -> bool:
    y, x = (yx[0] - view.y + 0.5) / view.height, (yx[1] - view.x + 0.5) / view.width
    return 0 < y < 1 and 0 < x < 1


def agreement(view: View, others: Sequence[View], found: Segmentation, logits: Tensor, ious: Tensor) -> Tensor:
    """What candidates are ranked by: their predicted IoU, raised by that of their like in every other window.

    Args:
        view, logits, ious: where one object was looked at, with its candidates (1, M, h, w) and their IoUs (1, M).
        others, found: the other windows, and what was found there, a batch with one entry for each.

    Returns:
        (1, M).
    """
    mine = logits[0].float() > 0
    ranks = ious[0].float().clone()
    for row, other in enumerate(others):
        seen = torch.stack([other.resample(one[None], view, -1.0)[0] for one in found.logits[row].float()]) > 0
        shared = (mine[:, None] & seen[None]).flatten(2).sum(2)
        either = (mine[:, None] | seen[None]).flatten(2).sum(2)
        ranks += (shared / either.clamp(min=1) * found.ious[row].float()).amax(1)
    return ranks[None]
