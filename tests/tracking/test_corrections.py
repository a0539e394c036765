"""What a user says after the first click: corrections near and far, taken back, from a file."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import Tracker, TrackerOptions, TrackingError
from napari_sam2.tracking.network import Network, Prompted
from napari_sam2.tracking.objects import Answer


class Asked(list[tuple[int, Prompted]]):
    """What the network was asked to answer, in order."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    record, real = Asked(), Network.answer

    def answer(self: Network, frame: int, prompted: Prompted) -> Answer:
        record.append((frame, prompted))
        return real(self, frame, prompted)

    monkeypatch.setattr(Network, "answer", answer)
    return record


def long_stack(frames: int) -> np.ndarray:
    """(frames, 200, 200): a disc that wanders from the left to the right."""
    y, x = np.mgrid[:200, :200]
    discs = [1000.0 * (np.hypot(y - 100, x - 30 - 140 * t / frames) < 10) for t in range(frames)]
    return (np.stack(discs) + 100).astype(np.uint16)


# Corrections on frames that have been tracked ----------------------------------------------------------------------


def test_a_correction_is_given_the_mask_it_corrects_and_the_memory(
    small_model: Sam2, stack: np.ndarray, asked: Asked
) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [20, 15, 40, 40])
    shown = {r.frame: r.logits for r in tracker.propagate()}
    tracker.add_points(1, 4, [[60, 60]], [0])
    tracker.predict(4)
    _, prompted = asked[-1]
    assert prompted.previous is not None
    assert prompted.memory is not None
    assert prompted.memory.ages == (0, 3, 2, 1)
    seen = prompted.view.in_frame(prompted.previous, stack.shape[1:])[0].numpy()
    expected = shown[4][0][prompted.view.inside(stack.shape[1:])]
    inside = expected > -1000  # pixels that tracking looked at
    assert np.mean(np.sign(seen[inside]) == np.sign(expected[inside])) > 0.97


def test_backward_memory_corrects_what_was_tracked_backward(small_model: Sam2, stack: np.ndarray, asked: Asked) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 7, [20, 15, 40, 55])
    list(tracker.propagate(direction="backward"))
    tracker.add_points(1, 2, [[30, 29]])
    tracker.predict(2)
    memory = asked[-1][1].memory
    assert memory is not None
    assert [e.frame for e in memory.maps] == [7, 6, 5, 4, 3]


def test_a_negative_click_far_from_all_memories_still_knows_the_mask(small_model: Sam2, asked: Asked) -> None:
    stack = long_stack(60)
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [89, 19, 111, 41])
    list(tracker.propagate(direction="forward"))
    assert 30 not in tracker._objects[1].bank.tracked
    tracker.add_points(1, 30, [[100, 100]], [0])
    assert tracker.predict(30).object_ids == (1,)
    _, prompted = asked[-1]
    assert prompted.previous is not None, "tracking has been there before"
    assert prompted.memory is not None
    assert [e.frame for e in prompted.memory.maps] == [0]


def test_taking_a_click_back_and_making_it_again_gives_the_same(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [20, 15, 40, 40])
    list(tracker.propagate())
    tracker.add_points(1, 4, [[30, 33]], [0])
    first = tracker.predict(4).logits
    tracker.clear_prompts(1, 4)
    tracker.add_points(1, 4, [[30, 33]], [0])
    again = tracker.predict(4).logits
    np.testing.assert_array_equal(again > -1000, first > -1000)
    assert np.mean((again > 0) == (first > 0)) > 0.97


def test_a_click_taken_back_leaves_nothing_behind(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [20, 15, 40, 40])
    before = [r.logits for r in tracker.propagate(direction="forward")]
    tracker.add_points(1, 4, [[60, 60]])
    tracker.predict(4)
    tracker.clear_prompts(1, 4)
    after = [r.logits for r in tracker.propagate(direction="forward")]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


def test_clearing_a_frame_without_prompts_changes_nothing(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [20, 15, 40, 40])
    list(tracker.propagate())
    before = [entry.frame for entry in tracker._objects[1].bank]
    tracker.clear_prompts(1, 3)
    assert [entry.frame for entry in tracker._objects[1].bank] == before


def test_windows_go_on_from_the_correction_not_from_the_run_before(small_model: Sam2) -> None:
    stack = np.random.default_rng(0).random((10, 600, 600)).astype(np.float32)
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [40, 40, 60, 60])
    list(tracker.propagate(direction="forward"))
    tracker.add_box(1, 3, [540, 540, 560, 560])
    run = tracker.propagate(start=3, direction="forward")
    next(run), next(run)
    view = tracker._objects[1].bank.tracked[4].view
    assert min(view.y, view.x) > 350, "frame 4 was last seen at the other end, before the correction"


def test_a_correction_during_a_propagation_counts_from_then_on(small_model: Sam2, stack: np.ndarray) -> None:
    def run(correct: bool) -> dict[int, np.ndarray]:
        tracker, out = Tracker(small_model, stack), {}
        tracker.add_box(1, 0, [20, 15, 40, 40])
        for result in tracker.propagate(direction="forward"):
            out[result.frame] = result.logits
            if correct and result.frame == 3:
                tracker.add_box(1, 3, [50, 60, 75, 85])
        if correct:
            assert set(tracker._objects[1].bank.conditioning) == {0, 3}
        return out

    plain, corrected = run(False), run(True)
    assert corrected.keys() == plain.keys() == set(range(8))
    for frame in range(4):
        np.testing.assert_array_equal(plain[frame], corrected[frame])
    assert not np.allclose(plain[4], corrected[4])


# Negative clicks where nothing has been tracked yet ----------------------------------------------------------------


def test_a_negative_click_from_a_file_waits_until_its_object_gets_there(
    small_model: Sam2, stack: np.ndarray, asked: Asked
) -> None:
    """Saved after a correction and loaded again: answered at once, the click alone would pass for the object."""
    live = Tracker(small_model, stack)
    live.add_box(1, 0, [20, 15, 40, 40])
    for result in live.propagate(direction="forward"):
        if result.frame == 4:
            live.add_points(1, 4, [[30, 30]], [0])
            preview = live.predict(4).logits
    loaded = Tracker(small_model, stack)
    loaded.add_box(1, 0, [20, 15, 40, 40])
    loaded.add_points(1, 4, [[30, 30]], [0])
    asked.clear()
    results = {r.frame: r for r in loaded.propagate(direction="forward")}
    assert sorted(results) == list(range(8))
    assert [frame for frame, _ in asked] == [0, 4]
    assert asked[-1][1].previous is not None
    assert set(loaded._objects[1].bank.conditioning) == {0, 4}
    np.testing.assert_allclose(results[4].logits, preview, atol=1e-4)


def test_a_negative_click_does_not_move_the_start(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 4, [20, 15, 40, 50])
    tracker.add_points(1, 2, [[60, 60]], [0])
    assert [r.frame for r in tracker.propagate(direction="forward")] == [4, 5, 6, 7]
    assert [r.frame for r in tracker.propagate(direction="both")] == [4, 5, 6, 7, 3, 2, 1, 0]
    assert set(tracker._objects[1].bank.conditioning) == {2, 4}


def test_a_preview_of_a_negative_click_is_made_from_the_other_prompts(
    small_model: Sam2, stack: np.ndarray, asked: Asked
) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 3, [20, 15, 40, 45])
    tracker.add_points(1, 1, [[30, 40]], [0])
    assert tracker.predict(1).object_ids == (1,)
    frame, prompted = asked[-1]
    assert frame == 1
    assert prompted.memory is not None
    assert [e.frame for e in prompted.memory.maps] == [3]
    assert prompted.previous is not None


def test_what_lies_beside_an_object_is_heard_after_what_lies_inside(small_model: Sam2, stack: np.ndarray) -> None:
    def logits(order: list[int]) -> np.ndarray:
        tracker = Tracker(small_model, stack)
        tracker.add_box(1, 0, [20, 15, 40, 40])
        for label in order:
            tracker.add_points(1, 3, [[30, 31] if label else [60, 60]], [label])
        return tracker.predict(3).logits

    assert np.isfinite(logits([0, 1])).all()
    assert logits([0, 1]).shape == (1, 90, 120)


def test_negative_clicks_that_are_left_alone_are_told_of(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [20, 15, 40, 40])
    tracker.add_points(1, 3, [[60, 60]], [0])
    tracker.clear_prompts(1, 0)
    with pytest.raises(TrackingError, match="negative clicks alone on frame 3"):
        tracker.predict(3)
    with pytest.raises(TrackingError, match="negative clicks alone"):
        tracker.propagate()
    tracker.add_box(1, 5, [20, 15, 40, 50])
    assert [r.frame for r in tracker.propagate()] == [5, 6, 7, 4, 3, 2, 1, 0]


def test_an_object_lives_on_from_a_correction_when_its_first_prompt_is_cleared(
    small_model: Sam2, stack: np.ndarray
) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [20, 15, 40, 40])
    list(tracker.propagate())
    tracker.add_points(1, 3, [[60, 60]], [0])
    tracker.predict(3)
    tracker.clear_prompts(1, 0)
    assert [r.frame for r in tracker.propagate(direction="forward")] == [3, 4, 5, 6, 7]


# What the user says is kept -----------------------------------------------------------------------------------------


def test_painted_pixels_stay_with_their_object_however_sure_another_one_is(
    small_model: Sam2, stack: np.ndarray
) -> None:
    tracker = Tracker(small_model, stack, TrackerOptions(one_owner=False))
    mask = np.zeros(stack.shape[1:], bool)
    mask[25:36, 20:31] = True
    tracker.add_mask(2, 0, mask)
    tracker.add_points(1, 0, [[30, 25]])
    tracker.predict(0)
    with torch.inference_mode():
        tracker._objects[1].answers[0].logits.fill_(40.0)
    result = tracker.predict(0)
    assert (result.labels[mask] == 2).all()
    assert ((result.logits[1] > 0) == mask).all()
    assert (result.labels[~mask] != 2).all()


def test_both_parts_of_a_painted_mask_are_remembered(small_model: Sam2, stack: np.ndarray) -> None:
    """The smaller part would be dropped as a speck, had the network made it."""
    tracker = Tracker(small_model, stack, TrackerOptions(window_ratio=2.0))  # a cell of its logits has 8 pixels
    mask = np.zeros(stack.shape[1:], bool)
    mask[8:50, 8:50] = True
    mask[64:84, 64:84] = True
    assert mask[64:84, 64:84].sum() < tracker.options.smallest_part * mask[8:50, 8:50].sum()
    tracker.add_mask(1, 0, mask)
    tracker.predict(0)
    answer = tracker._objects[1].answers[0]
    rows, columns = answer.view.inside(stack.shape[1:])
    seen = answer.view.in_frame(answer.logits, stack.shape[1:])[0] > 0
    part = seen[64 - rows.start : 84 - rows.start, 64 - columns.start : 84 - columns.start]
    assert part.float().mean() > 0.7, "bilinear interpolation rounds its corners"


def test_several_clicks_at_once_are_all_in_the_window(small_model: Sam2) -> None:
    stack = np.random.default_rng(0).random((2, 500, 500)).astype(np.float32)
    for places, labels in (
        ([[50, 50], [51, 50], [52, 50], [250, 50]], [1, 1, 1, 1]),
        ([[50, 50], [250, 250]], [1, 0]),
        ([[250, 250], [50, 50]], [0, 1]),
    ):
        for prompted_before in (False, True):
            tracker = Tracker(small_model, stack)
            if prompted_before:
                tracker.add_box(1, 0, [100, 100, 110, 110])
                tracker.predict(0)
            tracker.add_points(1, 1, places, labels)
            tracker.predict(1)
            view = tracker._objects[1].answers[1].view
            for y, x in places:
                assert view.y <= y < view.y + view.height
                assert view.x <= x < view.x + view.width


def test_a_window_fitted_to_a_mask_beside_the_click_keeps_the_click(
    small_model: Sam2, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network may find something in the far corner of its window."""
    stack = np.random.default_rng(0).random((1, 500, 500)).astype(np.float32)
    real = Network.answer

    def elsewhere(self: Network, frame: int, prompted: Prompted) -> Answer:
        answer = real(self, frame, prompted)
        answer.logits.fill_(-5.0)[:, :2, :2] = 5.0
        return answer

    monkeypatch.setattr(Network, "answer", elsewhere)
    tracker = Tracker(small_model, stack)
    tracker.add_points(1, 0, [[250, 250]])
    tracker.predict(0)
    view = tracker._objects[1].answers[0].view
    assert abs(view.centre[0] - 250) < view.height / 2
    assert abs(view.centre[1] - 250) < view.width / 2


def test_a_prompt_that_fails_is_tried_again(
    small_model: Sam2, stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of memory once: nothing is lost."""
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [20, 15, 40, 40])
    with monkeypatch.context() as patch:
        patch.setattr(Network, "features", lambda *_, **__: (_ for _ in ()).throw(torch.OutOfMemoryError("full")))
        with pytest.raises(torch.OutOfMemoryError):
            list(tracker.propagate())
    assert [r.frame for r in tracker.propagate()] == list(range(8))


# Ambiguous clicks ----------------------------------------------------------------------------------------------------


def test_a_chosen_candidate_is_the_answer_and_what_is_propagated(small_model, stack):
    options = TrackerOptions(smallest_part=0, fill_holes=0)
    open_tracker = Tracker(small_model, stack, options)
    open_tracker.add_points(1, 0, [[30, 25]])
    candidates = open_tracker.predict(0).candidates[1]
    assert len(candidates) == 3
    results = {}
    for choice in range(3):
        tracker = Tracker(small_model, stack, options)
        tracker.add_points(1, 0, [[30, 25]], candidate=choice)
        result = tracker.predict(0)
        np.testing.assert_array_equal(result.labels == 1, candidates[choice])
        np.testing.assert_array_equal(result.candidates[1], candidates)
        results[choice] = [found.logits for found in tracker.propagate(direction="forward")]
    assert not np.array_equal(results[0][1], results[1][1])
    assert not np.array_equal(results[0][1], results[2][1])


def test_a_click_after_a_choice_refines_the_chosen_mask(small_model, stack):
    masks = []
    for choice in (0, 2):
        tracker = Tracker(small_model, stack)
        tracker.add_points(1, 0, [[30, 25]], candidate=choice)
        tracker.add_points(1, 0, [[34, 30]])
        masks.append(tracker.predict(0).logits)
    assert not np.array_equal(*masks)


def test_a_choice_beyond_the_candidates_is_the_last_and_nonsense_is_refused(small_model, stack):
    masks = []
    for choice in (2, 7):
        tracker = Tracker(small_model, stack)
        tracker.add_points(1, 0, [[30, 25]], candidate=choice)
        masks.append(tracker.predict(0).logits)
    np.testing.assert_array_equal(*masks)
    for wrong in (-1, 1.5, True):
        with pytest.raises(TrackingError, match="candidate"):
            Tracker(small_model, stack).add_points(1, 0, [[30, 25]], candidate=wrong)
