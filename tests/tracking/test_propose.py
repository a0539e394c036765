"""Proposals of all objects of a frame."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import Tracker, TrackingError
from napari_sam2.tracking.proposal import Proposal, distinct
from napari_sam2.tracking.propose import ProposeOptions, tiles
from napari_sam2.weights.load import load_model

CENTRES = ((30, 35), (40, 90), (75, 30), (95, 110), (88, 64), (28, 128))


def nuclei(radius: int = 9) -> np.ndarray:
    """(120, 150) uint16: six soft-edged bright discs on noise."""
    rows, columns = np.ogrid[:120, :150]
    frame = np.random.default_rng(0).normal(1000, 40, (120, 150))
    for y, x in CENTRES:
        frame += 1500 / (1 + np.exp(np.hypot(rows - y, columns - x) - radius))
    return frame.astype(np.uint16)


@pytest.fixture(scope="module")
def micro():
    return load_model("micro", device="cpu")


def found(tracker: Tracker, **kwargs) -> tuple[Proposal, ...]:
    *before, last = tracker.propose(0, **kwargs)
    assert all(step.proposals is None for step in before)
    assert last.done == last.total
    return last.proposals


def met(proposals, radius: int = 9) -> list[int]:
    """Which discs are met at IoU 0.7, one entry for each proposal, -1 for none."""
    rows, columns = np.ogrid[:120, :150]
    out = []
    for proposal in proposals:
        mask = proposal.mask((120, 150))
        truths = [np.hypot(rows - y, columns - x) <= radius for y, x in CENTRES]
        ious = [(mask & truth).sum() / (mask | truth).sum() for truth in truths]
        out.append(int(np.argmax(ious)) if max(ious) > 0.7 else -1)
    return out


def test_every_nucleus_is_proposed_once_without_telling_its_size(micro):
    proposals = found(Tracker(micro, nuclei()[None]))
    assert sorted(met(proposals)) == [0, 1, 2, 3, 4, 5]
    assert [p.score for p in proposals] == sorted((p.score for p in proposals), reverse=True)
    for p in proposals:
        assert p.mask((120, 150)).sum() == p.area


def test_out_of_memory_halves_the_clicks_and_proposes_the_same(micro, monkeypatch):
    expected = found(Tracker(micro, nuclei()[None]), diameter=18)
    sizes, real = [], Sam2.decode

    def decode(self, image, features, xy=None, *more):
        sizes.append(len(xy))
        if sizes[-1] > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, image, features, xy, *more)

    monkeypatch.setattr(Sam2, "decode", decode)
    again = found(Tracker(micro, nuclei()[None]), diameter=18)
    assert sizes[:4] == [32, 16, 8, 4]
    assert max(sizes[4:]) == 4
    assert [p.yx for p in again] == [p.yx for p in expected]
    for one, other in zip(again, expected, strict=True):
        assert (one.mask((120, 150)) ^ other.mask((120, 150))).sum() <= 2


def test_what_is_labelled_is_not_proposed(micro):
    rows, columns = np.ogrid[:120, :150]
    taken = np.zeros((120, 150), np.uint16)
    taken[np.hypot(rows - 30, columns - 35) <= 9] = 4
    taken[np.hypot(rows - 75, columns - 30) <= 9] = 5
    proposals = found(Tracker(micro, nuclei()[None]), taken=taken, options=ProposeOptions(diameter=18))
    assert sorted(met(proposals)) == [1, 3, 4, 5]


def test_noise_has_no_objects(micro):
    noise = np.random.default_rng(1).normal(1000, 40, (1, 120, 150)).astype(np.uint16)
    assert len(found(Tracker(micro, noise))) <= 1


def test_closing_cancels_and_prompts_stay_as_they_are(micro):
    tracker = Tracker(micro, nuclei()[None])
    tracker.add_points(1, 0, [CENTRES[0]])
    before = tracker.predict(0).labels
    looking = tracker.propose(0)
    assert next(looking).done == 0
    looking.close()
    assert tracker.object_ids == (1,)
    np.testing.assert_array_equal(tracker.predict(0).labels, before)


def test_a_model_of_whole_frames_is_asked_on_the_whole_frame(whole_frame_model):
    steps = list(Tracker(whole_frame_model, nuclei()[None]).propose(0))
    assert steps[-1].total == 1


def test_bad_arguments_are_refused_before_anything_is_computed(small_model):
    tracker = Tracker(small_model, nuclei()[None])
    with pytest.raises(TrackingError, match="frame 3"):
        tracker.propose(3)
    with pytest.raises(TrackingError, match="shape"):
        tracker.propose(0, taken=np.zeros((4, 4), int))


@given(height=st.integers(20, 900), width=st.integers(20, 900), side=st.floats(40, 500), data=st.data())
def test_whatever_is_not_larger_than_a_third_of_a_view_lies_whole_in_one(height, width, side, data):
    views = tiles((height, width), side)
    size = side / 3
    y = data.draw(st.floats(0, max(0.0, height - size)))
    x = data.draw(st.floats(0, max(0.0, width - size)))
    bottom, right = min(y + size, height), min(x + size, width)
    assert any(v.y <= y and bottom <= v.y + v.height and v.x <= x and right <= v.x + v.width for v in views)


def block(top: int, left: int, score: float, size: int = 6) -> Proposal:
    return Proposal((top + 2.0, left + 2.0), top, left, np.ones((size, size), bool), score)


def test_of_overlapping_masks_the_surest_stays():
    free = np.ones((40, 40), bool)
    best, worse, aside = block(5, 5, 0.9), block(6, 6, 0.8), block(20, 20, 0.5)
    assert distinct([aside, worse, best], free, 0.3) == [best, aside]
    touching = block(6, 11, 0.7)
    assert distinct([touching, worse], free, 0.3) == [worse, touching]


def test_a_large_mask_over_a_surer_small_one_goes():
    free = np.ones((40, 40), bool)
    small, large = block(5, 5, 0.9), block(2, 2, 0.8, size=20)
    assert distinct([large, small], free, 0.3) == [small]


def test_nothing_is_kept_on_pixels_that_are_taken():
    free = np.ones((40, 40), bool)
    free[:8] = False
    open_one = block(20, 20, 0.5)
    assert distinct([block(5, 5, 0.9), open_one], free, 0.3) == [open_one]
