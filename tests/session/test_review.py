"""The arrays behind the objects table and the strip, their order and filters, and the way between doubtful places."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.session.confidence import FrameFigures
from napari_sam2.session.review import Review
from napari_sam2.session.review_order import doubtful_places, listed, next_place


def figures(at_edge=(), **areas) -> FrameFigures:
    """Figures of objects o1, o2, ... with these areas that touch nothing."""
    ids = np.array(sorted(int(name[1:]) for name, area in areas.items() if area), np.int64)
    return FrameFigures(
        ids,
        np.array([areas[f"o{i}"] for i in ids], np.int64),
        np.zeros(len(ids), np.float32),
        np.isin(ids, at_edge),
    )


def steady(frames=8, ids=(1, 2), area=100) -> Review:
    """Objects that are there on every frame, all alike."""
    review = Review(frames)
    review.set_objects(ids)
    for frame in range(frames):
        review.set_scores(frame, ids, [6.0] * len(ids), [0.94] * len(ids))
        review.set_figures(frame, figures(**{f"o{i}": area for i in ids}))
    return review


def test_a_steady_object_is_sure_everywhere():
    review = steady()
    assert (review.confidences([1, 2]) == 1).all()
    assert not review.doubtful([1, 2]).any()
    assert review.summary(1) == type(review.summary(1))(frames=8, first=0, last=7, worst=1.0, locked=0)


def test_a_jump_in_size_is_doubtful_where_it_happens_only():
    review = steady()
    for frame in range(4, 8):
        review.set_figures(frame, figures(o1=50, o2=100))
    np.testing.assert_array_equal(np.flatnonzero(review.doubtful([1])[0]), [4])
    cell = review.cell(1, 4)
    assert (cell.area, cell.area_before) == (50, 100)
    assert cell.state == "present"
    assert review.summary(1).worst == cell.confidence
    assert not review.doubtful([2]).any()


def test_neighbouring_frames_are_judged_anew_when_one_changes():
    review = steady()
    review.set_figures(3, figures(o1=300, o2=100))
    np.testing.assert_array_equal(np.flatnonzero(review.doubtful([1])[0]), [3, 4])
    review.set_figures(3, figures(o1=100, o2=100))
    assert not review.doubtful([1]).any()


def test_an_object_lost_in_the_middle_is_doubtful_and_one_that_leaves_is_not():
    review = steady()
    review.set_figures(4, figures(at_edge=[2], o1=100, o2=100))
    for frame in range(5, 8):
        review.set_figures(frame, figures())
    np.testing.assert_array_equal(np.flatnonzero(review.doubtful([1])[0]), [5])
    assert review.cell(1, 5).lost
    assert review.cell(1, 5).state == "absent"
    assert not review.doubtful([2]).any()
    np.testing.assert_array_equal(review.absent([1, 2])[:, 4:], [[False, True, True, True]] * 2)


def test_nothing_is_absent_or_lost_before_its_pixels_are_measured():
    review = steady(frames=3, ids=(1,))
    for what in ("new", "changed"):
        review.set_figures(2, figures())
        assert review.cell(1, 2).state == "absent", what
        review.await_figures(2)
        review.set_scores(2, [1], [5.0], [0.9])
        assert review.cell(1, 2).state == ""
        assert not review.absent([1]).any()
        assert not review.doubtful([1]).any()
    review.set_figures(2, figures())
    assert review.absent([1])[0, 2]
    assert review.doubtful([1])[0, 2]


def test_a_slice_is_compared_with_the_same_slice_of_the_time_point_before():
    review = Review(9, slices=3)
    review.set_objects([1])
    for frame, area in enumerate((100, 300, 0) * 3):
        review.set_scores(frame, [1], [6.0], [0.94])
        review.set_figures(frame, figures(o1=area))
    assert not review.doubtful([1]).any()
    review.set_figures(4, figures(o1=100))
    np.testing.assert_array_equal(np.flatnonzero(review.doubtful([1])[0]), [4, 7])
    assert review.cell(1, 4).area_before == 300
    review.set_figures(3, figures())
    assert review.cell(1, 3).lost


def test_an_accepted_loss_is_drawn_as_an_absence():
    review = steady()
    review.set_figures(4, figures(o2=100))
    assert review.shown([1])[0, 4] < 0.5
    review.set_marks([], {1: [4]})
    assert np.isnan(review.shown([1])[0, 4])
    assert review.absent([1])[0, 4]
    assert review.confidences([1])[0, 4] < 0.5


def test_nobody_has_looked_is_neither_absent_nor_doubtful():
    review = Review(5)
    review.set_objects([1])
    review.set_figures(0, figures(o1=100))
    review.set_scores(0, [1], [6.0], [0.9])
    assert review.cell(1, 3).state == ""
    assert review.cell(1, 3).confidence is None
    assert not review.absent([1]).any()
    assert not review.doubtful([1]).any()


def test_a_mother_that_divides_and_a_daughter_before_her_birth_are_not_lost():
    review = steady(ids=(1, 2, 3))
    for frame in range(4):
        review.set_figures(frame, figures(o1=200))
    for frame in range(4, 8):
        review.set_figures(frame, figures(o2=100, o3=100))
    assert review.doubtful([1, 2, 3]).sum() == 3
    review.set_parents({2: [1], 3: [1]})
    assert not review.doubtful([1, 2, 3]).any()
    assert review.children(1) == (2, 3)


def test_an_accepted_frame_is_not_doubtful_and_a_prompt_may_change_the_size():
    review = steady()
    review.set_figures(4, figures(o1=30, o2=30))
    assert review.doubtful([1])[0, 4]
    assert review.doubtful([2])[0, 4]
    review.set_marks([(1, 4)], {2: [4]})
    assert not review.doubtful([1])[0, 4]
    assert not review.doubtful([2])[0, 4]
    assert review.prompted([1, 2]).sum() == 1
    assert review.shown([2])[0, 4] >= 0.5
    assert review.shown([2])[0, 5] < 0.5
    assert review.cell(2, 4).confidence < 0.5
    assert review.summary(2).locked == 1
    review.set_marks([], {})
    assert review.doubtful([1])[0, 4]


def test_a_prompted_frame_of_which_the_model_is_unsure_stays_doubtful():
    review = steady()
    review.set_marks([(1, 0)], {})
    review.set_scores(0, [1], [6.0], [0.7])
    assert review.doubtful([1])[0, 0]


def test_objects_come_and_go_and_others_keep_what_is_known():
    review = steady(ids=(1, 2, 3))
    review.set_figures(4, figures(o1=100, o2=400, o3=100))
    review.set_objects([2, 5])
    assert review.ids == (2, 5)
    assert review.doubtful([2])[0, 4]
    assert review.summary(5).frames == 0
    assert review.summary(5).worst is None
    with pytest.raises(KeyError):
        review.summary(1)


def test_marks_and_scores_of_unknown_objects_and_frames_are_left_out():
    review = steady()
    review.set_marks([(9, 0), (1, 99)], {9: [1]})
    review.set_scores(0, [9, 1], [0.0, 6.0], [0.1, 0.94])
    review.set_figures(0, figures(o1=100, o2=100, o9=50))
    assert not review.prompted([1, 2]).any()
    assert not review.doubtful([1, 2]).any()


def test_order_and_filters():
    review = steady(ids=(1, 2, 3, 4))
    review.set_figures(5, figures(o1=100, o2=60, o3=20))
    names = {1: "Mother", 2: "daughter", 3: "other", 4: "gone"}
    assert listed(review, names) == [1, 2, 3, 4]
    assert listed(review, names, key="worst") == [3, 4, 2, 1]
    assert listed(review, names, key="name") == [2, 4, 1, 3]
    assert listed(review, names, key="id", descending=True) == [4, 3, 2, 1]
    assert listed(review, names, text="OTHER") == [3, 1][::-1]
    assert listed(review, names, text="4") == [4]
    assert set(listed(review, names, show="doubtful")) == {2, 3, 4}
    assert listed(review, names, show="absent") == [4]
    review.set_marks([], {1: range(8)})
    assert listed(review, names, show="unlocked") == [2, 3, 4]
    with pytest.raises(ValueError, match="expected one of"):
        listed(review, names, show="lost")


def test_objects_without_a_value_come_last_either_way():
    review = steady(ids=(1, 2))
    review.set_objects([3, 1, 2])
    for descending in (False, True):
        assert listed(review, {}, key="first", descending=descending)[-1] == 3


def test_places_are_runs_of_doubt_at_their_worst_frame():
    review = steady(frames=12, ids=(1, 2))
    review.set_figures(3, figures(o1=150, o2=100))
    review.set_figures(4, figures(o1=40, o2=100))
    review.set_figures(9, figures(o1=100, o2=400))
    places = doubtful_places(review, [2, 1])
    assert [(place.object_id, place.first, place.last, place.frame) for place in places] == [
        (2, 9, 10, 9),
        (1, 4, 5, 4),
    ]
    assert doubtful_places(review, []) == []


def test_next_goes_row_by_row_and_round_the_end():
    review = steady(frames=12, ids=(1, 2, 3))
    review.set_figures(3, figures(o1=20, o2=100, o3=20))
    review.set_figures(8, figures(o1=20, o2=100, o3=100))
    ids = [3, 2, 1]
    places = doubtful_places(review, ids)
    where, seen = (2, 0), []
    for _ in range(4):
        place = next_place(places, ids, *where)
        where = (place.object_id, place.frame)
        seen.append(where)
    assert seen[0][0] == 1
    assert seen[-1] == seen[0]
    assert len(set(seen)) == 3
    back = next_place(places, ids, *seen[1], by=-1)
    assert (back.object_id, back.frame) == seen[0]
    assert next_place([], ids, 1, 0) is None


@given(st.sets(st.tuples(st.integers(1, 4), st.integers(0, 9)), min_size=1), st.integers(1, 5), st.integers(0, 9))
def test_going_on_visits_every_place_once(odd, start, frame):
    ids = [2, 4, 1, 3]
    review = steady(frames=10, ids=(1, 2, 3, 4))
    for object_id, when in odd:
        review.set_scores(when, [object_id], [-3.0], [0.94])
    places = doubtful_places(review, ids)
    assert {(place.object_id, f) for place in places for f in range(place.first, place.last + 1)} == odd
    for by in (1, -1):
        where, seen = (start, frame), set()
        for _ in places:
            place = next_place(places, ids, *where, by=by)
            where = (place.object_id, place.frame)
            seen.add(where)
        assert len(seen) == len(places)
