"""Plates: parts of a frame that are encoded once for all the windows in them.

Neighbouring cells look at much the same pixels. Their windows are therefore laid on a lattice whose step is two tokens
of the network (32 pixels of its input), so that the features of each of them are a crop of the features of a larger
part of the frame, the plate. Two tokens, because the coarsest features of the trunks have that step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.view import Shape, View

LADDER = 1.19
"""Ratio of one lattice step to the next: few enough that neighbours share theirs, fine enough for the network."""
STAY = 1.2
"""A window keeps its step while the wanted one is within this of it."""
SMALLEST_STEP = 5


def _moved_in(start: int, steps: int, length: int, step: int) -> int:
    """Where ``steps`` steps start that lie in a frame of ``length`` pixels, or have it in their middle."""
    last = -(-length // step) - steps
    return min(max(start, 0), last) if last >= 0 else last // 2


@dataclass(frozen=True)
class LatticeView(View):
    """A square window on the lattice of ``step`` frame pixels for two tokens; ``y`` and ``x`` are multiples of it."""

    step: int
    wanted: float = field(default=0.0, compare=False)
    """The side that was asked for, in frame pixels, before it was fitted to a lattice."""

    @property
    def tokens(self) -> int:
        """Side in tokens."""
        return 2 * self.height // self.step

    @property
    def plate(self) -> Plate:
        """The plate of just this window."""
        return Plate(self.step, self.y // self.step, self.x // self.step, self.tokens // 2, self.tokens // 2)

    @classmethod
    def around(
        cls, centre: tuple[float, float], tokens: int, step: int, shape: Shape, wanted: float = 0.0, every: int = 1
    ) -> LatticeView:
        """The window of ``tokens`` (an even number) nearest to ``centre`` (y, x), moved into the frame if it fits.

        ``every``: windows begin at multiples of so many steps, so that there are few of them.
        """
        pairs = tokens // 2
        wishes = [every * round(((middle + 0.5) / step - pairs / 2) / every) for middle in centre]
        starts = [_moved_in(wish, pairs, length, step) for wish, length in zip(wishes, shape, strict=True)]
        return cls(starts[0] * step, starts[1] * step, pairs * step, pairs * step, step, wanted)

    def place_in(self, plate: Plate) -> tuple[slice, slice]:
        """The rows and columns of a plate's tokens that are this window's."""
        row, column = 2 * (self.y // self.step - plate.row), 2 * (self.x // self.step - plate.column)
        return slice(row, row + self.tokens), slice(column, column + self.tokens)


@dataclass(frozen=True)
class Plate:
    """A rectangle of the lattice of ``step``, in steps."""

    step: int
    row: int
    column: int
    rows: int
    columns: int

    @property
    def view(self) -> View:
        """The part of the frame."""
        return View(self.row * self.step, self.column * self.step, self.rows * self.step, self.columns * self.step)

    def holds(self, window: LatticeView) -> bool:
        """Whether the window's features can be cut from this plate's."""
        rows, columns = window.place_in(self)
        inside = rows.start >= 0 and columns.start >= 0
        return window.step == self.step and inside and rows.stop <= 2 * self.rows and columns.stop <= 2 * self.columns


def step_for(side: float, tokens: int, before: int | None = None) -> int:
    """Lattice step for windows of ``tokens`` with about this side in frame pixels; ``before`` if that will do."""
    wanted = max(2 * side / tokens, 1.0)
    if before is not None and 1 / STAY < wanted / before < STAY:
        return before
    rung = round(math.log(max(wanted, SMALLEST_STEP) / SMALLEST_STEP, LADDER))
    return round(SMALLEST_STEP * LADDER**rung)


def arrange(views: Sequence[LatticeView], shape: Shape, largest: int, least: int = 0) -> list[tuple[Plate, list[int]]]:
    """Lay plates over windows so that little is encoded twice and little in vain.

    Two plates become one where that is not larger than both together.

    Args:
        views: windows on lattices; those of different steps share nothing.
        shape: of the frame.
        largest: side of a plate in tokens that is not exceeded, except for a window that is larger itself.
        least: plates are made at least so large, in tokens, for networks that want to see much at once.

    Returns:
        plates, each with the indices of its windows.
    """
    out = []
    for step in sorted({view.step for view in views}):
        members = [index for index, view in enumerate(views) if view.step == step]
        corners = np.array(
            [
                (v.y // step, v.x // step, (v.y + v.height) // step, (v.x + v.width) // step)
                for v in (views[i] for i in members)
            ]
        )
        for box, rows in _merged(corners, largest // 2, least // 2):
            out.append((_at_least(step, box, least // 2, shape), [members[row] for row in rows]))
    return out


def _at_least(step: int, box: NDArray[np.int64], least: int, shape: Shape) -> Plate:
    """The plate of a box (row, column, last row, last column), widened evenly to ``least`` steps."""
    starts, counts = [], []
    for low, high, length in zip(box[:2].tolist(), box[2:].tolist(), shape, strict=True):
        count = max(high - low, least)
        starts.append(low if count == high - low else _moved_in(low - (count - (high - low)) // 2, count, length, step))
        counts.append(count)
    return Plate(step, *starts, *counts)


def _merged(boxes: NDArray[np.int64], largest: int, least: int) -> list[tuple[NDArray[np.int64], list[int]]]:
    """Boxes joined greedily, the pair that saves most first. Returns boxes with the rows that they hold.

    A box costs its area, a side of less than ``least`` as much as one of ``least``; of pairs that save the same, those
    that lie together are joined first.
    """
    boxes = boxes.copy()
    held = [[row] for row in range(len(boxes))]
    alive = np.ones(len(boxes), bool)
    saving = np.full((len(boxes), len(boxes)), -1.0)

    def area(some: NDArray[np.int64], shortest: int = 0) -> NDArray[np.int64]:
        found: NDArray[np.int64] = np.maximum(some[..., 2:] - some[..., :2], shortest).prod(-1)
        return found

    def weigh(row: int) -> None:
        joined = np.concatenate((np.minimum(boxes[row, :2], boxes[:, :2]), np.maximum(boxes[row, 2:], boxes[:, 2:])), 1)
        gain = (area(boxes[row], least) + area(boxes, least) - area(joined, least)).astype(float)
        gain = np.where(gain < 0, gain, gain + 1 / (1.0 + area(joined)))
        sides = np.maximum(joined[:, 2] - joined[:, 0], joined[:, 3] - joined[:, 1])
        same = area(joined) == np.maximum(area(boxes), area(boxes[row]))  # one lies in the other
        gain[((sides > largest) & ~same) | ~alive] = -1
        gain[row] = -1
        saving[row], saving[:, row] = gain, gain

    for row in range(len(boxes)):
        weigh(row)
    while len(boxes) > 1:
        one, other = np.unravel_index(int(saving.argmax()), saving.shape)
        if saving[one, other] < 0:
            break
        boxes[one, :2] = np.minimum(boxes[one, :2], boxes[other, :2])
        boxes[one, 2:] = np.maximum(boxes[one, 2:], boxes[other, 2:])
        held[one] += held[other]
        alive[other] = False
        saving[other], saving[:, other] = -1, -1
        weigh(int(one))
    return [(boxes[row], held[row]) for row in np.flatnonzero(alive)]
