"""Objects in time and depth: one label volume per time point, each object with one id along both.

The scheme, for a stack of time points that consist of slices each:

1. In the time point where an object was prompted, it is carried from its prompts through all slices.
2. Its *key slice* is the one where it is largest. There it is carried along time: its mask is given as a prompt (the
   masks of HISTORY time points are), and the next time point is segmented in that one slice. Where it is not found, the
   two next largest slices are tried.
3. The mask found there is the prompt that carries it through all slices of the new time point. The key slice is chosen
   anew, so that a cell may rise or sink, and so on from 2.

All objects of a time point go through its slices together, so that two of them do not claim the same cell. Corrections
in a later time point are applied on top of what was carried there; a box or a mask replaces it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import prompt_checks as check
from napari_sam2.tracking.carrying import GAP, Key, Volume, by_slice, carry, collect, largest
from napari_sam2.tracking.errors import TrackingError
from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.options import Direction, TrackerOptions
from napari_sam2.tracking.picks import Picked
from napari_sam2.tracking.result import FrameResult
from napari_sam2.tracking.stretched import StretchedTracker, is_square
from napari_sam2.tracking.tracker import Tracker


def tracker_for(
    model: Sam2,
    stack: Any,
    options: TrackerOptions | None = None,
    *,
    slices: int = 1,
    aspect: float = 1.0,
    depth: bool = False,
) -> Tracker | StretchedTracker | SweptTracker:
    """The tracker that fits a stack.

    Args:
        model: a network from ``load_model``.
        stack: (frames, y, x) or (frames, y, x, 3), see Tracker.
        options: as for Tracker.
        slices: so many frames in a row are one time point.
        aspect: height of a pixel over its width, in the units of the specimen.
        depth: objects are followed from slice to slice of a volume, so that they end there where `options` do not say
            otherwise (see `TrackerOptions.ends`).

    Raises:
        TrackingError: the stack cannot be tracked in.
    """
    options = options or TrackerOptions()
    if options.ends is None:
        options = replace(options, ends=depth)
    if slices > 1:
        return SweptTracker(model, stack, options, slices=slices, aspect=aspect)
    if is_square(aspect):
        return Tracker(model, stack, options)
    return StretchedTracker(model, stack, options, aspect=aspect)


@dataclass(frozen=True)
class _Said:
    """One call of an add method: what the user said of an object on a slice."""

    method: str
    slice: int
    arguments: tuple[Any, ...]

    @property
    def starts(self) -> bool:
        return self.method != "add_points" or bool((self.arguments[1] == 1).any())

    @property
    def replaces(self) -> bool:
        """It says by itself where the object is, all of it."""
        return self.method != "add_points"


class SweptTracker:
    """A tracker of time points that consist of slices; has the methods of :class:`Tracker`.

    Args:
        model, options: as for Tracker.
        stack: (frames, y, x) or (frames, y, x, 3); frame = time point * slices + slice.
        slices: so many frames in a row are one time point.
        aspect: height of a pixel over its width.

    Raises:
        TrackingError: the stack cannot be tracked in, or does not consist of whole time points.
    """

    def __init__(
        self, model: Sam2, stack: Any, options: TrackerOptions | None = None, *, slices: int, aspect: float = 1.0
    ) -> None:
        options = options or TrackerOptions()
        frames = Frames(stack, options.contrast)
        if slices < 1 or len(frames) % slices:
            raise TrackingError(
                f"got {len(frames)} frames, which are no whole number of time points of {slices} slices"
            )
        self._model, self._stack, self._aspect = model, stack, aspect
        self._slices, self._times, self._shape = slices, len(frames) // slices, frames.shape
        contrast = options.contrast
        if contrast.kind != "frame":  # the same for all time points, not anew for each
            contrast = replace(contrast, kind="limits", limits=frames.limits)
        cache = options.feature_cache_bytes // 4  # several trackers live at a time
        self._options = replace(options, contrast_limits=None, contrast=contrast, feature_cache_bytes=cache)
        self._said: dict[int, dict[int, list[_Said]]] = {}
        """By time point and object."""
        self._keys: dict[int, dict[int, Key]] = defaultdict(dict)
        """By time point and object: the key slice and the mask there, as it was found last."""
        self._preview: tuple[int, Tracker | StretchedTracker] | None = None

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects with prompts, ascending."""
        return tuple(sorted({object_id for said in self._said.values() for object_id in said}))

    # Prompts -------------------------------------------------------------------------------------------------------

    def add_points(self, object_id: int, frame: int, points: Any, labels: Any = None, candidate: int = 0) -> None:
        """As for Tracker."""
        places, kinds = check.points(points, labels, self._shape)
        if not (kinds == 1).any() and not self._starts(check.object_id(object_id)):
            raise TrackingError(f"object {object_id} starts with a negative click; click on the object itself first")
        self._add(object_id, frame, "add_points", (places, kinds, check.candidate(candidate)))

    def add_box(self, object_id: int, frame: int, box: Any) -> None:
        """As for Tracker."""
        self._add(object_id, frame, "add_box", (check.box(box, self._shape),))

    def add_mask(self, object_id: int, frame: int, mask: Any) -> None:
        """As for Tracker."""
        self._add(object_id, frame, "add_mask", (check.mask(mask, self._shape),))

    def _add(self, object_id: int, frame: int, method: str, arguments: tuple[Any, ...]) -> None:
        object_id = check.object_id(object_id)
        time, part = divmod(check.frame_index(frame, self._times * self._slices), self._slices)
        step = _Said(method, part, arguments)
        self._said.setdefault(time, {}).setdefault(object_id, []).append(step)
        if self._preview is not None and self._preview[0] == time:
            tracker = self._preview[1]
            if step.replaces or not (step.starts or object_id in tracker.object_ids):
                self._preview = None
            else:
                getattr(tracker, method)(object_id, part, *arguments)

    def remove_object(self, object_id: int) -> None:
        """As for Tracker."""
        self._known(object_id)
        for time in list(self._said):
            self._forget(object_id, time, None)
        for keys in self._keys.values():
            keys.pop(object_id, None)

    def clear_prompts(self, object_id: int, frame: int | None = None) -> None:
        """As for Tracker."""
        self._known(object_id)
        if frame is None:
            self.remove_object(object_id)
            return
        time, part = divmod(frame, self._slices)
        self._forget(object_id, time, part)

    def _forget(self, object_id: int, time: int, part: int | None) -> None:
        steps = self._said.get(time, {}).pop(object_id, [])
        kept = [step for step in steps if part is not None and step.slice != part]
        if kept:
            self._said[time][object_id] = kept
        if not self._said.get(time, True):
            del self._said[time]
        if steps and self._preview is not None and self._preview[0] == time:
            self._preview = None

    def _known(self, object_id: int) -> None:
        if object_id not in self.object_ids:
            raise TrackingError(f"there is no object {object_id}; there are {list(self.object_ids)}")

    def _starts(self, object_id: int) -> list[int]:
        """Time points in which the user said where an object is, ascending."""
        return sorted(time for time, said in self._said.items() if any(step.starts for step in said.get(object_id, ())))

    # Answers to prompts --------------------------------------------------------------------------------------------

    def predict(self, frame: int) -> FrameResult:
        """As for Tracker. The first prompt in a time point that objects were carried to takes as long as its slices."""
        time, part = divmod(check.frame_index(frame, self._times * self._slices), self._slices)
        said = self._said.get(time, {})
        if not any(step.slice == part for steps in said.values() for step in steps):
            raise TrackingError(f"no object is prompted on frame {frame}; click on one first")
        if self._preview is None or self._preview[0] != time:
            carried = {object_id: key for object_id, key in self._keys.get(time, {}).items() if object_id in said}
            tracker = self._seeded(time, carried, said)
            if tracker is None:
                raise TrackingError(f"got negative clicks alone on frame {frame}; click on the object itself first")
            self._preview = time, tracker
        result: FrameResult = self._preview[1].predict(part)
        result.frame = frame
        return result

    def _tracker(self, numbers: range, options: TrackerOptions | None = None) -> Tracker | StretchedTracker:
        picked, options = Picked(self._stack, numbers), options or self._options
        if is_square(self._aspect):
            return Tracker(self._model, picked, options)
        return StretchedTracker(self._model, picked, options, aspect=self._aspect)

    def _along(self, part: int) -> Tracker | StretchedTracker:
        """A tracker of one slice through all time points."""
        numbers = range(part, self._times * self._slices, self._slices)
        return self._tracker(numbers, replace(self._options, ends=False))

    def _seeded(
        self, time: int, carried: dict[int, Key], said: dict[int, list[_Said]]
    ) -> Tracker | StretchedTracker | None:
        """A tracker of the slices of a time point that knows what was carried there and what the user said there."""
        tracker = self._tracker(range(time * self._slices, (time + 1) * self._slices))
        corrected = False
        for object_id, (part, crop) in carried.items():
            steps = said.get(object_id, [])
            # In the time point where it starts, what the user says is all that counts.
            if any(step.replaces for step in steps) or self._starts(object_id)[:1] == [time]:
                continue
            tracker.add_mask(object_id, part, crop.whole(self._shape))
            corrected = corrected or bool(steps)
        if corrected:
            # Clicks refine what was carried to their slices, so it has to be there first.
            for _ in tracker.propagate(direction="both"):
                pass
        for object_id, steps in said.items():
            for step in sorted(steps, key=lambda step: not step.starts):
                if step.starts or object_id in tracker.object_ids:
                    getattr(tracker, step.method)(object_id, step.slice, *step.arguments)
        return tracker if tracker.object_ids else None

    # Propagation ---------------------------------------------------------------------------------------------------

    def propagate(
        self, start: int | None = None, stop: int | None = None, direction: Direction = "both"
    ) -> Iterator[FrameResult]:
        """Carry all objects through all slices and time points; the direction is the one along time.

        The time points that frames from `start` to before `stop` lie in are done as a whole. Closing the generator
        cancels; what was found stays for corrections.

        Yields:
            one result per slice of each time point, all slices of one time point after the other.

        Raises:
            TrackingError: no prompts, an empty range, an unknown direction; at once.
        """
        if direction not in ("forward", "backward", "both"):
            raise TrackingError(f"got direction {direction!r}, expected 'forward', 'backward' or 'both'")
        starts = {thing: known for thing in self.object_ids if (known := self._starts(thing))}
        if not starts:
            raise TrackingError("there is nothing to propagate; click on an object first")
        frames = self._times * self._slices
        low = 0 if start is None else check.frame_index(start, frames)
        high = frames if stop is None else check.frame_index(stop, frames + 1)
        if low >= high:
            raise TrackingError(f"got the frames from {low} up to {high}, which are none; stop after the start")
        times = range(low // self._slices, (high - 1) // self._slices + 1)
        return self._propagate(starts, times, direction)

    def _propagate(self, starts: dict[int, list[int]], times: range, direction: Direction) -> Iterator[FrameResult]:
        if direction == "backward":
            yield from self._run(times[::-1], lambda thing, time: time <= starts[thing][-1], starts, backward=True)
            return
        yield from self._run(times, lambda thing, time: time >= starts[thing][0], starts, backward=False)
        if direction == "both":
            yield from self._run(times[::-1], lambda thing, time: time < starts[thing][0], starts, backward=True)

    def _run(
        self, times: range, wanted: Callable[[int, int], bool], starts: dict[int, list[int]], *, backward: bool
    ) -> Iterator[FrameResult]:
        """Fill one time point after the other; `wanted` says which objects belong there."""
        recent: dict[int, dict[int, Volume]] = {}
        for time in times:
            members = [object_id for object_id in starts if wanted(object_id, time)]
            if not members:
                continue
            said = {i: steps for i, steps in self._said.get(time, {}).items() if i in members}
            firsts = {i for i in members if time == starts[i][-1 if backward and wanted(i, starts[i][-1]) else 0]}
            absent = [i for i in members if i not in firsts and not any(step.replaces for step in said.get(i, ()))]
            self._remember_starts(absent, time, starts, recent, backward=backward)
            carried = carry(absent, time, recent, self._shape, self._along, backward=backward)
            volumes: dict[int, Volume] = {object_id: {} for object_id in members}
            tracker = self._seeded(time, carried, said)
            for result in by_slice(tracker) if tracker is not None else ():
                collect(result, volumes)
                result.frame += time * self._slices
                yield result
            recent[time] = volumes
            self._note_keys(time, volumes)
            for old in [known for known in recent if abs(known - time) > GAP]:
                del recent[old]

    def _note_keys(self, time: int, volumes: dict[int, Volume]) -> None:
        for object_id, volume in volumes.items():
            if volume:
                key = largest(volume)[0]
                self._keys[time][object_id] = key, volume[key]
            else:
                self._keys[time].pop(object_id, None)

    def _remember_starts(
        self,
        members: Sequence[int],
        time: int,
        starts: dict[int, list[int]],
        recent: dict[int, dict[int, Volume]],
        *,
        backward: bool,
    ) -> None:
        """Segment the time points that objects come from and that lie outside of the range or of another direction."""
        sign = -1 if backward else 1
        for object_id in members:
            if any(object_id in volumes for volumes in recent.values()):
                continue
            behind = [known for known, keys in self._keys.items() if object_id in keys and (time - known) * sign > 0]
            near = max(behind, key=lambda known: known * sign, default=None)
            if near is not None and abs(time - near) <= GAP:
                key, crop = self._keys[near][object_id]
                recent.setdefault(near, {})[object_id] = {key: crop}
                continue
            prompted = [known for known in starts[object_id] if (time - known) * sign > 0]
            if not prompted:
                continue
            source = max(prompted, key=lambda known: known * sign)
            tracker = self._seeded(source, {}, {object_id: self._said[source][object_id]})
            volumes: dict[int, Volume] = {object_id: {}}
            for result in by_slice(tracker) if tracker is not None else ():
                collect(result, volumes)
            # As if it had been the time point before: the range says that what lies between does not matter.
            recent.setdefault(source, {}).update(volumes)
            self._note_keys(source, volumes)
