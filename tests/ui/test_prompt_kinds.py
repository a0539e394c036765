"""Other masks of a click, proposals and labels as prompts, on a viewer model."""

import types

import numpy as np
import pytest

from napari_sam2.session.label_prompts import LabelChoices
from napari_sam2.session.prompts import Prompt
from napari_sam2.ui.label_taking import LabelWish
from napari_sam2.ui.tools import elsewhere

POINTS, BOXES, OBJECTS = "SAM 2 points", "SAM 2 boxes", "SAM 2 objects"
OTHER, PROPOSALS = "SAM 2 other masks", "SAM 2 proposals"


@pytest.fixture
def first(session):
    """The session, on frame 0."""
    session.viewer.dims.set_current_step(0, 0)
    return session


def settle(session) -> None:
    session.settle()
    session.loop.until(lambda: not session.controller.prompting.proposals.running)
    session.settle()


# Other masks of a click ----------------------------------------------------------------------------------------------


@pytest.fixture
def clicked(first):
    first.backend.ambiguous = True
    first.click(0, 15, 20)
    first.settle()
    return first


def test_an_ambiguous_click_shows_the_other_mask_and_the_key_takes_it(clicked, disc):
    np.testing.assert_array_equal(clicked.labels[0] == 1, disc(0))
    assert clicked.viewer.layers.selection.active.name == POINTS
    (line,) = clicked.viewer.layers[OTHER].data
    assert np.ptp(line[:, 1]) == pytest.approx(21, abs=1)
    assert "Shift-Q" in clicked.controller.hint
    clicked.controller.other_mask()
    clicked.settle()
    assert clicked.document.prompt((), 1, 0).candidate == 1
    assert np.count_nonzero(clicked.labels[0] == 1) > 1.5 * disc(0).sum()
    (line,) = clicked.viewer.layers[OTHER].data
    assert np.ptp(line[:, 1]) == pytest.approx(13, abs=1)
    clicked.controller.other_mask()
    clicked.settle()
    np.testing.assert_array_equal(clicked.labels[0] == 1, disc(0))
    assert clicked.told == []


def test_the_chosen_mask_is_what_is_propagated_and_what_undo_takes_back(clicked, disc):
    clicked.controller.other_mask()
    clicked.settle()
    assert clicked.controller.workspace.document.to_prompts()[0].prompts[0].candidate == 1
    chosen = clicked.labels[0] == 1
    clicked.propagate()
    np.testing.assert_array_equal(clicked.labels[0] == 1, chosen)
    clicked.controller.undo()
    clicked.controller.undo()
    clicked.settle()
    assert clicked.document.prompt((), 1, 0).candidate == 0
    np.testing.assert_array_equal(clicked.labels[0] == 1, disc(0))


def test_the_other_masks_leave_with_their_click_and_with_another_object(clicked):
    clicked.controller.new_object()
    assert OTHER not in clicked.viewer.layers
    clicked.controller.select_object(1)
    clicked.controller.other_mask()
    assert clicked.told[-1][0] == "info"
    clicked.viewer.layers[POINTS].data = np.array([[0, 16, 20]])
    clicked.settle()
    assert OTHER in clicked.viewer.layers
    clicked.viewer.layers[POINTS].remove([0])
    clicked.settle()
    assert OTHER not in clicked.viewer.layers


# Proposals -----------------------------------------------------------------------------------------------------------


def proposed(session):
    session.controller.segment_frame()
    settle(session)
    return session.controller.prompting.proposals


def test_all_objects_are_proposed_and_accepted_with_one_undo(first, disc):
    proposals = proposed(first)
    assert proposals.count == 2
    layer = first.viewer.layers[PROPOSALS]
    np.testing.assert_array_equal(layer.data[0] > 0, disc(0) | disc(0, 1))
    assert len(layer.data) == 1
    assert not first.labels.any()
    assert "Click a proposal" in first.controller.hint
    proposals.accept_all()
    assert PROPOSALS not in first.viewer.layers
    np.testing.assert_array_equal(first.labels[0], 1 * disc(0) + 2 * disc(0, 1))
    first.settle()
    np.testing.assert_array_equal(first.document.prompt((), 2, 0).mask, disc(0, 1))
    first.propagate()
    for frame in range(6):
        np.testing.assert_array_equal(first.labels[frame], 1 * disc(frame) + 2 * disc(frame, 1))
    first.controller.undo()
    first.controller.undo()
    first.settle()
    assert not first.document.has_prompts()
    assert not first.labels.any()


def test_accepted_proposals_are_proposals_again_when_that_is_undone(first, disc):
    proposals = proposed(first)
    (number, other) = (1, 2)
    proposals.accept([number])
    first.controller.undo()
    first.settle()
    assert proposals.count == 2
    assert not first.labels.any()
    first.controller.redo()
    first.settle()
    assert proposals.count == 1
    proposals.accept([other])
    assert PROPOSALS not in first.viewer.layers
    first.controller.undo()
    first.settle()
    layer = first.viewer.layers[PROPOSALS]
    assert first.viewer.layers.selection.active is layer
    np.testing.assert_array_equal(layer.data[0] > 0, disc(0, 1))


def test_rejected_proposals_are_proposals_again_when_that_is_undone(first, disc):
    proposals = proposed(first)
    proposals.reject_all()
    assert proposals.count == 0
    assert PROPOSALS not in first.viewer.layers
    assert first.document.history.undo_text == "reject 2 proposals"
    first.controller.undo()
    first.settle()
    assert proposals.count == 2
    np.testing.assert_array_equal(first.viewer.layers[PROPOSALS].data[0] > 0, disc(0) | disc(0, 1))
    first.controller.redo()
    first.settle()
    assert proposals.count == 0
    first.controller.undo()
    # One by one, and mixed with what is accepted.
    proposals.reject([2])
    proposals.accept([1])
    for count in (1, 2):
        first.controller.undo()
        first.settle()
        assert proposals.count == count
    assert not first.labels.any()
    assert not first.document.history.undo_text
    proposals.merge(1, 2)
    assert proposals.count == 1
    first.controller.undo()
    assert proposals.count == 2
    np.testing.assert_array_equal(first.viewer.layers[PROPOSALS].data[0] == 1, disc(0))


def test_nothing_is_left_to_undo_of_proposals_that_are_gone(first):
    proposals = proposed(first)
    proposals.accept([1])
    proposals.reject([2])
    assert first.document.history.undo_text == "reject 1 proposal"
    proposed(first)
    assert first.document.history.undo_text == "accept 1 proposal"
    proposals.reject_all()
    first.controller.undo()
    first.viewer.layers.remove(PROPOSALS)
    assert not first.document.history.redo_text
    first.controller.undo()
    first.settle()
    assert (proposals.count, PROPOSALS in first.viewer.layers) == (0, False)
    assert not first.labels.any()


def test_what_is_labelled_is_not_proposed_and_says_the_size(first, disc):
    first.click(0, 15, 20)
    first.settle()
    proposals = proposed(first)
    ((_, frame, diameter),) = [call for call in first.backend.calls if call[0] == "propose"]
    assert (frame, round(diameter)) == (0, 12)
    proposals.accept_all()
    np.testing.assert_array_equal(first.labels[0], 1 * disc(0) + 2 * disc(0, 1))


def press(session, y, x, *keys, to=None) -> None:
    """Press the mouse on the layer of proposals, with these keys; drag it to a place of the canvas."""
    event = types.SimpleNamespace(
        type="mouse_press",
        pos=(x, y),
        position=(0, y, x),
        view_direction=None,
        dims_displayed=[1, 2],
        modifiers=keys,
    )
    layer = session.viewer.layers[PROPOSALS]
    steps = layer.mouse_drag_callbacks[0](layer, event)
    next(steps)
    if to is not None:
        event.type, event.pos = "mouse_move", to
        next(steps)
    event.type = "mouse_release"
    next(steps, None)


def test_a_click_accepts_shift_rejects_and_a_drag_decides_nothing(first, disc):
    proposals = proposed(first)
    layer = first.viewer.layers[PROPOSALS]
    press(first, 15, 20, to=(200, 200))
    press(first, 3, 3)
    assert proposals.count == 2
    press(first, 15, 20, "Shift")
    assert proposals.count == 1
    assert not layer.data[0][disc(0)].any()
    press(first, 40, 50)
    assert proposals.count == 0
    np.testing.assert_array_equal(first.labels[0], 1 * disc(0, 1))
    assert first.viewer.layers.selection.active.name == POINTS


def test_control_click_marks_one_until_it_is_clicked_again_or_another_one_joins_it(first):
    proposals = proposed(first)
    press(first, 15, 20, "Control")
    assert "Ctrl-click the other part" in first.controller.hint
    press(first, 15, 20, "Control")
    assert "Click a proposal" in first.controller.hint
    press(first, 15, 20, "Control")
    press(first, 40, 50, "Control")
    assert (proposals.count, proposals.marked) == (1, False)


def test_two_proposals_are_made_one(first, disc):
    proposals = proposed(first)
    proposals.merge(1, 2)
    proposals.accept_all()
    np.testing.assert_array_equal(first.labels[0] == 1, disc(0) | disc(0, 1))
    assert first.document.prompts().keys() == {(1, 0)}


def test_a_search_is_cancelled_and_a_failed_one_is_explained(first):
    first.backend.gate.clear()
    first.controller.segment_frame()
    first.controller.segment_frame()
    assert not first.controller.prompting.proposals.running
    first.backend.gate.set()
    settle(first)
    assert PROPOSALS not in first.viewer.layers
    first.backend.errors["look"] = MemoryError()
    proposed(first)
    assert "not enough memory" in first.told[-1][1]
    assert not first.controller.prompting.proposals.running


def test_proposals_leave_with_their_image(first, stack):
    proposed(first)
    first.viewer.layers.remove("cells")
    first.loop.turn()
    assert PROPOSALS not in first.viewer.layers


def test_another_frame_axis_drops_the_proposals_and_another_model_stops_the_search(first):
    search = proposed(first)
    first.controller.set_frame_axis(1)
    assert search.count == 0
    assert PROPOSALS not in first.viewer.layers
    first.backend.gate.clear()
    first.controller.segment_frame()
    assert search.running
    first.controller.set_model("sam2.1_hiera_tiny")
    assert not search.running
    first.backend.gate.set()
    settle(first)
    assert PROPOSALS not in first.viewer.layers


def test_whoever_deletes_the_layer_of_proposals_rejects_them(first):
    proposals = proposed(first)
    first.viewer.layers.remove(PROPOSALS)
    first.loop.turn()
    assert proposals.count == 0
    assert not first.document.has_prompts()


def test_proposals_lie_on_their_frame_and_plane(open_session, stack, disc):
    session = open_session(np.stack([stack * 0, stack], axis=1), scale=(2, 3, 0.5, 0.5), translate=(1, 2, 3, 4))
    session.viewer.dims.set_current_step(0, 4)
    session.viewer.dims.set_current_step(1, 1)
    proposed(session)
    layer = session.viewer.layers[PROPOSALS]
    assert layer.data.shape == (1, 1, 60, 80)
    image = session.viewer.layers["cells"]
    np.testing.assert_allclose(layer.data_to_world((0, 0, 7, 8)), image.data_to_world((4, 1, 7, 8)))
    work, at = session.controller.workspace, session.controller.prompting.proposals.at
    texts = []
    for place in ((4, 1), (2, 1), (4, 0)):
        session.viewer.dims.set_current_step(0, place[0])
        session.viewer.dims.set_current_step(1, place[1])
        texts.append(elsewhere(at, work))
    assert texts == ["", " on frame 4", " on frame 4 of another plane"]
    session.controller.prompting.proposals.accept_all()
    np.testing.assert_array_equal(session.labels[4, 1] > 0, disc(4) | disc(4, 1))
    assert np.count_nonzero(session.labels) == np.count_nonzero(session.labels[4, 1])


# Labels as prompts ---------------------------------------------------------------------------------------------------


@pytest.fixture
def tracks(first, disc):
    labels = np.stack([np.uint16(7) * disc(frame) + np.uint16(9) * disc(frame, 1) for frame in range(6)])
    return first.viewer.add_labels(labels, name="cellpose")


def take(session, layer, frames=(0, 0), **kwargs) -> None:
    session.controller.take_labels(LabelWish(layer, frames, **kwargs))
    session.settle()


def test_labels_of_one_frame_become_mask_prompts_with_their_numbers(first, tracks, disc):
    take(first, tracks)
    assert first.document.prompts().keys() == {(7, 0), (9, 0)}
    np.testing.assert_array_equal(first.document.prompt((), 9, 0).mask, disc(0, 1))
    np.testing.assert_array_equal(first.labels[0], tracks.data[0])
    assert not first.labels[1:].any()
    first.propagate()
    np.testing.assert_array_equal(first.labels, tracks.data)
    np.testing.assert_array_equal(tracks.data[0], 7 * disc(0) + 9 * disc(0, 1))


def test_numbers_in_use_are_not_taken_again(first, tracks, disc):
    first.click(0, 15, 20)
    first.settle()
    first.document.renumber(1, 7)
    take(first, tracks, frames=(3, 3))
    assert set(first.document.prompts()) == {(7, 0), (9, 3), (10, 3)}
    take(first, tracks, frames=(4, 4), keep=False)
    assert set(first.document.prompts()) == {(7, 0), (9, 3), (10, 3), (11, 4), (12, 4)}


def test_labels_of_all_frames_are_prompts_of_all_and_undone_together(first, tracks):
    take(first, tracks, frames=(0, 5))
    assert len(first.document.prompts()) == 12
    np.testing.assert_array_equal(first.labels, tracks.data)
    first.controller.undo()
    first.settle()
    assert not first.document.has_prompts()
    assert not first.labels.any()


def test_labels_that_are_numbered_anew_on_every_frame_are_refused_as_tracks(first, tracks):
    tracks.data[1::2] = np.where(tracks.data[1::2] == 7, 9, np.where(tracks.data[1::2] == 9, 7, 0))
    take(first, tracks, frames=(0, 5))
    assert "numbered anew" in first.told[-1][1]
    assert not first.document.has_prompts()


def test_a_single_frame_of_labels_counts_on_the_frame_on_screen(first, disc):
    first.viewer.dims.set_current_step(0, 2)
    layer = first.viewer.add_labels(np.uint16(4) * disc(2), name="one frame")
    take(first, layer, frames=(2, 2))
    assert first.document.prompts() == {(4, 2): Prompt(2, mask=disc(2))}


def test_labels_that_do_not_fit_and_crumbs_are_refused(first, tracks):
    other = first.viewer.add_labels(np.ones((4, 5), int), name="other")
    take(first, other)
    assert "other has shape (4, 5)" in first.told[-1][1]
    take(first, tracks, choices=LabelChoices(smallest=10**6))
    assert "no label" in first.told[-1][1]
    assert not first.document.has_prompts()


def test_taking_labels_can_be_stopped_and_waits_for_nobody(first, tracks, backend):
    backend.gate.clear()
    first.click(2, 17, 24)  # the thread is busy with its mask
    first.controller.take_labels(LabelWish(tracks, (0, 5)))
    labels = first.controller.prompting.labels
    assert labels.running
    assert first.document.prompts().keys() == {(1, 2)}
    for refused in (first.controller.undo, lambda: first.controller.propagate("both", 0, 5)):
        refused()
        assert "Labels are being taken" in first.told[-1][1]
    backend.gate.set()
    first.loop.until(lambda: labels.done == 6 + 3)
    first.controller.cancel()
    first.settle()
    assert {frame for item, frame in first.document.prompts() if item != 1} == {0, 1, 2}
    np.testing.assert_array_equal(first.labels[1], tracks.data[1])
    assert not first.labels[3:].any()
    assert first.document.history.undo_text == "labels of cellpose"
    first.controller.undo()
    assert first.document.prompts().keys() == {(1, 2)}
    assert not first.labels[:2].any()


def test_the_model_is_not_asked_for_masks_that_are_drawn_already(first, tracks, backend):
    take(first, tracks, frames=(0, 5))
    assert backend.count("predict") == 0
    first.click(2, 17, 24)
    first.settle()
    assert backend.count("predict") == 1


def test_of_many_frames_that_change_at_once_those_on_screen_are_asked_for_first(open_session, backend):
    session = open_session(np.full((20, 60, 80), 9, np.uint8))
    session.viewer.dims.set_current_step(0, 3)
    session.viewer.layers["SAM 2 points"].add(np.array([[frame, 20, 20] for frame in range(20)]))
    session.settle()
    assert backend.count("predict") == 1
    session.viewer.dims.set_current_step(0, 11)
    session.settle()
    assert backend.count("predict") == 2
    assert (session.labels[11] == 1).any()
    session.viewer.dims.set_current_step(0, 3)
    session.settle()
    assert backend.count("predict") == 2
