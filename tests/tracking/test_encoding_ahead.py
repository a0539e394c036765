"""The next frame is encoded while this one is worked on: the results are the same, and nothing is left behind."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_sam2.sam2 import ImageFeatures, Sam2
from napari_sam2.tracking import Tracker, TrackerOptions
from napari_sam2.tracking.encoding_ahead import EncodingAhead
from napari_sam2.tracking.view import View

NAME = "napari-sam2 encoding ahead"
BOXES = {1: [5, 5, 75, 80], 2: [15, 40, 85, 110], 3: [10, 30, 80, 95]}
"""So large that the whole frame is one plate of the small network, as it is with real ones and most objects."""
WHOLE = [TrackerOptions(view="frame"), TrackerOptions()]


def ahead_here() -> bool:
    return threading.current_thread().name.startswith(NAME)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(NAME)]


@pytest.fixture
def encodings(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of every image that is encoded, whether that happened ahead."""
    done: list[bool] = []
    real = Sam2.encode_image

    def encode(self: Sam2, images: torch.Tensor) -> ImageFeatures:
        done.append(ahead_here())
        return real(self, images)

    monkeypatch.setattr(Sam2, "encode_image", encode)
    return done


def carried(model: Sam2, stack: Any, options: TrackerOptions, change: Callable[[Tracker], None]) -> list[np.ndarray]:
    """Logits of all frames, to the bit; ``change`` is done to the tracker after the third one."""
    tracker = Tracker(model, stack, options)
    tracker.add_box(1, 3, BOXES[1])
    tracker.add_box(2, 2, BOXES[2])
    out = []
    for count, result in enumerate(tracker.propagate()):
        out.append(result.logits)
        if count == 2:
            change(tracker)
    return out


CHANGES: dict[str, Callable[[Tracker], None]] = {
    "nothing": lambda tracker: None,
    "an object comes": lambda tracker: tracker.add_box(3, 5, BOXES[3]),
    "an object goes": lambda tracker: tracker.remove_object(1),
    "all go, another comes": lambda tracker: (
        tracker.remove_object(1),  # type: ignore[func-returns-value]
        tracker.remove_object(2),
        tracker.add_box(3, 6, BOXES[3]),
    )[0],
    "a look at another frame": lambda tracker: (tracker.add_points(3, 7, [[20.0, 80.0]]), tracker.predict(7))[0],
    "a negative click ahead": lambda tracker: tracker.add_points(1, 6, [[30, 37]], [0]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("options", WHOLE)
def test_results_are_the_same_to_the_bit(
    options: TrackerOptions, change: str, published: Sam2, stack: np.ndarray, encodings: list[bool]
) -> None:
    in_turn = carried(published, stack, options, CHANGES[change])
    assert not any(encodings)
    encodings.clear()
    ahead = carried(published, stack, replace(options, encode_ahead=True), CHANGES[change])
    assert len(in_turn) == len(ahead)
    for one, other in zip(in_turn, ahead, strict=True):
        np.testing.assert_array_equal(one, other)
    assert sum(encodings) >= 2
    assert not threads()


def test_every_frame_is_encoded_once_and_most_of_them_ahead(
    published: Sam2, stack: np.ndarray, encodings: list[bool]
) -> None:
    carried(published, stack, TrackerOptions(encode_ahead=True), CHANGES["nothing"])
    assert len(encodings) == len(stack)
    assert sum(encodings) == 6, "all but those with prompts"


def test_windows_that_move_are_not_guessed(small_model: Sam2, stack: np.ndarray, encodings: list[bool]) -> None:
    for shared in (False, True):
        options = TrackerOptions(view="windows", share_windows=shared, encode_ahead=True)
        carried(small_model, stack, options, CHANGES["nothing"])
    assert not any(encodings)


def test_features_on_the_disk_are_kept_and_used_ahead_too(
    published: Sam2, stack: np.ndarray, encodings: list[bool], tmp_path: Path
) -> None:
    options = TrackerOptions(encode_ahead=True, feature_folder=tmp_path)
    first = carried(published, stack, options, CHANGES["nothing"])
    assert len(list(tmp_path.iterdir())) == len(stack)
    encodings.clear()
    again = carried(published, stack, options, CHANGES["nothing"])
    assert not encodings
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_more_than_one_frame_is_held_ahead(
    published: Sam2, stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[weakref.ref[ImageFeatures]] = []
    most = 0
    real = Sam2.encode_image

    def encode(self: Sam2, images: torch.Tensor) -> ImageFeatures:
        features = real(self, images)
        held.append(weakref.ref(features))
        nonlocal most
        most = max(most, sum(one() is not None for one in held))
        return features

    monkeypatch.setattr(Sam2, "encode_image", encode)
    options = TrackerOptions(view="frame", encode_ahead=True, feature_cache_bytes=0)
    carried(published, stack, options, CHANGES["nothing"])
    gc.collect()
    assert most <= 2, "the frame that is worked on, and the next one"
    assert not [one for one in held if one() is not None]


def test_cancelling_leaves_no_thread_and_no_features(published: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(published, stack, TrackerOptions(encode_ahead=True))
    tracker.add_box(1, 0, BOXES[1])
    results = tracker.propagate()
    assert [next(results).frame for _ in range(3)] == [0, 1, 2]
    assert threads()
    assert tracker.network.ahead._begun is not None
    results.close()
    assert not threads()
    assert tracker.network.ahead._begun is None


class Broken:
    """A stack with a frame that cannot be read, or that takes until ``go``."""

    def __init__(self, pixels: np.ndarray, broken: int, go: threading.Event | None = None) -> None:
        self.pixels, self.broken, self.go = pixels, broken, go
        self.shape, self.dtype = pixels.shape, pixels.dtype

    def __getitem__(self, frame: int) -> np.ndarray:
        if frame == self.broken:
            if self.go is None:
                raise OSError("the disk is gone")
            assert self.go.wait(60)
        return self.pixels[frame]


def test_a_frame_that_cannot_be_read_is_said_when_its_turn_comes(published: Sam2, stack: np.ndarray) -> None:
    options = TrackerOptions(contrast_limits=(0, 3000), encode_ahead=True)
    tracker = Tracker(published, Broken(stack, 4), options)
    tracker.add_box(1, 1, BOXES[1])
    results = tracker.propagate(direction="forward")
    assert [next(results).frame for _ in range(3)] == [1, 2, 3]
    with pytest.raises(OSError, match="the disk is gone"):
        next(results)
    assert not threads()


def test_cancelling_does_not_wait_for_a_frame_that_does_not_arrive(published: Sam2, stack: np.ndarray) -> None:
    go = threading.Event()
    options = TrackerOptions(contrast_limits=(0, 3000), encode_ahead=True)
    tracker = Tracker(published, Broken(stack, 3, go), options)
    tracker.add_box(1, 1, BOXES[1])
    results = tracker.propagate(direction="forward")
    assert [next(results).frame for _ in range(2)] == [1, 2]
    results.close()
    assert not threads()
    go.set()


@contextmanager
def short_of_memory(monkeypatch: pytest.MonkeyPatch, when: Callable[[], bool]) -> Iterator[list[bool]]:
    """Encoding fails when asked to; notes of every attempt whether it was ahead."""
    tried: list[bool] = []
    real = Sam2.encode_image

    def encode(self: Sam2, images: torch.Tensor) -> ImageFeatures:
        tried.append(ahead_here())
        if when():
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, images)

    with monkeypatch.context() as patch:
        patch.setattr(Sam2, "encode_image", encode)
        yield tried


def test_without_memory_for_two_frames_they_are_encoded_in_turn(
    published: Sam2, stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_turn = carried(published, stack, TrackerOptions(), CHANGES["nothing"])
    with short_of_memory(monkeypatch, ahead_here) as tried:
        ahead = carried(published, stack, TrackerOptions(encode_ahead=True), CHANGES["nothing"])
    assert sum(tried) == 1, "it is not tried again"
    for one, other in zip(in_turn, ahead, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_tracker_without_memory_gives_up_what_runs_ahead_first(
    published: Sam2, stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = Tracker(published, stack, TrackerOptions(batch=1, encode_ahead=True))
    tracker.add_box(1, 0, BOXES[1])
    results = tracker.propagate()
    next(results), next(results)
    real = Sam2.condition

    def condition(self: Sam2, *args: Any) -> torch.Tensor:
        if threads():
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, *args)

    monkeypatch.setattr(Sam2, "condition", condition)
    assert [result.frame for result in results] == list(range(2, 8))
    assert not tracker.network.ahead.on


@pytest.mark.parametrize(
    ("device", "wanted", "on"),
    [("cpu", None, False), ("cpu", True, True), ("cuda", None, True), ("cuda", False, False), ("mps", True, False)],
)
def test_it_is_on_where_it_gains(device: str, wanted: bool | None, on: bool) -> None:
    assert EncodingAhead(lambda *_: None, torch.device(device), wanted).on == on  # type: ignore[arg-type, return-value]


def test_a_card_has_a_stream_for_it_and_both_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Stream:
        def __init__(self, name: str) -> None:
            self.name = name

        def wait_stream(self, other: Stream) -> None:
            said.append(f"{self.name} waits for {other.name}")

        def __enter__(self) -> None:
            said.append(f"into {self.name}")

        def __exit__(self, *_: object) -> None:
            said.append(f"out of {self.name}")

    class Part:
        def record_stream(self, stream: Stream) -> None:
            said.append(f"used in {stream.name}")

    def encode(pixels: torch.Tensor, seen: object) -> Any:
        assert torch.is_inference_mode_enabled()
        said.append("encoded")
        return ImageFeatures(Part(), Part(), Part())  # type: ignore[arg-type]

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: Stream("the side"))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream("the tracker's"))
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)
    pixels: Future[torch.Tensor] = Future()
    view = View(0, 0, 4, 4)
    ahead = EncodingAhead(encode, torch.device("cuda", 0), None)
    ahead.begin(1, view, pixels)
    pixels.set_result(torch.zeros(1, 4, 4))
    assert ahead.take(2, view) is None
    assert ahead.take(1, View(0, 0, 4, 5)) is None
    assert ahead.take(1, view) is not None
    assert ahead.take(1, view) is None
    ahead.close()
    assert said == [
        "the side waits for the tracker's",
        "into the side",
        "encoded",
        "out of the side",
        "the tracker's waits for the side",
        *["used in the tracker's"] * 3,
    ]
