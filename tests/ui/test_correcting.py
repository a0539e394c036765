"""Corrections that stay put, undo of whole propagations, pauses, queues and going on, on a viewer model."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_sam2.session.prompts import Prompt
from napari_sam2.ui.carrying import Wish
from napari_sam2.ui.politeness import polite
from napari_sam2.ui.standing import frames_text, queued_text

POINTS, OBJECTS = "SAM 2 points", "SAM 2 objects"


@pytest.fixture
def carried(session):
    """One disc, clicked on frame 0 and carried through all six frames."""
    session.click(0, 15, 20)
    session.propagate()
    assert session.labels.any(axis=(1, 2)).all()
    session.backend.calls.clear()
    return session


def filled(session) -> list[int]:
    return np.flatnonzero(session.labels.any(axis=(1, 2))).tolist()


def undone(session) -> None:
    session.controller.undo()
    session.settle()


def test_one_undo_takes_a_whole_propagation_back_and_redo_makes_it_again(carried):
    labels = carried.labels.copy()
    undone(carried)
    assert filled(carried) == [0]
    assert carried.document.done(1) == frozenset()
    carried.controller.redo()
    carried.settle()
    np.testing.assert_array_equal(carried.labels, labels)
    assert carried.backend.count("step") == 0


def test_a_second_propagation_does_nothing_while_nothing_has_changed(carried):
    carried.propagate()
    assert carried.backend.count("step") == 0
    assert "done with these prompts" in carried.told[-1][1]


def test_the_hint_says_what_would_be_done_of_each_object_and_of_the_frames_that_are_asked_for(session):
    """Object 1 is done anew beside frame 0, object 2 in front of frame 3, object 3 everywhere."""
    control = session.controller
    session.click(0, 15, 20)
    control.new_object()
    session.click(3, 43, 56)
    session.propagate()
    session.document.lock(1, 4)
    session.document.lock(2, 1)
    session.click(0, 40, 50)
    session.document.select(1)
    session.click(0, 16, 21)
    session.settle()

    def again(*wish) -> str:
        control.wish = Wish(*wish) if wish else None
        return control.outlook.of(control.workspace, (), control.choice, control.wish).again

    assert again() == "frames 0–3 of object 1, frame 0 of object 2"
    assert again() in control.hint
    assert again("both", 2, 5) == "frames 2–3 of object 1"
    assert again("both", 0, 0) == "frame 0 of object 1 and object 2"
    assert again("both", 5, 5) == ""
    control.new_object()
    session.click(2, 17, 24)
    session.settle()
    assert again() == "frames 0–5 of object 3, frames 0–3 of object 1, and frames of 1 other object"


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ({3}, "frame 3"),
        ({3, 4, 5}, "frames 3–5"),
        ({3, 4, 8}, "frames 3–4 and 8"),
        ({1, 3, 5, 8}, "4 of the frames 1–8"),
    ],
)
def test_frames_in_words(frames, words):
    names = {item: f"cell {item}" for item in range(9)}.__getitem__
    assert frames_text({1: frames}, names) == f"{words} of cell 1"
    assert frames_text({1: frames, 2: frames}, names) == f"{words} of cell 1 and cell 2"
    assert frames_text({1: frames, 2: frames, 4: frames}, names) == f"{words} of 3 objects"
    assert frames_text({}, names) == ""


def test_a_correction_is_carried_up_to_the_accepted_frame_and_nowhere_else(carried):
    carried.viewer.dims.set_current_step(0, 4)
    carried.controller.accept()
    sign = carried.labels.copy()
    carried.viewer.dims.set_current_step(0, 2)
    # Frames that were not on screen: there it would be painting.
    carried.labels[1, 0, 0] = carried.labels[5, 0, 0] = 1
    carried.click(2, 17, 24)
    carried.settle()
    assert "frames 1–3 of object 1" in carried.controller.hint
    carried.propagate()
    # Where it was done anew the pixel that no model would draw is gone; frame 5 has not been touched.
    assert [int(frame[0, 0]) for frame in carried.labels] == [0, 0, 0, 0, 0, 1]
    carried.labels[5, 0, 0] = 0
    np.testing.assert_array_equal(carried.labels, sign)


def test_an_accepted_frame_is_never_overwritten_and_is_a_prompt(carried):
    drawn = np.zeros((60, 80), bool)
    drawn[5:9, 60:70] = True
    carried.labels[3][...] = drawn
    carried.viewer.dims.set_current_step(0, 3)
    carried.controller.accept_frame()
    undone_later = carried.labels.copy()
    carried.document.clear_done()
    carried.propagate()
    np.testing.assert_array_equal(carried.labels[3] == 1, drawn)
    told = [call for call in carried.backend.calls if call[0] == "add" and call[3][0] == "mask"]
    assert [(call[1], call[2]) for call in told] == [(1, 3)]
    np.testing.assert_array_equal(told[0][3][1], drawn)
    assert (undone_later[3] == carried.labels[3]).all()


def test_a_frame_accepted_while_frames_are_coming_is_left_alone(session):
    session.click(0, 15, 20)
    session.settle()
    session.backend.gate.clear()
    session.controller.propagate("both", 0, 5)
    session.loop.until(lambda: session.backend.count("step") == 1)
    session.document.lock(1, 4)
    session.backend.gate.set()
    session.settle()
    assert filled(session) == [0, 1, 2, 3, 5]


def test_what_is_said_on_the_way_is_not_overwritten_by_what_comes_later(session, disc):
    session.click(0, 15, 20)
    session.settle()
    session.backend.gate.clear()
    session.controller.propagate("both", 0, 5)
    session.loop.until(lambda: session.backend.count("step") == 1)
    session.viewer.layers[POINTS].add([3, 43, 56])  # the other disc
    session.backend.gate.set()
    session.settle()
    np.testing.assert_array_equal(session.labels[3] == 1, disc(3, 1))
    assert session.document.done(1) == {0}
    session.propagate()
    assert session.document.done(1) == set(range(6))
    np.testing.assert_array_equal(session.labels[5] == 1, disc(5, 1))


def test_undoing_a_click_brings_back_mask_and_point(carried):
    before = carried.labels.copy()
    carried.click(2, 43 - 1, 54)
    carried.settle()
    assert (carried.labels != before).any()
    undone(carried)
    np.testing.assert_array_equal(carried.labels, before)
    np.testing.assert_array_equal(carried.viewer.layers[POINTS].data, [[0, 15, 20]])
    carried.controller.redo()
    carried.settle()
    assert len(carried.viewer.layers[POINTS].data) == 2
    assert (carried.labels != before).any()


def test_clicks_are_taken_back_one_by_one_after_their_propagation(session):
    session.click(0, 15, 20)
    session.settle()
    session.controller.new_object()
    session.click(0, 40, 50)
    session.settle()
    clicked = session.labels.copy()
    session.propagate()
    undone(session)
    np.testing.assert_array_equal(session.labels, clicked)
    undone(session)
    np.testing.assert_array_equal(session.labels, np.where(clicked == 2, 0, clicked))
    session.controller.redo()
    session.settle()
    np.testing.assert_array_equal(session.labels, clicked)
    for _ in range(3):
        undone(session)
    assert not session.labels.any()


def test_a_click_can_be_taken_back_and_made_again_any_number_of_times(session, disc):
    session.click(0, 15, 20)
    session.settle()
    for _ in range(3):
        undone(session)
        assert not session.labels.any()
        session.controller.redo()
        session.settle()
        np.testing.assert_array_equal(session.labels[0] == 1, disc(0))


def test_a_click_deleted_after_its_propagation_was_taken_back_takes_its_mask_along(session):
    session.click(0, 15, 20)
    session.propagate()
    undone(session)
    layer = session.viewer.layers[POINTS]
    layer.selected_data = {0}
    layer.remove_selected()
    session.settle()
    assert not session.labels.any()


def test_edits_by_hand_in_the_layers_are_taken_back_too(session):
    layer = session.viewer.layers[POINTS]
    session.click(0, 15, 20)
    session.click(0, 40, 50)
    session.settle()
    layer.data = np.array([[0, 16, 21], [0, 40, 50]])
    layer.selected_data = {1}
    layer.remove_selected()
    session.settle()
    states = []
    for _ in range(4):
        undone(session)
        states.append(layer.data.tolist())
    assert states == [[[0, 16, 21], [0, 40, 50]], [[0, 15, 20], [0, 40, 50]], [[0, 15, 20]], []]
    assert not session.labels.any()
    for _ in range(4):
        session.controller.redo()
    session.settle()
    assert layer.data.tolist() == [[0, 16, 21]]
    assert layer.features["object"].tolist() == [1]


def test_edits_of_objects_reach_the_layers_and_are_taken_back(carried):
    carried.controller.new_object()
    carried.click(0, 40, 50)
    carried.settle()
    carried.document.merge(1, 2)
    assert carried.viewer.layers[POINTS].features["object"].tolist() == [1, 1]
    assert set(np.unique(carried.labels)) == {0, 1}
    undone(carried)
    assert sorted(carried.viewer.layers[POINTS].features["object"]) == [1, 2]
    carried.document.delete(1)
    assert carried.viewer.layers[POINTS].features["object"].tolist() == [2]
    undone(carried)
    assert set(np.unique(carried.labels)) == {0, 1, 2}


def test_painted_pixels_survive_the_undo_of_a_propagation(carried):
    layer = carried.viewer.layers[OBJECTS]
    layer.selected_label = 9
    carried.viewer.dims.set_current_step(0, 3)
    layer.brush_size = 1
    layer.paint((3, 18, 26), 9)
    undone(carried)
    assert np.argwhere(carried.labels[3]).tolist() == [[18, 26]]


def test_pause_holds_and_resume_goes_on(session):
    session.click(0, 15, 20)
    session.settle()
    run = session.controller.propagation
    slot = run.advanced.connect(lambda *_: session.controller.pause() if run.done == 2 else None)
    session.controller.propagate("both", 0, 5)
    session.loop.until(lambda: run.paused and not run._waiting)
    session.loop.turn()
    held = filled(session)
    assert len(held) in (2, 3)
    assert "Paused" in session.controller.hint
    run.advanced.disconnect(slot)
    session.controller.new_object()
    session.click(0, 40, 50)  # answered in between
    session.loop.until(lambda: not session.controller.previews.waiting)
    assert (session.labels[0] == 2).any()
    session.controller.pause()
    session.controller.drop_queued()
    session.settle()
    assert filled(session) == [0, 1, 2, 3, 4, 5]
    assert session.backend.count("step") == 6


@pytest.mark.parametrize("way", ["propagate", "resume"])
@pytest.mark.parametrize("corrected", [True, False])
def test_going_on_after_a_correction_in_a_pause_does_it_too(session, corrected, way):
    session.click(0, 15, 20)
    session.settle()
    run, carrying = session.controller.propagation, session.controller.carrying
    slot = run.advanced.connect(lambda *_: session.controller.pause() if run.done == 2 else None)
    session.controller.propagate("both", 0, 5)
    session.loop.until(lambda: run.paused and not run._waiting)
    run.advanced.disconnect(slot)
    if corrected:
        session.controller.new_object()
        session.click(0, 40, 50)
        session.loop.until(lambda: not session.controller.previews.waiting)
    if way == "resume":
        session.controller.pause()
    else:
        session.controller.propagate("both", 0, 5)
    assert not run.paused
    assert len(carrying.queued) == corrected
    session.settle()
    for frame in range(6):
        assert set(np.unique(session.labels[frame])) == ({0, 1, 2} if corrected else {0, 1})


def test_cancelled_it_goes_on_where_it_was(session):
    session.click(0, 15, 20)
    session.settle()
    run = session.controller.propagation
    slot = run.advanced.connect(lambda *_: session.controller.cancel() if run.done == 2 else None)
    session.propagate()
    run.advanced.disconnect(slot)
    steps = session.backend.count("step")
    assert 2 <= steps < 6
    session.propagate()
    assert session.backend.count("step") == 6
    assert filled(session) == [0, 1, 2, 3, 4, 5]
    # Two propagations were made, and each is taken back by itself.
    undone(session)
    assert filled(session) == list(range(steps))
    undone(session)
    assert filled(session) == [0]


def test_after_an_error_it_goes_on_from_the_last_finished_frame(session):
    session.click(0, 15, 20)
    session.settle()
    run = session.controller.propagation
    slot = run.advanced.connect(lambda *_: session.backend.errors.update(step=MemoryError()) if run.done == 2 else None)
    session.propagate()
    run.advanced.disconnect(slot)
    session.backend.errors.clear()
    done = len(session.document.done(1))
    assert 0 < done < 6
    session.backend.calls.clear()
    session.propagate()
    assert session.backend.count("step") == 6 - done
    assert [call[2] for call in session.backend.calls if call[0] == "add" and call[3][0] == "mask"] == [done - 1]
    assert filled(session) == [0, 1, 2, 3, 4, 5]


def test_a_queued_propagation_does_what_has_changed(session):
    session.click(0, 15, 20)
    session.settle()
    session.backend.gate.clear()
    session.controller.propagate("both", 0, 5)
    session.loop.until(lambda: session.backend.count("step") == 1)
    session.controller.new_object()
    session.click(0, 40, 50)
    session.controller.propagate("both", 0, 5)
    session.backend.gate.set()
    session.settle()
    assert (session.labels == 1).any(axis=(1, 2)).all()
    assert (session.labels == 2).any(axis=(1, 2)).all()
    assert session.backend.count("step") == 12


def test_what_is_queued_is_listed_once_done_in_order_and_can_be_dropped(session):
    session.click(0, 15, 20)
    session.settle()
    session.backend.gate.clear()
    session.controller.propagate("both", 0, 2)
    session.loop.until(lambda: session.backend.count("step") == 1)
    for wish in (("both", 3, 4), ("both", 3, 4), ("forward", 5, 5)):
        session.controller.propagate(*wish)
    carrying, work = session.controller.carrying, session.controller.workspace
    assert queued_text(carrying.queued, work) == "frames 3–4; frame 5 forward"
    session.controller.drop_queued()
    assert queued_text(carrying.queued, work) == ""
    session.controller.propagate("both", 4, 4)
    session.controller.propagate("both", 3, 3)
    session.backend.gate.set()
    session.settle()
    assert session.document.done(1) == {0, 1, 2, 3, 4}
    assert carrying.queued == ()
    session.controller.undo()
    assert session.document.done(1) == {0, 1, 2, 4}, "every one of them is a step of its own, the latest first"


def test_what_is_queued_on_a_plane_is_done_on_that_plane(open_session, stack):
    session = open_session(np.stack([stack, stack], axis=1))
    session.viewer.dims.set_point(1, 0)
    session.click(0, 0, 15, 20)
    session.click(0, 1, 15, 20)
    session.settle()
    session.backend.gate.clear()
    session.controller.propagate("both", 0, 5)
    session.loop.until(lambda: session.backend.count("step") == 1)
    session.viewer.dims.set_point(1, 1)
    session.controller.propagate("both", 0, 3)
    assert queued_text(session.controller.carrying.queued, session.controller.workspace) == "frames 0–3, axis 1 1"
    session.viewer.dims.set_point(1, 0)
    session.backend.gate.set()
    session.settle()
    assert session.document.done(1, (0,)) == set(range(6))
    assert session.document.done(1, (1,)) == set(range(4))
    session.controller.cancel()


def test_another_model_does_everything_anew_but_accepted_frames(carried):
    carried.document.lock(1, 2)
    carried.controller.set_model("sam2.1_hiera_tiny")
    carried.settle()
    assert "other model" in carried.controller.hint
    carried.propagate()
    assert carried.document.done(1) == {0, 1, 3, 4, 5}
    assert "Accepted" in carried.controller.hint  # the viewer stands on frame 2
    carried.viewer.dims.set_current_step(0, 0)
    assert "Look through" in carried.controller.hint


def test_scores_are_kept_for_every_frame(carried):
    rows = carried.document.scores.array((), 1, 6)
    np.testing.assert_array_equal(rows[:, 2], (carried.labels == 1).sum(axis=(1, 2)))


def test_the_same_prompts_give_the_same_masks_by_another_way(session, open_session, stack):
    session.click(0, 15, 20)
    session.propagate()
    session.click(3, 43, 56)  # the other disc from here on
    session.settle()
    session.propagate()
    other = open_session(stack)
    other.document.load_prompts(session.document.to_prompts())
    other.propagate()
    np.testing.assert_array_equal(other.labels[3:], session.labels[3:])
    assert other.viewer.layers[POINTS].data.tolist() == session.viewer.layers[POINTS].data.tolist()


def test_python_changes_threads_more_often_only_while_frames_come(session):
    session.loop.until(lambda: not polite._running)
    usual = sys.getswitchinterval()
    seen = []
    work = session.backend.work
    session.backend.work = lambda name: (seen.append(sys.getswitchinterval()), work(name))
    session.click(0, 15, 20)
    session.propagate()
    assert max(seen) < 0.001 < usual
    session.loop.until(lambda: sys.getswitchinterval() == usual)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no niceness of single threads")
def test_the_viewer_has_the_processor_before_the_inference_thread_and_its_helpers(session):
    def niceness(*_):
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    seen = []
    work = session.backend.work

    def note(name):
        seen.append(niceness())
        with ThreadPoolExecutor(1) as helper:
            seen.append(helper.submit(niceness).result())
        work(name)

    session.backend.work = note
    session.click(0, 15, 20)
    session.propagate()
    for each in seen:
        # A step of niceness is a quarter more of the processor. Of a core that two threads want, the viewer gets:
        share = 1 - 1 / (1 + 1.25 ** (each - niceness()))
        assert share > 0.6, "the viewer waits"
        assert share < 0.75, "beside other programs, which have the viewer's niceness, no frames come"


def test_for_masks_of_a_frame_the_model_is_told_of_accepted_frames_only_where_it_needs_them(carried):
    carried.document.lock(1, 2)
    carried.click(0, 15, 24)
    carried.settle()
    assert {call[2] for call in carried.backend.calls if call[0] == "add"} == {0}
    carried.backend.calls.clear()
    carried.controller.set_positive(False)
    carried.document.set_prompt(1, Prompt(0))  # what is accepted is all that is known of the object now
    carried.document.set_prompt(1, Prompt(4, points=((60.0, 60.0),), labels=(0,)))
    carried.settle()
    assert {call[2] for call in carried.backend.calls if call[0] == "add"} == {2, 4}
