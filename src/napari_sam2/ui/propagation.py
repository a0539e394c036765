"""One propagation at a time: its frames, progress, pauses and end. Works on the inference thread."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from psygnal import EmitLoopError, Signal

from napari_sam2.session.document import Key
from napari_sam2.ui.backend import Foreseen
from napari_sam2.ui.inference import InferenceThread, Route, Segmenter, Target

_AHEAD = 2
"""Frames that are asked for before one has been shown: the thread never waits, and memory stays bounded."""


def frames_to_do(prompted: Iterable[Key], route: Route, slices: int = 1) -> int:
    """How many results a route has; with "both", a frame between the first prompts of two objects has two.

    Forward goes from an object's first prompt to the end of the range, "both" adds what lies before it, "backward" goes
    from its last prompt to the start of the range. With `slices`, so many frames in a row come together.
    """
    if slices > 1:
        whole = replace(route, first=route.first // slices, last=route.last // slices)
        return slices * frames_to_do(((item, frame // slices) for item, frame in prompted), whole)
    frames: dict[int, list[int]] = {}
    for object_id, frame in prompted:
        frames.setdefault(object_id, []).append(frame)
    if route.direction == "backward":
        return max(0, min(route.last, max(map(max, frames.values()))) - route.first + 1)
    firsts = [min(own) for own in frames.values()]
    forward = max(0, route.last - max(route.first, min(firsts)) + 1)
    backward = max(0, min(route.last + 1, max(firsts)) - route.first)
    return forward + (backward if route.direction == "both" else 0)


class Propagation:
    """Asks for frame after frame.

    Cancelled, it stays where it is, and can go on until another one is started.

    Events:
        advanced(route, result): a frame is done; its progress is counted when this is over. `route` is the number of
            its route.
        foretold(): what it will take is known, before the first frame.
        ended(cancelled, error): no more frames come; error is an exception or None.
    """

    advanced = Signal(int, object)
    foretold = Signal()
    ended = Signal(bool, object)

    def __init__(
        self, thread: InferenceThread, segmenter: Segmenter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._thread = thread
        self._segmenter = segmenter
        self._clock = clock
        self._number = 0
        self._begun = False
        self._since: float | None = None
        self._spent = 0.0
        self._waiting = 0
        self._error: BaseException | None = None
        self.total = 0
        self.done = 0
        self.foreseen: Foreseen | None = None
        """What the latest one will take as measured before its first frame, in words by `str`."""
        self.running = False
        self.paused = False
        self.cancelling = False

    @property
    def remaining(self) -> float | None:
        """Seconds of work that it will still take, None before there is anything to go by."""
        if not self.done:
            return self.foreseen.seconds if self.foreseen is not None else None
        now = self._clock() - self._since if self._since is not None else 0.0
        return (self._spent + now) / self.done * max(0, self.total - self.done)

    def start(self, target: Target, routes: Sequence[Route], *, afresh: bool = False) -> None:
        """Begin. Only when none is running; every route has at least one prompt. `afresh` as in `Segmenter.begin`."""
        self._number += 1
        self._begun = False
        self._spent, self._since = 0.0, None
        self.done = 0
        self.foreseen = None
        slices = getattr(target.stack, "slices", 1)
        self.total = sum(frames_to_do(route.prompts, route, slices) for route in routes)
        self._open()
        number = self._number
        self._thread.submit(
            lambda: self._segmenter.begin(target, routes, afresh=afresh),
            done=lambda foreseen: self._on_foreseen(number, foreseen),
            failed=lambda error: self._on_failed(number, error),
        )

    def _on_foreseen(self, number: int, foreseen: Foreseen | None) -> None:
        if number == self._number and self.running:
            self.foreseen = foreseen
            self.foretold.emit()
        self._on_begun(number)

    def go_on(self) -> None:
        """Begin again where a cancelled one has stopped."""
        self._open()
        if self._begun:
            self._on_begun(self._number)

    def pause(self) -> None:
        """Ask for no more frames for now. Clicks are still answered."""
        if self.running and not self.cancelling and not self.paused:
            self.paused = True
            self._stop_clock()

    def resume(self) -> None:
        """Go on after a pause."""
        if self.running and self.paused:
            self.paused = False
            if self._begun:
                self._on_begun(self._number)

    def cancel(self) -> None:
        """Stop after the frame that is being worked on; what is finished stays."""
        if self.running and not self.cancelling:
            self.cancelling = True
            self._settle()

    def _open(self) -> None:
        self._waiting = 0
        self._error = None
        self.running = True
        self.paused = self.cancelling = False

    def _on_begun(self, number: int) -> None:
        if number == self._number and self.running:
            self._begun = True
            self._since = None if self.paused else self._clock()
            self._settle()
            while self.running and not (self.paused or self.cancelling) and self._waiting < _AHEAD:
                self._ask(number)

    def _ask(self, number: int) -> None:
        self._waiting += 1
        self._thread.submit(
            # Cancelled while it waited for its turn, a frame is not begun any more.
            lambda: None if self.cancelling else self._segmenter.step(),
            done=lambda found: self._on_step(number, found),
            failed=lambda error: self._on_failed(number, error),
        )

    def _on_step(self, number: int, found: tuple[int, object] | None) -> None:
        if number != self._number or not self.running:
            return
        self._waiting -= 1
        if found is not None:
            self.done += 1
            try:
                self.advanced.emit(*found)
            except EmitLoopError as error:
                # Perhaps the masks are on a disk that is full. Nobody would ask for further frames, or come to an end.
                self._on_failed(number, error.__cause__ or error)
                return
            if self.running and not (self.cancelling or self.paused):
                self._ask(number)
            self._settle()
        elif self._waiting == 0:
            self._end(number)

    def _settle(self) -> None:
        """Come to the end of a cancelled one when nothing is on its way any more."""
        if self.cancelling and self._waiting == 0 and self._begun:
            self._end(self._number)

    def _on_failed(self, number: int, error: BaseException) -> None:
        if number == self._number and self.running:
            self._error = error
            self._end(number)

    def _stop_clock(self) -> None:
        if self._since is not None:
            self._spent += self._clock() - self._since
            self._since = None

    def _end(self, number: int) -> None:
        if number == self._number and self.running:
            self._stop_clock()
            self.running = self.paused = False
            cancelled, self.cancelling = self.cancelling, False
            self.ended.emit(cancelled, self._error)
