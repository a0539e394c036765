"""The controller on a viewer model: no Qt widget, the event loop turned by hand."""

import numpy as np
import pytest
from napari.layers import Labels, Points, Shapes

from napari_sam2.ui.controller import Controller

POINTS, BOXES, OBJECTS = "SAM 2 points", "SAM 2 boxes", "SAM 2 objects"


def disc(frame: int, which: int = 0) -> np.ndarray:
    """(60, 80) bool: one of the two discs of the recording."""
    y, x = ((15, 20), (40, 50))[which]
    rows, columns = np.ogrid[:60, :80]
    return (rows - y - frame) ** 2 + (columns - x - 2 * frame) ** 2 <= 36


# The first click -------------------------------------------------------------------------------------------------------


def test_the_layers_are_ready_for_a_click(session):
    layers = session.viewer.layers
    assert [type(layers[name]) for name in (POINTS, BOXES, OBJECTS)] == [Points, Shapes, Labels]
    assert layers.selection.active is layers[POINTS]
    assert layers[POINTS].mode == "add"


def test_a_click_shows_the_mask_on_its_frame_only(session):
    session.click(2, 17, 24)
    session.settle()
    np.testing.assert_array_equal(session.labels[2] == 1, disc(2))
    assert not session.labels[[0, 1, 3, 4, 5]].any()


def test_without_an_image_nothing_is_there_and_every_action_says_so(open_session):
    session = open_session()
    assert len(session.viewer.layers) == 0
    for action in (
        session.controller.new_object,
        lambda: session.controller.step_object(1),
        lambda: session.controller.set_positive(False),
        lambda: session.controller.set_drawing(True),
        lambda: session.controller.propagate("both", 0, 3),
    ):
        session.told.clear()
        action()
        assert len(session.told) == 1
        assert "no image yet" in session.told[0][1]


def test_an_image_that_comes_later_is_taken(open_session, stack):
    session = open_session()
    session.viewer.add_image(stack)
    session.loop.turn()
    assert POINTS in session.viewer.layers


def test_all_work_is_done_on_one_other_thread(session):
    session.click(0, 15, 20)
    session.propagate()
    assert len(session.backend.threads) == 1
    assert next(iter(session.backend.threads)).startswith("napari-sam2")


# Prompts ---------------------------------------------------------------------------------------------------------------


def test_negative_clicks_cut_away(session):
    session.click(0, 15, 20)
    session.controller.set_positive(False)
    session.click(0, 15, 25)
    session.settle()
    points = session.viewer.layers[POINTS]
    assert list(points.features["label"]) == ["positive", "negative"]
    assert 0 < np.count_nonzero(session.labels[0] == 1) < disc(0).sum()
    assert session.labels[0, 15, 25] == 0


def test_an_object_that_starts_with_a_negative_click_is_explained_and_mended(session):
    session.controller.set_positive(False)
    session.click(0, 15, 25)
    session.settle()
    assert "Click on it first" in session.told[0][1]
    assert len(session.viewer.layers[POINTS].data) == 1
    assert session.backend.count("predict") == 0
    session.controller.set_positive(True)
    session.click(0, 15, 20)
    session.settle()
    assert session.labels[0, 15, 20] == 1
    assert session.labels[0, 15, 25] == 0


def test_every_object_has_its_own_colour_as_rim(session):
    session.click(0, 15, 20)
    session.controller.new_object()
    session.click(0, 40, 50)
    session.settle()
    points, objects = session.viewer.layers[POINTS], session.viewer.layers[OBJECTS]
    assert list(points.features["object"]) == [1, 2]
    np.testing.assert_allclose(points.border_color, [objects.colormap.map(1), objects.colormap.map(2)], atol=1e-6)
    assert np.array_equal(points.face_color[0], points.face_color[1])
    np.testing.assert_array_equal(session.labels[0], 1 * disc(0) + 2 * disc(0, 1))


def test_selecting_an_old_point_does_not_change_whose_the_next_click_is(session):
    session.click(0, 15, 20)
    session.controller.new_object()
    points = session.viewer.layers[POINTS]
    points.selected_data = {0}
    session.click(0, 40, 50)
    assert list(points.features["object"]) == [1, 2]


def test_new_next_and_previous_object(session):
    session.click(0, 15, 20)
    session.controller.new_object()
    assert session.document.current == 2
    session.controller.step_object(-1)
    assert session.document.current == 1
    session.controller.step_object(1)
    session.click(0, 40, 50)
    assert list(session.viewer.layers[POINTS].features["object"]) == [1, 2]


def test_a_new_object_starts_positive(session):
    session.click(0, 15, 20)
    session.controller.set_positive(False)
    session.controller.new_object()
    assert session.controller.positive


def test_moving_a_point_moves_the_mask(session):
    session.click(0, 15, 20)
    session.settle()
    points = session.viewer.layers[POINTS]
    points.data = np.array([[0, 40, 50]])
    session.settle()
    np.testing.assert_array_equal(session.labels[0] == 1, disc(0, 1))


def test_deleting_the_last_point_takes_the_preview_back(session):
    session.click(0, 15, 20)
    session.settle()
    assert session.labels[0].any()
    points = session.viewer.layers[POINTS]
    points.selected_data = {0}
    points.remove_selected()
    session.settle()
    assert not session.labels[0].any()
    assert not session.document.has_prompts()


def test_deleting_a_correction_brings_the_propagated_mask_back(session):
    session.click(0, 15, 20)
    session.propagate()
    session.click(3, 43, 56)
    session.settle()
    assert np.count_nonzero(session.labels[3] == 1) == disc(3, 1).sum()
    session.viewer.layers[POINTS].remove([1])
    session.settle()
    np.testing.assert_array_equal(session.labels[3] == 1, disc(3))


def test_a_box_belongs_to_the_current_object_and_a_newer_one_replaces_it(session):
    boxes = session.viewer.layers[BOXES]
    boxes.add_rectangles([[0, 5, 10], [0, 5, 30], [0, 25, 30], [0, 25, 10]])
    session.settle()
    np.testing.assert_array_equal(session.labels[0] == 1, disc(0))
    boxes.add_rectangles([[0, 30, 40], [0, 30, 60], [0, 50, 60], [0, 50, 40]])
    session.settle()
    assert len(boxes.data) == 1
    np.testing.assert_array_equal(session.labels[0] == 1, disc(0, 1))
    assert session.document.prompt((), 1, 0).box == (30, 40, 50, 60)


def test_a_box_that_reaches_over_the_edge_is_cut_there(session):
    session.viewer.layers[BOXES].add_rectangles([[0, -20, -9], [0, -20, 30], [0, 25, 30], [0, 25, -9]])
    assert session.document.prompt((), 1, 0).box == (-0.5, -0.5, 25, 30)
    assert session.told == []


@pytest.mark.parametrize(
    ("corners", "reason"),
    [
        ([[0, 5, 10], [0, 5, 10.5], [0, 25, 10.5], [0, 25, 10]], "too small"),
        ([[0, 5, 90], [0, 5, 99], [0, 25, 99], [0, 25, 90]], "outside"),
        ([[0, 5, 10], [2, 5, 10], [2, 25, 10], [0, 25, 10]], "one frame"),
    ],
)
def test_a_box_that_cannot_be_a_prompt_is_taken_back(session, corners, reason):
    boxes = session.viewer.layers[BOXES]
    boxes.add_rectangles([[0, 5, 10], [0, 5, 30], [0, 25, 30], [0, 25, 10]])
    boxes.add_rectangles(corners)
    assert len(boxes.data) == 1
    assert reason in session.told[0][1]
    assert session.document.prompt((), 1, 0).box == (5, 10, 25, 30)


def test_a_point_outside_is_taken_back_and_a_dragged_one_returns(session):
    points = session.viewer.layers[POINTS]
    session.click(0, 15, 20)
    session.click(0, 15, 200)
    assert len(points.data) == 1
    assert "outside the image" in session.told[0][1]
    points.data = np.array([[0, -30, 20]])
    np.testing.assert_array_equal(points.data, [[0, 15, 20]])
    assert session.document.prompt((), 1, 0).points == ((15.0, 20.0),)


def test_pasted_points_keep_their_object(open_session, stack):
    # On one frame: pasting points on another one is broken in napari 0.9.2.
    session = open_session(stack[0])
    session.click(15, 20)
    session.controller.new_object()
    points = session.viewer.layers[POINTS]
    points.selected_data = {0}
    points._copy_data()
    points._paste_data()
    session.settle()
    assert session.document.prompt((), 1, 0).points == ((15.0, 20.0), (15.0, 20.0))


def test_a_script_may_hand_a_point_to_another_object(session):
    session.click(0, 15, 20)
    points = session.viewer.layers[POINTS]
    features = points.features.copy()
    features["object"] = 4
    points.features = features
    session.settle()
    assert session.document.prompts().keys() == {(4, 0)}
    assert (session.labels[0] == 4).any()
    assert not (session.labels[0] == 1).any()


# Previews --------------------------------------------------------------------------------------------------------------


def test_late_answers_are_dropped(session):
    session.backend.gate.clear()
    session.click(0, 15, 20)
    session.loop.until(lambda: session.backend.count("load") == 1)
    session.viewer.layers[POINTS].data = np.array([[0, 40, 50]])
    session.viewer.layers[POINTS].data = np.array([[0, 41, 50]])
    session.backend.gate.set()
    session.settle()
    # The model was being loaded, so of three requests only the last one was still wanted.
    assert session.backend.count("predict") == 1
    np.testing.assert_array_equal(session.labels[0] == 1, disc(0, 1))


def test_an_answer_to_a_deleted_prompt_shows_nothing(session):
    session.backend.gate.clear()
    session.click(0, 15, 20)
    session.loop.until(lambda: session.backend.count("load") == 1)
    session.viewer.layers[POINTS].remove([0])
    session.backend.gate.set()
    session.settle()
    assert not session.labels.any()


def test_a_further_click_is_one_more_interaction_not_all_anew(session):
    session.click(0, 15, 20)
    session.settle()
    session.click(0, 17, 20)
    session.settle()
    adds = [call for call in session.backend.calls if call[0] == "add"]
    assert [call[3][1:3] for call in adds] == [(15.0, 20.0), (17.0, 20.0)]
    assert session.backend.count("clear") == 0


def test_a_removed_click_gives_the_same_as_if_it_had_never_been(session):
    session.click(0, 15, 20)
    session.click(0, 40, 50)
    session.click(0, 17, 20)
    session.settle()
    session.viewer.layers[POINTS].remove([1])
    session.settle()
    adds = [call for call in session.backend.calls if call[0] == "add"]
    assert session.backend.count("clear") == 1
    assert [call[3][1:3] for call in adds[-2:]] == [(15.0, 20.0), (17.0, 20.0)]
    np.testing.assert_array_equal(session.labels[0] == 1, disc(0))


# Propagation -----------------------------------------------------------------------------------------------------------


def test_propagation_fills_every_frame(session):
    session.click(2, 17, 24)
    session.controller.new_object()
    session.click(4, 44, 58)
    session.propagate()
    expected = np.stack([1 * disc(frame) + 2 * disc(frame, 1) for frame in range(6)])
    np.testing.assert_array_equal(session.labels, expected)
    assert session.told == []


@pytest.mark.parametrize(
    ("direction", "first", "last", "filled"),
    [("forward", 0, 5, {2, 3, 4, 5}), ("backward", 0, 5, {0, 1, 2}), ("both", 1, 3, {1, 2, 3})],
)
def test_direction_and_range(session, direction, first, last, filled):
    session.click(2, 17, 24)
    session.propagate(direction, first, last)
    assert set(np.flatnonzero(session.labels.any(axis=(1, 2)))) == filled
    assert session.controller.propagation.done == session.controller.propagation.total == len(filled)


def test_a_range_on_the_wrong_side_is_explained(session):
    session.click(4, 19, 28)
    session.propagate("forward", 0, 2)
    assert "range" in session.told[-1][1]
    assert not session.labels[:4].any()


def test_propagating_without_a_prompt_says_what_to_do(session):
    session.propagate()
    assert session.told == [("warning", "There is no prompt yet. Click a cell in the image, then propagate.")]
    assert session.backend.calls == []


def test_progress_counts_and_estimates(session):
    run = session.controller.propagation
    seen = []
    run.advanced.connect(lambda *_: seen.append((run.done, run.total, run.remaining is not None)))
    session.click(2, 17, 24)
    session.propagate()
    assert seen == [(count, 6, True) for count in range(1, 7)]


def test_cancel_keeps_what_is_finished(session):
    session.click(0, 15, 20)
    session.settle()
    run = session.controller.propagation
    slot = run.advanced.connect(lambda *_: session.controller.cancel() if run.done == 2 else None)
    session.propagate()
    run.advanced.disconnect(slot)
    filled = np.flatnonzero(session.labels.any(axis=(1, 2)))
    assert {0, 1} <= set(filled)
    assert len(filled) < 6
    assert not run.running
    assert session.told == []
    session.propagate()
    assert session.labels.any(axis=(1, 2)).all()


def test_propagating_while_busy_is_refused_and_disturbs_nothing(session):
    session.click(0, 15, 20)
    session.settle()
    session.backend.gate.clear()
    session.controller.propagate("both", 0, 5)
    session.controller.propagate("both", 0, 5)
    session.controller.set_model("sam2.1_hiera_tiny")
    session.controller.set_frame_axis(1)
    session.backend.gate.set()
    session.settle()
    assert ["Cancel, or wait" in text for _, text in session.told] == [True] * 3
    assert session.controller.choice.model == "micro"
    assert session.labels.any(axis=(1, 2)).all()
    assert session.backend.count("step") == 6


def test_a_correction_during_propagation_is_previewed_in_between(session):
    session.click(0, 15, 20)
    session.settle()
    session.backend.gate.clear()
    session.controller.propagate("forward", 0, 5)
    session.loop.until(lambda: session.backend.count("step") == 1)
    session.controller.new_object()
    session.click(0, 40, 50)
    session.backend.gate.set()
    session.loop.until(lambda: not session.controller.previews.waiting)
    assert (session.labels[0] == 2).any()
    assert session.controller.propagation.running
    session.settle()
    assert (session.labels == 1).any(axis=(1, 2)).all()


def test_the_hint_leads_through(session):
    control = session.controller
    assert control.hint == "Click a cell."
    session.click(0, 15, 20)
    assert "Loading micro" in control.hint
    session.settle()
    assert "Propagate (G)" in control.hint
    control.new_object()
    assert "Click the next cell" in control.hint
    control.step_object(-1)
    session.backend.gate.clear()
    control.propagate("both", 0, 5)
    assert "Following" in control.hint
    session.backend.gate.set()
    session.settle()
    assert "Look through the frames" in control.hint
    session.click(3, 18, 26)
    session.settle()
    assert "again" in control.hint
    session.viewer.dims.ndisplay = 3
    assert "2-D" in control.hint


# Masks of the user -----------------------------------------------------------------------------------------------------


def test_pixels_of_the_user_are_never_overwritten(open_session, stack):
    session = open_session()
    painted = np.zeros(stack.shape, np.uint16)
    painted[0, 12:18, 15:25] = 7
    session.viewer.add_image(stack, name="cells")
    session.viewer.add_labels(painted, name=OBJECTS)
    session.loop.turn()
    assert session.viewer.layers[OBJECTS].data is painted
    assert session.document.current == 8
    session.click(0, 15, 20)
    session.propagate()
    assert (painted[0, 12:18, 15:25] == 7).all()
    assert (painted[0] == 8).any()


def test_a_labels_layer_that_does_not_fit_is_left_alone(open_session, stack):
    session = open_session()
    other = np.full((3, 3), 5)
    session.viewer.add_labels(other, name=OBJECTS)
    session.viewer.add_image(stack, name="cells")
    session.loop.turn()
    session.click(0, 15, 20)
    session.settle()
    assert (other == 5).all()
    assert session.controller.workspace.layers[0].data.shape == stack.shape


def test_closing_and_opening_goes_on_where_it_was(open_session, stack):
    first = open_session(stack)
    first.click(0, 15, 20)
    first.propagate()
    first.controller.close()
    again = Controller(first.viewer, first.loop, first.backend, tell=lambda *_: None)
    assert len(first.viewer.layers) == 4
    assert again.workspace.document.prompts().keys() == {(1, 0)}
    assert again.workspace.document.current == 2
    assert first.labels.any(axis=(1, 2)).all()
    again.close()
