"""Of two objects on one cell, the one that jumped there gives way."""

from __future__ import annotations

import numpy as np
import torch

from napari_sam2.tracking.memory_bank import Remembered
from napari_sam2.tracking.objects import Answer
from napari_sam2.tracking.regions import drop_specks, fill_holes
from napari_sam2.tracking.rivals import losers
from napari_sam2.tracking.view import View

SHAPE, VIEW = (64, 64), View.whole((64, 64))


def logits(x: int, width: int = 20) -> torch.Tensor:
    out = torch.full((1, 64, 64), -5.0)
    out[0, 20:40, x : x + width] = 5.0
    return out


def answer(x: int, score: float = 5.0) -> Answer:
    return Answer(1, VIEW, logits(x), torch.zeros(1), score, 0.9, logits(x), torch.ones(1))


def remembered(x: int) -> Remembered:
    return Remembered(0, VIEW, torch.zeros(1), torch.zeros(1), logits(x), 5.0, 0.9)


def test_the_one_that_jumped_gives_way() -> None:
    before = {1: remembered(10), 2: remembered(40)}
    assert losers({1: answer(12), 2: answer(13)}, before, (), SHAPE) == {2}
    assert losers({1: answer(39), 2: answer(40)}, before, (), SHAPE) == {1}


def test_neighbours_that_touch_both_stay() -> None:
    assert losers({1: answer(10), 2: answer(25)}, {1: remembered(10), 2: remembered(25)}, (), SHAPE) == set()


def test_what_the_user_says_stays() -> None:
    assert losers({1: answer(12), 2: answer(13)}, {1: remembered(10)}, {2}, SHAPE) == {1}
    assert losers({1: answer(12), 2: answer(13)}, {}, {1, 2}, SHAPE) == set()


def test_absent_objects_claim_nothing() -> None:
    assert losers({1: answer(12), 2: answer(12, score=-1.0)}, {}, (), SHAPE) == set()


def test_small_holes_are_filled_and_large_ones_stay() -> None:
    mask = torch.full((1, 1, 30, 30), 4.0)
    mask[0, 0, 5:7, 5:9] = -4.0  # 8 cells
    mask[0, 0, 15:18, 15:18] = -4.0  # 9 cells
    filled = fill_holes(mask, 8)
    assert np.allclose(filled[0, 0, 5:7, 5:9], 0.1)
    assert (filled[0, 0, 15:18, 15:18] == -4.0).all()
    assert fill_holes(mask, 0) is mask


def test_an_empty_mask_is_no_hole() -> None:
    mask = torch.full((1, 1, 2, 2), -4.0)
    assert torch.equal(fill_holes(mask, 8), mask)


def test_specks_beside_the_largest_part_are_dropped() -> None:
    mask = torch.full((1, 1, 30, 30), -4.0)
    mask[0, 0, 2:12, 2:12] = 4.0
    mask[0, 0, 20:24, 20:26] = 4.0  # 24 of 100
    mask[0, 0, 20:25, 2:7] = 4.0  # 25 of 100
    out = drop_specks(mask, 0.25)
    assert (out[0, 0, 20:24, 20:26] < 0).all()
    assert (out[0, 0, 20:25, 2:7] == 4.0).all()
    assert drop_specks(mask, 0) is mask
