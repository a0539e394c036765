"""Where an object ends in depth.

A tracker is made for time, in which an object goes on until it leaves. In depth it shrinks and is gone after some
slices, and what is bright at the same place farther on is another object. Memory of the slices before makes the next
object look like the first: on a simulated stack of nuclei, more than a third of the masks were of this kind. So the
masks are watched on the way out of the slice where the user said what the object is, and it ends

- where it stands out of its surroundings by less than FAINT of what it did there: that is its blur;
- where it has shrunk before and becomes larger again: that is the next object;
- where it was absent on two slices in a row.

Between two slices on which the user said where it is, it does not end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.tracking.labels import pixels_of
from napari_sam2.tracking.objects import Answer

FAINT = 0.1
"""Of the contrast in the prompted slice."""
SHRUNK, GROWN = 0.8, 1.3
"""Of the largest area so far, and of the smallest one since."""
ABSENT = 2
"""Slices in a row."""
_NEAR, _FAR = 1, 4  # pixels around a mask: its blurred rim, and how far its surroundings go


@dataclass(frozen=True)
class Seen:
    """A mask on a slice: its area in pixels, and by how much it is brighter, or darker, than its surroundings."""

    area: int
    contrast: float


@dataclass
class Profile:
    """What an object has looked like on the way out of the slice where it was prompted."""

    first: Seen
    largest: int = 0
    smallest: int = 0
    ended: bool = False

    def __post_init__(self) -> None:
        self.largest = self.smallest = self.first.area

    def goes_on(self, seen: Seen, absent_for: int) -> bool:
        """Whether the object is still there on the next slice, which looks like this.

        Args:
            absent_for: on how many slices before it was not.
        """
        if self.ended:
            return False
        if not seen.area:
            self.ended = absent_for + 1 >= ABSENT
            return True
        # One that has no contrast where it was prompted, such as an outline, is known by something else.
        same_side = seen.contrast * np.sign(self.first.contrast)
        faint = same_side < FAINT * abs(self.first.contrast)
        other = self.smallest < SHRUNK * self.largest and seen.area > GROWN * self.smallest
        self.ended = bool(faint or other)
        if seen.area > self.largest:
            self.largest = self.smallest = seen.area
        self.smallest = min(self.smallest, seen.area)
        return not self.ended


def looks(answers: Mapping[int, Answer], picture: NDArray[np.float32], wanted: set[int]) -> dict[int, Seen]:
    """What the masks of a slice look like.

    Args:
        answers: of all objects, by id.
        picture: (y, x) intensities.
        wanted: the objects of interest; the others only are no surroundings.
    """
    masks, taken = {}, np.zeros(picture.shape, bool)
    for object_id, answer in answers.items():
        if answer.object_score > 0:
            part, logits = pixels_of(answer, picture.shape)
            masks[object_id] = part, logits > 0
            taken[part] |= logits > 0
    nothing = Seen(0, 0.0)
    return {i: _look(*masks[i], picture, taken) if i in masks else nothing for i in wanted}


def _look(
    part: tuple[slice, slice], mask: NDArray[np.bool_], picture: NDArray[np.float32], taken: NDArray[np.bool_]
) -> Seen:
    area = int(np.count_nonzero(mask))
    if not area:
        return Seen(0, 0.0)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    inner = tuple(slice(max(0, line[0] - _FAR), line[-1] + 1 + _FAR) for line in (rows, columns))
    own, seen, others = mask[inner], picture[part][inner], taken[part][inner]
    around = ndimage.binary_dilation(own, iterations=_FAR) & ~ndimage.binary_dilation(own, iterations=_NEAR) & ~others
    ground = float(seen[around].mean()) if around.any() else 0.0
    return Seen(area, float(seen[own].mean()) - ground)
