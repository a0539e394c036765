"""The outline of a mask along the edges of its pixels, so that filling it gives exactly the mask again."""

import numpy as np
import numpy.typing as npt

Loop = npt.NDArray[np.int64]
"""(n, 2) corners of pixels, (y, x) with (0, 0) the upper left corner of pixel (0, 0), without the first one again"""

Corner = tuple[int, int]


def outlines(mask: npt.NDArray[np.bool_]) -> list[Loop]:
    """The closed outlines of a (y, x) mask: around every part, and around every hole in it.

    Parts that touch at a corner only have outlines of their own. Filling all of them by the even-odd rule gives the
    mask.
    """
    following = _edges(mask)
    loops = []
    while following:
        start = next(iter(following))
        loops.append(_walked(following, start))
    return [_corners(loop) for loop in loops]


def _edges(mask: npt.NDArray[np.bool_]) -> dict[Corner, list[Corner]]:
    """From each corner of a pixel to the next ones, along edges that have the mask on their right."""
    padded = np.pad(mask, 1)
    following: dict[Corner, list[Corner]] = {}

    def add(where: tuple[npt.NDArray[np.intp], ...], start: Corner, end: Corner) -> None:
        for y, x in zip((where[0] - 1).tolist(), (where[1] - 1).tolist(), strict=True):
            following.setdefault((y + start[0], x + start[1]), []).append((y + end[0], x + end[1]))

    inside = padded[1:-1, 1:-1]
    for outside, start, end in (
        (padded[:-2, 1:-1], (0, 0), (0, 1)),  # upper edge, to the right
        (padded[1:-1, 2:], (0, 1), (1, 1)),  # right edge, down
        (padded[2:, 1:-1], (1, 1), (1, 0)),  # lower edge, to the left
        (padded[1:-1, :-2], (1, 0), (0, 0)),  # left edge, up
    ):
        rows, columns = np.nonzero(inside & ~outside)
        add((rows + 1, columns + 1), start, end)
    return following


def _walked(following: dict[Corner, list[Corner]], start: Corner) -> list[Corner]:
    """One loop, taken out of `following`."""
    loop, here, before = [], start, start
    while True:
        choices = following[here]
        there = choices[0] if len(choices) == 1 else _right_turn(before, here, choices)
        choices.remove(there)
        if not choices:
            del following[here]
        loop.append(here)
        before, here = here, there
        if here == start and (here not in following or len(loop) > 1):
            return loop


def _right_turn(before: Corner, here: Corner, choices: list[Corner]) -> Corner:
    """Where two parts touch at a corner, the way that stays with the part one comes from."""
    dy, dx = here[0] - before[0], here[1] - before[1]
    right = (here[0] + dx, here[1] - dy)
    return right if right in choices else choices[0]


def _corners(loop: list[Corner]) -> Loop:
    """A loop without the points on straight lines."""
    points = np.array(loop, dtype=np.int64)
    turns = ((points - np.roll(points, 1, axis=0)) != (np.roll(points, -1, axis=0) - points)).any(axis=1)
    corners: Loop = points[turns]
    return corners
