"""Closed and open lines in the Shapes layer as prompts, on a viewer model."""

import numpy as np
import pytest

POINTS, BOXES, OBJECTS = "SAM 2 points", "SAM 2 boxes", "SAM 2 objects"
SQUARE = [[0, 9.6, 14.6], [0, 9.6, 26.4], [0, 20.4, 26.4], [0, 20.4, 14.6]]


def square() -> np.ndarray:
    mask = np.zeros((60, 80), bool)
    mask[10:21, 15:27] = True
    return mask


def test_a_closed_line_is_a_mask_prompt_of_its_interior(session):
    shapes = session.viewer.layers[BOXES]
    shapes.add_polygons(SQUARE)
    session.settle()
    prompt = session.document.prompt((), 1, 0)
    np.testing.assert_array_equal(prompt.mask, square())
    assert prompt.box is None
    np.testing.assert_array_equal(session.labels[0] == 1, square())
    assert list(shapes.shape_type) == ["polygon"]
    assert len(session.viewer.layers[POINTS].data) == 0


def test_a_moved_line_moves_the_mask_and_a_deleted_one_takes_it_away(session):
    shapes = session.viewer.layers[BOXES]
    shapes.add_polygons(SQUARE)
    shapes.data = [np.array(SQUARE) + np.array([0, 5, 3])]
    session.settle()
    moved = np.roll(square(), (5, 3), (0, 1))
    np.testing.assert_array_equal(session.document.prompt((), 1, 0).mask, moved)
    np.testing.assert_array_equal(session.labels[0] == 1, moved)
    shapes.selected_data = {0}
    shapes.remove_selected()
    session.settle()
    assert not session.document.has_prompts()
    assert not session.labels.any()


def test_a_closed_line_takes_the_place_of_what_was_said_before_and_comes_back_after_undo(session):
    session.click(0, 15, 20)
    shapes = session.viewer.layers[BOXES]
    shapes.add_rectangles([[0, 5, 10], [0, 5, 30], [0, 25, 30], [0, 25, 10]])
    session.settle()
    before = session.document.prompt((), 1, 0)
    shapes.add_polygons(SQUARE)
    session.settle()
    after = session.document.prompt((), 1, 0)
    assert (after.points, after.box) == ((), None)
    assert list(shapes.shape_type) == ["polygon"]
    assert len(session.viewer.layers[POINTS].data) == 0
    session.controller.undo()
    session.settle()
    assert session.document.prompt((), 1, 0) == before
    assert list(shapes.shape_type) == ["rectangle"]
    session.controller.redo()
    session.settle()
    np.testing.assert_array_equal(session.document.prompt((), 1, 0).mask, square())
    np.testing.assert_allclose(shapes.data[0], SQUARE)


def test_an_ellipse_is_a_mask(session):
    session.viewer.layers[BOXES].add_ellipses(SQUARE)
    mask = session.document.prompt((), 1, 0).mask
    assert 0.75 < mask.sum() / square().sum() < 0.82
    assert not mask[10, 15]
    assert mask[15, 20]


@pytest.mark.parametrize(("shape", "positive"), [("path", True), ("path", False), ("line", True)])
def test_an_open_line_becomes_clicks_along_it(session, shape, positive):
    session.click(0, 15, 20)
    session.controller.set_positive(positive)
    shapes = session.viewer.layers[BOXES]
    line = [[0, 14, 16], [0, 15, 40]]
    shapes.add(np.array(line), shape_type=shape)
    session.settle()
    prompt = session.document.prompt((), 1, 0)
    assert len(prompt.points) == 3
    assert prompt.labels == (1, int(positive), int(positive))
    assert len(shapes.data) == 0
    points = session.viewer.layers[POINTS]
    np.testing.assert_allclose(points.data[1:], [[0, 14.25, 22], [0, 14.75, 34]])
    assert list(points.features["label"][1:]) == ["positive" if positive else "negative"] * 2


@pytest.mark.parametrize("kind", ["polygon", "path"])
def test_a_line_outside_of_the_image_is_taken_back(session, kind):
    shapes = session.viewer.layers[BOXES]
    shapes.add(np.array(SQUARE) + np.array([0, 500, 0]), shape_type=kind)
    assert "outside the image" in session.told[0][1] or "encloses no pixel" in session.told[0][1]
    assert len(shapes.data) == 0
    assert not session.document.has_prompts()


def test_another_frame_axis_is_refused_while_there_are_masks(session):
    session.viewer.layers[BOXES].add_polygons(SQUARE)
    session.controller.set_frame_axis(1)
    assert session.controller.workspace.axes.frame == 0
    assert session.document.has_prompts()
    assert session.told[-1][0] == "warning"
