"""An ambiguous click is asked again from nearer and from farther."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_sam2.sam2 import Segmentation
from napari_sam2.tracking import Tracker, TrackerOptions
from napari_sam2.tracking.second_look import agreement, looks
from napari_sam2.tracking.view import View
from napari_sam2.weights.load import load_model

SHAPE = (400, 500)


def disc(view: View, centre: tuple[float, float], radius: float, cells: int = 64) -> torch.Tensor:
    """Logits (cells, cells) of a disc in frame pixels, as a view shows it."""
    y = view.y - 0.5 + (np.arange(cells) + 0.5) * view.height / cells
    x = view.x - 0.5 + (np.arange(cells) + 0.5) * view.width / cells
    inside = np.hypot(y[:, None] - centre[0], x[None] - centre[1]) < radius
    return torch.from_numpy(np.where(inside, 5.0, -5.0)).float()


def found(masks: list[list[torch.Tensor]], ious: list[list[float]]) -> Segmentation:
    logits, predicted = torch.stack([torch.stack(row) for row in masks]), torch.tensor(ious)
    order = predicted.argsort(1, descending=True)
    return Segmentation(logits, predicted, order, order[:, 0], torch.zeros(len(masks), 8), torch.ones(len(masks), 1))


def test_what_is_found_in_other_windows_too_is_preferred() -> None:
    centre = (200.0, 250.0)
    view = View.window(centre, 160, SHAPE)
    others = looks(view, centre, SHAPE)
    assert [round(other.side / view.side, 1) for other in others] == [0.7, 1.4]
    # A part of the cell is rated highest, but each window sees another part; all see the cell.
    mine = torch.stack([disc(view, (190, 240), 8), disc(view, centre, 25), disc(view, centre, 60)])[None]
    again = found(
        [
            [disc(others[0], (210, 260), 8), disc(others[0], centre, 25), disc(others[0], centre, 12)],
            [disc(others[1], (205, 235), 8), disc(others[1], centre, 25), disc(others[1], centre, 90)],
        ],
        [[0.8, 0.7, 0.5], [0.8, 0.7, 0.6]],
    )
    ranks = agreement(view, others, again, mine, torch.tensor([[0.8, 0.7, 0.6]]))
    assert ranks.argmax() == 1
    # Full agreement adds what the other windows predict: nearly all of it, as edges fall on other cells.
    assert 0.7 + 0.85 * 1.4 < ranks[0, 1] <= 0.7 + 1.4
    assert ranks[0, 0] < 0.8 + 0.3


def test_windows_that_do_not_hold_the_click_are_left_out() -> None:
    view = View.window((200, 250), 160, SHAPE)
    at_the_rim = (view.y + 2.0, 250.0)
    assert [other.side > view.side for other in looks(view, at_the_rim, SHAPE)] == [True]


@pytest.fixture(scope="module")
def micro():
    return load_model("micro")


def recording() -> np.ndarray:
    y, x = np.mgrid[:200, :240]
    image = np.random.default_rng(0).normal(100, 5, (200, 240)) + 120 * (np.hypot(y - 90, x - 110) < 22)
    return image[None].astype(np.float32)


def test_only_a_single_first_click_is_looked_at_again(micro) -> None:
    asked = []

    def count(tracker: Tracker) -> int:
        asked.clear()
        tracker.predict(0)
        return len(asked)

    tracker = Tracker(micro, recording())
    original = tracker.network.candidates
    tracker.network.candidates = lambda frame, views, yx: asked.append(len(views)) or original(frame, views, yx)
    tracker.add_points(1, 0, [(90, 110)])
    assert count(tracker) == 2, "the search for the size, and the second look"
    assert asked[-1] == 2
    tracker.add_points(1, 0, [(90, 60)], [0])
    assert count(tracker) == 0
    tracker.add_box(2, 0, (60, 80, 120, 140))
    assert count(tracker) == 0


def test_candidates_are_shown_in_the_order_in_which_they_are_taken(micro) -> None:
    tracker = Tracker(micro, recording())
    tracker.add_points(1, 0, [(90, 110)])
    shown = tracker.predict(0).candidates[1]
    for place in range(len(shown)):
        again = Tracker(micro, recording())
        again.add_points(1, 0, [(90, 110)], candidate=place)
        labels = again.predict(0).labels == 1
        overlap = [np.count_nonzero(labels & mask) / max(np.count_nonzero(labels | mask), 1) for mask in shown]
        assert int(np.argmax(overlap)) == place


def test_the_reference_looks_once() -> None:
    assert not TrackerOptions.reference().second_looks
