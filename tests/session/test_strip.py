"""The picture of the confidence strip."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from napari_sam2.session.strip import (
    ABSENT,
    DARK,
    EMPTY,
    LIGHT,
    SURE,
    Scale,
    colors,
    fitted,
    levels,
    strip_image,
)


def picture(confidence, scale, *, absent=None, prompted=None, locked=None, height=18, palette=DARK) -> np.ndarray:
    confidence = np.atleast_2d(np.asarray(confidence, np.float32))
    nothing = np.zeros(confidence.shape, bool)
    return strip_image(
        levels(confidence, nothing if absent is None else absent),
        nothing if prompted is None else prompted,
        nothing if locked is None else locked,
        scale,
        height,
        palette,
    )


def luminance(color) -> float:
    return float(np.dot(np.asarray(color, float), [0.2126, 0.7152, 0.0722]))


def test_levels_go_from_sure_to_not_sure_at_all():
    confidence = np.array([[1, 0, np.nan, np.nan]], np.float32)
    absent = np.array([[False, False, True, False]])
    np.testing.assert_array_equal(levels(confidence, absent), [[SURE, 255, ABSENT, EMPTY]])


def test_every_frame_has_its_column_and_every_object_its_row():
    confidence = np.ones((3, 10), np.float32)
    confidence[1, 4] = 0
    image = picture(confidence, fitted(200, 10))
    assert image.shape == (54, 200, 3)
    worst = (image == DARK.worst).all(axis=2)
    rows, columns = np.nonzero(worst)
    assert (rows.min(), rows.max()) == (18, 34)
    assert (columns.min(), columns.max()) == (81, 99)


def test_no_doubt_is_lost_where_a_pixel_shows_many_frames():
    confidence = np.ones((1, 2000), np.float32)
    confidence[0, 1234] = 0
    scale = fitted(300, 2000)
    image = picture(confidence, scale)
    columns = np.flatnonzero((image[3] == DARK.worst).all(axis=1))
    assert len(columns) == 1
    assert abs(columns[0] - scale.x(1234)) <= 1


@given(st.integers(1, 3000), st.integers(20, 1200), st.floats(1, 400), st.floats(0, 1), st.integers(0, 2999))
@example(2998, 20, 31.0, 0.16663176971295182, 580)
def test_what_is_doubtful_is_shown_where_a_click_finds_it(frames, width, zoom, at, which):
    which %= frames
    scale = fitted(width, frames).zoomed(zoom, at * width)
    confidence = np.ones((1, frames), np.float32)
    confidence[0, which] = 0
    image = picture(confidence, scale)
    columns = np.flatnonzero((image[3] == DARK.worst).all(axis=1))
    for x in columns:
        # A pixel begins within a frame and ends within another one.
        assert abs(scale.frame(x) - which) < 1 + 1 / scale.per_frame
    if scale.x(which) >= 0 and scale.x(which + 1) <= width:
        assert len(columns) >= 1


@given(st.integers(1, 3000), st.integers(20, 1200), st.floats(0.1, 100), st.floats(0, 1))
def test_zooming_keeps_the_frame_under_the_mouse(frames, width, factor, at):
    before = fitted(width, frames).zoomed(20, 0.3 * width)
    x = at * width
    after = before.zoomed(factor, x)
    assert after.per_frame >= after.fitting * 0.999
    assert after.first >= 0
    assert after.first + width / after.per_frame <= frames + 1e-6 or after.first == 0
    shift = (after.first + x / after.per_frame) - (before.first + x / before.per_frame)
    # Unless the end of the stack is reached.
    at_an_end = after.first == 0 or abs(after.first + width / after.per_frame - frames) < 1e-6
    assert abs(shift) < 1e-6 * frames or at_an_end


def test_a_place_beside_the_stack_is_no_frame():
    scale = Scale(0, 10, 200, 5)
    assert [scale.frame(x) for x in (0, 49.9, 50, -1)] == [0, 4, None, None]


def test_a_strip_that_showed_all_frames_does_so_in_another_width():
    assert fitted(300, 100).resized(600, 100) == fitted(600, 100)
    zoomed = fitted(300, 100).zoomed(5, 0)
    assert zoomed.resized(600, 100).per_frame == zoomed.per_frame
    assert zoomed.resized(600, 40) == fitted(600, 40)


def test_absence_is_a_line_and_no_colour_alone():
    absent = np.ones((1, 5), bool)
    image = picture([[np.nan] * 5], fitted(100, 5), absent=absent)
    assert (image[8, 10] == DARK.absent).all()
    assert (image[3, 10] == DARK.row).all()


def test_prompts_are_dots_in_their_frame_and_locks_bars_below():
    prompted, locked = np.zeros((2, 5), bool), np.zeros((2, 5), bool)
    prompted[0, 2] = True
    locked[1, 3] = True
    image = picture(np.ones((2, 5)), fitted(100, 5), prompted=prompted, locked=locked)
    rows, columns = np.nonzero((image == DARK.prompt).all(axis=2))
    assert (rows.mean(), columns.mean()) == pytest.approx((8, 50))
    rows, columns = np.nonzero((image == DARK.lock).all(axis=2))
    assert rows.min() >= 18 + 12
    assert (columns.min(), columns.max()) == (61, 79)


def test_a_dot_at_the_end_of_the_strip_is_cut_off():
    prompted = np.ones((1, 3000), bool)
    assert picture(np.ones((1, 3000)), fitted(50, 3000), prompted=prompted).shape == (18, 50, 3)


def test_no_objects_make_an_empty_picture():
    assert picture(np.ones((0, 9)), fitted(90, 9)).shape == (0, 90, 3)


@pytest.mark.parametrize(("palette", "sign"), [(DARK, 1), (LIGHT, -1)])
def test_brightness_alone_tells_doubt_and_sets_it_off_from_the_ground(palette, sign):
    table = colors(palette).astype(float)
    brightness = np.array([luminance(color) for color in table[SURE:]])
    assert (np.diff(sign * brightness) >= -0.6).all()
    assert sign * (luminance(palette.poor) - luminance(palette.fair)) > 8
    assert abs(luminance(palette.worst) - luminance(palette.background)) > 80
    assert abs(luminance(palette.sure) - luminance(palette.row)) > 15
