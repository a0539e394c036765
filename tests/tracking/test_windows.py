"""The window of an object: as large as it needs, and where it is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import Tracker, TrackerOptions, scale
from napari_sam2.tracking.network import Network, Prompted
from napari_sam2.tracking.objects import Answer
from napari_sam2.tracking.view import View


def test_the_window_of_a_box_holds_it_at_the_ratio_asked_for() -> None:
    centre, side = scale.from_box((10, 20, 50, 60), ratio=5)
    assert centre == (30, 40)
    assert side == pytest.approx(5 * 40)


def test_long_thin_objects_count_by_their_area_as_long_as_they_fit() -> None:
    _, side = scale.from_box((0, 0, 8, 100), ratio=5)
    assert side == pytest.approx(1.7 * 100)


def test_a_mask_says_size_and_place() -> None:
    mask = np.zeros((100, 100), bool)
    mask[20:40, 50:80] = True
    centre, side = scale.from_mask(mask, ratio=4)
    assert centre == (29.5, 64.5)
    assert side == pytest.approx(4 * np.sqrt(600 * 4 / np.pi))


def test_measure_speaks_in_frame_pixels() -> None:
    logits = torch.full((64, 64), -1.0)
    logits[16:32, 8:16] = 1.0
    area, extent, centre = scale.measure(logits, View(100, 200, 128, 128)) or pytest.fail("found nothing")
    assert (area, extent) == (16 * 8 * 4, 32)
    assert centre == (147.5, 223.5)
    assert scale.measure(logits - 5, View(0, 0, 64, 64)) is None


def test_a_window_follows_its_object_but_grows_slowly(small_model: Sam2) -> None:
    stack = np.random.default_rng(0).random((6, 300, 300)).astype(np.float32)
    tracker = Tracker(small_model, stack)
    mask = np.zeros((300, 300), bool)
    mask[140:160, 40:60] = True
    tracker.add_mask(1, 0, mask)
    list(tracker.propagate(direction="forward"))
    views = [e.view for e in sorted(tracker._objects[1].bank, key=lambda e: e.frame)]
    assert np.hypot(*np.subtract(views[0].centre, (149.5, 49.5))) < views[0].side / 3
    for a, b in pairwise(views):
        assert a.side / 1.08 <= b.side <= a.side * 1.08
        assert abs(b.centre[0] - a.centre[0]) <= a.side / 2


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 9, 400), (2, 300, 20)])
@pytest.mark.parametrize("corner", [(0, 0), (-1, -1)])
def test_odd_frames_and_clicks_in_corners(small_model: Sam2, shape: tuple[int, ...], corner: tuple[int, int]) -> None:
    stack = np.random.default_rng(0).random(shape).astype(np.float32)
    tracker = Tracker(small_model, stack)
    y, x = corner[0] % shape[1], corner[1] % shape[2]
    tracker.add_points(1, 0, [[y, x]])
    assert tracker.predict(0).labels.shape == shape[1:]
    assert [r.labels.shape for r in tracker.propagate()] == [shape[1:]] * shape[0]


def test_a_click_beyond_the_window_widens_it(small_model: Sam2) -> None:
    stack = np.random.default_rng(0).random((1, 300, 300)).astype(np.float32)
    tracker = Tracker(small_model, stack)
    tracker.add_box(1, 0, [100, 100, 120, 120])
    tracker.predict(0)
    tracker.add_points(1, 0, [[250, 250]])
    tracker.predict(0)
    view = tracker._objects[1].answers[0].view
    assert view.y <= 100
    assert view.y + view.height >= 250


def test_the_whole_frame_can_be_asked_for(small_model: Sam2) -> None:
    stack = np.random.default_rng(0).random((2, 70, 90)).astype(np.float32)
    tracker = Tracker(small_model, stack, TrackerOptions(view="frame"))
    tracker.add_points(1, 0, [[20, 20]])
    tracker.predict(0)
    assert tracker._objects[1].answers[0].view == View(0, 0, 70, 90)


def test_a_network_that_finds_an_object_everywhere_does_not_make_windows_grow_without_end(
    small_model: Sam2, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its masks fill their windows, also beyond the frame."""
    real = Network.answer

    def everywhere(self: Network, frame: int, prompted: Prompted) -> Answer:
        answer = real(self, frame, prompted)
        answer.logits.fill_(5.0)
        return answer

    monkeypatch.setattr(Network, "answer", everywhere)
    tracker = Tracker(small_model, np.random.default_rng(0).random((6, 60, 90)).astype(np.float32))
    sides = []
    for frame in range(6):
        tracker.add_points(1, frame, [[30, 40]])
        tracker.predict(frame)
        sides.append(tracker._objects[1].answers[frame].view.side)
    assert max(sides) <= 6 * 90
