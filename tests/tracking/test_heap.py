"""Freed memory goes back to the system while a stack is worked on."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import Tracker, heap

glibc_only = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can give memory back")


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@glibc_only
def test_what_lies_free_between_small_things_that_live_on_is_given_back() -> None:
    blocks = [np.ones(60_000, np.uint8) for _ in range(2_000)]  # 120 MB, too small to get pages of their own
    kept = blocks[::20]
    del blocks
    before = resident()
    heap.give_back()
    assert before - resident() > 80e6
    assert all(block.all() for block in kept)


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_trim", lambda: None)
    heap.give_back()


def test_it_is_given_back_now_and_then(small_model: Sam2, stack: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[int] = []
    monkeypatch.setattr(heap, "EVERY", 3)
    tracker = Tracker(small_model, stack)
    monkeypatch.setattr(heap, "give_back", lambda: frames.append(len(seen)))
    tracker.add_points(1, 0, [[30, 27]])
    seen: list[int] = []
    for result in tracker.propagate(direction="forward"):
        seen.append(result.frame)
    assert frames == [1, 4, 7]  # behind frames 0, 3 and 6
