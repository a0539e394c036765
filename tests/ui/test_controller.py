"""The controller on a viewer model: no Qt widget, the event loop turned by hand."""

import numpy as np
from napari.layers import Labels, Points, Shapes

from napari_sam2.ui.controller import Controller

POINTS, BOXES, OBJECTS = "SAM 2 points", "SAM 2 boxes", "SAM 2 objects"


def test_the_layers_are_ready_for_a_click(session):
    layers = session.viewer.layers
    assert [type(layers[name]) for name in (POINTS, BOXES, OBJECTS)] == [Points, Shapes, Labels]
    assert layers.selection.active is layers[POINTS]
    assert layers[POINTS].mode == "add"


def test_a_click_shows_the_mask_on_its_frame_only(session, disc):
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


def test_late_answers_are_dropped(session, disc):
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


def test_a_removed_click_gives_the_same_as_if_it_had_never_been(session, disc):
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
