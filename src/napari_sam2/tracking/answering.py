"""Answers to prompts, and how they get into the memory of their objects."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from napari_sam2.tracking.memory_bank import Remembered, Selection
from napari_sam2.tracking.network import OUTSIDE_LOGIT, Network, Prompted
from napari_sam2.tracking.objects import Answer, Interaction, TrackedObject
from napari_sam2.tracking.windows import Viewer


class Answering:
    """Answers what the user said of an object on a frame, interaction by interaction."""

    def __init__(self, network: Network, viewer: Viewer) -> None:
        self.network, self.viewer = network, viewer

    def settle(self, thing: TrackedObject, present: int | None = None) -> None:
        """Answer and remember the prompts that stand by themselves and have not been looked at yet.

        With a ``present`` frame only those that it is conditioned on, and those far from it are let go of: an object
        may have been prompted on thousands of frames.
        """
        limit = self.network.options.max_conditioning
        due = {frame for frame in thing.unsettled if thing.stands(frame)}
        if due and present is not None and limit is not None:
            able = [frame for frame in thing.interactions if thing.stands(frame)]
            due &= set(sorted(able, key=lambda frame: abs(frame - present))[:limit])
        for frame in sorted(due):
            self.condition(thing, frame)
        if present is not None and limit is not None and len(thing.bank.conditioning) > 2 * limit:
            for frame in thing.bank.keep_nearest(present, 2 * limit):
                thing.forget_answer(frame)
                thing.unsettled.add(frame)

    def condition(self, thing: TrackedObject, frame: int) -> Answer:
        """Answer the prompts of a frame and remember it as one that the user has spoken on."""
        answer = self.answer(thing, frame)
        thing.bank.condition(self.network.remember(answer, self.viewer.for_memory(thing, answer)))
        thing.unsettled.discard(frame)
        return answer

    def answer(self, thing: TrackedObject, frame: int) -> Answer:
        """The answer to all that was said of an object on a frame; interactions not looked at yet come one by one."""
        steps = thing.interactions[frame]
        done = thing.answered.get(frame, 0)
        if not done and frame not in thing.seen:
            # Where nothing is known of the object, what lies beside it says nothing before what lies inside.
            done = next((index for index, step in enumerate(steps) if step.positive), 0)
        for count in range(done + 1, len(steps) + 1):
            thing.answers[frame] = self._take(thing, frame, steps[:count])
            thing.answered[frame] = count
            (thing.alone.discard if frame in thing.seen else thing.alone.add)(frame)
        return thing.answers[frame]

    def _take(self, thing: TrackedObject, frame: int, said: list[Interaction]) -> Answer:
        """Answer the last of what was ``said``, with the answer before it as a hint."""
        earlier = thing.answers.get(frame)
        view = self.viewer.for_prompt(thing, frame, said, earlier)
        side = self.network.tokens(view)
        memory = self._memory(thing, frame, said, side)
        before = earlier or thing.bank.tracked.get(frame)
        if isinstance(before, Remembered) and not before.whole:
            before = None
        previous: Tensor | None = None
        if before is not None:
            previous = before.view.resample(before.logits, view, OUTSIDE_LOGIT, 4 * side)
        elif memory is not None and memory.maps and said[-1].mask is None:
            # A correction far from the frames whose masks are remembered: look again what tracking would find here.
            ((_, found, _),) = self.network.track(frame, [view], [memory], keep=True)
            previous = found.logits if found.object_score > 0 else None
        fresh = previous is None and memory is None and said[-1].mask is None
        boxed = said[-1].box is not None
        looks = self.viewer.second_looks(view, said) if fresh and boxed else ()
        # The window is fitted to the best candidate, so that the choice among them is one among what was shown.
        open_said = [*said[:-1], replace(said[-1], candidate=0)]
        answer = self.network.answer(frame, Prompted(view, open_said, previous, memory, looks))
        if fresh and not boxed:
            better = self.viewer.refitted(thing, answer, said)
            view = better or view
            looks = self.viewer.second_looks(view, said)
            if better is not None or looks:
                answer = self.network.answer(frame, Prompted(view, open_said, looks=looks))
        if said[-1].candidate:
            answer = self.network.answer(frame, Prompted(view, said, previous, memory, looks))
        return answer

    def _memory(self, thing: TrackedObject, frame: int, said: list[Interaction], side: int) -> Selection | None:
        """What a correction is conditioned on: what tracking saw, in the direction in which it came by."""
        if frame in thing.seen:
            return self.select(thing, frame, side, backward=thing.seen[frame])
        if any(step.positive for step in said) or not thing.bank.conditioning:
            return None
        nearest = min(thing.bank.conditioning, key=lambda other: abs(other - frame))
        return self.select(thing, frame, side, backward=nearest > frame)

    def select(self, thing: TrackedObject, frame: int, side: int, *, backward: bool) -> Selection:
        """What a frame of an object is conditioned on, by the options, in a view of ``side`` tokens."""
        options = self.network.options
        return thing.bank.select(
            frame,
            len(self.network.frames),
            side,
            backward=backward,
            limit=options.max_conditioning,
            skip_absent=options.skip_absent,
        )
