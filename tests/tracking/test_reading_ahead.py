"""The next frame is read while this one is worked on: once, one at a time, and errors come where it is needed."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import Tracker
from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.reading_ahead import ReadingAhead


class Watched:
    """A stack that knows which frames were read by which thread, and does not let two read at once."""

    def __init__(self, pixels: np.ndarray, broken: int = -1) -> None:
        self.pixels, self.broken = pixels, broken
        self.shape, self.dtype = pixels.shape, pixels.dtype
        self.reads: list[tuple[int, bool]] = []
        self._reading = threading.Lock()

    def __getitem__(self, frame: int) -> np.ndarray:
        assert self._reading.acquire(blocking=False), "two threads read at once"
        try:
            self.reads.append((frame, threading.current_thread() is threading.main_thread()))
            if frame == self.broken:
                raise OSError("the disk is gone")
            return self.pixels[frame]
        finally:
            self._reading.release()


def tracker_of(model: Sam2, stack: Watched) -> Tracker:
    tracker = Tracker(model, stack)
    assert tracker.frames.limits  # reads some frames
    tracker.add_box(1, 2, [20, 15, 40, 40])
    tracker.predict(2)
    stack.reads.clear()
    return tracker


def test_a_propagation_reads_every_frame_once_and_the_next_one_elsewhere(small_model: Sam2, stack: np.ndarray) -> None:
    watched = Watched(stack)
    tracker = tracker_of(small_model, watched)
    ahead = [result.labels for result in tracker.propagate()]
    assert sorted(frame for frame, _ in watched.reads) == [0, 1, 3, 4, 5, 6, 7], "frame 2 is still there"
    assert sum(not here for _, here in watched.reads) >= 5
    plain = tracker_of(small_model, Watched(stack))
    plain.frames.expect = lambda frame: None  # type: ignore[method-assign]
    for one, other in zip(ahead, (result.labels for result in plain.propagate()), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_frame_that_cannot_be_read_is_said_when_its_turn_comes(small_model: Sam2, stack: np.ndarray) -> None:
    watched = Watched(stack, broken=5)
    tracker = Tracker(small_model, watched)
    tracker.frames._limits = 0.0, 3000.0
    tracker.add_box(1, 2, [20, 15, 40, 40])
    results = tracker.propagate(direction="forward")
    assert [next(results).frame for _ in range(3)] == [2, 3, 4]
    with pytest.raises(OSError, match="the disk is gone"):
        next(results)


def test_cancelling_lets_go_of_what_was_read(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = tracker_of(small_model, Watched(stack))
    results = tracker.propagate(direction="forward")
    next(results)
    next(results)
    results.close()
    assert tracker.frames._coming is None
    tracker.frames.tensor(7)
    assert tracker.frames._ahead._pending is None, "nothing is read after that"


def test_another_frame_than_the_one_expected_is_right_too() -> None:
    frames = Frames(np.arange(4 * 6, dtype=np.uint16).reshape(4, 2, 3), (0.0, 1.0))
    frames.expect(2)
    for frame in (0, 3, 1, 2, 2, 0):
        np.testing.assert_array_equal(frames.tensor(frame)[0], np.arange(6).reshape(2, 3) + 6 * frame)


def test_what_nobody_wants_any_more_is_waited_for_only_before_the_next_read() -> None:
    go, reads = threading.Event(), []

    def read(frame: int) -> int:
        reads.append(frame)
        if frame == 1:
            assert go.wait(10)
        return 10 * frame

    ahead = ReadingAhead(read)
    ahead.begin(1)
    while not reads:
        pass
    ahead.forget()  # does not wait
    threading.Timer(0.05, go.set).start()
    assert ahead.take(2) == 20
    ahead.begin(3)
    ahead.begin(3)
    assert ahead.take(3) == 30
    assert reads == [1, 2, 3]
