"""What a propagation will take: said before it is run, and without a trace in what comes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import Tracker, TrackerOptions, TrackingError, estimate
from napari_sam2.tracking.estimate import WORTHWHILE, Estimate, foresee, spoken
from napari_sam2.tracking.network import Network
from napari_sam2.tracking.stretched import StretchedTracker
from napari_sam2.tracking.swept import SweptTracker

BOXES = {1: [20, 15, 40, 40], 2: [50, 60, 75, 85], 3: [5, 90, 25, 110]}


def prompted(model: Sam2, stack: np.ndarray, options: TrackerOptions | None = None) -> Tracker:
    tracker = Tracker(model, stack, options)
    for object_id, box in BOXES.items():
        tracker.add_box(object_id, object_id, box)
    tracker.add_points(1, 5, [[30, 35]])
    tracker.add_points(2, 6, [[10, 10]], [0])
    return tracker


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
@pytest.mark.parametrize("view", ["auto", "frame"])
def test_an_estimate_changes_nothing(
    small_model: Sam2, whole_frame_model: Sam2, stack: np.ndarray, direction: str, view: str
) -> None:
    model = small_model if view == "auto" else whole_frame_model
    runs = []
    for ask in (False, True):
        tracker = prompted(model, stack)
        if ask:
            estimate.estimate(tracker, direction, start=1)  # type: ignore[arg-type]
            assert not any(thing.bank.tracked or thing.seen for thing in tracker._objects.values())
        runs.append([(r.frame, r.logits) for r in tracker.propagate(1, direction=direction)])  # type: ignore[arg-type]
    assert len(runs[0]) == len(runs[1])
    for (frame, logits), (other_frame, other) in zip(*runs, strict=True):
        assert frame == other_frame
        np.testing.assert_array_equal(logits, other)


@pytest.mark.parametrize(
    ("direction", "start", "stop"),
    [("forward", None, None), ("both", None, None), ("backward", None, None), ("both", 2, 5), ("forward", 0, 2)],
)
def test_objects_and_frames_are_those_that_are_visited(
    small_model: Sam2, stack: np.ndarray, direction: str, start: int | None, stop: int | None
) -> None:
    found = estimate.estimate(prompted(small_model, stack), direction, start=start, stop=stop)  # type: ignore[arg-type]
    results = list(prompted(small_model, stack).propagate(start, stop, direction))  # type: ignore[arg-type]
    visits = [object_id for result in results for object_id in result.object_ids]
    assert found.objects == len(set(visits))
    assert found.frames == round(len(visits) / len(set(visits)))
    assert found.seconds > 0
    assert (found.device, found.precision) == ("cpu", "float32")


def test_only_the_chosen_objects_count(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = prompted(small_model, stack)
    assert estimate.estimate(tracker, objects=[2]).objects == 1
    with pytest.raises(TrackingError, match="no object 7"):
        estimate.estimate(tracker, objects=[7])
    with pytest.raises(TrackingError, match="nothing to propagate"):
        estimate.estimate(Tracker(small_model, stack))


class Clock:
    """Stands still but for what the network is said to take: so many seconds for a frame, and for an object."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, frame: float, each: float) -> None:
        self.now = 0.0

        def track(
            _network: Network, _frame: int, views: list[object], _selections: object, **_: object
        ) -> list[object]:
            self.now += frame + each * len(views)
            return []

        monkeypatch.setattr(Network, "track", track)
        monkeypatch.setattr(estimate.time, "perf_counter", lambda: self.now)


@pytest.mark.parametrize("frame", [0.0, 2.0])
def test_time_is_that_of_frames_and_of_objects_in_them(
    small_model: Sam2, monkeypatch: pytest.MonkeyPatch, frame: float
) -> None:
    Clock(monkeypatch, frame, each=0.5)
    frames = np.random.default_rng(0).integers(0, 900, (40, 90, 120)).astype(np.uint16)
    tracker = Tracker(small_model, frames)
    for object_id in range(1, 11):
        tracker.add_box(object_id, 0, [20, 15, 40, 40])
    found = estimate.estimate(tracker)
    assert found.seconds == pytest.approx(40 * frame + 400 * 0.5)
    # One more, of which nothing but its frames differs.
    tracker.add_box(11, 30, [20, 15, 40, 40])
    assert estimate.estimate(tracker, "forward").seconds == pytest.approx(40 * frame + 410 * 0.5)


def test_memory_is_about_what_is_held_in_the_end(small_model: Sam2) -> None:
    frames = np.random.default_rng(0).integers(0, 900, (60, 90, 120)).astype(np.uint16)
    for view in ("auto", "frame"):
        tracker = Tracker(small_model, frames, TrackerOptions(view=view, feature_cache_bytes=2**20))  # type: ignore[arg-type]
        for object_id in (1, 2, 3):
            tracker.add_box(object_id, 20, [20, 15, 40, 40])
        expected = estimate.estimate(tracker).bytes
        list(tracker.propagate())
        entries = [entry for thing in tracker._objects.values() for entry in thing.bank]
        held = sum(t.nbytes for e in entries for t in (e.map, e.pointer, e.logits)) + tracker.network.cache.nbytes
        assert 0.5 * held < expected < 2.5 * held


def test_it_is_said_in_plain_words() -> None:
    found = Estimate(3, 120, 38.2, 52 * 2**20, "cpu", "bfloat16")
    assert str(found) == "3 objects through 120 frames: about 38 s and 52 MB on cpu in bfloat16"
    assert str(replace(found, objects=1, frames=1)).startswith("1 object through 1 frame: ")
    spoken_times = [spoken(seconds) for seconds in (0.01, 59, 59.6, 90, 5300, 9000)]
    assert spoken_times == ["about 1 s", "about 59 s", "about 1 min", "about 2 min", "about 88 min", "about 2.5 h"]


def test_it_is_not_measured_where_that_is_not_worth_it(
    small_model: Sam2, stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert foresee(prompted(small_model, stack)) is None, "eight frames"
    frames = np.random.default_rng(0).integers(0, 900, (WORTHWHILE + 4, 30, 40)).astype(np.uint16)
    for make in (Tracker, lambda *a: StretchedTracker(*a, aspect=2.0)):
        tracker = make(small_model, frames)
        tracker.add_box(1, 2, [5, 5, 15, 15])
        found = foresee(tracker, "forward")
        assert found is not None
        assert (found.objects, found.frames) == (1, WORTHWHILE + 2)
        assert foresee(tracker, "forward", 2, 10) is None
        assert foresee(tracker, "backward") is None
    swept = SweptTracker(small_model, frames, slices=2)
    swept.add_box(1, 2, [5, 5, 15, 15])
    assert foresee(swept) is None


def test_precision_in_use_is_said(small_model: Sam2, stack: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_model, "quick_dtype", torch.bfloat16)
    assert estimate.estimate(prompted(small_model, stack)).precision == "bfloat16"
