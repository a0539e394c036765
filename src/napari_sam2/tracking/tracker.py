"""The tracker: prompts in, masks of every frame out, one frame at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import prompt_checks as check
from napari_sam2.tracking import rivals
from napari_sam2.tracking.errors import TrackingError
from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.memory_bank import MemoryBank, Selection
from napari_sam2.tracking.network import Network, Prompted
from napari_sam2.tracking.objects import Answer, Interaction, TrackedObject
from napari_sam2.tracking.options import Direction, TrackerOptions
from napari_sam2.tracking.result import FrameResult
from napari_sam2.tracking.windows import Viewer

_NO_POINTS = np.zeros((0, 2), np.float32)
_NO_LABELS = np.zeros(0, np.int64)


class Tracker:
    """Segments any number of objects through a stack, from prompts on any of its frames.

    Args:
        model: a network from ``load_model``.
        stack: (frames, y, x) or (frames, y, x, 3) array-like; numpy, dask, zarr, memory map. Read frame by frame.
        options: behaviour; the default serves users, ``TrackerOptions.reference()`` is the published SAM 2.

    Coordinates are (y, x) in pixels of the stack, at the centre of pixels; frames count from 0. Every ``add_*`` call is
    one interaction: a second click on a frame refines the answer to the first. Not thread-safe.

    Raises:
        TrackingError: the stack cannot be tracked in (shape or type).
    """

    def __init__(self, model: Sam2, stack: Any, options: TrackerOptions | None = None) -> None:
        self.options = options or TrackerOptions()
        self.frames = Frames(stack, self.options.contrast_limits)
        self.network = Network(model, self.frames, self.options)
        kind = self.options.view
        self._viewer = Viewer(self.network, kind == "windows" or (kind == "auto" and model.config.windows))
        self._objects: dict[int, TrackedObject] = {}

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects with prompts, ascending."""
        return tuple(sorted(self._objects))

    # Prompts -------------------------------------------------------------------------------------------------------

    def add_points(self, object_id: int, frame: int, points: Any, labels: Any = None) -> None:
        """Click on an object.

        Args:
            object_id: a whole number from 1 on; a new one starts a new object.
            frame: the frame that the clicks are on.
            points: (N, 2) places (y, x).
            labels: (N,) 1 for "this belongs to the object", 0 for "this does not"; all 1 when left out.

        Raises:
            TrackingError: the prompt cannot be used, or an object starts with negative clicks alone.
        """
        object_id = check.object_id(object_id)
        places, kinds = check.points(points, labels, self.frames.shape)
        known = self._objects.get(object_id)
        if not (kinds == 1).any() and (known is None or not known.has_positive()):
            raise TrackingError(f"object {object_id} starts with a negative click; click on the object itself first")
        self._add(object_id, frame, Interaction(places, kinds))

    def add_box(self, object_id: int, frame: int, box: Any) -> None:
        """Draw a box (y0, x0, y1, x1) around an object. Raises TrackingError when it cannot be used."""
        object_id = check.object_id(object_id)
        corners = check.box(box, self.frames.shape)
        self._add(object_id, frame, Interaction(_NO_POINTS, _NO_LABELS, box=corners))

    def add_mask(self, object_id: int, frame: int, mask: Any) -> None:
        """Give the (y, x) mask of an object on a frame, pixels > 0. Raises TrackingError when it cannot be used."""
        object_id = check.object_id(object_id)
        pixels = check.mask(mask, self.frames.shape)
        self._add(object_id, frame, Interaction(_NO_POINTS, _NO_LABELS, mask=pixels))

    def _add(self, object_id: int, frame: int, step: Interaction) -> None:
        frame = check.frame_index(frame, len(self.frames))
        thing = self._objects.get(object_id)
        if thing is None:
            thing = self._objects[object_id] = TrackedObject(object_id, MemoryBank(self.network.config))
        thing.interactions.setdefault(frame, []).append(step)
        thing.unsettled.add(frame)

    def remove_object(self, object_id: int) -> None:
        """Forget an object and all its prompts. Raises TrackingError when there is no such object."""
        del self._objects[self._known(object_id).id]

    def clear_prompts(self, object_id: int, frame: int | None = None) -> None:
        """Forget the prompts of an object on one frame, or on all; an object without prompts is forgotten too.

        Raises:
            TrackingError: there is no such object. A frame without prompts is no error.
        """
        thing = self._known(object_id)
        for prompted in thing.prompted if frame is None else [frame]:
            thing.interactions.pop(prompted, None)
            thing.answers.pop(prompted, None)
            thing.answered.pop(prompted, None)
            thing.unsettled.discard(prompted)
            thing.bank.forget(prompted)
        if not thing.interactions:
            del self._objects[thing.id]

    def _known(self, object_id: int) -> TrackedObject:
        try:
            return self._objects[object_id]
        except KeyError:
            raise TrackingError(f"there is no object {object_id}; there are {list(self.object_ids)}") from None

    # Answers to prompts --------------------------------------------------------------------------------------------

    def predict(self, frame: int) -> FrameResult:
        """Answer the prompts of one frame, for a preview. Nothing is propagated.

        Returns:
            the objects that are prompted on ``frame``, with ``candidates``.

        Raises:
            TrackingError: no object is prompted on this frame.
        """
        frame = check.frame_index(frame, len(self.frames))
        asked = [thing for thing in self._objects.values() if frame in thing.interactions]
        if not asked:
            raise TrackingError(f"no object is prompted on frame {frame}; click on one first")
        with torch.inference_mode():
            answers = {thing.id: self._answer(thing, frame) for thing in asked}
        return self._result(frame, answers, preview=True)

    def _answer(self, thing: TrackedObject, frame: int) -> Answer:
        """The answer to all that was said of an object on a frame; interactions not looked at yet come one by one."""
        steps = thing.interactions[frame]
        for count in range(thing.answered.get(frame, 0) + 1, len(steps) + 1):
            thing.answers[frame] = self._take(thing, frame, steps[:count])
            thing.answered[frame] = count
        return thing.answers[frame]

    def _take(self, thing: TrackedObject, frame: int, said: list[Interaction]) -> Answer:
        """Answer the last of what was ``said``, with the answer before it as a hint."""
        earlier = thing.answers.get(frame)
        view = self._viewer.for_prompt(thing, frame, said, earlier)
        before = earlier or thing.bank.tracked.get(frame)
        previous = before.view.resample(before.logits, view, outside=-10.0) if before is not None else None
        # A correction sees what tracking saw: the frames before it, in the direction it was tracked in.
        memory = self._select(thing, frame, backward=thing.seen[frame]) if frame in thing.seen else None
        answer = self.network.answer(frame, Prompted(view, said, previous, memory))
        fresh = previous is None and memory is None and said[-1].mask is None
        if fresh and said[-1].box is None and (better := self._viewer.refitted(thing, answer)) is not None:
            answer = self.network.answer(frame, Prompted(better, said))
        return answer

    def _select(self, thing: TrackedObject, frame: int, *, backward: bool) -> Selection:
        return thing.bank.select(
            frame,
            len(self.frames),
            backward=backward,
            limit=self.options.max_conditioning,
            skip_absent=self.options.skip_absent,
        )

    def _settle(self) -> None:
        """Answer and remember every prompt that has not been looked at yet."""
        for thing in self._objects.values():
            for frame in sorted(thing.unsettled):
                thing.bank.condition(self.network.remember(self._answer(thing, frame)))
            thing.unsettled.clear()

    # Propagation ---------------------------------------------------------------------------------------------------

    def propagate(
        self, start: int | None = None, stop: int | None = None, direction: Direction = "both"
    ) -> Iterator[FrameResult]:
        """Carry all objects through the stack, one frame at a time.

        Forward, an object is tracked from its first prompted frame on; "both" adds the frames before that, backwards;
        "backward" alone goes from its last prompted frame to the start. Prompts may be added, and objects too, between
        two results: they count from then on, and frames that a new object missed are visited at the end. Closing the
        generator cancels; what was remembered stays.

        Args:
            start, stop: only frames with start <= frame < stop; the whole stack when left out.
            direction: "forward", "backward" or "both".

        Yields:
            results of the objects that are tracked on a frame; a frame comes up once per direction.

        Raises:
            TrackingError: no prompts, an empty range, an unknown direction; at once, before the first frame.
        """
        if direction not in ("forward", "backward", "both"):
            raise TrackingError(f"got direction {direction!r}, expected 'forward', 'backward' or 'both'")
        if not self._objects:
            raise TrackingError("there is nothing to propagate; click on an object first")
        low = 0 if start is None else check.frame_index(start, len(self.frames))
        high = len(self.frames) if stop is None else check.frame_index(stop - 1, len(self.frames)) + 1
        if low >= high:
            raise TrackingError(f"got the frames from {low} to {high - 1}, which are none; start before you stop")
        return self._propagate(low, high, direction)

    def _propagate(self, low: int, high: int, direction: Direction) -> Iterator[FrameResult]:
        if direction == "backward":
            yield from self._sweep(lambda thing: range(low, min(high, thing.prompted[-1] + 1)), backward=True)
            return
        yield from self._sweep(lambda thing: range(max(low, thing.first), high), backward=False)
        if direction == "both":
            yield from self._sweep(lambda thing: range(low, min(high, thing.first)), backward=True)

    def _sweep(self, wanted: Callable[[TrackedObject], range], *, backward: bool) -> Iterator[FrameResult]:
        """Visit the frames that are ``wanted`` for any object, again until those of late-comers are done too."""
        done: dict[int, set[int]] = defaultdict(set)

        def members(frame: int) -> list[TrackedObject]:
            return [t for t in self._objects.values() if frame in wanted(t) and frame not in done[t.id]]

        while frames := {frame for t in self._objects.values() for frame in wanted(t) if frame not in done[t.id]}:
            for frame in sorted(frames, reverse=backward):
                now = members(frame)
                if not now:
                    continue  # its objects were removed on the way
                with torch.inference_mode():
                    self._settle()
                    answers = self._step(frame, now, backward)
                for thing in now:
                    done[thing.id].add(frame)
                    thing.seen[frame] = backward
                yield self._result(frame, answers)

    def _step(self, frame: int, members: Sequence[TrackedObject], backward: bool) -> dict[int, Answer]:
        """Segment ``members`` on a frame: the prompted ones as they were answered, the others from memory."""
        answers = {thing.id: thing.answers[frame] for thing in members if frame in thing.interactions}
        others = [thing for thing in members if thing.id not in answers]
        views = [self._viewer.following(thing, frame) for thing in others]
        selections = [self._select(thing, frame, backward=backward) for thing in others]
        found = {others[i].id: (answer, memory) for i, answer, memory in self.network.track(frame, views, selections)}
        answers |= {object_id: answer for object_id, (answer, _) in found.items()}
        if self.options.one_owner and len(answers) > 1:
            before = {thing.id: thing.bank.latest(frame) for thing in others}
            sure = {thing.id for thing in members} - before.keys()
            for lost in rivals.losers(answers, before, sure, self.frames.shape):
                answer, memory = found[lost]
                nowhere = torch.full_like(answer.logits, rivals.ABSENT_LOGIT)
                answers[lost] = replace(answer, logits=nowhere, object_score=rivals.ABSENT_SCORE)
                found[lost] = answers[lost], replace(memory, logits=nowhere, object_score=rivals.ABSENT_SCORE)
        for thing in others:
            thing.bank.track(found[thing.id][1])
        return answers

    def _result(self, frame: int, answers: dict[int, Answer], *, preview: bool = False) -> FrameResult:
        return FrameResult(frame, answers, self.frames.shape, resolve=self.options.resolve_overlaps, preview=preview)
