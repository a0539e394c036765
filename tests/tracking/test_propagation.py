"""The order of frames when objects and prompts come and go on the way."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import FrameResult, Tracker, TrackerOptions, TrackingError

FRAMES = 8


def pairs(results: list[FrameResult], object_id: int) -> list[int]:
    """Frames on which an object was visited, in order."""
    return [r.frame for r in results if object_id in r.object_ids]


prompts = st.dictionaries(st.integers(1, 3), st.sets(st.integers(0, FRAMES - 1), min_size=1, max_size=3), min_size=1)


@settings(max_examples=12)
@given(
    prompts=prompts,
    direction=st.sampled_from(["forward", "backward", "both"]),
    ends=st.lists(st.integers(0, FRAMES), min_size=2, max_size=2, unique=True).map(sorted),
)
def test_every_object_is_visited_where_it_should_be_and_once(
    small_model: Sam2, stack: np.ndarray, prompts: dict[int, set[int]], direction: str, ends: list[int]
) -> None:
    tracker = Tracker(small_model, stack)
    for object_id, frames in prompts.items():
        for frame in frames:
            tracker.add_box(object_id, frame, [20, 15, 40, 40])
    low, high = ends
    results = list(tracker.propagate(low, high, direction))
    for object_id, frames in prompts.items():
        first, last = min(frames), max(frames)
        forward = list(range(max(low, first), high))
        wanted = {
            "forward": forward,
            "backward": list(range(min(high - 1, last), low - 1, -1)),
            "both": forward + list(range(min(high, first) - 1, low - 1, -1)),
        }
        assert pairs(results, object_id) == wanted[direction]
    assert all(r.object_ids for r in results)


def test_a_late_comer_is_carried_through_all_of_its_frames_in_order(small_model: Sam2, stack: np.ndarray) -> None:
    """Tracked from its prompt right to the present frame, it would have to jump."""
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 2, [20, 15, 40, 40])
    results = []
    for result in tracker.propagate(direction="forward"):
        results.append(result)
        if result.frame == 5 and 2 not in tracker.object_ids:
            tracker.add_box(2, 3, [50, 60, 75, 85])
    assert pairs(results, 1) == [2, 3, 4, 5, 6, 7]
    assert pairs(results, 2) == [3, 4, 5, 6, 7]


def test_a_late_comer_is_as_good_as_one_that_was_there_from_the_start(small_model: Sam2, stack: np.ndarray) -> None:
    alone = Tracker(small_model, stack)
    alone.add_box(2, 1, [50, 60, 75, 85])
    expected = {r.frame: r.logits[0] for r in alone.propagate()}
    tracker = Tracker(small_model, stack, TrackerOptions(one_owner=False, resolve_overlaps=False))
    tracker.add_box(1, 0, [20, 15, 40, 40])
    found = {}
    for result in tracker.propagate():
        if result.frame == 4 and 2 not in tracker.object_ids:
            tracker.add_box(2, 1, [50, 60, 75, 85])
        if 2 in result.object_ids:
            found[result.frame] = result.logits[result.object_ids.index(2)]
    assert found.keys() == expected.keys()
    for frame, logits in expected.items():
        np.testing.assert_allclose(found[frame], logits, atol=1e-3)


def test_an_object_that_starts_where_the_others_are_joins_them(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [20, 15, 40, 40])
    results = []
    for result in tracker.propagate(direction="forward"):
        results.append(result)
        if result.frame == 3 and 2 not in tracker.object_ids:
            tracker.add_box(2, 3, [50, 60, 75, 85])
    assert pairs(results, 2) == [4, 5, 6, 7, 3]
    assert pairs(results, 1) == list(range(8))


def test_an_object_that_comes_on_the_way_back_is_carried_forward_too(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 4, [20, 15, 40, 40])
    results = []
    for result in tracker.propagate(direction="both"):
        results.append(result)
        if result.frame == 2 and 2 not in tracker.object_ids:
            tracker.add_box(2, 3, [50, 60, 75, 85])
    assert Counter(pairs(results, 2)) == Counter(range(8))
    assert Counter(pairs(results, 1)) == Counter(range(8))


def test_another_object_under_a_used_id_is_carried_through_too(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [20, 15, 40, 40])
    tracker.add_box(2, 0, [20, 15, 40, 40])
    after: list[FrameResult] = []
    swapped = False
    for result in tracker.propagate(direction="forward"):
        if swapped:
            after.append(result)
        if result.frame == 4 and not swapped:
            tracker.remove_object(2)
            tracker.add_box(2, 0, [50, 60, 75, 85])
            swapped = True
    assert pairs(after, 2) == list(range(8))
    assert pairs(after, 1) == [5, 6, 7]


def test_an_earlier_prompt_of_an_object_adds_the_frames_between(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 4, [20, 15, 40, 45])
    frames = []
    for result in tracker.propagate(direction="forward"):
        frames.append(result.frame)
        if result.frame == 5:
            tracker.add_box(1, 2, [20, 15, 40, 40])
    assert frames == [4, 5, 6, 7, 2, 3]


def test_all_objects_may_go_on_the_way(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [20, 15, 40, 40])
    run = tracker.propagate()
    next(run)
    tracker.clear_prompts(1)
    assert list(run) == []
    with pytest.raises(TrackingError, match="click on an object first"):
        tracker.propagate()


def test_closing_cancels_and_what_was_remembered_serves_the_next_run(small_model: Sam2, stack: np.ndarray) -> None:
    whole = Tracker(small_model, stack)
    whole.add_box(1, 0, [20, 15, 40, 40])
    expected = {r.frame: r.logits for r in whole.propagate()}
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [20, 15, 40, 40])
    run = tracker.propagate()
    for _ in range(4):
        next(run)
    run.close()  # type: ignore[attr-defined]
    found = {r.frame: r.logits for r in tracker.propagate(start=4)}
    assert sorted(found) == [4, 5, 6, 7]
    for frame, logits in found.items():
        np.testing.assert_array_equal(logits, expected[frame])


@pytest.mark.parametrize(
    ("start", "stop", "message"),
    [(3, 3, "none"), (5, 2, "none"), (8, None, "0 to 7"), (-1, None, "0 to 7"), (0, 9, "0 to 8"), (0, 2.5, "2.5")],
)
def test_a_range_that_holds_nothing_is_refused_at_once(
    small_model: Sam2, stack: np.ndarray, start: int, stop: int | None, message: str
) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [20, 15, 40, 40])
    with pytest.raises(TrackingError, match=message):
        tracker.propagate(start, stop)


@pytest.mark.parametrize("options", [{"view": "far"}, {"batch": 0}, {"window_ratio": 0.5}])
def test_options_that_cannot_be_meant_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(TrackingError, match="got"):
        TrackerOptions(**options)  # type: ignore[arg-type]


def test_memory_and_open_tensors_stay_flat_over_many_frames(small_model: Sam2) -> None:
    """Counts what the tracker holds, all objects and caches together."""
    frames = np.random.default_rng(0).integers(0, 900, (200, 48, 48)).astype(np.uint16)
    tracker = Tracker(small_model, frames, TrackerOptions(feature_cache_bytes=2**20))
    tracker.add_box(1, 0, [10, 10, 20, 20])
    tracker.add_box(2, 0, [20, 20, 35, 35])
    held = []
    for _ in tracker.propagate(direction="forward"):
        entries = [entry for thing in tracker._objects.values() for entry in thing.bank]
        tensors = [t for entry in entries for t in (entry.map, entry.pointer, entry.logits)]
        held.append(sum(t.untyped_storage().nbytes() for t in tensors))
        assert tracker.network.cache.nbytes <= 2**20
        assert all(t.untyped_storage().nbytes() == t.nbytes for t in tensors), "a slice keeps its whole batch alive"
    assert max(held[-150:]) <= max(held[:50])


def test_the_consumers_own_torch_work_is_not_disturbed(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [20, 15, 40, 40])
    weight = torch.ones(3, requires_grad=True)
    for result in tracker.propagate(stop=3):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
        (weight * float(result.predicted_ious[0])).sum().backward()
    assert weight.grad is not None
