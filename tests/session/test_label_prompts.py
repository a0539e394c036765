"""Labels from elsewhere as masks of objects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_sam2.session.label_prompts import LabelChoices, linked, masks_of_labels, new_ids


def image() -> np.ndarray:
    labels = np.zeros((20, 30), np.int64)
    labels[2:8, 2:8] = 5
    labels[2:8, 8:12] = 2**40  # touches the one before
    labels[15:19, 2:6] = 9
    labels[10, 20:29] = 9
    labels[19, 29] = 3
    labels[0, 0] = -1
    return labels


def test_every_label_is_a_mask_and_crumbs_are_left_out():
    found = masks_of_labels(image(), LabelChoices(smallest=5))
    assert [label for label, _ in found] == [5, 9, 2**40]
    for label, mask in found:
        np.testing.assert_array_equal(mask, image() == label)


@pytest.mark.parametrize(("parts", "areas"), [("whole", [25]), ("largest", [16]), ("apart", [16, 9])])
def test_a_label_in_pieces(parts, areas):
    labels = np.where(image() == 9, 9, 0)
    found = masks_of_labels(labels, LabelChoices(smallest=5, parts=parts))
    assert [mask.sum() for _, mask in found] == areas


def test_small_pieces_are_left_out_when_pieces_count():
    labels = np.where(image() == 9, 9, 0)
    assert len(masks_of_labels(labels, LabelChoices(smallest=10, parts="apart"))) == 1
    assert len(masks_of_labels(labels, LabelChoices(smallest=10, parts="whole"))) == 1
    assert masks_of_labels(labels, LabelChoices(smallest=26)) == []


def test_an_empty_image_has_no_masks():
    assert masks_of_labels(np.zeros((4, 5), np.uint8), LabelChoices()) == []
    with pytest.raises(ValueError, match="parts"):
        LabelChoices(parts="half")


@given(arrays(np.uint16, (9, 11), elements=st.integers(0, 4)), st.sampled_from(["whole", "apart"]))
def test_masks_do_not_overlap_and_together_are_the_labels(labels, parts):
    found = masks_of_labels(labels, LabelChoices(smallest=1, parts=parts))
    again = np.zeros_like(labels)
    for label, mask in found:
        assert not again[mask].any()
        again[mask] = label
    np.testing.assert_array_equal(again, labels)


@given(st.lists(st.integers(1, 40)), st.sets(st.integers(1, 40)), st.booleans())
def test_ids_are_new_and_different_and_kept_where_that_is_possible(labels, taken, keep):
    ids = new_ids(labels, taken, keep=keep)
    assert len(set(ids)) == len(ids) == len(labels)
    assert not set(ids) & taken
    if keep:
        first = {label: labels.index(label) for label in labels}
        for label, place in first.items():
            assert (ids[place] == label) == (label not in taken)


def test_labels_that_are_numbered_anew_are_told_from_tracks():
    track = {0: np.array([[1, 1, 0, 2, 2, 0]]), 1: np.array([[0, 1, 1, 0, 2, 2]])}
    anew = {0: np.array([[1, 1, 0, 2, 2, 0]]), 1: np.array([[2, 2, 0, 1, 1, 0]])}
    assert linked(track[0], track[1]) == (2, 2)
    assert linked(anew[0], anew[1]) == (0, 2)
    assert linked(track[0], np.zeros((1, 6), int)) == (0, 0)
