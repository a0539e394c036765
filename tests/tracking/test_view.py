"""Coordinates and pixels survive the way into a view and back."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.tracking.view import View

shapes = st.tuples(st.integers(20, 300), st.integers(20, 300))


@given(shape=shapes, centre=st.tuples(st.floats(0, 1), st.floats(0, 1)), side=st.floats(16, 400))
def test_windows_lie_inside_or_hold_the_frame(shape: tuple[int, int], centre: tuple[float, float], side: float) -> None:
    place = centre[0] * (shape[0] - 1), centre[1] * (shape[1] - 1)
    view = View.window(place, side, shape)
    for start, length, size, p in zip((view.y, view.x), (view.height, view.width), shape, place, strict=True):
        assert length == round(side)
        assert (start >= 0 and start + length <= size) if length <= size else (start <= 0 and start + length >= size)
        assert start - 0.5 <= p <= start + length - 0.5


@given(y=st.integers(-20, 40), x=st.integers(-20, 40), side=st.integers(16, 200), size=st.sampled_from([64, 256]))
def test_corners_of_the_view_are_corners_of_the_input(y: int, x: int, side: int, size: int) -> None:
    view = View(y, x, side, side)
    corners = [[y - 0.5, x - 0.5], [y + side - 0.5, x + side - 0.5]]
    xy = view.to_input(corners, size)
    torch.testing.assert_close(xy, torch.tensor([[-0.5, -0.5], [size - 0.5, size - 0.5]]), atol=1e-3, rtol=0)


def test_a_view_of_the_networks_size_is_passed_on_untouched() -> None:
    image = torch.rand(3, 64, 64)
    assert torch.equal(View.whole((64, 64)).crop(image, 64), image)
    points = [[3.25, 17.5]]
    torch.testing.assert_close(View.whole((64, 64)).to_input(points, 64), torch.tensor([[17.5, 3.25]]))


def test_what_lies_over_the_border_is_the_mean() -> None:
    image = torch.rand(3, 30, 30) + 1
    crop = View.window((15, 15), 64, (30, 30)).crop(image, 64)
    torch.testing.assert_close(crop[:, 0, 0], image.mean(dim=(1, 2)))


def test_a_bright_pixel_is_found_where_its_coordinates_say() -> None:
    image = torch.zeros(3, 100, 100)
    image[:, 40, 60] = 1
    view = View(20, 30, 64, 64)
    crop = view.crop(image, 256)[0]
    y, x = np.unravel_index(int(crop.argmax()), crop.shape)
    expected = view.to_input([[40, 60]], 256)[0]
    assert abs(x - float(expected[0])) <= 2
    assert abs(y - float(expected[1])) <= 2


def test_masks_come_back_within_a_cell() -> None:
    mask = np.zeros((120, 90), bool)
    mask[40:70, 30:60] = True
    view = View(20, 10, 80, 80)
    seen = view.crop_mask(mask, 256)
    assert set(np.unique(seen)) == {0.0, 1.0}
    logits = torch.nn.functional.avg_pool2d(seen * 2 - 1, 4)
    back = np.zeros_like(mask)
    back[view.inside(mask.shape)] = (view.to_pixels(logits)[0] > 0).numpy()[view.local(mask.shape)]
    assert np.count_nonzero(back != mask) <= 4 * 30


def test_logits_move_with_the_frame_between_views() -> None:
    logits = torch.full((1, 64, 64), -5.0)
    logits[0, 20:30, 40:50] = 5.0
    here, there = View(0, 0, 128, 128), View(32, 32, 128, 128)
    moved = here.resample(logits, there, outside=-9.0)
    inside = torch.nonzero(moved[0] > 0)
    assert inside.min(0).values.tolist() == [4, 24]
    assert inside.max(0).values.tolist() == [13, 33]
    assert float(moved[0, -1, -1]) == -9.0
    assert here.resample(logits, here, -9.0) is logits
