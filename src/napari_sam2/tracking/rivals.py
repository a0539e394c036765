"""Two objects that claim the same cell: one of them has lost its own and gives way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.labels import pixels_of
from napari_sam2.tracking.memory_bank import Remembered
from napari_sam2.tracking.objects import Answer

SAME = 0.5
"""Share of the smaller mask that lies in the other one, from which on both are taken for one cell."""
ABSENT_SCORE, ABSENT_LOGIT = -10.0, -1024.0

Part = tuple[slice, slice]


@dataclass(frozen=True)
class Claim:
    """A mask in frame pixels, and how well it continues the object's mask before."""

    part: Part
    mask: NDArray[np.bool_]
    area: int
    continuity: float


def _overlap(a: Part, mask_a: NDArray[np.bool_], b: Part, mask_b: NDArray[np.bool_]) -> int:
    """Pixels that two masks in parts of one frame share."""
    both = tuple(slice(max(i.start, j.start), min(i.stop, j.stop)) for i, j in zip(a, b, strict=True))
    if any(s.start >= s.stop for s in both):
        return 0
    inner_a = tuple(slice(s.start - i.start, s.stop - i.start) for s, i in zip(both, a, strict=True))
    inner_b = tuple(slice(s.start - j.start, s.stop - j.start) for s, j in zip(both, b, strict=True))
    return int(np.count_nonzero(mask_a[inner_a] & mask_b[inner_b]))


def _claim(answer: Answer, before: Remembered | None, shape: tuple[int, int]) -> Claim:
    part, logits = pixels_of(answer, shape)
    mask = logits > 0
    area = int(np.count_nonzero(mask))
    if before is None or not area:
        return Claim(part, mask, area, 0.0)
    old = before.view.in_frame(before.logits, shape)[0].numpy() > 0
    shared = _overlap(part, mask, before.view.inside(shape), old)
    return Claim(part, mask, area, shared / max(area + int(np.count_nonzero(old)) - shared, 1))


def _touching(claims: Mapping[int, Claim]) -> list[tuple[int, int]]:
    """Pairs of objects, in order, whose masks have overlapping bounding boxes: a few of the many there are."""
    ids = sorted(claims)
    boxes = np.array([_box(claims[i]) for i in ids]).reshape(-1, 4)
    apart = (boxes[:, None, :2] >= boxes[None, :, 2:]).any(-1)
    first, second = np.nonzero(np.triu(~(apart | apart.T), 1))
    return [(ids[i], ids[j]) for i, j in zip(first.tolist(), second.tolist(), strict=True)]


def _box(claim: Claim) -> tuple[int, int, int, int]:
    """(y0, x0, y1, x1) of a mask in the frame, y1 and x1 behind it."""
    rows, columns = np.flatnonzero(claim.mask.any(1)), np.flatnonzero(claim.mask.any(0))
    if not len(rows):
        return 0, 0, 0, 0
    y, x = claim.part[0].start, claim.part[1].start
    return y + int(rows[0]), x + int(columns[0]), y + int(rows[-1]) + 1, x + int(columns[-1]) + 1


def losers(
    answers: Mapping[int, Answer],
    before: Mapping[int, Remembered | None],
    sure: Collection[int],
    shape: tuple[int, int],
) -> set[int]:
    """The objects that should give way.

    Of two objects whose masks are mostly the same, the one stays whose mask overlaps its own mask of the frame before
    more: the other one has jumped. An object that the user prompted on this frame always stays.

    Args:
        answers: of one frame, by object.
        before: the nearest remembered frame of each object.
        sure: objects that were prompted on this frame.
        shape: of the frame.
    """
    claims = {i: _claim(answer, before.get(i), shape) for i, answer in answers.items() if answer.object_score > 0}
    out: set[int] = set()
    for a, b in _touching(claims):
        if a in out or b in out:
            continue
        one, other = claims[a], claims[b]
        smaller = min(one.area, other.area)
        if not smaller or _overlap(one.part, one.mask, other.part, other.mask) <= SAME * smaller:
            continue
        if (a in sure) != (b in sure):
            out.add(b if a in sure else a)
        elif a not in sure:
            out.add(a if one.continuity < other.continuity else b)
    return out
