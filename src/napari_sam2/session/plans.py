"""What a propagation does: which frames of which objects, in which order. Pure functions on frame numbers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from napari_sam2.session.locks import between

DIRECTIONS = ("both", "forward", "backward")


@dataclass(frozen=True)
class Standing:
    """What is known of one object on one plane, in frames.

    Attributes:
        starts: it is said where the object is: prompts, and accepted frames on which it has pixels.
        held: accepted, never written.
        done: carried there from the present prompts.
        present: of those that are done, the ones on which the object has pixels.
        born: the first frame on which it can be, as a daughter: its mother was there before.
        gone: the first frame on which it can not be any more, as a mother: its daughters are there. None for none.
    """

    starts: frozenset[int]
    held: frozenset[int] = frozenset()
    done: frozenset[int] = frozenset()
    present: frozenset[int] = frozenset()
    born: int = 0
    gone: int | None = None


@dataclass(frozen=True)
class Pass:
    """One way through frames `first` up to and with `last`.

    Attributes:
        direction: "both", "forward" or "backward", from the prompts.
        writes: the frames of every object that are written; the object is told of its prompts alone.
        seeds: a finished frame of an object from which it goes on; its mask is a prompt.
    """

    direction: str
    first: int
    last: int
    writes: Mapping[int, frozenset[int]]
    seeds: Mapping[int, int] = field(default_factory=dict)


def wanted(standing: Standing, first: int, last: int, direction: str) -> frozenset[int]:
    """The frames that an object is carried to, if nothing was done yet.

    Forward goes from its first prompt to the end of the range, "both" adds what lies before it, "backward" goes from
    its last prompt to the start of the range.
    """
    first = max(first, standing.born)
    last = last if standing.gone is None else min(last, standing.gone - 1)
    if not standing.starts:
        return frozenset()
    if direction == "forward":
        frames = range(max(first, min(standing.starts)), last + 1)
    elif direction == "backward":
        frames = range(first, min(last, max(standing.starts)) + 1)
    else:
        frames = range(first, last + 1)
    return frozenset(frames) - standing.held


def passes(objects: Mapping[int, Standing], first: int, last: int, direction: str, slices: int = 1) -> list[Pass]:
    """How to do what is left to do in frames `first` up to and with `last`.

    An object of which nothing is done goes through the whole range. Otherwise what a correction reaches is done anew:
    up to the next prompt or accepted frame on each side, away from the correction. What was stopped goes on where it
    was. With `slices`, so many frames in a row are one time point, which is done as a whole.
    """
    if slices > 1:
        whole_times = {object_id: _in_times(each, slices) for object_id, each in objects.items()}
        plan = passes(whole_times, first // slices, last // slices, direction)
        return [_in_frames(one, objects, slices) for one in plan]
    whole: dict[int, frozenset[int]] = {}
    parts: dict[tuple[str, int, int], tuple[dict[int, frozenset[int]], dict[int, int]]] = {}
    for object_id, standing in sorted(objects.items()):
        every = wanted(standing, first, last, direction)
        left = every - standing.done
        if left and left == every:
            whole[object_id] = left
            continue
        for one in _parts(object_id, standing, left, direction):
            writes, seeds = parts.setdefault((one.direction, one.first, one.last), ({}, {}))
            writes.update(one.writes)
            seeds.update(one.seeds)
    found = [Pass(direction, first, last, whole)] if whole else []
    return found + [Pass(*key, writes, seeds) for key, (writes, seeds) in parts.items()]


def _parts(object_id: int, standing: Standing, left: frozenset[int], direction: str) -> list[Pass]:
    """The passes of an object of which some frames are done."""
    found = []
    rest = set(left)
    fences = sorted(standing.starts | standing.held)
    inner = left - set(fences)
    while inner:
        span = between(fences, min(inner), inner)
        inner -= span
        one = _span(object_id, standing, span, left, direction)
        if one is not None:
            # A prompted frame between two spans is written once.
            found.append(replace(one, writes={object_id: one.writes[object_id] & rest}))
            rest -= one.writes[object_id]
    # Corrected frames with nothing to do beside them.
    corrected = sorted(rest & standing.starts)
    return found + [Pass("forward", frame, frame, {object_id: frozenset({frame})}) for frame in corrected]


def _span(
    object_id: int, standing: Standing, span: frozenset[int], left: frozenset[int], direction: str
) -> Pass | None:
    """The pass through a span between two fences, away from the one that has changed."""
    low, high = min(span), max(span)
    before = max((frame for frame in standing.starts if frame < low), default=None)
    after = min((frame for frame in standing.starts if frame > high), default=None)
    forward = before is not None and direction != "backward"
    if forward and direction == "both" and after is not None:
        stopped = low - 1 in standing.done & standing.present - standing.starts
        forward = before in left or after not in left or stopped
    if forward and before is not None:
        source, end = before, high
    elif after is not None and direction != "forward":
        source, end = after, low
    else:
        return None
    step = 1 if end >= source else -1
    start = low if step > 0 else high
    beside = start - step
    seeds = {}
    writes = span
    if source in left and beside == source:
        writes = span | {source}
        start = source
    elif beside != source:
        # What was stopped goes on from its last finished frame; where the object was lost there, from the prompt.
        if beside in standing.done & standing.present:
            seeds = {object_id: beside}
        else:
            start = source
    where = sorted((start, end))
    return Pass("forward" if step > 0 else "backward", where[0], where[1], {object_id: writes}, seeds)


def _in_times(standing: Standing, slices: int) -> Standing:
    """The same in time points: one is held when all of its slices are, and done when nothing is left to do in it."""
    return Standing(
        _any_of(standing.starts, slices),
        _all_of(standing.held, slices),
        _all_of(standing.done | standing.held, slices),
        _any_of(standing.present, slices),
        standing.born // slices,
        standing.gone // slices if standing.gone is not None else None,
    )


def _any_of(frames: frozenset[int], slices: int) -> frozenset[int]:
    return frozenset(frame // slices for frame in frames)


def _all_of(frames: frozenset[int], slices: int) -> frozenset[int]:
    counts = Counter(frame // slices for frame in frames)
    return frozenset(time for time, count in counts.items() if count == slices)


def _in_frames(one: Pass, objects: Mapping[int, Standing], slices: int) -> Pass:
    """A pass through time points as one through their slices. It goes on from the middle slice that has the object."""
    writes, seeds = {}, {}
    for object_id, times in one.writes.items():
        frames = frozenset(frame for time in times for frame in range(time * slices, (time + 1) * slices))
        writes[object_id] = frames - objects[object_id].held
    for object_id, time in one.seeds.items():
        present = sorted(frame for frame in objects[object_id].present if frame // slices == time)
        seeds[object_id] = present[len(present) // 2]
    return Pass(one.direction, one.first * slices, (one.last + 1) * slices - 1, writes, seeds)
