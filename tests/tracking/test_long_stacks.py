"""Thousands of frames: flat memory, objects that are lost and found, prompts on many frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import Tracker, TrackerOptions, TrackingError
from napari_sam2.tracking.memory_bank import Selection
from napari_sam2.tracking.network import Network, Prompted
from napari_sam2.tracking.objects import Answer
from napari_sam2.tracking.options import PATIENCE


@pytest.fixture(scope="module")
def long_stack() -> np.ndarray:
    """(200, 48, 64) with a disc that wanders slowly."""
    y, x = np.mgrid[:48, :64]
    discs = [1000.0 * (np.hypot(y - 24, x - 15 - 0.15 * t) < 7) for t in range(200)]
    return (np.stack(discs) + np.random.default_rng(0).normal(100, 5, (200, 48, 64))).astype(np.uint16)


def bank_bytes(tracker: Tracker) -> int:
    entries = [entry for thing in tracker._objects.values() for entry in thing.bank]
    return sum(part.untyped_storage().nbytes() for e in entries for part in (e.map, e.pointer, e.logits))


@pytest.mark.parametrize("view", ["auto", "frame"])
def test_the_memory_after_200_frames_is_that_after_60(small_model: Sam2, long_stack: np.ndarray, view: str) -> None:
    tracker = Tracker(small_model, long_stack, TrackerOptions(view=view))  # type: ignore[arg-type]
    tracker.add_box(1, 0, [16, 7, 32, 23])
    held = {result.frame: bank_bytes(tracker) for result in tracker.propagate(direction="forward")}
    assert held[60] == held[130] == held[199] > 0
    whole = [entry for entry in tracker._objects[1].bank if entry.whole]
    assert len(whole) <= 2 * (small_model.config.memories + 1), "the others have their pointers alone"


@pytest.mark.parametrize("back", [1, 9, 12, 40])
def test_any_frame_can_be_corrected_whatever_is_left_of_it(
    small_model: Sam2, long_stack: np.ndarray, monkeypatch: pytest.MonkeyPatch, back: int
) -> None:
    """Of frames a little way back only the pointer is left, of older ones nothing; the mask is found again."""
    tracker = Tracker(small_model, long_stack)
    tracker.add_box(1, 0, [16, 7, 32, 23])
    list(tracker.propagate(stop=60))
    asked, real = [], Network.answer

    def answer(self: Network, frame: int, prompted: Prompted) -> Answer:
        asked.append(prompted)
        return real(self, frame, prompted)

    monkeypatch.setattr(Network, "answer", answer)
    frame = 59 - back
    tracker.add_points(1, frame, [[46, 62]], [0])
    tracker.predict(frame)
    assert asked[-1].previous is not None
    assert (asked[-1].previous > 0).any()
    assert asked[-1].memory is not None
    assert [result.frame for result in tracker.propagate(start=frame, stop=60)] == list(range(frame, 60))


# Lost and found ------------------------------------------------------------------------------------------------------


class Lost:
    """Lets the network miss an object on some frames, and counts where it was asked to track."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, gone: Callable[[int], bool]) -> None:
        self.looked: list[int] = []
        real = Network._answers

        def answers(network: Network, frame: int, *rest: object, **kwargs: object) -> list[Answer]:
            found = real(network, frame, *rest, **kwargs)  # type: ignore[arg-type]
            if not gone(frame):
                return found
            return [replace(a, object_score=-5.0, logits=torch.full_like(a.logits, -1024.0)) for a in found]

        track = Network.track

        def tracked(
            network: Network, frame: int, views: list[object], selections: list[Selection], **kw: bool
        ) -> object:
            self.looked += [frame] * len(views)
            return track(network, frame, views, selections, **kw)  # type: ignore[arg-type]

        monkeypatch.setattr(Network, "_answers", answers)
        monkeypatch.setattr(Network, "track", tracked)


def run(tracker: Tracker, **kwargs: object) -> dict[int, float]:
    """Object scores by frame, in the order of travel."""
    return {r.frame: float(r.object_scores[0]) for r in tracker.propagate(**kwargs)}  # type: ignore[arg-type]


@pytest.mark.parametrize("back", range(50, 54))
def test_a_lost_object_is_looked_for_now_and_then_and_found_soon(
    small_model: Sam2, long_stack: np.ndarray, monkeypatch: pytest.MonkeyPatch, back: int
) -> None:
    lost = Lost(monkeypatch, lambda frame: 10 <= frame < back)
    tracker = Tracker(small_model, long_stack)
    tracker.add_box(1, 0, [16, 7, 32, 23])
    scores = run(tracker, stop=80)
    every = tracker.options.probe_every
    assert list(scores) == list(range(80)), "every frame has a result"
    absent = [frame for frame, score in scores.items() if score <= 0]
    found = max(absent) + 1
    assert absent == list(range(10, found))
    assert back <= found < back + every
    resting = [frame for frame in absent if frame not in lost.looked]
    assert not set(resting) & set(range(10 + PATIENCE))
    assert len(resting) >= (every - 1) * (back - 10 - PATIENCE) // every
    assert all(frame in lost.looked for frame in range(found, 80)), "once found, it is followed again"


def test_nothing_is_skipped_when_that_is_asked_for(
    small_model: Sam2, long_stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Lost(monkeypatch, lambda frame: frame >= 5)
    tracker = Tracker(small_model, long_stack, TrackerOptions(probe_every=1))
    tracker.add_box(1, 0, [16, 7, 32, 23])
    run(tracker, stop=40)
    assert lost.looked == list(range(1, 40))


def test_a_prompt_wakes_an_object_that_rests(
    small_model: Sam2, long_stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Lost(monkeypatch, lambda frame: 5 <= frame < 30)
    tracker = Tracker(small_model, long_stack)
    tracker.add_box(1, 0, [16, 7, 32, 23])
    mask = np.zeros((48, 64), bool)
    mask[16:32, 12:28] = True
    tracker.add_mask(1, 30, mask)
    labels = {r.frame: r.labels for r in tracker.propagate(stop=40)}
    assert not labels[29].any()
    np.testing.assert_array_equal(labels[30] == 1, mask)
    assert set(range(31, 40)) <= set(lost.looked)


def test_backward_too_and_every_object_for_itself(
    small_model: Sam2, long_stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Lost(monkeypatch, lambda frame: frame <= 40)
    tracker = Tracker(small_model, long_stack)
    tracker.add_box(1, 60, [16, 16, 32, 32])
    tracker.add_box(2, 20, [16, 10, 32, 26])
    results = list(tracker.propagate(direction="backward"))
    assert [r.frame for r in results] == list(range(60, -1, -1))
    assert all(r.object_ids == ((1,) if r.frame > 20 else (1, 2)) for r in results)
    assert all(float(r.object_scores[0]) > 0 for r in results if r.frame > 40)
    assert 0 < lost.looked.count(5) < 2 or lost.looked.count(6) < 2, "at least one of the two rests"


# Prompts on many frames ----------------------------------------------------------------------------------------------

PROMPTED = range(0, 80, 2)


def box_on(frame: int) -> list[float]:
    x = 15 + 0.15 * frame
    return [16, x - 8, 32, x + 8]


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_prompts_on_many_frames_are_honoured_and_few_of_them_are_held(
    small_model: Sam2, long_stack: np.ndarray, direction: str
) -> None:
    tracker = Tracker(small_model, long_stack)
    for frame in PROMPTED:
        tracker.add_box(1, frame, box_on(frame))
    thing, limit = tracker._objects[1], 2 * (tracker.options.max_conditioning or 0)
    shown = {}
    for result in tracker.propagate(stop=80, direction=direction):  # type: ignore[arg-type]
        assert len(thing.bank.conditioning) <= limit
        assert len(thing.answers) <= limit
        shown[result.frame] = result.logits
    assert set(PROMPTED) <= set(shown)
    for frame in (0, 2, 38, 40, 76, 78):
        alone = Tracker(small_model, long_stack)
        alone.add_box(1, frame, box_on(frame))
        np.testing.assert_array_equal(shown[frame], alone.predict(frame).logits)


def test_the_first_prompt_is_held_because_the_way_back_starts_there(small_model: Sam2, long_stack: np.ndarray) -> None:
    tracker = Tracker(small_model, long_stack)
    for frame in range(10, 80, 2):
        tracker.add_box(1, frame, box_on(frame))
    thing, seen = tracker._objects[1], []
    for result in tracker.propagate(stop=80):
        seen.append(result.frame)
        assert 10 in thing.bank.conditioning
        if result.frame == 79:
            assert {11, 13, 15} <= set(thing.bank.tracked), "what follows it is remembered too"
    assert seen == [*range(10, 80), *range(9, -1, -1)]


def test_painted_masks_on_many_frames_are_the_results_on_every_run(small_model: Sam2, long_stack: np.ndarray) -> None:
    tracker = Tracker(small_model, long_stack, TrackerOptions(max_conditioning=1))
    masks = {}
    for frame in range(0, 12, 2):
        masks[frame] = np.zeros((48, 64), bool)
        masks[frame][10 + frame : 25 + frame, 10:30] = True
        tracker.add_mask(1, frame, masks[frame])
    for direction in ("forward", "backward", "both"):
        labels = {r.frame: r.labels for r in tracker.propagate(stop=12, direction=direction)}  # type: ignore[arg-type]
        assert len(tracker._objects[1].bank.conditioning) <= 2
        for frame, mask in masks.items():
            np.testing.assert_array_equal(labels[frame] == 1, mask)


@pytest.mark.parametrize("view", ["auto", "frame"])
def test_prompts_that_were_let_go_of_are_answered_as_they_were(
    small_model: Sam2, long_stack: np.ndarray, view: str
) -> None:
    """Not as corrections of what was tracked to their frames."""
    tracker = Tracker(small_model, long_stack, TrackerOptions(max_conditioning=2, view=view))  # type: ignore[arg-type]
    frames = range(0, 30, 2)
    for frame in frames:
        tracker.add_points(1, frame, [[24, 15]])
    first = {r.frame: r.logits for r in tracker.propagate(stop=30) if r.frame in frames}
    assert len(tracker._objects[1].answers) <= 4
    for direction in ("backward", "forward"):
        again = {r.frame: r.logits for r in tracker.propagate(stop=30, direction=direction)}  # type: ignore[arg-type]
        for frame in frames:
            np.testing.assert_array_equal(again[frame], first[frame])


def test_negative_clicks_ahead_do_not_keep_the_object_from_being_known(
    small_model: Sam2, long_stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They cannot be answered yet, and must not take the places of the prompts that can."""
    tracker = Tracker(small_model, long_stack)
    tracker.add_box(1, 0, [16, 7, 32, 23])
    for frame in range(12, 24):
        tracker.add_points(1, frame, [[2, 60]], [0])
    assert [r.frame for r in tracker.propagate(start=11, stop=30, direction="forward")] == list(range(11, 30))
    assert 0 in tracker._objects[1].bank.conditioning


def test_all_prompts_stay_when_that_is_asked_for(small_model: Sam2, long_stack: np.ndarray) -> None:
    tracker = Tracker(small_model, long_stack, TrackerOptions(max_conditioning=None))
    for frame in PROMPTED:
        tracker.add_box(1, frame, box_on(frame))
    list(tracker.propagate(stop=3))
    assert set(tracker._objects[1].bank.conditioning) == set(PROMPTED)


# Chosen objects ------------------------------------------------------------------------------------------------------


def test_chosen_objects_alone_are_carried(small_model: Sam2, stack: np.ndarray) -> None:
    tracker = Tracker(small_model, stack)
    for object_id in (1, 2, 3):
        tracker.add_box(object_id, 0, [20, 15, 40, 40])
    results = []
    for result in tracker.propagate(objects=[3, 1]):
        results.append(result.object_ids)
        if result.frame == 2 and 4 not in tracker.object_ids:
            tracker.add_box(4, 2, [50, 60, 75, 85])  # was not asked for
    assert results == [(1, 3)] * 8
    assert not tracker._objects[2].seen


@pytest.mark.parametrize(("objects", "message"), [([9], "no object 9"), ([], "nothing to propagate")])
def test_objects_that_are_none_are_refused_at_once(
    small_model: Sam2, stack: np.ndarray, objects: list[int], message: str
) -> None:
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [20, 15, 40, 40])
    with pytest.raises(TrackingError, match=message):
        tracker.propagate(objects=objects)


@pytest.mark.parametrize("limit", [0, -1])
def test_no_prompt_in_the_memory_at_all_cannot_be_meant(limit: int) -> None:
    with pytest.raises(TrackingError, match="max_conditioning"):
        TrackerOptions(max_conditioning=limit)


def test_a_corrected_object_that_outgrows_its_part_of_a_plate_is_remembered_whole(whole_frame_model: Sam2) -> None:
    """A click found the nucleus; the mask says that the whole cell is meant."""
    model = Sam2(replace(whole_frame_model.config, image_size=512)).eval().requires_grad_(False)
    model.load_state_dict(whole_frame_model.state_dict(), strict=False)
    frames = np.random.default_rng(0).integers(0, 900, (3, 512, 512)).astype(np.uint16)
    tracker = Tracker(model, frames)
    small, large = np.zeros((512, 512), bool), np.zeros((512, 512), bool)
    small[250:270, 250:270], large[60:460, 60:460] = True, True
    tracker.add_mask(1, 0, small)
    list(tracker.propagate(stop=1))
    first = tracker._objects[1].bank.conditioning[0].view
    assert first.side < 512
    tracker.add_mask(1, 1, large)
    list(tracker.propagate(stop=2))
    view = tracker._objects[1].bank.conditioning[1].view
    assert view.y <= 60
    assert view.y + view.height >= 460
