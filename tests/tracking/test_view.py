"""Coordinates and pixels survive the way into a view and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
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


@given(
    shape=shapes,
    centre=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    side=st.floats(16, 400),
    place=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    size=st.sampled_from([64, 256, 1024]),
)
def test_places_survive_the_way_into_the_input_and_back(
    shape: tuple[int, int],
    centre: tuple[float, float],
    side: float,
    place: tuple[float, float],
    size: int,
) -> None:
    view = View.window((centre[0] * (shape[0] - 1), centre[1] * (shape[1] - 1)), side, shape)
    yx = np.array(place) * (view.height, view.width) + (view.y - 0.5, view.x - 0.5)
    x, y = view.to_input(yx[None], size)[0].tolist()
    back = (y + 0.5) * view.height / size + view.y - 0.5, (x + 0.5) * view.width / size + view.x - 0.5
    np.testing.assert_allclose(back, yx, atol=1e-2)


def test_the_pixels_of_a_crop_lie_where_to_input_says() -> None:
    """On a ramp, the intensity of an input pixel is the frame coordinate at its centre."""
    rows = torch.arange(100.0)[:, None].expand(100, 80)
    columns = torch.arange(80.0).expand(100, 80)
    view = View(13, 21, 40, 40)
    crop = view.crop(torch.stack((rows, columns)), 64)
    for yx in ([20.0, 30.0], [33.25, 47.5], [48.0, 28.0]):
        x, y = view.to_input([yx], 64)[0].round().long().tolist()
        cell = 40 / 64
        assert abs(float(crop[0, y, x]) - yx[0]) <= cell / 2 + 1e-3
        assert abs(float(crop[1, y, x]) - yx[1]) <= cell / 2 + 1e-3


@pytest.mark.parametrize(
    ("shape", "view"),
    [
        ((30, 200), View(-70, 20, 170, 170)),
        ((200, 30), View(20, -70, 170, 170)),
        ((50, 50), View(-25, -25, 100, 100)),
        ((300, 20), View(-10, -150, 320, 320)),
    ],
)
def test_axes_resized_one_by_one_give_what_resizing_the_whole_view_gives(shape: tuple[int, int], view: View) -> None:
    image = torch.rand(2, *shape)
    padded = image[:, *view.inside(shape)].mean(dim=(1, 2), keepdim=True).expand(2, view.height, view.width).clone()
    padded[:, *view.local(shape)] = image[:, *view.inside(shape)]
    expected = F.interpolate(padded[None], (64, 64), mode="bilinear", align_corners=False, antialias=True)[0]
    torch.testing.assert_close(view.crop(image, 64), expected, atol=1e-4, rtol=1e-4)

    logits = torch.randn(3, 16, 16)
    whole = view.to_pixels(logits)[:, *view.local(shape)]
    torch.testing.assert_close(view.in_frame(logits, shape), whole, atol=1e-4, rtol=1e-4)


def test_a_very_long_frame_costs_no_square_of_its_length() -> None:
    """The view would have 900 million pixels."""
    shape = (8, 30000)
    view = View.window((4, 15000), 30000, shape)
    assert view.crop(torch.rand(1, *shape), 64).shape == (1, 64, 64)
    assert view.crop_mask(np.ones(shape, bool), 64).shape == (1, 64, 64)
    assert view.in_frame(torch.rand(1, 16, 16), shape).shape == (1, 8, 30000)


@given(y=st.integers(0, 299), x=st.integers(0, 399), size=st.sampled_from([16, 64]))
def test_a_mask_of_one_pixel_is_seen_at_any_scale(y: int, x: int, size: int) -> None:
    mask = np.zeros((300, 400), bool)
    mask[y, x] = True
    view = View.whole(mask.shape)
    seen = view.crop_mask(mask, size)
    rows, columns = torch.nonzero(seen[0], as_tuple=True)
    assert 1 <= len(rows) <= 4
    place = view.to_input([[y, x]], size)[0]
    assert float((columns.float().mean() - place[0]).abs()) <= 1
    assert float((rows.float().mean() - place[1]).abs()) <= 1


def test_masks_are_cut_at_half_cover_as_in_the_published_code() -> None:
    mask = np.zeros((128, 128), bool)
    mask[32:64, 32:65] = True  # the last column covers half of a cell, less at the corners
    seen = View.whole(mask.shape).crop_mask(mask, 64)
    cover = F.interpolate(torch.from_numpy(mask).float()[None, None], (64, 64), mode="bilinear", antialias=True)[0]
    assert torch.equal(seen, (cover >= 0.5).float())


@given(dy=st.integers(-15, 40), dx=st.integers(-15, 40), zoom=st.sampled_from([0.75, 1.0, 1.5]))
def test_resampled_logits_keep_their_place_in_the_frame(dy: int, dx: int, zoom: float) -> None:
    here = View(100, 100, 128, 128)
    side = round(128 * zoom)
    there = View(100 + dy, 100 + dx, side, side)
    logits = torch.full((1, 32, 32), -6.0)
    logits[0, 14:18, 14:18] = 6.0  # frame pixels 156 to 171
    moved = here.resample(logits, there, outside=-9.0)
    y, x = (torch.nonzero(moved[0] > 0).float().mean(0) + 0.5) * (side / 32) - 0.5
    assert abs(float(y) + there.y - 163.5) <= 3
    assert abs(float(x) + there.x - 163.5) <= 3
    assert moved.min() >= -9.0
