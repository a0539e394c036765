"""Masks that may be objects of a frame, and which of them stay where they overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking import scale
from napari_sam2.tracking.view import Shape, View


@dataclass(frozen=True, eq=False)
class Proposal:
    """A mask that may be an object.

    Attributes:
        yx: the click (y, x) that found it.
        top, left: first row and column of ``pixels`` in the frame.
        pixels: (h, w) bool, cut out of the frame.
        score: the better, the surer; predicted IoU times stability, between 0 and 1.
    """

    yx: tuple[float, float]
    top: int
    left: int
    pixels: NDArray[np.bool_]
    score: float

    @property
    def area(self) -> int:
        """Pixels."""
        return int(np.count_nonzero(self.pixels))

    @property
    def box(self) -> tuple[slice, slice]:
        """Where the pixels lie in the frame."""
        height, width = self.pixels.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def mask(self, shape: Shape) -> NDArray[np.bool_]:
        """(y, x) bool of the whole frame."""
        out = np.zeros(shape, bool)
        out[self.box] = self.pixels
        return out


def distinct(found: Sequence[Proposal], free: NDArray[np.bool_], overlap: float) -> list[Proposal]:
    """Of overlapping masks the surest, each without the pixels that are taken, best first."""
    owner = np.zeros(free.shape, np.int32)
    kept: list[Proposal] = []
    areas: list[int] = [0]
    for proposal in sorted(found, key=lambda item: -item.score):
        under = owner[proposal.box][proposal.pixels]
        shared = np.bincount(under, minlength=1)
        shared[0] = 0
        rival = int(shared.argmax())
        open_pixels = proposal.pixels & free[proposal.box] & (owner[proposal.box] == 0)
        left = np.count_nonzero(open_pixels)
        if left < (1 - overlap) * proposal.area or (rival and shared[rival] > overlap * areas[rival]):
            continue
        kept.append(proposal)
        areas.append(proposal.area)
        owner[proposal.box][open_pixels] = len(kept)
    return kept


def typical_diameter(sized: Sequence[tuple[View, list[Proposal]]]) -> float | None:
    """The smallest size of objects that is well spoken for: by the area that they cover of what was looked at."""
    by_side: dict[int, list[tuple[View, list[Proposal]]]] = {}
    for view, proposals in sized:
        by_side.setdefault(view.side, []).append((view, proposals))
    diameters, weights = [], []
    for side, looked in by_side.items():
        for _, proposals in looked:
            for proposal in _apart(proposals):
                diameter = math.sqrt(4 * proposal.area / math.pi)
                if scale.FITTING[0] <= diameter / side <= scale.FITTING[1]:
                    diameters.append(diameter)
                    weights.append(proposal.score * proposal.area / (side * side * len(looked)))
    if not diameters:
        return None
    sizes, support = np.array(diameters), np.array(weights)
    near = np.abs(np.log(sizes[:, None] / sizes)) < math.log(scale.ALIKE)
    spoken = near @ support
    smallest = sizes[spoken >= scale.SPOKEN_FOR * spoken.max()].min()
    alike = (sizes >= smallest) & (sizes <= scale.ALIKE * smallest)
    return float(sizes[int(np.where(alike, spoken, -1).argmax())])


def _apart(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Those that do not overlap, the surest first."""
    kept: list[Proposal] = []
    for proposal in sorted(proposals, key=lambda item: -item.score):
        if all(_shared(proposal, other) <= 0.3 * min(proposal.area, other.area) for other in kept):
            kept.append(proposal)
    return kept


def _shared(a: Proposal, b: Proposal) -> int:
    top, left = max(a.top, b.top), max(a.left, b.left)
    bottom = min(a.top + a.pixels.shape[0], b.top + b.pixels.shape[0])
    right = min(a.left + a.pixels.shape[1], b.left + b.pixels.shape[1])
    if bottom <= top or right <= left:
        return 0
    mine = a.pixels[top - a.top : bottom - a.top, left - a.left : right - a.left]
    other = b.pixels[top - b.top : bottom - b.top, left - b.left : right - b.left]
    return int(np.count_nonzero(mine & other))
