"""Time and depth together: one label volume per time point, ids linked in both directions. With the bundled model."""

import numpy as np
import pytest

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import Contrast, TrackerOptions, TrackingError
from napari_sam2.tracking.carrying import Crop, carry, largest
from napari_sam2.tracking.labels import merge
from napari_sam2.tracking.swept import SweptTracker, tracker_for
from napari_sam2.tracking.tracker import Tracker
from napari_sam2.weights.load import load_model

TIMES, SLICES, SIDE = 3, 3, 72
CENTRES = {1: (0, 22, 22), 2: (2, 48, 46)}
"""(z, y, x) at time 0; object 1 sinks by a slice per time point, object 2 rises."""


def centre(identity: int, time: int) -> tuple[float, float, float]:
    z, y, x = CENTRES[identity]
    return z + (time if identity == 1 else -time), y + 2 * time, x - time


def ball(identity: int, time: int, part: int) -> np.ndarray:
    z, y, x = centre(identity, time)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return ((part - z) * 5) ** 2 + (rows - y) ** 2 + (columns - x) ** 2 < 9**2


@pytest.fixture(scope="module")
def recording() -> np.ndarray:
    """(time, slice, y, x) uint16."""
    noise = np.random.default_rng(0).normal(300, 30, (TIMES, SLICES, SIDE, SIDE))
    for time in range(TIMES):
        for part in range(SLICES):
            noise[time, part] += 900 * (ball(1, time, part) | ball(2, time, part))
    return noise.astype(np.uint16)


@pytest.fixture(scope="module")
def micro() -> Sam2:
    return load_model("micro", device="cpu")


@pytest.fixture
def tracker(micro: Sam2, recording: np.ndarray) -> SweptTracker:
    return SweptTracker(micro, recording.reshape(-1, SIDE, SIDE), slices=SLICES)


def click(tracker: SweptTracker, identity: int, time: int = 0) -> None:
    z, y, x = centre(identity, time)
    tracker.add_points(identity, int(time * SLICES + z), [[y, x]], [1])


def filled(tracker: SweptTracker, **options) -> tuple[np.ndarray, list[int]]:
    labels = np.zeros((TIMES * SLICES, SIDE, SIDE), np.uint16)
    frames = []
    for result in tracker.propagate(**options):
        merge(labels[result.frame], result)
        frames.append(result.frame)
    return labels.reshape(TIMES, SLICES, SIDE, SIDE), frames


def overlaps(labels: np.ndarray, identity: int) -> list[float]:
    """IoU of every volume."""
    out = []
    for time, volume in enumerate(labels):
        wanted = np.stack([ball(identity, time, part) for part in range(SLICES)])
        out.append(((volume == identity) & wanted).sum() / ((volume == identity) | wanted).sum())
    return out


def test_one_click_gives_a_volume_per_time_point_with_one_id(tracker: SweptTracker) -> None:
    click(tracker, 1)
    click(tracker, 2, time=1)
    labels, frames = filled(tracker)
    for identity in CENTRES:
        # Neither stays in the slice in which it was clicked.
        assert min(overlaps(labels, identity)) > 0.5, overlaps(labels, identity)
    # Every slice once forward, and time point 0 again for the object that was clicked after it.
    assert sorted(frames) == sorted([*range(TIMES * SLICES), *range(SLICES)])
    assert tracker.predict(0).frame == 0


def test_directions_and_ranges_count_time_points(tracker: SweptTracker) -> None:
    click(tracker, 1, time=1)
    assert {frame // SLICES for frame in filled(tracker, direction="forward")[1]} == {1, 2}
    assert {frame // SLICES for frame in filled(tracker, direction="backward")[1]} == {0, 1}
    labels, frames = filled(tracker, start=2 * SLICES + 1)
    assert {frame // SLICES for frame in frames} == {2}
    assert overlaps(labels, 1)[2] > 0.5
    assert labels[:2].max() == 0


def test_a_correction_counts_in_its_time_point_and_after(tracker: SweptTracker) -> None:
    click(tracker, 1)
    filled(tracker)
    # At time 1, object 1 is to be where object 2 is.
    z, y, x = (round(value) for value in centre(2, 1))
    tracker.add_box(1, SLICES + z, [y - 10, x - 10, y + 10, x + 10])
    assert (tracker.predict(SLICES + z).labels == 1)[y, x]
    labels, _ = filled(tracker)
    assert overlaps(labels, 1)[0] > 0.5
    for time in (1, 2):
        z, y, x = (round(value) for value in centre(2, time))
        assert labels[time, z, y, x] == 1
        z, y, x = (round(value) for value in centre(1, time))
        assert labels[time, z, y, x] == 0


def test_a_click_refines_what_was_carried_to_its_time_point(tracker: SweptTracker) -> None:
    click(tracker, 1)
    labels, _ = filled(tracker)
    time, part = 1, 2
    y, x = (round(value) for value in centre(1, time)[1:])
    assert labels[time, part, y, x] == 1
    tracker.add_points(1, time * SLICES + part, [[y + 6, x + 6]], [0])
    result = tracker.predict(time * SLICES + part)
    assert result.labels[y + 6, x + 6] == 0
    assert result.frame == time * SLICES + part
    tracker.clear_prompts(1, time * SLICES + part)
    with pytest.raises(TrackingError, match="no object is prompted"):
        tracker.predict(time * SLICES + part)


def test_it_can_be_cancelled_between_two_slices(tracker: SweptTracker) -> None:
    click(tracker, 1)
    run = tracker.propagate()
    next(run)
    run.close()
    assert len(filled(tracker)[1]) == TIMES * SLICES


def test_mistakes_are_refused_in_words(tracker: SweptTracker, micro: Sam2, recording: np.ndarray) -> None:
    with pytest.raises(TrackingError, match="no whole number of time points of 2 slices"):
        SweptTracker(micro, recording.reshape(-1, SIDE, SIDE), slices=2)
    with pytest.raises(TrackingError, match="nothing to propagate"):
        tracker.propagate()
    with pytest.raises(TrackingError, match="starts with a negative click"):
        tracker.add_points(1, 0, [[5, 5]], [0])
    with pytest.raises(TrackingError, match="expected a whole number from 0 to 8"):
        tracker.add_box(1, TIMES * SLICES, [1, 1, 9, 9])
    click(tracker, 1)
    for wrong in ({"direction": "up"}, {"start": 3, "stop": 3}):
        with pytest.raises(TrackingError, match="got "):
            tracker.propagate(**wrong)
    with pytest.raises(TrackingError, match="no object 7"):
        tracker.remove_object(7)
    tracker.remove_object(1)
    assert tracker.object_ids == ()


def test_all_time_points_have_one_contrast(micro: Sam2, recording: np.ndarray) -> None:
    bleaching = recording.astype(float) * np.array([1, 0.5, 0.25])[:, None, None, None]
    tracker = SweptTracker(micro, bleaching.reshape(-1, SIDE, SIDE), slices=SLICES)
    limits = {tracker._tracker(range(t * SLICES, (t + 1) * SLICES)).frames.limits for t in range(TIMES)}
    assert len(limits) == 1
    each = SweptTracker(
        micro, bleaching.reshape(-1, SIDE, SIDE), TrackerOptions(contrast=Contrast("frame")), slices=SLICES
    )
    assert each._tracker(range(3)).frames.contrast.kind == "frame"


class Blind:
    """A tracker of one slice; finds nothing but in slice 2."""

    def __init__(self, part: int) -> None:
        self.part, self.masks = part, {}

    def add_mask(self, object_id: int, time: int, mask: np.ndarray) -> None:
        self.masks[object_id, time] = mask

    def propagate(self, start: int, stop: int, direction: str):
        class Result:
            frame = stop - 1
            object_ids = tuple({i for i, _ in self.masks})
            object_scores = np.array([1.0 if self.part == 2 else -1.0] * len(object_ids))
            labels = next(iter(self.masks.values())) * object_ids[0]

        yield Result


def test_an_object_that_left_its_largest_slice_is_looked_for_in_the_next() -> None:
    pixels = np.ones((4, 4), bool)
    volume = {1: Crop((slice(0, 4), slice(0, 4)), pixels), 2: Crop((slice(0, 3), slice(0, 4)), pixels[:3])}
    assert largest(volume) == [1, 2]
    asked = []

    def along(part: int) -> Blind:
        asked.append(part)
        return Blind(part)

    found = carry([5], 3, {2: {5: volume}, 1: {5: {}}}, (9, 9), along, backward=False)  # type: ignore[arg-type]
    assert asked == [1, 2]
    assert found[5][0] == 2
    assert found[5][1].area == 12
    assert carry([5], 3, {2: {5: {1: volume[1]}}}, (9, 9), along, backward=False) == {}  # type: ignore[arg-type]


def test_the_tracker_that_fits_is_chosen(micro: Sam2, recording: np.ndarray) -> None:
    flat = recording.reshape(-1, SIDE, SIDE)
    assert type(tracker_for(micro, flat)) is Tracker
    assert type(tracker_for(micro, flat, aspect=4)).__name__ == "StretchedTracker"
    assert isinstance(tracker_for(micro, flat, slices=SLICES), SweptTracker)


def test_a_volume_whose_pixels_are_not_square(micro: Sam2, recording: np.ndarray) -> None:
    low = recording[..., ::2, :].reshape(-1, SIDE // 2, SIDE)
    tracker = SweptTracker(micro, low, slices=SLICES, aspect=2)
    z, y, x = centre(1, 0)
    tracker.add_points(1, int(z), [[y / 2, x]], [1])
    for result in tracker.propagate(stop=SLICES):
        if result.frame == 0:
            wanted = ball(1, 0, 0)[::2]
            found = result.labels == 1
            assert (found & wanted).sum() / (found | wanted).sum() > 0.6
