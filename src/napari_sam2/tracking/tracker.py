"""The tracker: prompts in, masks of every frame out, one frame at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import heap, rivals
from napari_sam2.tracking import prompt_checks as check
from napari_sam2.tracking.answering import Answering
from napari_sam2.tracking.depth import Profile, looks
from napari_sam2.tracking.errors import TrackingError
from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.memory_bank import MemoryBank, Remembered, full_selection
from napari_sam2.tracking.network import Network
from napari_sam2.tracking.objects import Answer, Interaction, TrackedObject
from napari_sam2.tracking.options import PATIENCE, Direction, TrackerOptions
from napari_sam2.tracking.propose import Proposed, ProposeOptions
from napari_sam2.tracking.propose import propose as proposals_of
from napari_sam2.tracking.result import FrameResult
from napari_sam2.tracking.sweep import Sweep
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
        self.frames = Frames(stack, self.options.contrast)
        self.network = Network(model, self.frames, self.options)
        self._viewer = Viewer(self.network)
        self._answering = Answering(self.network, self._viewer)
        self._ends = bool(self.options.ends) and self._viewer.windows
        self._objects: dict[int, TrackedObject] = {}

    @property
    def precision(self) -> str:
        """What the heavy parts of the network are computed in, such as "float32" or "bfloat16"."""
        return str(self.network.model.dtype).removeprefix("torch.")

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects with prompts, ascending."""
        return tuple(sorted(self._objects))

    # Prompts -------------------------------------------------------------------------------------------------------

    def add_points(self, object_id: int, frame: int, points: Any, labels: Any = None, candidate: int = 0) -> None:
        """Click on an object.

        Args:
            object_id: a whole number from 1 on; a new one starts a new object.
            frame: the frame that the clicks are on.
            points: (N, 2) places (y, x).
            labels: (N,) 1 for "this belongs to the object", 0 for "this does not"; all 1 when left out.
            candidate: which of the masks of a single, ambiguous click is meant, 0 for the best, in the order of
                ``FrameResult.candidates``. Where there are fewer, it is the last one.

        Raises:
            TrackingError: the prompt cannot be used, or an object starts with negative clicks alone.
        """
        object_id = check.object_id(object_id)
        places, kinds = check.points(points, labels, self.frames.shape)
        known = self._objects.get(object_id)
        step = Interaction(places, kinds, candidate=check.candidate(candidate))
        if not step.positive and (known is None or not known.starts):
            raise TrackingError(f"object {object_id} starts with a negative click; click on the object itself first")
        self._add(object_id, frame, step)

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
        for prompted in list(thing.interactions) if frame is None else [frame]:
            if thing.interactions.pop(prompted, None) is None:
                continue
            thing.forget_answer(prompted)
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

        Negative clicks on a frame that an object has not been tracked to are answered from its prompts on other frames.

        Returns:
            the objects that are prompted on ``frame``, with ``candidates``.

        Raises:
            TrackingError: no object is prompted on this frame, or with nothing but negative clicks anywhere.
        """
        frame = check.frame_index(frame, len(self.frames))
        asked = [thing for thing in self._objects.values() if frame in thing.interactions]
        if not asked:
            raise TrackingError(f"no object is prompted on frame {frame}; click on one first")
        with torch.inference_mode():
            for thing in asked:
                if not thing.stands(frame):
                    self._answering.settle(thing, frame)
            able = [thing for thing in asked if thing.stands(frame) or thing.bank.conditioning]
            if not able:
                raise TrackingError(f"got negative clicks alone on frame {frame}; click on the object itself first")
            answers = {thing.id: self._answering.answer(thing, frame) for thing in able}
        return self._result(frame, answers, preview=True)

    def propose(
        self, frame: int, taken: Any = None, diameter: float | None = None, options: ProposeOptions | None = None
    ) -> Iterator[Proposed]:
        """Look for all objects of a frame without a prompt, view by view. No object of the tracker is touched.

        Closing the generator cancels.

        Args:
            frame: the frame to look at.
            taken: (y, x) labels of what is segmented already; nothing is proposed there.
            diameter: typical size of the objects, in pixels; looked for when left out.
            options: what is proposed.

        Yields:
            how far it is; the last one has the proposals, best first.

        Raises:
            TrackingError: no such frame, or labels of another shape; at once.
        """
        frame = check.frame_index(frame, len(self.frames))
        if taken is not None:
            taken = np.asarray(taken)
            if taken.shape != self.frames.shape:
                raise TrackingError(f"got labels of shape {taken.shape}, expected the frame's {self.frames.shape}")
        options = options or ProposeOptions()
        if diameter is not None:
            options = replace(options, diameter=float(diameter))
        return proposals_of(self.network, frame, windows=self._viewer.windows, taken=taken, options=options)

    # What an estimate needs ---------------------------------------------------------------------------------------

    def wanted(self, objects: Collection[int] | None = None) -> list[TrackedObject]:
        """The objects that a propagation would carry, all or some. Raises TrackingError when there are none."""
        things = self._objects.values() if objects is None else [self._known(object_id) for object_id in objects]
        able = [thing for thing in things if thing.starts]
        if not able:
            raise TrackingError("there is nothing to propagate; click on an object first")
        return able

    @property
    def windows(self) -> bool:
        """Whether objects are followed in windows of their own scale."""
        return self._viewer.windows

    def prepare(self, thing: TrackedObject, frame: int) -> None:
        """Answer and remember the prompts of an object around a frame, as when it is tracked there."""
        self._answering.settle(thing, frame)

    def look_ahead(self, things: Sequence[TrackedObject]) -> None:
        """Track objects to the frame after the first one's prompt, as if all they can remember were there already.

        Nothing is kept of it.
        """
        frame = min(things[0].starts[0] + 1, len(self.frames) - 1)
        views = [self._viewer.following(thing, frame, backward=False) for thing in things]
        latest = [thing.bank.latest(frame, backward=False) for thing in things]
        selections = [full_selection(entry, self.network.config) for entry in latest if entry is not None]
        for _ in self.network.track(frame, views, selections, keep=False):
            pass

    # Propagation ---------------------------------------------------------------------------------------------------

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Direction = "both",
        objects: Collection[int] | None = None,
    ) -> Iterator[FrameResult]:
        """Carry objects through the stack, one frame at a time.

        Forward, an object is tracked from its first prompted frame on; "both" adds the frames before that, backwards;
        "backward" alone goes from its last prompted frame to the start. A negative click on a frame that the object has
        not been tracked to yet counts when it is. Prompts may be added, and objects too, between two results: they
        count from then on, and an object that comes too late for its first frames is carried through all of its frames
        at the end. Closing the generator cancels; what was remembered stays.

        Args:
            start, stop: only frames with start <= frame < stop; the whole stack when left out.
            direction: "forward", "backward" or "both".
            objects: only these; all when left out, also those that are prompted on the way.

        Yields:
            results of the objects that are tracked on a frame. For each object, a frame comes up once per direction.

        Raises:
            TrackingError: no prompts, an empty range, an unknown direction; at once, before the first frame.
        """
        if direction not in ("forward", "backward", "both"):
            raise TrackingError(f"got direction {direction!r}, expected 'forward', 'backward' or 'both'")
        if not self._objects:
            raise TrackingError("there is nothing to propagate; click on an object first")
        low = 0 if start is None else check.frame_index(start, len(self.frames))
        high = len(self.frames) if stop is None else check.frame_index(stop, len(self.frames) + 1)
        if low >= high:
            raise TrackingError(f"got the frames from {low} up to {high}, which are none; stop after the start")
        chosen = None if objects is None else {self._known(object_id).id for object_id in objects}
        if chosen is not None and not chosen:
            raise TrackingError("got no objects, so there is nothing to propagate; leave objects out for all of them")
        if not any(thing.starts for thing in self._objects.values() if chosen is None or thing.id in chosen):
            raise TrackingError("got negative clicks alone; click on an object itself first")

        def sweep(wanted: Callable[[TrackedObject], range], *, backward: bool) -> Sweep:
            return Sweep(lambda t: wanted(t) if chosen is None or t.id in chosen else range(0), backward)

        if direction == "backward":
            return self._propagate([sweep(lambda thing: thing.up_to_last(low, high), backward=True)])
        sweeps = [sweep(lambda thing: thing.ahead_of(low, high), backward=False)]
        if direction == "both":
            sweeps.append(sweep(lambda thing: thing.before_start(low, high), backward=True))
        return self._propagate(sweeps)

    def _propagate(self, sweeps: Sequence[Sweep]) -> Iterator[FrameResult]:
        # A late-comer may be wanted forward when the others have been there already.
        while any(sweep.missing(self._objects.values()) for sweep in sweeps):
            for sweep in sweeps:
                yield from self._run(sweep)

    def _run(self, sweep: Sweep) -> Iterator[FrameResult]:
        """Visit the frames of a sweep, and again until those of late-comers are done too."""
        while frames := sweep.missing(self._objects.values()):
            for thing in self._objects.values():
                thing.absent_for = 0
            try:
                for frame, after in zip(frames, [*frames[1:], frames[-1]], strict=True):
                    now = sweep.members(self._objects.values(), frame)
                    if not now:
                        continue  # its objects were removed on the way, or come next time
                    self.frames.expect(after)
                    with torch.inference_mode():
                        for thing in now:
                            self._answering.settle(thing, frame)
                        answers = self._step(frame, now, sweep.backward, after)
                    for thing in now:
                        sweep.visit(thing, frame)
                    yield self._result(frame, answers)
                    if frame % heap.EVERY == 0:
                        heap.give_back()
            finally:
                self.network.ahead.close()
                self.frames.expect(None)

    def _step(self, frame: int, members: Sequence[TrackedObject], backward: bool, after: int) -> dict[int, Answer]:
        """Segment ``members`` on a frame: the prompted ones as they were answered, the others from memory.

        ``after``: the frame that comes next.
        """
        answers = {t.id: t.answers[frame] for t in members if frame in t.interactions and frame not in t.unsettled}
        others = [thing for thing in members if thing.id not in answers]
        resting = {
            thing.id: self._nowhere(thing, frame, backward) for thing in others if self._rests(thing, frame, backward)
        }
        others = [thing for thing in others if thing.id not in resting]
        views = [self._viewer.following(thing, frame, backward=backward) for thing in others]
        selections = [
            self._answering.select(thing, frame, self.network.tokens(view), backward=backward)
            for thing, view in zip(others, views, strict=True)
        ]
        tracked = self.network.track(frame, views, selections, keep=not self._viewer.windows, after=after)
        found = {others[i].id: (answer, memory) for i, answer, memory in tracked}
        for thing in [thing for thing in others if frame in thing.unsettled]:
            # It had to be tracked to this frame for the user's negative clicks to take something away.
            thing.bank.track(found.pop(thing.id)[1])
            thing.seen[frame] = backward
            answers[thing.id] = self._answering.condition(thing, frame)
            others.remove(thing)
        answers |= {object_id: answer for object_id, (answer, _) in found.items()}
        if self.options.one_owner and len(answers) > 1:
            before = {thing.id: thing.bank.latest(frame, backward=backward) for thing in others}
            sure = {thing.id for thing in members} - before.keys()
            for lost in rivals.losers(answers, before, sure, self.frames.shape):
                found[lost] = _absent(*found[lost])
        if self._ends:
            for lost in self._ended(
                frame, members, answers | {i: answer for i, (answer, _) in found.items()}, backward
            ):
                found[lost] = _absent(*found[lost])
        answers |= {object_id: answer for object_id, (answer, _) in found.items()}
        for thing in others:
            thing.bank.track(found[thing.id][1])
        answers |= resting
        for thing in members:
            thing.absent_for = 0 if answers[thing.id].object_score > 0 else thing.absent_for + 1
        return answers

    def _ended(
        self, frame: int, members: Sequence[TrackedObject], answers: dict[int, Answer], backward: bool
    ) -> list[int]:
        """The objects that are not there any more on a slice, whatever the network says of it."""
        picture = self.frames.tensor(frame).mean(0).numpy()
        asked = {thing.id for thing in members if thing.id in answers}
        seen, out = looks(answers, picture, asked), []
        for thing in members:
            if thing.id not in asked:
                continue
            if frame in thing.interactions:
                thing.depth[backward] = Profile(seen[thing.id])
                if not backward and thing.starts[:1] == [frame]:
                    thing.depth[True] = Profile(seen[thing.id])  # the way back begins here, too
                continue
            watched = backward in thing.depth and not thing.expected(frame, backward=backward)
            if watched and not thing.depth[backward].goes_on(seen[thing.id], thing.absent_for):
                out.append(thing.id)
        return out

    def _rests(self, thing: TrackedObject, frame: int, backward: bool) -> bool:
        """It has come to its end, or been absent for so long that it is not looked for on every frame."""
        ended = backward in thing.depth and thing.depth[backward].ended
        if ended and frame not in thing.interactions and not thing.expected(frame, backward=backward):
            return True
        every = self.options.probe_every
        waiting = thing.absent_for >= PATIENCE and (thing.absent_for - PATIENCE) % every != every - 1
        return waiting and frame not in thing.interactions

    def _nowhere(self, thing: TrackedObject, frame: int, backward: bool) -> Answer:
        """What is said of an object on a frame on which it was not looked for."""
        near = thing.bank.latest(frame, backward=backward)
        if near is None:
            raise TrackingError(f"object {thing.id} is not known around frame {frame}; click on it first")
        nothing = torch.full_like(near.logits, rivals.ABSENT_LOGIT)
        score = torch.zeros(1, device=nothing.device)
        return Answer(frame, near.view, nothing, near.pointer, rivals.ABSENT_SCORE, 0.0, nothing, score)

    def _result(self, frame: int, answers: dict[int, Answer], *, preview: bool = False) -> FrameResult:
        return FrameResult(frame, answers, self.frames.shape, resolve=self.options.resolve_overlaps, preview=preview)


def _absent(answer: Answer, memory: Remembered) -> tuple[Answer, Remembered]:
    """The same with no object in it."""
    nowhere = torch.full_like(answer.logits, rivals.ABSENT_LOGIT)
    return (
        replace(answer, logits=nowhere, object_score=rivals.ABSENT_SCORE),
        replace(memory, logits=nowhere, object_score=rivals.ABSENT_SCORE),
    )
