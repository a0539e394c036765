"""Pixels that are not square: what the model sees, and that prompts and results stay in the stack's own pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import Contrast, FrameResult, Tracker, TrackerOptions, TrackingError
from napari_sam2.tracking.labels import merge
from napari_sam2.tracking.picks import Stretch, Stretched
from napari_sam2.tracking.stretched import StretchedTracker, is_square


def ellipse(frames: int = 4, aspect: float = 5) -> np.ndarray:
    """A ball of radius 20 pixels in the wide direction, seen from the side: (frames, 24, 90) uint16."""
    rows, columns = np.mgrid[:24, :90]
    inside = ((rows - 11.5) * aspect) ** 2 + (columns - 45) ** 2 < 20**2
    noise = np.random.default_rng(0).normal(0, 20, (frames, 24, 90))
    return (200 + 1000 * inside + noise).astype(np.uint16)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.05, 20))
def test_masks_come_back_as_they_were(height: int, width: int, aspect: float) -> None:
    mask = np.random.default_rng(height).random((height, width)) > 0.5
    stretch = Stretch((height, width), aspect)
    drawn = stretch.draw_out_mask(mask)
    assert drawn.shape == stretch.large
    np.testing.assert_array_equal(stretch.back(drawn), mask)
    # A place goes where its pixel goes.
    place = (height - 1, width // 2)
    y, x = np.floor(stretch.to_large(np.array([place], float))[0] + 0.5).astype(int)
    assert drawn[min(y, stretch.large[0] - 1), min(x, stretch.large[1] - 1)] == mask[place]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int64, bool])
def test_intensities_run_straight_between_two_pixels(dtype: type) -> None:
    ramp = np.repeat(np.arange(2, dtype=dtype), 8).reshape(2, 8)
    drawn = Stretched(ramp[None], Stretch((2, 8), 4))[0].astype(float)
    assert drawn.shape == (8, 8)
    assert (np.diff(drawn, axis=0) >= 0).all()
    assert drawn.min() == 0
    assert drawn.max() == 1


def test_a_round_object_looks_round_to_the_model(small_model: Sam2) -> None:
    tracker = StretchedTracker(small_model, ellipse(), aspect=5)
    seen = tracker._inner.frames.scaled(0) > 0.5
    rows, columns = np.nonzero(seen)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=5)


def test_prompts_and_results_are_in_pixels_of_the_stack(small_model: Sam2) -> None:
    tracker = StretchedTracker(small_model, ellipse(), aspect=5)
    mask = np.zeros((24, 90), bool)
    mask[9:14, 30:60] = True
    tracker.add_mask(3, 0, mask)
    tracker.add_points(4, 1, [[23.4, 89.4]])
    tracker.add_box(5, 1, [2, 3, 9, 20])
    np.testing.assert_array_equal(tracker.predict(0).labels == 3, mask)
    result = tracker.predict(1)
    assert result.labels.shape == (24, 90)
    assert result.logits.shape == (2, 24, 90)
    assert all(masks.shape[1:] == (24, 90) for masks in result.candidates.values())
    labels = np.zeros((4, 24, 90), np.uint16)
    for result in tracker.propagate():
        merge(labels[result.frame], result)
    np.testing.assert_array_equal(labels[0] == 3, mask)
    tracker.clear_prompts(4, 1)
    tracker.remove_object(5)
    assert tracker.object_ids == (3,)
    with pytest.raises(TrackingError, match="outside of the frame of 24 x 90"):
        tracker.add_points(3, 0, [[30, 5]])
    with pytest.raises(TrackingError, match=r"expected the frame's shape \(24, 90\)"):
        tracker.add_mask(3, 0, np.ones((120, 90)))


def test_a_result_has_all_that_results_have(small_model: Sam2) -> None:
    tracker = StretchedTracker(small_model, ellipse(), aspect=5)
    tracker.add_points(4, 1, [[12, 45]])
    result = tracker.predict(1)
    assert result.candidates_of(4).shape == result.candidates[4].shape
    assert result.joined(tracker.predict(1)).labels.shape == (24, 90)
    for name in (name for name in dir(FrameResult) if not name.startswith("_")):
        assert name in vars(type(result)) or name in vars(result), f"{name} is of drawn out frames"


def test_the_contrast_is_that_of_the_stack(small_model: Sam2) -> None:
    stack = ellipse()
    for contrast in (Contrast(), Contrast.between(100, 900), Contrast("frame")):
        options = TrackerOptions(contrast=contrast)
        plain = Tracker(small_model, stack, options).frames
        drawn = StretchedTracker(small_model, stack, options, aspect=5)._inner.frames
        assert drawn.scaled(0).max() == pytest.approx(plain.scaled(0).max(), rel=0.1)
    colour = np.full((2, 8, 8, 3), 51, np.uint8)
    assert StretchedTracker(small_model, colour, aspect=3)._inner.frames.scaled(0).max() == pytest.approx(0.2)


def test_nearly_square_pixels_are_left_alone() -> None:
    assert is_square(1.1)
    assert is_square(0.9)
    assert not is_square(1.3)
    assert not is_square(0.2)
