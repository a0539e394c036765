"""What the user says in the prompt layers, by gesture or by script, on a viewer model."""

import numpy as np
import pytest

POINTS, BOXES, OBJECTS = "SAM 2 points", "SAM 2 boxes", "SAM 2 objects"


def test_negative_clicks_cut_away(session, disc):
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


def test_every_object_has_its_own_colour_as_rim(session, disc):
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


def test_moving_a_point_moves_the_mask(session, disc):
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


def test_deleting_a_correction_brings_the_propagated_mask_back(session, disc):
    session.click(0, 15, 20)
    session.propagate()
    session.click(3, 43, 56)
    session.settle()
    assert np.count_nonzero(session.labels[3] == 1) == disc(3, 1).sum()
    session.viewer.layers[POINTS].remove([1])
    session.settle()
    np.testing.assert_array_equal(session.labels[3] == 1, disc(3))


def test_a_box_belongs_to_the_current_object_and_a_newer_one_replaces_it(session, disc):
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
