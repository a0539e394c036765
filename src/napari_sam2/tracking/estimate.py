"""What a propagation will take, measured on a few objects of its first frame before it is run."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

import torch

from napari_sam2.tracking.objects import TrackedObject
from napari_sam2.tracking.options import Direction
from napari_sam2.tracking.stretched import StretchedTracker
from napari_sam2.tracking.swept import SweptTracker
from napari_sam2.tracking.tracker import Tracker

SAMPLED = 4
"""Objects that are tracked for the measurement."""
WORTHWHILE = 20
"""Frames from which on a measurement is worth its time."""


@dataclass(frozen=True)
class Estimate:
    """Time and memory of a propagation, before it is run.

    Attributes:
        objects: how many are carried.
        frames: how many each of them is carried through, on average.
        seconds: of computing; reading the stack included.
        bytes: of memory banks and cached features, on the device of the model.
        device, precision: what it is computed on and in, such as "cpu" and "bfloat16".
    """

    objects: int
    frames: int
    seconds: float
    bytes: int
    device: str
    precision: str

    def __str__(self) -> str:
        things = f"{self.objects} object{'s' * (self.objects != 1)}"
        frames = f"{self.frames} frame{'s' * (self.frames != 1)}"
        megabytes = max(1, round(self.bytes / 2**20))
        return (
            f"{things} through {frames}: {spoken(self.seconds)} and {megabytes} MB on {self.device} in {self.precision}"
        )


def spoken(seconds: float) -> str:
    """A time as people say it: "about 40 s", "about 5 min", "about 2.5 h"."""
    if seconds < 59.5:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def estimate(
    tracker: Tracker | StretchedTracker,
    direction: Direction = "both",
    objects: Collection[int] | None = None,
    start: int | None = None,
    stop: int | None = None,
) -> Estimate:
    """Measure one object, then a few at once, on the first frame of their way, and extrapolate.

    Nothing that was tracked is changed; prompts are answered, which a propagation would do anyway. Takes about as long
    as tracking those few objects through two frames. Arguments are those of :meth:`Tracker.propagate`.

    Raises:
        TrackingError: there is nothing to propagate.
    """
    if isinstance(tracker, StretchedTracker):
        tracker = tracker.drawn_out
    low, high = start or 0, len(tracker.frames) if stop is None else stop
    ways = {thing: _way(thing, direction, low, high) for thing in tracker.wanted(objects)}
    ways = {thing: way for thing, way in ways.items() if way}
    things, visits = list(ways), sum(map(len, ways.values()))
    device, precision = tracker.network.model.device.type, tracker.precision
    if not things:
        return Estimate(0, 0, 0.0, 0, device, precision)
    some = things[:: max(1, len(things) // SAMPLED)][:SAMPLED]
    with torch.inference_mode():
        for thing in some:
            tracker.prepare(thing, ways[thing][0])
        tracker.look_ahead(some[:1])  # what is set up once is not counted
        one, several = _timed(tracker, some[:1]), _timed(tracker, some)
    each = (several - one) / (len(some) - 1) if len(some) > 1 else one / 2
    each = max(each, 0.05 * one)
    frames = set().union(*ways.values())
    banks = sum(_bank_bytes(tracker, thing) for thing in some) * len(things) // len(some)
    return Estimate(
        len(things),
        round(visits / len(things)),
        max(one - each, 0.0) * len(frames) + each * visits,
        banks + _cached_bytes(tracker, things, len(frames)),
        device,
        precision,
    )


def foresee(
    tracker: Tracker | StretchedTracker | SweptTracker,
    direction: Direction = "both",
    start: int | None = None,
    stop: int | None = None,
) -> Estimate | None:
    """:func:`estimate` where it is worth its time.

    None where few frames are to be done, and for time and depth together: how many slices an object has is not known.

    Raises:
        TrackingError: there is nothing to propagate.
    """
    if isinstance(tracker, SweptTracker):
        return None
    plain = tracker.drawn_out if isinstance(tracker, StretchedTracker) else tracker
    low, high = start or 0, len(plain.frames) if stop is None else stop
    frames = set().union(*(_way(thing, direction, low, high) for thing in plain.wanted()))
    return estimate(plain, direction, start=start, stop=stop) if len(frames) >= WORTHWHILE else None


def _way(thing: TrackedObject, direction: Direction, low: int, high: int) -> list[int]:
    """Frames of low <= frame < high that a propagation visits, in the order of travel."""
    if direction == "backward":
        return list(thing.up_to_last(low, high))[::-1]
    before = thing.before_start(low, high) if direction == "both" else range(0)
    return [*thing.ahead_of(low, high), *before[::-1]]


def _cached_bytes(tracker: Tracker, things: list[TrackedObject], frames: int) -> int:
    """Features that will be kept: of all frames, or of prompts alone where objects are followed in windows."""
    cache = tracker.network.cache
    looked_again = sum(len(thing.interactions) for thing in things) if tracker.windows else frames
    return min(cache.limit, cache.nbytes // max(1, len(cache)) * looked_again)


def _timed(tracker: Tracker, things: list[TrackedObject]) -> float:
    begin = time.perf_counter()
    tracker.look_ahead(things)
    return time.perf_counter() - begin


def _bank_bytes(tracker: Tracker, thing: TrackedObject) -> int:
    """Of a bank that is full: maps and logits of two times the memories, pointers of thirty frames, prompts."""
    entry = next(iter(thing.bank), None)
    if entry is None:
        return 0
    whole = entry.map.nbytes + entry.logits.nbytes
    config = thing.bank.config
    limit = tracker.options.max_conditioning
    prompted = min(len(thing.interactions), 2 * limit if limit is not None else len(thing.interactions))
    return 2 * config.memories * whole + prompted * 4 * whole + 2 * config.max_pointers * entry.pointer.nbytes
