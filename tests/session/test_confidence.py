"""Figures of a frame and the confidence that follows from them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_sam2.session.confidence import DOUBTFUL, SIGNS, confidence, measure_frame, signs

FINE = {"object_score": 6.0, "predicted_iou": 0.94, "area_jump": 0.05, "contact": 0.0}


def squares(*corners, size=10, shape=(60, 80)) -> np.ndarray:
    """Labels of squares at these corners, numbered from 1."""
    labels = np.zeros(shape, np.uint16)
    for label, (y, x) in enumerate(corners, 1):
        labels[y : y + size, x : x + size] = label
    return labels


def test_areas_and_edges_are_those_of_the_pixels():
    figures = measure_frame(squares((0, 5), (20, 20), (49, 69)))
    np.testing.assert_array_equal(figures.ids, [1, 2, 3])
    np.testing.assert_array_equal(figures.areas, [100, 100, 100])
    np.testing.assert_array_equal(figures.at_edge, [True, False, False])


def test_contact_is_the_share_of_the_outline_along_a_neighbour():
    alone, left, right = (measure_frame(squares((5, 5), (30, 20), (30, 30))).contacts).tolist()
    assert alone == 0
    assert left == pytest.approx(right)
    assert left == pytest.approx(0.25, abs=0.05)


def test_a_seam_of_one_pixel_is_a_contact_and_a_gap_is_none():
    assert (measure_frame(squares((30, 20), (30, 31))).contacts > 0.14).all()
    assert (measure_frame(squares((30, 20), (30, 34))).contacts == 0).all()


def test_an_object_in_the_middle_of_others_touches_all_around():
    labels = np.full((30, 30), 2, np.uint16)
    labels[10:20, 10:20] = 1
    assert measure_frame(labels).contacts[0] == pytest.approx(1)


@given(arrays(st.sampled_from([np.uint8, np.int32, np.uint64, np.int64]), (7, 9), elements=st.integers(0, 5)))
def test_figures_do_not_depend_on_the_kind_of_numbers(labels):
    large = labels.astype(np.int64) * 2_000_003
    here, there = measure_frame(labels), measure_frame(large)
    np.testing.assert_array_equal(here.ids * 2_000_003, there.ids)
    assert set(here.ids.tolist()) == set(np.unique(labels).tolist()) - {0}
    for name in ("areas", "contacts", "at_edge"):
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name))
    assert here.areas.sum() == (labels > 0).sum()


def test_an_empty_frame_has_no_figures():
    assert measure_frame(np.zeros((5, 5), np.uint16)).ids.size == 0
    assert measure_frame(np.zeros((0, 5), np.uint16)).ids.size == 0


def test_nothing_to_be_seen_is_full_confidence():
    assert confidence(**FINE) == 1
    unknown = dict.fromkeys(FINE, np.nan)
    assert confidence(**unknown) == 1


@pytest.mark.parametrize(
    ("sign", "value", "name"),
    [
        ("object_score", -0.5, "presence"),
        ("predicted_iou", 0.75, "predicted IoU"),
        ("area_jump", 0.7, "size change"),
        ("contact", 0.9, "contact"),
    ],
)
def test_one_bad_sign_is_enough_for_doubt_and_has_a_name(sign, value, name):
    now = {**FINE, sign: value}
    assert confidence(**now) < DOUBTFUL
    assert SIGNS[int(np.argmin(signs(**now)))] == name


def test_touching_a_neighbour_on_one_side_is_no_doubt():
    assert confidence(**{**FINE, "contact": 0.3}) == 1


@given(
    st.floats(-20, 20),
    st.floats(0, 1),
    st.floats(0, 5),
    st.floats(0, 1),
    st.sampled_from(["object_score", "predicted_iou", "area_jump", "contact"]),
    st.floats(0, 1),
)
def test_a_better_sign_never_lowers_the_confidence(score, iou, jump, contact, better, by):
    now = {"object_score": score, "predicted_iou": iou, "area_jump": jump, "contact": contact}
    then = {**now, better: now[better] + (by if better in ("object_score", "predicted_iou") else -by)}
    assert 0 <= confidence(**now) <= confidence(**then) <= 1
