"""The size of the window in which an object is looked at, found from its first prompt."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_sam2.tracking.network import Network
from napari_sam2.tracking.view import View

SMALLEST_SIDE = 40.0
STEP = 1.5
"""Ratio of one window to the next when the size of the object is unknown."""
SPOKEN_FOR = 0.5
"""A size counts that has this share of the support of the best one."""
ALIKE = 1.3
"""Sizes within this ratio are one object, measured in different windows."""
FITTING = (1 / 9, 0.62)
"""Diameter of an object over the side of its window: what the model was trained on, with a little room."""


def side_for(area: float, extent: float, ratio: float) -> float:
    """Side of a window for an object of ``area`` pixels that is ``extent`` pixels long.

    Long thin objects count by their area, as long as the window holds them whole.
    """
    return max(SMALLEST_SIDE, ratio * math.sqrt(area * 4 / math.pi), 1.7 * extent)


def measure(logits: Tensor, view: View) -> tuple[float, float, tuple[float, float]] | None:
    """Area, longest extent and centre (y, x), in frame pixels, of a view's (h, w) mask; None when it is empty."""
    inside = logits > 0
    rows, columns = torch.nonzero(inside, as_tuple=True)
    if not len(rows):
        return None
    dy, dx = view.height / logits.shape[0], view.width / logits.shape[1]
    height = float(rows.max() - rows.min() + 1) * dy
    width = float(columns.max() - columns.min() + 1) * dx
    y = float(rows.float().mean() + 0.5) * dy + view.y - 0.5
    x = float(columns.float().mean() + 0.5) * dx + view.x - 0.5
    return len(rows) * dy * dx, max(height, width), (y, x)


def from_box(box: tuple[float, float, float, float], ratio: float) -> tuple[tuple[float, float], float]:
    """Centre and side of the window for a box (y0, x0, y1, x1)."""
    y0, x0, y1, x1 = box
    height, width = max(y1 - y0, 1.0), max(x1 - x0, 1.0)
    # An ellipse fills pi / 4 of its box.
    return ((y0 + y1) / 2, (x0 + x1) / 2), side_for(height * width * math.pi / 4, max(height, width), ratio)


def from_mask(mask: NDArray[Any], ratio: float) -> tuple[tuple[float, float], float]:
    """Centre and side of the window for a mask."""
    rows, columns = np.nonzero(mask)
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    return (float(rows.mean()), float(columns.mean())), side_for(len(rows), float(extent), ratio)


def sides(shape: tuple[int, int]) -> list[float]:
    """Sides of windows to try: from the smallest to one that holds the whole frame."""
    out = [SMALLEST_SIDE]
    while out[-1] < max(shape):
        out.append(out[-1] * STEP)
    return out


def from_click(
    network: Network, frame: int, yx: tuple[float, float], ratio: float
) -> tuple[tuple[float, float], float]:
    """Centre and side of the window for what lies under a click.

    The click is tried in windows of all sizes. A real object is found in several of them alike: that agreement,
    weighted with the predicted IoU, speaks for a size. Cells lie in colonies and colonies in tissue, which are found
    alike too: of sizes that are spoken for, the smallest is taken.
    """
    shape = network.frames.shape
    views = [View.window(yx, side, (shape[0], shape[1])) for side in sides((shape[0], shape[1]))]
    found = network.candidates(frame, views, yx)
    every, ious = found.logits.float().cpu(), found.ious.tolist()
    masks: list[tuple[View, Tensor, float, float, tuple[float, float], float]] = []
    for row, view in enumerate(views):
        for column, logits in enumerate(every[row]):
            size = measure(logits, view)
            if size is None:
                continue
            area, extent, centre = size
            share = math.sqrt(area * 4 / math.pi) / view.side
            if FITTING[0] <= share <= FITTING[1]:
                masks.append((view, logits, area, extent, centre, ious[row][column]))
    if not masks:
        return yx, float(min(4 * SMALLEST_SIDE, max(shape)))
    scores = np.array([_support(candidate, masks) for candidate in masks])
    sizes = np.array([side_for(area, extent, ratio) for _, _, area, extent, _, _ in masks])
    smallest = sizes[scores >= SPOKEN_FOR * scores.max()].min()
    alike = (sizes >= smallest) & (sizes <= ALIKE * smallest)
    chosen = int(np.where(alike, scores, -1).argmax())
    return masks[chosen][4], float(sizes[chosen])


def _support(
    candidate: tuple[View, Tensor, float, float, tuple[float, float], float],
    others: list[tuple[View, Tensor, float, float, tuple[float, float], float]],
) -> float:
    """Predicted IoU of a candidate, raised by every other window that finds the same."""
    view, logits, area, _, _, iou = candidate
    by_view: dict[View, float] = {}
    for other_view, other_logits, other_area, _, _, other_iou in others:
        # Masks of very different size cannot agree: no need to compare their pixels.
        if other_view == view or not 0.5 < area / other_area < 2:
            continue
        seen = other_view.resample(other_logits[None], view, -1.0)[0] > 0
        mine = logits > 0
        agreement = float((seen & mine).sum()) / max(float((seen | mine).sum()), 1.0)
        by_view[other_view] = max(by_view.get(other_view, 0.0), agreement * other_iou)
    best = sorted(by_view.values(), reverse=True)[:2]
    return iou + sum(best)
