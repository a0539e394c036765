"""The selection of memories against the rules, written down a second time."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.sam2 import PRESETS
from napari_sam2.tracking.memory_bank import MemoryBank, Remembered
from napari_sam2.tracking.view import View

VIEW, NOTHING = View(0, 0, 16, 16), torch.zeros(0)


def entry(frame: int, score: float = 5.0) -> Remembered:
    return Remembered(frame, VIEW, NOTHING, NOTHING, NOTHING, score, 0.9)


def bank_of(conditioning: set[int], tracked: set[int]) -> MemoryBank:
    bank = MemoryBank(PRESETS["sam2.1_hiera_tiny"])
    for frame in sorted(conditioning):
        bank.conditioning[frame] = entry(frame)
    for frame in sorted(tracked - conditioning):
        bank.tracked[frame] = entry(frame)
    return bank


@given(
    st.sets(st.integers(0, 29), min_size=1, max_size=4), st.sets(st.integers(0, 29)), st.integers(0, 29), st.booleans()
)
@settings(deadline=None)
def test_selection_follows_the_published_rules(
    conditioning: set[int], tracked: set[int], frame: int, backward: bool
) -> None:
    bank = bank_of(conditioning, tracked)
    chosen = bank.select(frame, 30, backward=backward)
    step = -1 if backward else 1
    maps = {(0, f) for f in conditioning}
    maps |= {(age, frame - step * age) for age in range(1, 7) if frame - step * age in tracked - conditioning}
    assert set(zip(chosen.ages, (e.frame for e in chosen.maps), strict=True)) == maps
    assert list(chosen.ages[len(conditioning) :]) == sorted(chosen.ages[len(conditioning) :], reverse=True)
    pointers = {((frame - f) * step, f) for f in conditioning if (frame - f) * step >= 0}
    pointers |= {(age, frame - step * age) for age in range(1, 16) if frame - step * age in tracked - conditioning}
    assert set(zip(chosen.times, (e.frame for e in chosen.pointers), strict=True)) == pointers


def test_short_stacks_have_fewer_pointers() -> None:
    bank = bank_of({0}, {1, 2, 3, 4})
    chosen = bank.select(5, 4, backward=False)
    assert chosen.span == 4
    assert sorted(chosen.times) == [1, 2, 3, 5]


def test_the_nearest_prompted_frames_are_kept_under_a_limit() -> None:
    chosen = bank_of({0, 10, 20, 29}, set()).select(19, 30, backward=False, limit=2)
    assert {e.frame for e, age in zip(chosen.maps, chosen.ages, strict=True) if age == 0} == {10, 20}


def test_absent_frames_leave_no_memory_when_asked() -> None:
    bank = bank_of({0}, set())
    bank.tracked[1], bank.tracked[2] = entry(1, score=-3.0), entry(2)
    assert {e.frame for e in bank.select(3, 9, backward=False, skip_absent=True).maps} == {0, 2}
    assert {e.frame for e in bank.select(3, 9, backward=False).maps} == {0, 1, 2}


@given(st.permutations(range(200)))
@settings(max_examples=10, deadline=None)
def test_a_bank_stays_small_in_any_order(order: list[int]) -> None:
    bank = bank_of({100}, set())
    for frame in order:
        bank.track(entry(frame))
        assert len(bank.tracked) <= 2 * 31
        assert frame in bank.tracked


def test_selecting_changes_nothing() -> None:
    bank = bank_of({0, 3}, {1, 2, 4})
    before = dict(bank.conditioning), dict(bank.tracked)
    bank.select(5, 9, backward=False, limit=1, skip_absent=True)
    assert (bank.conditioning, bank.tracked) == before


frame_sets = st.sets(st.integers(0, 29))


@given(
    st.sets(st.integers(0, 29), min_size=1, max_size=6),
    frame_sets,
    frame_sets,
    st.integers(0, 29),
    st.booleans(),
    st.integers(1, 4),
)
@settings(deadline=None)
def test_selection_under_a_limit_and_without_absent_frames(
    conditioning: set[int], tracked: set[int], absent: set[int], frame: int, backward: bool, limit: int
) -> None:
    bank = bank_of(conditioning, tracked)
    for other in set(bank.tracked) & absent:
        bank.tracked[other] = entry(other, score=-1.0)
    chosen = bank.select(frame, 30, backward=backward, limit=limit, skip_absent=True)
    prompted = [e.frame for e, age in zip(chosen.maps, chosen.ages, strict=True) if age == 0]
    left_out = conditioning - set(prompted)
    assert len(prompted) == min(limit, len(conditioning))
    assert not left_out or max(abs(f - frame) for f in prompted) <= min(abs(f - frame) for f in left_out)
    # A prompted frame beyond the limit still counts as one of the frames before.
    usable = (tracked - conditioning - absent) | left_out
    step = -1 if backward else 1
    others = [(e.frame, age) for e, age in zip(chosen.maps, chosen.ages, strict=True) if age]
    assert others == [(frame - step * a, a) for a in range(6, 0, -1) if frame - step * a in usable]
    assert all(time >= 0 for time in chosen.times)
    assert len(chosen.maps) <= limit + 6
    assert len(chosen.pointers) <= limit + 15


@given(st.sets(st.integers(0, 29), max_size=3), frame_sets, st.integers(0, 29), st.booleans())
def test_the_latest_frame_was_prompted_or_lies_behind(
    conditioning: set[int], tracked: set[int], frame: int, backward: bool
) -> None:
    found = bank_of(conditioning, tracked).latest(frame, backward=backward)
    behind = {f for f in tracked - conditioning if (f > frame if backward else f < frame)}
    if found is None:
        assert not conditioning | behind
    else:
        assert found.frame in conditioning | behind
        assert abs(found.frame - frame) == min(abs(f - frame) for f in conditioning | behind)


def test_thousands_of_frames_leave_no_more_than_a_few() -> None:
    bank = bank_of({0}, set())
    sizes = []
    for frame in [*range(1, 3000), *range(2999, 0, -1)]:
        bank.track(entry(frame))
        sizes.append(len(bank.tracked))
        behind = set(range(max(1, frame - 15), frame)) if len(sizes) < 3000 else set()
        assert behind <= set(bank.tracked), "what the next frame needs is there"
    assert max(sizes) <= 2 * 31


def test_what_backward_propagation_starts_from_outlives_the_way_forward() -> None:
    bank = bank_of({50}, set())
    for frame in range(51, 200):
        bank.track(entry(frame))
    assert [e.frame for e in bank.select(49, 200, backward=True).maps] == [50, 55, 54, 53, 52, 51]


def test_a_forgotten_frame_is_gone_and_a_prompted_one_replaces_what_was_tracked() -> None:
    bank = bank_of({0}, {1, 2})
    bank.condition(entry(2))
    assert set(bank.tracked) == {1}
    bank.forget(2)
    bank.forget(1)
    assert [e.frame for e in bank] == [0]
