"""What a propagation will take, measured on a few objects of its first frame before it is run."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

import torch

from napari_sam2.tracking.objects import TrackedObject
from napari_sam2.tracking.options import PATIENCE, Direction
from napari_sam2.tracking.tracker import Tracker

SAMPLED = 4
"""Objects that are tracked for the measurement."""


@dataclass(frozen=True)
class Estimate:
    """Time and memory of a propagation, before it is run.

    Attributes:
        objects, frames: how many objects, and object-frames divided by objects.
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
        return (
            f"{self.objects} object{'s' * (self.objects != 1)} through {self.frames} frames: {spoken(self.seconds)} "
            f"and {self.bytes / 2**20:.0f} MB on {self.device} in {self.precision}"
        )


def spoken(seconds: float) -> str:
    """A time as people say it: "about 40 s", "about 5 min", "about 2.5 h"."""
    if seconds < 60:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def estimate(tracker: Tracker, direction: Direction = "both", objects: Collection[int] | None = None) -> Estimate:
    """Measure one object, then a few at once, on the first frame of their way, and extrapolate.

    Nothing that was tracked is changed; prompts are answered, which a propagation would do anyway. Takes about as long
    as tracking those few objects through two frames.

    Raises:
        TrackingError: there is nothing to propagate.
    """
    things = tracker.wanted(objects)
    frames = [len(_way(thing, direction, len(tracker.frames))) for thing in things]
    some = things[:: max(1, len(things) // SAMPLED)][:SAMPLED]
    with torch.inference_mode():
        for thing in some:
            tracker.prepare(thing)
        tracker.look_ahead(some[:1])  # what is set up once is not counted
        one, several = _timed(tracker, some[:1]), _timed(tracker, some)
    each = (several - one) / (len(some) - 1) if len(some) > 1 else one / 2
    each = max(each, 0.05 * one)
    per_frame = max(one - each, 0.0)
    seconds = per_frame * max(frames) + each * sum(frames)
    return Estimate(
        len(things),
        round(sum(frames) / len(things)),
        seconds,
        sum(_bank_bytes(thing) for thing in some) * len(things) // len(some) + tracker.options.feature_cache_bytes,
        tracker.network.model.device.type,
        tracker.precision,
    )


def _way(thing: TrackedObject, direction: Direction, frames: int) -> list[int]:
    if direction == "backward":
        return list(thing.up_to_last(0, frames))
    before = thing.before_start(0, frames) if direction == "both" else range(0)
    return [*before, *thing.ahead_of(0, frames)]


def _timed(tracker: Tracker, things: list[TrackedObject]) -> float:
    begin = time.perf_counter()
    tracker.look_ahead(things)
    return time.perf_counter() - begin


def _bank_bytes(thing: TrackedObject) -> int:
    """Of a bank that is full: maps and logits of two times the memories, pointers of thirty frames."""
    entry = next(iter(thing.bank), None)
    if entry is None:
        return 0
    whole = entry.map.nbytes + entry.logits.nbytes
    config = thing.bank.config
    prompted = min(len(thing.interactions), PATIENCE)
    return 2 * config.memories * whole + prompted * 4 * whole + 2 * config.max_pointers * entry.pointer.nbytes
