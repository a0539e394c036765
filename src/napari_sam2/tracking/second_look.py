"""A first click or box, asked again from nearer and from farther: which candidate is meant, and where its outline is.

The network ranks its candidates by the IoU that it predicts for each. Parts of a textured cell and clumps of cells are
often rated as high as the cell, but seldom in windows of several sizes alike. And where the windows agree, their mean
is nearer to the truth than each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_sam2.sam2 import Segmentation
from napari_sam2.tracking.view import View

SIZES = (0.72, 1.38)
"""Sides of the other windows over that of the one in which the prompt is answered."""
ALIKE = 0.5
"""IoU from which on masks of two windows are taken for the same."""
SURE = 6.0
"""Logits count up to here in the mean, so that one very sure window does not outvote two."""


@dataclass(frozen=True)
class Sighting:
    """The candidates that were found in another window, as the window in question shows them."""

    logits: Tensor  # (M, h, w)
    ious: Tensor  # (M,), predicted
    covered: Tensor  # (h, w), whether the other window saw this place


def looks(view: View, places: NDArray[np.floating], shape: tuple[int, int]) -> tuple[View, ...]:
    """Windows around the same centre, nearer and farther, that hold all of the (N, 2) places (y, x)."""
    found = (View.window(view.centre, view.side * size, shape) for size in SIZES)
    return tuple(other for other in found if other != view and _holds(other, places))


def _holds(view: View, places: NDArray[np.floating]) -> bool:
    inside = (places - (view.y, view.x) + 0.5) / (view.height, view.width)
    return bool(((inside > 0) & (inside < 1)).all())


def sightings(view: View, others: Sequence[View], found: Segmentation) -> list[Sighting]:
    """What was found in other windows, as ``view`` shows it; ``found`` is a batch with one entry for each of them."""
    out = []
    for row, other in enumerate(others):
        candidates = found.logits[row].float().clamp(-SURE, SURE)
        seen = torch.cat([other.resample(one[None], view, -SURE) for one in candidates])
        covered = other.resample(torch.ones_like(candidates[:1]), view, 0.0)[0] > 0.99
        out.append(Sighting(seen, found.ious[row].float(), covered))
    return out


def _alike(masks: Tensor, sighting: Sighting) -> Tensor:
    """IoU of every one of (M, h, w) logits with every candidate of a sighting: (M, N)."""
    mine, seen = masks > 0, sighting.logits > 0
    shared = (mine[:, None] & seen[None]).flatten(2).sum(2)
    either = (mine[:, None] | seen[None]).flatten(2).sum(2)
    return shared / either.clamp(min=1)


def agreement(others: Sequence[Sighting], logits: Tensor, ious: Tensor) -> Tensor:
    """What candidates are ranked by: their predicted IoU, raised by that of their like in every other window.

    Args:
        others: what was found in the other windows.
        logits, ious: the candidates of one object (1, M, h, w) and their predicted IoUs (1, M).

    Returns:
        (1, M).
    """
    ranks = ious[0].float().clone()
    for other in others:
        ranks += (_alike(logits[0].float(), other) * other.ious).amax(1)
    return ranks[None]


def together(others: Sequence[Sighting], found: Segmentation) -> Segmentation:
    """The candidates of one object, each as the mean of what was found alike in all windows that saw the place.

    An object that is absent stays so.
    """
    if float(found.object_scores[0, 0]) <= 0:
        return found
    mine = found.logits[0].float()
    total, count = mine.clamp(-SURE, SURE), torch.ones_like(mine)
    for other in others:
        overlap, like = _alike(mine, other).max(1)
        counts = (overlap > ALIKE)[:, None, None] & other.covered
        total = total + torch.where(counts, other.logits[like], 0.0)
        count = count + counts
    return replace(found, logits=(total / count)[None].to(found.logits.dtype))
