"""Masks of objects in a time point of slices, and how they get from one time point to the next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.tracking.options import Direction
from napari_sam2.tracking.result import FrameResult
from napari_sam2.tracking.stretched import StretchedTracker
from napari_sam2.tracking.tracker import Tracker

HISTORY = 1
"""Time points whose masks show an object's look in the key slice. With three, volumes of CHO nuclei were no better."""
GAP = 5
"""Time points for which an object may be out of sight and is still looked for."""
TRIES = 3
"""Slices of an object in which it is looked for at the next time point."""


@dataclass(frozen=True)
class Crop:
    """The mask of an object on a frame."""

    place: tuple[slice, slice]
    pixels: NDArray[np.bool_]

    @property
    def area(self) -> int:
        """In pixels."""
        return int(self.pixels.sum())

    def whole(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """The mask of a frame of this shape (y, x)."""
        mask = np.zeros(shape, bool)
        mask[self.place] = self.pixels
        return mask


Volume = dict[int, Crop]
"""An object in a time point: its mask by slice."""
Key = tuple[int, Crop]
"""The slice in which an object is largest, and its mask there."""


def carry(
    members: Iterable[int],
    time: int,
    recent: Mapping[int, Mapping[int, Volume]],
    shape: tuple[int, int],
    along: Callable[[int], Tracker | StretchedTracker],
    *,
    backward: bool,
) -> dict[int, Key]:
    """Where objects are at a time point: a slice and the mask there, from what they looked like before.

    Args:
        members: the objects to look for.
        time: the time point to look in.
        recent: by time point and object, what was found.
        shape: (y, x) of a frame.
        along: makes a tracker of one slice through all time points.
        backward: whether the objects come from later time points.
    """
    order = sorted(recent, key=lambda known: abs(known - time))
    sources = {i: next((known for known in order if recent[known].get(i)), None) for i in members}
    found: dict[int, Key] = {}
    for attempt in range(TRIES):
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for object_id, source in sources.items():
            if source is None or object_id in found:
                continue
            slices = largest(recent[source][object_id])
            if attempt < len(slices):
                groups[source, slices[attempt]].append(object_id)
        for (source, part), group in groups.items():
            tracker = along(part)
            for known in order:
                for object_id in group if abs(known - source) < HISTORY else ():
                    crop = recent[known].get(object_id, {}).get(part)
                    if crop is not None:
                        tracker.add_mask(object_id, known, crop.whole(shape))
            first, last = sorted((source, time))
            direction: Direction = "backward" if backward else "forward"
            volumes: dict[int, Volume] = {object_id: {} for object_id in group}
            for result in tracker.propagate(first, last + 1, direction):
                if result.frame == time:
                    collect(result, volumes)
            found |= {i: (part, volume[time]) for i, volume in volumes.items() if volume}
    return found


def by_slice(tracker: Tracker | StretchedTracker) -> Iterator[FrameResult]:
    """The results of a volume, each slice once, as soon as all objects have been there."""
    waiting: dict[int, FrameResult] = {}
    everything = set(tracker.object_ids)
    results: Iterator[FrameResult] = iter(tracker.propagate(direction="both"))
    for result in results:
        before = waiting.pop(result.frame, None)
        joined = result if before is None else before.joined(result)
        if everything <= set(joined.object_ids):
            yield joined
        else:
            waiting[joined.frame] = joined
    yield from waiting.values()


def collect(result: FrameResult, volumes: dict[int, Volume]) -> None:
    """Put the masks of a result into the volumes of its objects, where they are present."""
    labels = result.labels
    places = ndimage.find_objects(labels)
    for object_id, score in zip(result.object_ids, result.object_scores, strict=True):
        place = places[object_id - 1] if object_id <= len(places) else None
        if place is not None and score > 0 and object_id in volumes:
            volumes[object_id][result.frame] = Crop(place, labels[place] == object_id)


def largest(volume: Volume) -> list[int]:
    """The slices of an object, the one where it is largest first."""
    return sorted(volume, key=lambda part: -volume[part].area)
