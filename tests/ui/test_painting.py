"""Painting into the masks, erasing, filling and their undo, on a viewer model."""

import numpy as np
import pytest

from napari_sam2.session.prompts import Prompt

POINTS, BOXES, OBJECTS = "SAM 2 points", "SAM 2 boxes", "SAM 2 objects"


class Brush:
    """The Labels layer, with its gestures done to the end."""

    def __init__(self, session) -> None:
        self.session = session
        self.layer = session.viewer.layers[OBJECTS]
        self.layer.brush_size = 5

    @property
    def data(self) -> np.ndarray:
        return self.layer.data

    def __getattr__(self, name):
        def gesture(*args):
            getattr(self.layer, name)(*args)
            self.session.loop.turn()

        return gesture


@pytest.fixture
def layer(session) -> Brush:
    session.viewer.dims.set_current_step(0, 0)
    return Brush(session)


def mask(session, object_id, frame=0) -> np.ndarray | None:
    prompt = session.document.prompt((), object_id, frame)
    return None if prompt is None else prompt.mask


def test_a_painted_object_is_a_mask_prompt_of_that_frame_alone(session, layer):
    layer.paint((0, 30, 30), 1)
    session.settle()
    painted = layer.data[0] == 1
    assert painted.sum() > 10
    np.testing.assert_array_equal(mask(session, 1), painted)
    assert session.document.prompts().keys() == {(1, 0)}
    marks = session.viewer.layers[POINTS]
    assert list(marks.features["label"]) == ["mask"]
    assert session.backend.calls[-2][:3] == ("add", 1, 0)


def test_painting_on_a_clicked_object_takes_the_place_of_its_clicks_and_holds(session, layer, disc):
    session.click(0, 15, 20)
    session.settle()
    layer.paint((0, 15, 30), 1)
    session.settle()
    assert session.document.prompt((), 1, 0).points == ()
    expected = layer.data[0] == 1
    assert expected.sum() > disc(0).sum()
    session.propagate()
    np.testing.assert_array_equal(session.labels[0] == 1, expected)
    assert list(session.viewer.layers[POINTS].features["label"]) == ["mask"]


def test_erasing_a_part_holds_and_painting_over_a_neighbour_prompts_both(session, layer):
    layer.paint((0, 30, 30), 1)
    layer.paint((0, 30, 40), 2)
    layer.paint((0, 30, 31), 0)
    np.testing.assert_array_equal(mask(session, 1), layer.data[0] == 1)
    before = mask(session, 1).sum()
    layer.paint((0, 30, 38), 1)
    np.testing.assert_array_equal(mask(session, 1), layer.data[0] == 1)
    np.testing.assert_array_equal(mask(session, 2), layer.data[0] == 2)
    assert mask(session, 1).sum() > before


def test_erasing_all_of_an_object_takes_its_prompt_away(session, layer):
    layer.paint((0, 30, 30), 1)
    layer.layer.brush_size = 20
    layer.paint((0, 30, 30), 0)
    session.settle()
    assert not session.document.has_prompts()
    assert not layer.data.any()


def test_a_mask_that_was_made_before_all_of_it_was_erased_does_not_come_back(session, layer):
    session.backend.gate.clear()
    layer.paint((0, 30, 30), 1)
    layer.data[0] = 0  # a stroke that napari has not told of yet
    session.backend.gate.set()
    session.settle()
    assert not session.document.has_prompts()
    assert not layer.data.any()


def test_filling_hands_an_object_to_another(session, layer):
    layer.paint((0, 30, 30), 1)
    shape = layer.data[0] == 1
    layer.fill((0, 30, 30), 7)
    session.settle()
    np.testing.assert_array_equal(mask(session, 7), shape)
    assert mask(session, 1) is None
    assert not (layer.data == 1).any()


def test_undo_of_the_layer_takes_the_prompt_back_and_redo_makes_it_again(session, layer, disc):
    session.click(0, 15, 20)
    session.settle()
    clicked = session.document.prompt((), 1, 0)
    layer.paint((0, 30, 30), 1)
    session.settle()
    painted = mask(session, 1)
    layer.undo()
    session.settle()
    assert session.document.prompt((), 1, 0) == clicked
    np.testing.assert_array_equal(session.labels[0] == 1, disc(0))
    layer.redo()
    session.settle()
    np.testing.assert_array_equal(mask(session, 1), painted)
    np.testing.assert_array_equal(session.labels[0] == 1, painted)


def test_an_object_erased_where_it_has_no_prompt_comes_back_alone(session, layer, disc):
    session.click(0, 15, 20)
    session.propagate()
    session.viewer.dims.set_current_step(0, 3)
    layer.layer.brush_size = 30
    for take_back in (layer.undo, session.controller.undo):
        layer.paint((3, 18, 26), 0)
        assert not (layer.data[3] == 1).any()
        take_back()
        session.settle()
        np.testing.assert_array_equal(layer.data[3] == 1, disc(3))
        assert session.document.done(1) == set(range(6))


def test_undo_of_the_document_takes_the_pixels_back(session, layer, disc):
    session.click(0, 15, 20)
    session.settle()
    layer.paint((0, 30, 30), 2)
    layer.paint((0, 34, 30), 2)
    session.settle()
    session.controller.undo()
    session.settle()
    np.testing.assert_array_equal(mask(session, 2), layer.data[0] == 2)
    assert not layer.data[0, 36, 30]
    session.controller.undo()
    session.settle()
    assert session.document.prompts().keys() == {(1, 0)}
    np.testing.assert_array_equal(layer.data[0], 1 * disc(0))


def test_a_stroke_that_is_taken_back_while_another_frame_is_on_screen(session, layer):
    layer.paint((0, 30, 30), 1)
    session.viewer.dims.set_current_step(0, 3)
    layer.undo()
    session.settle()
    assert not layer.data.any()
    assert not session.document.has_prompts()


def test_what_the_model_writes_is_no_painting(session, layer):
    session.click(0, 15, 20)
    session.propagate()
    for frame in (2, 4, 0):
        session.viewer.dims.set_current_step(0, frame)
        layer.refresh()
    assert session.document.prompts() == {(1, 0): Prompt(0, ((15.0, 20.0),), (1,))}


def test_a_stroke_in_progress_is_not_overwritten_by_a_mask_that_comes_in(session, layer):
    session.backend.gate.clear()
    session.click(0, 15, 20)
    with layer.layer.block_history():  # as long as the button is held
        layer.layer.paint((0, 15, 34), 1)
        session.backend.gate.set()
        session.settle()
        assert layer.data[0, 15, 34] == 1
    session.settle()
    assert layer.data[0, 15, 34] == 1
    np.testing.assert_array_equal(mask(session, 1), layer.data[0] == 1)


def test_a_frame_that_was_painted_while_it_was_propagated_to_keeps_what_was_painted(session, layer):
    session.click(0, 15, 20)
    session.settle()
    session.viewer.dims.set_current_step(0, 4)
    session.backend.slow = 0.05
    session.controller.propagate("both", 0, 5)
    layer.paint((4, 50, 10), 1)
    painted = layer.data[4] == 1
    session.settle()
    np.testing.assert_array_equal(session.labels[4] == 1, painted)


def test_the_brush_paints_the_current_object(session, layer):
    session.controller.set_tool("paint")
    assert session.viewer.layers.selection.active is layer.layer
    assert str(layer.layer.mode) == "paint"
    assert layer.layer.selected_label == 1
    layer.paint((0, 30, 30), layer.layer.selected_label)
    session.controller.new_object()
    assert layer.layer.selected_label == 2
    session.controller.select_object(1)
    assert layer.layer.selected_label == 1
    session.controller.set_positive(True)
    assert session.viewer.layers.selection.active.name == POINTS


def test_a_moved_mark_moves_the_mask_and_a_deleted_one_takes_it_away(session, layer):
    layer.paint((0, 30, 30), 1)
    session.settle()
    before = mask(session, 1)
    marks = session.viewer.layers[POINTS]
    marks.data = marks.data + np.array([0, 4, -3])
    session.settle()
    np.testing.assert_array_equal(np.argwhere(mask(session, 1)), np.argwhere(before) + np.array([4, -3]))
    np.testing.assert_array_equal(session.labels[0] == 1, mask(session, 1))
    marks.remove([0])
    session.settle()
    assert not session.document.has_prompts()
    assert not session.labels.any()


def test_a_finished_frame_that_is_erased_stays_erased(session, layer):
    session.click(0, 15, 20)
    session.propagate()
    layer.layer.brush_size = 40
    layer.paint((0, 15, 20), 0)
    session.settle()
    assert session.document.prompts() == {}
    assert not session.labels[0].any()
