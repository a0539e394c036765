"""Lines drawn by hand as masks and clicks, and masks as lines."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from napari_sam2.session.drawn import clicks_along, interior, moved, outline, readings

blobs = arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14))).filter(np.any)


def test_a_rectangle_holds_the_pixels_whose_centres_it_holds():
    mask = interior([(1.6, 2.4), (1.6, 6.2), (5.1, 6.2), (5.1, 2.4)], (10, 12))
    expected = np.zeros((10, 12), bool)
    expected[2:6, 3:7] = True
    np.testing.assert_array_equal(mask, expected)


def test_a_line_over_the_edge_is_cut_there():
    mask = interior([(-20, -20), (-20, 4.5), (3.5, 4.5), (3.5, -20)], (10, 12))
    np.testing.assert_array_equal(np.argwhere(mask).max(0), [3, 4])
    assert mask.sum() == 20


@pytest.mark.parametrize("line", [[], [(1, 1)], [(1, 1), (5, 5)], [(20, 20), (20, 30), (30, 30)]])
def test_what_encloses_no_pixel_of_the_frame_is_empty(line):
    assert not interior(line, (10, 12)).any()


@given(blobs)
def test_the_outline_of_a_mask_encloses_its_largest_part_without_holes(mask):
    parts, _ = ndimage.label(ndimage.binary_fill_holes(mask))
    largest = np.bincount(parts.ravel())[1:].max()
    found = interior(outline(mask), mask.shape)
    assert np.count_nonzero(found) == largest
    assert len(np.unique(parts[found])) == 1
    assert parts[found].all()


@given(blobs, st.integers(-5, 5), st.integers(-5, 5))
def test_a_moved_mask_has_the_moved_outline(mask, dy, dx):
    room = np.pad(mask, 6)
    np.testing.assert_allclose(outline(moved(room, (dy, dx))), outline(room) + np.array([dy, dx]))


def test_a_mask_that_is_moved_out_of_the_frame_is_lost():
    mask = np.zeros((5, 5), bool)
    mask[1:3, 1:3] = True
    assert moved(mask, (0, 3)).sum() == 2
    assert not moved(mask, (-3, 0)).any()


@given(st.lists(st.tuples(st.floats(-50, 900), st.floats(-50, 900)), min_size=1, max_size=30))
def test_clicks_lie_on_the_line(line):
    clicks = clicks_along(line)
    assert 1 <= len(clicks) <= 5
    vertices = np.asarray(line)
    for click in clicks:
        distances = [np.hypot(*(click - vertices[0]))]
        for a, b in pairwise(vertices):
            along = b - a
            share = np.clip(np.dot(click - a, along) / max(np.dot(along, along), 1e-12), 0, 1)
            distances.append(np.hypot(*(click - a - share * along)))
        assert min(distances) < 1e-3


def test_clicks_are_spread_evenly_and_not_at_the_ends():
    np.testing.assert_allclose(clicks_along([(0, 0), (0, 10), (0, 36)]), [(0, 6), (0, 18), (0, 30)])
    np.testing.assert_allclose(clicks_along([(4, 4), (4, 5)]), [(4, 4.5)])


def test_readings_are_the_best_mask_and_those_that_differ_from_it_around_the_click():
    candidates = np.zeros((4, 20, 20), bool)
    candidates[0, 5:10, 5:10] = True
    candidates[1, 5:10, 5:10] = True
    candidates[1, 5, 5] = False
    candidates[2, 2:15, 2:15] = True
    candidates[3, 16:19, 16:19] = True
    assert readings(candidates, (7.2, 7.4)) == [0, 2]
    assert readings(candidates[:1], (-0.4, 19.4)) == [0]
