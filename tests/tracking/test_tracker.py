"""What users rely on: which frames are visited, that prompts are honoured, that memory stays bounded."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import Tracker, TrackerOptions, TrackingError
from napari_sam2.tracking.labels import merge


def visited(results: object) -> list[tuple[int, tuple[int, ...]]]:
    return [(r.frame, r.object_ids) for r in results]  # type: ignore[attr-defined]


def test_objects_are_not_tracked_before_their_first_prompt(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_points(1, 1, [[30, 27]])
    tracker.add_box(2, 4, [50, 60, 75, 85])
    seen = visited(tracker.propagate(direction="forward"))
    assert seen == [(1, (1,)), (2, (1,)), (3, (1,)), *[(f, (1, 2)) for f in range(4, 8)]]


def test_both_directions_visit_every_frame_of_every_object_once(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_points(1, 2, [[30, 29]])
    tracker.add_points(2, 5, [[62, 75]])
    pairs = [(frame, i) for frame, ids in visited(tracker.propagate()) for i in ids]
    assert sorted(pairs) == [(f, i) for f in range(8) for i in (1, 2)]


def test_backward_goes_from_the_last_prompt_to_the_start(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_points(1, 2, [[30, 29]])
    tracker.add_points(1, 5, [[30, 35]])
    assert [f for f, _ in visited(tracker.propagate(direction="backward"))] == [5, 4, 3, 2, 1, 0]


def test_a_range_is_half_open(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_points(1, 0, [[30, 25]])
    assert [f for f, _ in visited(tracker.propagate(start=3, stop=6))] == [3, 4, 5]


def test_an_object_added_on_the_way_is_carried_through_all_of_its_frames(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_points(1, 0, [[30, 25]])
    pairs = []
    for result in tracker.propagate(direction="forward"):
        if result.frame == 4 and 2 not in tracker.object_ids:
            tracker.add_points(2, 1, [[62, 71]])
        pairs += [(result.frame, i) for i in result.object_ids]
    assert sorted(p for p in pairs if p[1] == 2) == [(f, 2) for f in range(1, 8)]
    assert sorted(p for p in pairs if p[1] == 1) == [(f, 1) for f in range(8)]


def test_an_object_removed_on_the_way_is_not_seen_again(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_points(1, 0, [[30, 25]])
    tracker.add_points(2, 0, [[62, 70]])
    ids = []
    for result in tracker.propagate(direction="forward"):
        ids.append(result.object_ids)
        if result.frame == 3:
            tracker.remove_object(2)
    assert ids == [(1, 2)] * 4 + [(1,)] * 4


def test_a_correction_becomes_a_conditioning_frame_and_changes_what_follows(
    small_model: Sam2, stack: np.ndarray
) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_points(1, 0, [[30, 25]])
    before = {r.frame: r.logits for r in tracker.propagate(direction="forward")}
    mask = np.zeros(stack.shape[1:], bool)
    mask[50:75, 60:85] = True
    tracker.add_mask(1, 3, mask)
    after = {r.frame: r for r in tracker.propagate(direction="forward")}
    assert (after[3].labels == mask).all(), "the painted mask is held to the pixel"
    assert set(tracker._objects[1].bank.conditioning) == {0, 3}
    assert not np.allclose(before[5], after[5].logits)


def test_results_do_not_depend_on_when_prompts_are_looked_at(small_model: Sam2, stack: np.ndarray) -> None:
    def run(preview: bool) -> list[np.ndarray]:
        tracker = Tracker(small_model, stack)
        tracker.add_points(1, 0, [[30, 25]])
        if preview:
            tracker.predict(0)
        tracker.add_points(1, 0, [[30, 40]], [0])
        return [r.logits for r in tracker.propagate(direction="forward")]

    for a, b in zip(run(True), run(False), strict=True):
        np.testing.assert_array_equal(a, b)


def test_clearing_and_saying_the_same_again_gives_the_same_preview(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_points(1, 0, [[30, 25]])
    first = tracker.predict(0).logits
    tracker.clear_prompts(1, 0)
    assert tracker.object_ids == ()
    tracker.add_points(1, 0, [[30, 25]])
    np.testing.assert_array_equal(first, tracker.predict(0).logits)


def test_memory_is_bounded_whatever_the_length(small_model: Sam2) -> None:
    frames = np.random.default_rng(0).integers(0, 900, (120, 40, 40)).astype(np.uint16)
    tracker = Tracker(small_model, frames)
    tracker.add_points(1, 50, [[20, 20]])
    most = 0
    for _ in tracker.propagate():
        most = max(most, sum(1 for _ in tracker._objects[1].bank))
    reach = small_model.config.max_pointers - 1
    assert most <= 2 * (2 * reach + 1) + 1


def test_each_frame_is_read_once_per_pass_and_alone(small_model: Sam2, stack: np.ndarray) -> None:
    class Counting:
        shape, dtype, reads = stack.shape, stack.dtype, []

        def __getitem__(self, index: int) -> np.ndarray:
            assert isinstance(index, int), "one frame at a time"
            self.reads.append(index)
            return stack[index]

    counting = Counting()
    tracker = Tracker(small_model, counting, TrackerOptions(contrast_limits=(300.0, 2300.0)))
    tracker.add_points(1, 0, [[30, 25]])
    tracker.add_points(2, 0, [[62, 70]])
    list(tracker.propagate(direction="forward"))
    assert counting.reads == list(range(8))


def test_inference_mode_stays_inside(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_points(1, 0, [[30, 25]])
    for _ in tracker.propagate():
        assert not torch.is_inference_mode_enabled()


def test_labels_agree_with_logits_and_overlaps_have_one_owner(whole_frame_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(whole_frame_model, stack, TrackerOptions(one_owner=False, smallest_part=0, fill_holes=0))
    tracker.add_points(1, 0, [[30, 25]])
    tracker.add_points(70000, 0, [[62, 70]])
    result = tracker.predict(0)
    logits = result.logits
    assert logits.shape == (2, 90, 120)
    assert ((logits > 0).sum(0) <= 1).all()
    expected = np.where(logits.max(0) > 0, np.array(result.object_ids)[logits.argmax(0)], 0)
    np.testing.assert_array_equal(result.labels, expected)
    assert result.labels.dtype == np.uint32


def test_an_ambiguous_click_has_three_candidates_best_first(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_points(1, 0, [[30, 25]])
    result = tracker.predict(0)
    assert result.candidates[1].shape == (3, 90, 120)
    tracker.add_points(1, 0, [[31, 26]])
    assert tracker.predict(0).candidates[1].shape == (1, 90, 120)
    for propagated in tracker.propagate():
        with pytest.raises(AttributeError, match="predict"):
            _ = propagated.candidates
        break


@pytest.mark.parametrize(
    ("say", "message"),
    [
        (lambda t: t.add_points(0, 0, [[1, 1]]), "object id 0"),
        (lambda t: t.add_points(1, 8, [[1, 1]]), "frame 8.*0 to 7"),
        (lambda t: t.add_points(1, 0, [[1, 1, 1]]), r"\(y, x\) pairs"),
        (lambda t: t.add_points(1, 0, [[95, 1]]), "outside of the frame of 90 x 120"),
        (lambda t: t.add_points(1, 0, [[1, 1]], [2]), "labels"),
        (lambda t: t.add_points(1, 0, [[1, 1]], [0]), "negative click"),
        (lambda t: t.add_points(1, 0, [[np.nan, 1]]), "finite"),
        (lambda t: t.add_box(1, 0, [1, 2, 3]), "3 numbers"),
        (lambda t: t.add_box(1, 0, [200, 200, 300, 300]), "covers no pixel"),
        (lambda t: t.add_mask(1, 0, np.ones((3, 3))), r"shape \(3, 3\)"),
        (lambda t: t.add_mask(1, 0, np.zeros((90, 120))), "empty mask"),
        (lambda t: t.remove_object(9), "no object 9"),
        (lambda t: t.predict(0), "click on one first"),
        (lambda t: t.propagate(), "click on an object first"),
        (lambda t: t.propagate(direction="up"), "'up'"),
    ],
)
def test_mistakes_are_told_and_change_nothing(small_model: Sam2, stack: np.ndarray, say: object, message: str) -> None:
    tracker = Tracker(small_model, stack)
    with pytest.raises(TrackingError, match=message):
        say(tracker)  # type: ignore[operator]
    assert tracker.object_ids == ()


def test_merge_leaves_other_objects_alone(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    mask = np.zeros(stack.shape[1:], bool)
    mask[10:20, 10:20] = True
    tracker.add_mask(4, 0, mask)
    existing = np.zeros(stack.shape[1:], np.uint16)
    existing[15:30, 10:20] = 9
    existing[50:60, 50:60] = 4  # an older mask of the same object
    merged = merge(existing, tracker.predict(0))
    assert (merged[15:30, 10:20] == 9).all()
    assert (merged[10:15, 10:20] == 4).all()
    assert not (merged[50:60, 50:60] == 4).any()
