"""What is drawn by hand as prompts: closed lines as masks, open lines as clicks, masks as lines. Pure functions.

Lines are (N, 2) vertices (y, x) in data pixels, at the centre of pixels.
"""

import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage import draw, measure

from napari_sam2.session.masks import bounding_box

Mask = npt.NDArray[np.bool_]
Line = npt.NDArray[np.float64]

CLICK_EVERY = 12.0
"""Pixels of a drawn line per click, as long as there are not too many."""
MOST_CLICKS = 5
"""The model answers click by click; more of them along one line tell it nothing new."""
ALIKE = 0.85
"""Two masks with this IoU are the same for a person."""


_T = TypeVar("_T")


def per_mask(compute: Callable[[Mask], _T]) -> Callable[[Mask], _T]:
    """Compute something of a mask once for as long as it lives. The masks of prompts are never written into."""
    known: dict[int, tuple[weakref.ref[Mask], _T]] = {}

    def remembered(mask: Mask) -> _T:
        key = id(mask)
        found = known.get(key)
        if found is None or found[0]() is not mask:
            found = (weakref.ref(mask, lambda _: known.pop(key, None)), compute(mask))
            known[key] = found
        return found[1]

    return remembered


def interior(line: Any, shape: tuple[int, int]) -> Mask:
    """(y, x) bool of the pixels whose centres lie inside a closed line, cut at the edge of the frame."""
    vertices = np.asarray(line, float).reshape(-1, 2)
    mask = np.zeros(shape, bool)
    if len(vertices) >= 3:
        mask[draw.polygon(vertices[:, 0], vertices[:, 1], shape)] = True
    return mask


def outline(mask: Mask) -> Line:
    """A line around the largest part of a mask, halfway between its pixels and the others; (0, 2) for an empty one.

    Its interior is that part again, with its holes filled.
    """
    part = bounding_box(mask)
    # With a rim of nothing, so that the line is closed at the edge of the frame too.
    pixels = np.pad(ndimage.binary_fill_holes(mask[part]), 1)
    lines = measure.find_contours(pixels.astype(float), 0.5, fully_connected="low")
    if not lines:
        return np.zeros((0, 2))
    longest = max(lines, key=_enclosed)
    # The last vertex is the first again.
    return np.asarray(longest[:-1] + np.array([part[0].start - 1, part[1].start - 1]))


def clicks_along(line: Any) -> Line:
    """(N, 2) places for clicks along an open line: evenly spread, one to five of them, none at its very ends."""
    vertices = np.asarray(line, float).reshape(-1, 2)
    steps = np.hypot(*np.diff(vertices, axis=0).T)
    length = np.concatenate(([0.0], np.cumsum(steps)))
    count = int(np.clip(round(length[-1] / CLICK_EVERY), 1, MOST_CLICKS))
    places = (np.arange(count) + 0.5) / count * length[-1]
    return np.stack([np.interp(places, length, vertices[:, axis]) for axis in (0, 1)], axis=1)


def lean(mask: Mask) -> Mask:
    """A copy of a mask. Where it is empty it takes no memory, so that hundreds of them fit."""
    # Pages of zeros that nobody writes to are never made.
    out = np.zeros(mask.shape, bool)
    part = bounding_box(mask)
    out[part] = mask[part]
    return out


@per_mask
def deepest(mask: Mask) -> tuple[float, float]:
    """The pixel (y, x) that lies deepest inside a mask: where a mark on it is seen best."""
    part = bounding_box(mask)
    depth = ndimage.distance_transform_edt(np.pad(mask[part], 1))
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(y - 1 + part[0].start), float(x - 1 + part[1].start)


def moved(mask: Mask, by: tuple[int, int]) -> Mask:
    """A mask moved by (y, x) whole pixels; what goes over the edge of the frame is lost."""
    out = np.zeros_like(mask)
    rows, columns = np.nonzero(mask)
    rows, columns = rows + by[0], columns + by[1]
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    out[rows[inside], columns[inside]] = True
    return out


def readings(candidates: npt.NDArray[np.bool_], click: tuple[float, float]) -> list[int]:
    """Which of the candidate masks (M, y, x) of a click are worth a look: the best, and others that differ from it.

    A mask that does not hold the click, or that looks like one before it, is none.
    """
    y, x = (min(max(round(value), 0), size - 1) for value, size in zip(click, candidates.shape[1:], strict=True))
    kept: list[int] = []
    for index, mask in enumerate(candidates):
        if index and not mask[y, x]:
            continue
        if all(_iou(mask, candidates[other]) < ALIKE for other in kept):
            kept.append(index)
    return kept


def _iou(a: Mask, b: Mask) -> float:
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def _enclosed(line: Line) -> float:
    y, x = line[:-1, 0], line[:-1, 1]
    return float(abs(np.dot(y, np.roll(x, 1)) - np.dot(x, np.roll(y, 1))) / 2)
