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
