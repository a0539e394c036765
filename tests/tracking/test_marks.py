"""Marks behave as a dictionary does, and stay small."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.tracking.marks import Marks

FRAMES = st.integers(0, 40)


@given(st.lists(st.tuples(FRAMES, st.sampled_from([True, False, None]))))
def test_they_are_a_dictionary(steps: list[tuple[int, bool | None]]) -> None:
    marks, like = Marks(), {}
    for frame, mark in steps:
        if mark is None:
            assert marks.pop(frame, None) == like.pop(frame, None)
        else:
            marks[frame] = like[frame] = mark
        assert len(marks) == len(like)
        assert dict(marks) == like
        assert list(marks) == sorted(like)
        assert (frame in marks) == (frame in like)


def test_what_is_not_there_is_said() -> None:
    marks = Marks()
    marks[3] = True
    for frame in (-1, 2, 4):
        assert frame not in marks
        with pytest.raises(KeyError):
            _ = marks[frame]
        with pytest.raises(KeyError):
            del marks[frame]
    with pytest.raises(KeyError):
        marks[-1] = True


def test_long_stacks_take_little() -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        marks = Marks()
        for frame in range(20_000):
            marks[frame] = frame % 2 == 0
        assert tracemalloc.get_traced_memory()[0] - before < 40_000
    finally:
        tracemalloc.stop()
