"""Steps, their size, and pixels that are taken back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_sam2.session.history import MISSING, History, Step, Tables
from napari_sam2.session.masks import Masks

frames = arrays.arrays(np.uint16, (6, 7), elements=st.integers(0, 3))


@given(frames, st.lists(frames, max_size=4))
def test_writes_are_taken_back_and_made_again(first, writes):
    masks = Masks(first[np.newaxis].copy(), 1)
    deltas = [delta for after in writes if (delta := masks.write((), 0, after)) is not None]
    last = masks.array.copy()
    for delta in reversed(deltas):
        masks.turn(delta, forth=False)
    np.testing.assert_array_equal(masks.array[0], first)
    for delta in deltas:
        masks.turn(delta, forth=True)
    np.testing.assert_array_equal(masks.array, last)


def test_what_was_painted_since_stays():
    masks = Masks(np.zeros((1, 5, 5), np.uint16), 1)
    written = np.zeros((5, 5), np.uint16)
    written[1:4, 1:4] = 1
    delta = masks.write((), 0, written)
    masks.array[0, 2, 2:] = 9
    masks.turn(delta, forth=False)
    assert sorted(zip(*np.nonzero(masks.array[0]), strict=True)) == [(2, 2), (2, 3), (2, 4)]


def test_a_frame_of_one_cell_takes_little():
    labels = np.zeros((2048, 2048), np.uint16)
    labels[800:1000, 900:1200] = 7
    masks = Masks(np.zeros((1, 2048, 2048), np.uint16), 1)
    assert masks.write((), 0, labels).nbytes < 2000


def test_presence_follows_writes_and_what_others_paint():
    masks = Masks(np.zeros((3, 5, 5), np.uint16), 3)
    assert masks.frames_of(4) == []
    masks.write((), 1, np.full((5, 5), 4, np.uint16))
    assert masks.frames_of(4) == [1]
    masks.array[2] = 4
    masks.forget((), 2)
    assert masks.frames_of(4) == [1, 2]


def test_oldest_steps_are_forgotten_but_never_the_latest():
    history = History(most_steps=3)
    for number in range(5):
        history.push(Step(str(number), {("t", number): (0, 1)}))
    assert [history.undo().text for _ in range(3)] == ["4", "3", "2"]
    assert history.undo() is None
    small = History(most_bytes=1)
    masks = Masks(np.zeros((1, 50, 50), np.uint16), 1)
    for value in (1, 2):
        delta = masks.write((), 0, np.full((50, 50), value, np.uint16))
        small.push(Step(str(value), pixels=[delta]))
    assert small.undo().text == "2"
    assert small.undo() is None


def test_a_new_step_ends_what_could_be_made_again():
    history = History()
    history.push(Step("a", {("t", 1): (0, 1)}))
    history.undo()
    history.push(Step("b", {("t", 1): (0, 2)}))
    assert history.redo_text == ""
    assert history.undo_text == "b"


def test_changes_that_cancel_out_are_no_step():
    tables = Tables(t={})
    tables.step = Step("x")
    tables.put("t", 1, "here")
    tables.put("t", 1, MISSING)
    assert tables.step.empty


def test_the_size_of_a_step_keeps_up_with_values_that_are_noted_again():
    step = Step("x")
    step.note("t", 1, None, np.zeros(1000, np.uint8))
    assert 1000 <= step.nbytes < 2000
    step.note("t", 1, None, np.zeros(50_000, np.uint8))
    assert step.nbytes >= 50_000
    step.note("t", 1, None, None)
    assert step.nbytes == 0
    assert Step("y", {("t", 1): (np.zeros(1000, np.uint8), None)}).nbytes >= 1000


def test_a_step_that_grows_makes_room_for_itself():
    history = History(most_bytes=10_000)
    first, latest = Step("first", {("t", 1): (0, 1)}), Step("latest", {("t", 2): (0, 1)})
    history.push(first)
    history.push(latest)
    assert history.extend(latest, Step("more", {("t", 2): (1, np.zeros(20_000, np.uint8))}))
    assert history.undo().text == "latest"
    assert history.undo() is None
