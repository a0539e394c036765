"""Channels as one colour picture."""

import dask.array as da
import numpy as np
import pytest

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import Contrast, Tracker, TrackerOptions, TrackingError
from napari_sam2.tracking.channels import Channel, colour_table, default_colours
from napari_sam2.tracking.composed import Composed

DIM = np.tile(np.array([0.0, 50, 100, 200]), (2, 4, 1))
FULL = Contrast.between(0, 100)


def pixel(channels: list[Channel], column: int = 1) -> list[float]:
    picture = Composed(channels)[1]
    assert picture.dtype == np.float32
    return [round(float(value), 2) for value in picture[0, column]]


def test_channels_add_up_in_their_colours() -> None:
    red, green = (Channel(DIM, colour_table(name), FULL) for name in ("red", "green"))
    assert pixel([red]) == [0.5, 0, 0]
    assert pixel([red, green]) == [0.5, 0.5, 0]
    assert pixel([red, green], column=3) == [1, 1, 0], "white is white, however bright"
    assert pixel([Channel(DIM, colour_table((0.5, 0, 1)), FULL)], column=2) == [0.5, 0, 1]


@pytest.mark.parametrize(
    ("blending", "opacity", "expected"),
    [
        ("additive", 1, [0.5, 0.5, 0]),
        ("additive", 0.5, [0.5, 0.25, 0]),
        ("translucent", 1, [0, 0.5, 0]),
        ("translucent", 0.5, [0.25, 0.25, 0]),
        ("opaque", 0.5, [0, 0.5, 0]),
        ("minimum", 1, [0, 0, 0]),
    ],
)
def test_channels_lie_on_each_other_as_in_the_viewer(blending, opacity, expected) -> None:
    below = Channel(DIM, colour_table("red"), FULL)
    assert pixel([below, Channel(DIM, colour_table("green"), FULL, opacity, blending)]) == expected


def test_inverted_colours_on_white() -> None:
    table = 1 - colour_table("red")  # white to cyan
    assert pixel([Channel(DIM, table, FULL, blending="minimum")]) == [0.5, 1, 1]


def test_every_channel_has_its_own_contrast_and_reads_only_its_frame() -> None:
    bright = da.from_array(DIM.astype(np.uint16) * 300, chunks=(1, 4, 4))
    channels = [Channel(DIM, colour_table("red"), FULL), Channel(bright, colour_table("blue"))]
    stack = Composed(channels)
    assert stack.shape == (2, 4, 4, 3)
    np.testing.assert_allclose(stack[0][0, :, 2], [0, 0.25, 0.5, 1], atol=0.01)


def test_colour_of_a_picture_stays() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (1, 4, 4, 3), np.uint8)
    np.testing.assert_allclose(Composed([Channel(picture)])[0], picture[0] / 255, atol=1e-6)


def test_a_tracker_takes_it(small_model: Sam2) -> None:
    stack = Composed([Channel(DIM, colour_table("red"), FULL), Channel(DIM, colour_table("green"), FULL)])
    tracker = Tracker(small_model, stack, TrackerOptions(contrast=Contrast.between(0, 1, invert=True)))
    np.testing.assert_allclose(tracker.frames.scaled(0)[0, 1], [0.5, 0.5, 1], atol=0.01)


def test_mistakes() -> None:
    with pytest.raises(TrackingError, match="no channel"):
        Composed([])
    with pytest.raises(TrackingError, match="expected them to be alike"):
        Composed([Channel(DIM), Channel(DIM[:1])])
    with pytest.raises(TrackingError, match="'puce', expected one of gray"):
        colour_table("puce")
    with pytest.raises(TrackingError, match="blending 'screen'"):
        Channel(DIM, blending="screen")  # type: ignore[arg-type]
    with pytest.raises(TrackingError, match=r"shape \(256,\)"):
        Channel(DIM, np.zeros(256, np.float32))
    assert [len(default_colours(n)) for n in (1, 2, 3, 8)] == [1, 2, 3, 8]
