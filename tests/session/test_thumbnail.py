"""The small picture of an object."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.session.thumbnail import part_around, thumbnail

RED = (255, 0, 0)


@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_the_piece_holds_the_object_and_lies_in_the_image(height, width, data):
    y0, x0 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    y1, x1 = data.draw(st.integers(y0, height - 1)), data.draw(st.integers(x0, width - 1))
    mask = np.zeros((height, width), bool)
    mask[y0 : y1 + 1, x0 : x1 + 1] = True
    y, x = part_around(mask)
    assert 0 <= y.start <= y0 <= y1 < y.stop <= height
    assert 0 <= x.start <= x0 <= x1 < x.stop <= width
    picture = thumbnail(np.zeros((height, width))[y, x], mask[y, x], (0, 1), RED)
    assert max(picture.shape) == 120
    assert (picture == RED).all(axis=2).any()


def test_a_thin_part_of_a_large_object_is_not_lost():
    mask = np.zeros((600, 600), bool)
    mask[301, :] = True
    assert (thumbnail(np.zeros((600, 600)), mask, (0, 1), RED) == RED).all(axis=2).any()


def test_an_empty_mask_has_no_piece():
    assert part_around(np.zeros((9, 9), bool)) is None


def test_the_outline_surrounds_the_object_and_leaves_it_visible():
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    image = np.where(mask, 1000, 200).astype(np.uint16)
    picture = thumbnail(image, mask, (0, 1000), RED, size=80)
    assert (picture[20, 20:60] == RED).all()
    assert (picture[40, 40] == 255).all()
    assert (picture[5, 5] == 51).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_colour_and_what_is_no_number(dtype):
    image = np.zeros((20, 20, 3), dtype)
    image[..., 1] = 255
    if dtype is np.float32:
        image[0, 0] = np.nan
    picture = thumbnail(image, np.zeros((20, 20), bool), (0, 255), RED)
    assert tuple(picture[60, 60]) == (0, 255, 0)
