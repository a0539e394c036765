"""One propagation at a time: its frames, progress and end. Lives on the main thread, works on the inference thread."""

import time
from collections.abc import Callable, Iterable, Mapping

from psygnal import Signal

from napari_sam2.session.document import Key, Plane
from napari_sam2.session.prompts import Prompt
from napari_sam2.ui.inference import InferenceThread, Plan, Segmenter, Target

_AHEAD = 2
"""Frames that are asked for before one has been shown: the thread never waits, and memory stays bounded."""


def frames_to_do(prompted: Iterable[Key], plan: Plan) -> int:
    """How many results a propagation has; with "both", a frame between the first prompts of two objects has two.

    Forward goes from an object's first prompt to the end of the range, "both" adds what lies before it, "backward" goes
    from its last prompt to the start of the range.
    """
    frames: dict[int, list[int]] = {}
    for object_id, frame in prompted:
        frames.setdefault(object_id, []).append(frame)
    if plan.direction == "backward":
        return max(0, min(plan.last, max(map(max, frames.values()))) - plan.start + 1)
    firsts = [min(own) for own in frames.values()]
    forward = max(0, plan.last - max(plan.start, min(firsts)) + 1)
    backward = max(0, min(plan.last + 1, max(firsts)) - plan.start)
    return forward + (backward if plan.direction == "both" else 0)


class Propagation:
    """Asks for frame after frame.

    Events:
        advanced(plane, frame, result): a frame is done; its progress is counted when this is over.
        ended(cancelled, error): there are no more frames; error is an exception or None.
    """

    advanced = Signal(tuple, int, object)
    ended = Signal(bool, object)

    def __init__(
        self, thread: InferenceThread, segmenter: Segmenter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._thread = thread
        self._segmenter = segmenter
        self._clock = clock
        self._number = 0
        self._plane: Plane = ()
        self._began: float | None = None
        self._waiting = 0
        self._error: BaseException | None = None
        self.total = 0
        self.done = 0
        self.running = False
        self.cancelling = False

    @property
    def remaining(self) -> float | None:
        """Seconds that it will still take, None before there is anything to go by."""
        if self._began is None or not self.done:
            return None
        return (self._clock() - self._began) / self.done * max(0, self.total - self.done)

    def start(self, target: Target, plane: Plane, prompts: Mapping[Key, Prompt], plan: Plan) -> None:
        """Begin. Only when none is running; prompts hold at least one entry."""
        self._number += 1
        self._plane = plane
        self._began = None
        self.done = 0
        self._waiting = 0
        self._error = None
        self.total = frames_to_do(prompts, plan)
        self.running = True
        self.cancelling = False
        number = self._number
        self._thread.submit(
            lambda: self._segmenter.begin(target, prompts, plan),
            done=lambda _: self._on_begun(number),
            failed=lambda error: self._on_failed(number, error),
        )

    def cancel(self) -> None:
        """Stop after the frames that are being worked on; what is finished stays."""
        if not self.running or self.cancelling:
            return
        self.cancelling = True
        number = self._number
        self._thread.submit(
            self._segmenter.end,
            done=lambda _: self._end(number),
            failed=lambda error: self._on_failed(number, error),
        )

    def _on_begun(self, number: int) -> None:
        if number == self._number and self.running:
            self._began = self._clock()
            for _ in range(_AHEAD):
                self._ask(number)

    def _ask(self, number: int) -> None:
        self._waiting += 1
        self._thread.submit(
            self._segmenter.step,
            done=lambda result: self._on_step(number, result),
            failed=lambda error: self._on_failed(number, error),
        )

    def _on_step(self, number: int, result: object) -> None:
        if number != self._number or not self.running:
            return
        self._waiting -= 1
        if result is not None:
            frame = int(result.frame)  # type: ignore[attr-defined]
            self.done += 1
            self.advanced.emit(self._plane, frame, result)
            if not self.cancelling:
                self._ask(number)
        elif self._waiting == 0 and not self.cancelling:
            self._end(number)

    def _on_failed(self, number: int, error: BaseException) -> None:
        if number == self._number and self.running:
            self._error = error
            self._end(number)

    def _end(self, number: int) -> None:
        if number == self._number and self.running:
            self.running = False
            self.ended.emit(self.cancelling, self._error)
            self.cancelling = False
