"""Which frames a propagation does."""

from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.session.locks import between
from napari_sam2.session.plans import DIRECTIONS, Pass, Standing, passes, wanted


def frames(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


def test_at_first_all_objects_go_through_the_whole_range_together():
    plan = passes({1: Standing(frames(2)), 2: Standing(frames(4))}, 0, 9, "both")
    assert plan == [Pass("both", 0, 9, {1: frozenset(range(10)), 2: frozenset(range(10))})]


def test_a_correction_reaches_the_next_prompt_or_lock_on_each_side_and_nothing_else():
    # Prompts on 0 and 10, accepted on 14, corrected on 12; frames 11 to 13 are not done any more.
    standing = Standing(frames(0, 10, 12, 14), frames(14), frozenset(range(20)) - {11, 12, 13})
    plan = passes({1: standing}, 0, 19, "both")
    assert sorted((one.direction, one.first, one.last) for one in plan) == [("backward", 11, 12), ("forward", 12, 13)]
    assert frozenset().union(*(one.writes[1] for one in plan)) == {11, 12, 13}


def test_what_was_stopped_goes_on_from_its_last_frame():
    standing = Standing(frames(0), done=frozenset(range(6)), present=frozenset(range(6)))
    assert passes({1: standing}, 0, 9, "both") == [Pass("forward", 6, 9, {1: frames(6, 7, 8, 9)}, {1: 5})]


def test_where_the_object_was_lost_it_goes_on_from_its_prompt():
    standing = Standing(frames(0), done=frozenset(range(6)), present=frozenset(range(4)))
    assert passes({1: standing}, 0, 9, "both") == [Pass("forward", 0, 9, {1: frames(6, 7, 8, 9)})]


def test_objects_with_the_same_part_go_together():
    standing = Standing(frames(0), done=frozenset(range(6)), present=frozenset(range(6)))
    (plan,) = passes({1: standing, 2: standing}, 0, 9, "forward")
    assert plan.writes.keys() == {1, 2}
    assert plan.seeds == {1: 5, 2: 5}


def test_nothing_is_left_to_do():
    assert passes({1: Standing(frames(0), done=frozenset(range(10)))}, 0, 9, "both") == []
    assert passes({1: Standing(frozenset())}, 0, 9, "both") == []
    assert passes({1: Standing(frames(7))}, 0, 3, "forward") == []


def test_a_single_corrected_frame_between_accepted_ones():
    standing = Standing(frames(2, 3, 4), frames(2, 4), frozenset(range(10)) - {3})
    assert passes({1: standing}, 0, 9, "both") == [Pass("forward", 3, 3, {1: frames(3)})]


numbers = st.frozensets(st.integers(0, 15), max_size=8)
standings = st.builds(
    lambda starts, held, done, lost: Standing(starts | (held - lost), held, done, done - lost),
    numbers,
    numbers,
    numbers,
    numbers,
)


@given(st.dictionaries(st.integers(1, 4), standings, max_size=3), st.integers(0, 15), st.integers(0, 15), st.data())
def test_all_that_is_wanted_is_done_and_nothing_else(objects, one, other, data):
    first, last = sorted((one, other))
    direction = data.draw(st.sampled_from(DIRECTIONS))
    plan = passes(objects, first, last, direction)
    for object_id, standing in objects.items():
        written = [frame for part in plan for frame in part.writes.get(object_id, ())]
        left = wanted(standing, first, last, direction) - standing.done
        assert set(written) == left
        assert len(written) == len(set(written))
        assert not set(written) & (standing.held | standing.done)
    for part in plan:
        for object_id, written in part.writes.items():
            assert written <= set(range(part.first, part.last + 1))
            starts = objects[object_id].starts | set(part.seeds.values())
            # Everything that is written can be reached: it lies on the right side of something that is known.
            if part.direction == "forward":
                assert min(starts) <= min(written)
            if part.direction == "backward":
                assert max(starts) >= max(written)


def times(slices: int, *numbers: int) -> frozenset[int]:
    """All frames of these time points."""
    return frozenset(frame for time in numbers for frame in range(time * slices, (time + 1) * slices))


def test_a_correction_of_a_slice_reaches_whole_time_points_up_to_the_next_one_with_a_prompt_or_lock():
    # Five slices. A click in the second slice of time 1, a lock in time 6, a correction in the last slice of time 4.
    anchors, every = frames(6, 31), frozenset(range(50))
    assert between({*anchors, 24}, 24, every, 5) == times(5, 2, 3, 4, 5)
    standing = Standing(frames(6, 24, 31), frames(31), every - between(anchors, 24, every, 5))
    plan = passes({1: standing}, 0, 49, "both", slices=5)
    assert sorted((one.direction, one.first, one.last) for one in plan) == [("backward", 10, 24), ("forward", 20, 29)]
    assert frozenset().union(*(one.writes[1] for one in plan)) == times(5, 2, 3, 4, 5)


def test_a_change_in_the_time_point_of_another_prompt_reaches_its_neighbours_too():
    assert between(frames(10, 12), 12, frozenset(range(40)), 5) == frozenset(range(40))
    assert between(frames(10, 12, 21), 12, frozenset(range(40)), 5) == times(5, 0, 1, 2, 3)


def test_a_stopped_volume_goes_on_from_the_middle_of_the_last_whole_time_point():
    done = times(4, 0, 1) | frames(8, 9)
    standing = Standing(frames(0), done=done, present=frames(1, 2, 5, 6, 7, 8))
    (one,) = passes({1: standing}, 0, 19, "both", slices=4)
    assert (one.direction, one.first, one.last) == ("forward", 8, 19)
    assert one.writes == {1: times(4, 2, 3, 4)}
    assert one.seeds == {1: 6}


def test_accepted_slices_are_left_alone_within_their_time_point():
    standing = Standing(frames(0, 6), held=frames(6), done=times(4, 0, 2))
    (one,) = passes({1: standing}, 0, 11, "both", slices=4)
    assert one.writes == {1: frames(4, 5, 7)}
