"""Labels from elsewhere (Cellpose, StarDist, one's own) as masks of objects. Pure functions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Mask = npt.NDArray[np.bool_]
Parts = Literal["whole", "largest", "apart"]

_NEIGHBOURS = np.ones((3, 3), bool)


@dataclass(frozen=True)
class LabelChoices:
    """How labels become objects.

    Attributes:
        smallest: labels and parts of fewer pixels are left out.
        parts: of a label in several pieces: "whole" takes all of them as one object, "largest" the largest alone,
            "apart" makes every piece an object of its own.
    """

    smallest: int = 10
    parts: Parts = "whole"

    def __post_init__(self) -> None:
        """Refuse what cannot be used."""
        if self.parts not in get_args(Parts):
            raise ValueError(f"got parts {self.parts!r}, expected one of {', '.join(get_args(Parts))}")


def masks_of_labels(labels: Any, choices: LabelChoices) -> list[tuple[int, Mask]]:
    """(label, mask) of every object of one (y, x) label image, by label; 0 and what is negative is background.

    Labels that touch stay apart. A label comes several times where its pieces are taken apart, the largest first.
    """
    image = np.asarray(labels)
    found: list[tuple[int, Mask]] = []
    for label, box in _boxes(image):
        pixels = image[box] == label
        for part in _parts(pixels, choices):
            whole = np.zeros(image.shape, bool)
            whole[box] = part
            found.append((label, whole))
    return found


def _boxes(image: npt.NDArray[Any]) -> list[tuple[int, tuple[slice, slice]]]:
    values = np.unique(image[image > 0])
    # Labels may be very large numbers; places among the sorted ones are small.
    places = np.searchsorted(values, image) + 1
    boxes = ndimage.find_objects(np.where(image > 0, places, 0))
    return [(int(value), box) for value, box in zip(values, boxes, strict=True) if box is not None]


def _parts(pixels: Mask, choices: LabelChoices) -> list[Mask]:
    pieces, count = ndimage.label(pixels, structure=_NEIGHBOURS)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    order = [int(i) for i in np.argsort(-areas, kind="stable") if areas[i] >= choices.smallest]
    if choices.parts == "whole":
        # Crumbs beside a large piece belong to it for whoever made the labels; crumbs alone are noise.
        return [pixels] if pixels.sum() >= choices.smallest else []
    if choices.parts == "largest":
        order = order[:1]
    return [np.asarray(pieces == index + 1) for index in order]


def new_ids(labels: list[int], taken: set[int], *, keep: bool) -> list[int]:
    """An object id for every label; `keep` takes the label itself where it is free.

    A label that is in `taken`, or that comes a second time, gets the next number above all others.
    """
    used = set(taken)
    following = max([0, *taken, *(labels if keep else [])]) + 1
    ids = []
    for label in labels:
        if keep and label not in used:
            chosen = label
        else:
            chosen, following = following, following + 1
        used.add(chosen)
        ids.append(chosen)
    return ids


def linked(before: npt.NDArray[Any], after: npt.NDArray[Any]) -> tuple[int, int]:
    """How many labels overlap themselves from one (y, x) frame to the next, and how many are on both.

    Of labels that are numbered anew on every frame, as most segmentation programs do, few overlap themselves: as tracks
    they would be a jumble.
    """
    common = np.intersect1d(before[before > 0], after[after > 0])
    kept = np.unique(before[(before == after) & (before > 0)])
    return len(np.intersect1d(common, kept)), len(common)


Name = tuple[int, int]
"""A label, and how many pieces of it came before this one on the frame."""


@dataclass(frozen=True)
class TakenFrame:
    """One frame: the masks (y, x) by object id, and the labels (y, x) in which they are drawn."""

    frame: int
    masks: dict[int, npt.NDArray[Any]]
    picture: npt.NDArray[Any]


def names_by_frame(
    read: Callable[[int], npt.NDArray[Any]], frames: range, choices: LabelChoices
) -> Iterator[tuple[list[Name], int, int]]:
    """Of every frame the names of its labels, how many lie on themselves on the frame before, and how many could."""
    before: npt.NDArray[Any] | None = None
    for frame in frames:
        picture = read(frame)
        kept, common = (0, 0) if before is None else linked(before, picture)
        yield _numbered([label for label, _ in masks_of_labels(picture, choices)]), kept, common
        before = picture


def masks_by_frame(
    read: Callable[[int], npt.NDArray[Any]], frames: range, choices: LabelChoices, ids: dict[Name, int]
) -> Iterator[TakenFrame]:
    """Of every frame the masks of its objects."""
    for frame in frames:
        found = masks_of_labels(read(frame), choices)
        masks, picture = {}, None
        for (_, mask), name in zip(found, _numbered([label for label, _ in found]), strict=True):
            if name in ids:  # else the labels were changed meanwhile
                masks[ids[name]] = mask
                picture = np.zeros(mask.shape, np.int64) if picture is None else picture
                picture[mask] = ids[name]
        if picture is not None:
            yield TakenFrame(frame, masks, picture)


def _numbered(labels: list[int]) -> list[Name]:
    """(label, how many of the same label came before it) of every mask."""
    seen: dict[int, int] = {}
    out = []
    for label in labels:
        out.append((label, seen.get(label, 0)))
        seen[label] = seen.get(label, 0) + 1
    return out
