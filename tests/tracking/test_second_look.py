"""A first click or box is asked again from nearer and from farther."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_sam2.sam2 import Segmentation
from napari_sam2.tracking import Tracker, TrackerOptions
from napari_sam2.tracking.second_look import SURE, agreement, looks, sightings, together
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
    others = looks(view, np.array([centre]), SHAPE)
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
    ranks = agreement(sightings(view, others, again), mine, torch.tensor([[0.8, 0.7, 0.6]]))
    assert ranks.argmax() == 1
    # Full agreement adds what the other windows predict: nearly all of it, as edges fall on other cells.
    assert 0.7 + 0.85 * 1.4 < ranks[0, 1] <= 0.7 + 1.4
    assert ranks[0, 0] < 0.8 + 0.3


def test_windows_that_do_not_hold_the_click_are_left_out() -> None:
    view = View.window((200, 250), 160, SHAPE)
    at_the_rim = np.array([(view.y + 2.0, 250.0)])
    assert [other.side > view.side for other in looks(view, at_the_rim, SHAPE)] == [True]


def test_a_box_is_asked_again_only_where_it_lies_inside_whole() -> None:
    view = View.window((200, 250), 160, SHAPE)
    small, large = np.array([(180, 230), (220, 270)]), np.array([(180, 175), (220, 270)])
    assert len(looks(view, small, SHAPE)) == 2
    assert [other.side > view.side for other in looks(view, large, SHAPE)] == [True]


def test_the_outline_is_the_mean_of_what_all_windows_see() -> None:
    centre = (200.0, 250.0)
    view = View.window(centre, 160, SHAPE)
    others = looks(view, np.array([centre]), SHAPE)
    # Seen as 30, 24 and 24 pixels wide; the candidate of another size is met by none.
    mine = found([[disc(view, centre, 30), disc(view, centre, 8)]], [[0.8, 0.4]])
    again = found([[disc(other, centre, 24), disc(other, centre, 70)] for other in others], [[0.8, 0.4], [0.7, 0.4]])
    mean = together(sightings(view, others, again), mine)
    area = (mean.logits[0] > 0).sum((1, 2)).sqrt() * view.side / 64 / np.pi**0.5
    assert area[0] == pytest.approx(24, abs=1), "two of three say so"
    assert torch.equal(mean.logits[0, 1], mine.logits[0, 1].clamp(-SURE, SURE))
    assert torch.equal(mean.ious, mine.ious)
    assert torch.equal(mean.order, mine.order)


def test_what_another_window_does_not_cover_counts_nothing_there() -> None:
    centre = (200.0, 250.0)
    view = View.window(centre, 160, SHAPE)
    nearer, _ = looks(view, np.array([centre]), SHAPE)
    # A bar across the whole window; the nearer one sees the middle of it.
    bar = torch.full((64, 64), -5.0)
    bar[20:44] = 5.0
    (seen,) = sightings(view, [nearer], found([[torch.full((64, 64), 5.0)]], [[0.9]]))
    mean = together([seen], found([[bar]], [[0.9]])).logits[0, 0]
    assert (mean[20:44, :5] == 5).all()
    assert (mean[20:44, -5:] == 5).all()


def test_an_absent_object_stays_absent() -> None:
    centre = (200.0, 250.0)
    view = View.window(centre, 160, SHAPE)
    others = looks(view, np.array([centre]), SHAPE)
    again = found([[disc(other, centre, 24)] for other in others], [[0.8], [0.8]])
    absent = found([[torch.full((64, 64), -1024.0)]], [[0.1]])
    absent.object_scores.fill_(-3)
    assert (together(sightings(view, others, again), absent).logits < -1000).all()


@pytest.fixture(scope="module")
def micro():
    return load_model("micro")


def recording() -> np.ndarray:
    y, x = np.mgrid[:200, :240]
    image = np.random.default_rng(0).normal(100, 5, (200, 240)) + 120 * (np.hypot(y - 90, x - 110) < 22)
    return image[None].astype(np.float32)


def test_only_a_first_click_or_box_is_looked_at_again(micro) -> None:
    asked = []

    def count(tracker: Tracker) -> list[int]:
        asked.clear()
        tracker.predict(0)
        return asked

    tracker = Tracker(micro, recording())
    original = tracker.network._asked_again
    tracker.network._asked_again = lambda frame, prompted: (
        asked.append(len(prompted.looks)) or original(frame, prompted)
    )
    tracker.add_points(1, 0, [(90, 110)])
    assert count(tracker) == [2]
    tracker.add_points(1, 0, [(90, 60)], [0])
    assert count(tracker) == []
    tracker.add_box(2, 0, (60, 80, 120, 140))
    assert count(tracker) == [2]
    tracker.add_points(2, 0, [(90, 60)], [0])
    assert count(tracker) == []
    tracker.add_mask(3, 0, recording()[0] > 170)
    assert count(tracker) == []


@pytest.mark.parametrize("prompt", ["click", "box"])
def test_the_answer_is_the_mean(micro, prompt) -> None:
    def answer(options: TrackerOptions) -> torch.Tensor:
        tracker = Tracker(micro, recording(), options)
        if prompt == "click":
            tracker.add_points(1, 0, [(90, 110)])
        else:
            tracker.add_box(1, 0, (67, 87, 113, 133))
        tracker.predict(0)
        return tracker._objects[1].answers[0].logits

    once, thrice = answer(TrackerOptions(second_looks=False)), answer(TrackerOptions())
    assert float(thrice.abs().max()) <= SURE
    assert not torch.equal(once.clamp(-SURE, SURE), thrice)
    both = ((once > 0) & (thrice > 0)).sum() / ((once > 0) | (thrice > 0)).sum()
    assert both > 0.9


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
