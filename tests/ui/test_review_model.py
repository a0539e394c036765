"""What the review lists and does, on a viewer model without Qt."""

import threading

import numpy as np
import pytest

from napari_sam2.session.scores import Score
from napari_sam2.ui.label_taking import LabelWish
from napari_sam2.ui.review_actions import ReviewActions
from napari_sam2.ui.review_measuring import Measuring
from napari_sam2.ui.review_model import ReviewModel

OBJECTS = "SAM 2 objects"


class Desk:
    """A session with the review open, and time that goes by when the test says so."""

    def __init__(self, session) -> None:
        self.session = session
        self.said: list[tuple[str, str]] = []
        self.model = ReviewModel(session.viewer, session.controller, session.loop)
        self.actions = ReviewActions(self.model, lambda level, text: self.said.append((level, text)))
        self.settle()

    @property
    def document(self):
        return self.session.document

    @property
    def frame(self) -> int:
        return self.session.viewer.dims.current_step[0]

    def settle(self) -> None:
        loop = self.session.loop
        for _ in range(3):
            loop.until(lambda: not self.model.measuring.busy)
            loop.turn()
            timers, loop.timers = loop.timers, []
            for timer in timers:
                timer()

    def frames_of(self, object_id: int) -> list[int]:
        return self.model.review.present(object_id).tolist()


@pytest.fixture
def two_cells(session):
    """Two cells that were clicked in frame 0 and carried through all six."""
    session.click(0, 15, 20)
    session.controller.new_object()
    session.click(0, 40, 50)
    session.settle()
    session.propagate()
    session.viewer.dims.set_current_step(0, 0)
    return session


@pytest.fixture
def desk(two_cells):
    desk = Desk(two_cells)
    yield desk
    desk.actions.close()
    desk.model.close()


def doubt(desk, object_id, frame) -> None:
    """Let the model be unsure of a mask."""
    desk.document.scores.put((), frame, {object_id: Score(6.0, 0.72, 100)})
    desk.settle()


def test_it_learns_what_was_there_when_it_opens(desk):
    assert desk.model.ids == [1, 2]
    assert desk.model.names == {1: "object 1", 2: "object 2"}
    summary = desk.model.review.summary(1)
    assert (summary.frames, summary.first, summary.last) == (6, 0, 5)
    assert desk.model.review.cell(1, 0).prompted
    assert desk.model.places == []


def test_it_follows_clicks_frame_by_frame(session):
    desk = Desk(session)
    assert desk.frames_of(1) == []
    session.click(2, 17, 24)
    session.settle()
    desk.settle()
    assert desk.frames_of(1) == [2]
    assert desk.model.review.cell(1, 2).prompted
    session.propagate()
    desk.settle()
    assert desk.frames_of(1) == [0, 1, 2, 3, 4, 5]
    session.viewer.layers["SAM 2 points"].data = np.zeros((0, 3))
    session.settle()
    desk.settle()
    assert not desk.model.review.cell(1, 2).prompted
    desk.model.close()


def test_painting_and_its_undo_are_noticed(desk):
    layer = desk.session.viewer.layers[OBJECTS]
    before = desk.model.review.cell(1, 0).area
    layer.data_setitem((np.zeros(3, int), np.array([2, 2, 2]), np.array([3, 4, 5])), 1)
    desk.settle()
    assert desk.model.review.cell(1, 0).area == before + 3
    layer.undo()
    desk.settle()
    assert desk.model.review.cell(1, 0).area == before
    # Written by another plugin or from the console.
    layer.data[0, 50:52, 3:5] = 1
    layer.refresh()
    desk.settle()
    assert desk.model.review.cell(1, 0).area == before + 4


def test_what_is_measured_for_something_given_up_counts_no_more(loop):
    measuring, measured, may_read = Measuring(loop), [], threading.Event()
    measuring.measured.connect(lambda plane, frame, figures: measured.append((frame, figures.areas.tolist())))
    labels = np.ones((4, 4), np.uint16)

    def slowly() -> np.ndarray:
        assert may_read.wait(10)
        return labels

    measuring.ask((), 0, slowly)
    measuring.drop_all()
    measuring.ask((), 1, lambda: labels)
    may_read.set()
    loop.until(lambda: not measuring.busy)
    assert measured == [(1, [16])]
    # A file that is gone stops nobody.
    measuring.ask((), 2, lambda: np.fromfile("/nowhere/labels.bin"))
    measuring.ask((), 3, lambda: labels)
    loop.until(lambda: not measuring.busy)
    assert measured == [(1, [16]), (3, [16])]
    measuring.close()


def test_next_doubtful_goes_there_and_back(desk):
    for place in ((1, 2), (2, 4)):
        doubt(desk, *place)
    desk.document.select(1)
    seen = []
    for by in (1, 1, 1, -1):
        desk.actions.next_doubtful(by)
        seen.append((desk.document.current, desk.frame))
    assert seen == [(1, 2), (2, 4), (1, 2), (2, 4)]
    desk.document.lock(2, 4)
    desk.settle()
    desk.actions.next_doubtful()
    assert (desk.document.current, desk.frame) == (1, 2)


def test_no_doubt_left_is_said(desk):
    desk.actions.next_doubtful()
    assert desk.said == [("info", "Nothing doubtful is left.")]
    doubt(desk, 1, 3)
    desk.model.filter("all", "object 2")
    desk.actions.next_doubtful()
    assert desk.said[-1] == ("info", "Nothing doubtful is left in this list.")
    assert desk.frame == 0


def test_rows_stay_where_they_are_while_scores_change(desk):
    desk.model.sort("worst", False)
    doubt(desk, 2, 3)
    assert desk.model.ids == [1, 2]
    desk.model.sort("worst", False)
    assert desk.model.ids == [2, 1]


def test_selecting_goes_to_the_nearest_frame_that_has_the_object_and_centres(desk):
    session = desk.session
    session.viewer.dims.set_current_step(0, 5)
    desk.document.masks.relabel({1: 0}, first=3)
    desk.settle()
    assert desk.frames_of(1) == [0, 1, 2]
    desk.actions.select(1)
    assert desk.document.current == 1
    assert desk.frame == 2
    np.testing.assert_allclose(session.viewer.scene.camera.center[-2:], (17, 24), atol=1)


@pytest.mark.parametrize("scale", [(1, 1, 1), (3, 0.2, 0.2), (0.5, 4, 4)])
def test_going_somewhere_is_right_at_any_scale(open_session, stack, scale):
    session = open_session(stack, scale=scale, translate=(7, -3, 11))
    session.click(0, 15, 20)
    session.settle()
    session.propagate()
    desk = Desk(session)
    desk.actions.go_to(1, 4, center=True)
    assert session.controller.workspace.visible() == ((), 4)
    expected = np.array([15 + 4, 20 + 8]) * scale[1:] + (-3, 11)
    np.testing.assert_allclose(session.viewer.scene.camera.center[-2:], expected, atol=scale[1])
    desk.model.close()


def test_a_small_object_is_enlarged(desk):
    camera = desk.session.viewer.scene.camera
    camera.zoom = 0.5
    desk.actions.go_to(1, 0)
    assert 13 * camera.zoom > 40
    large = camera.zoom = 30
    desk.actions.go_to(1, 1)
    assert camera.zoom == large


def test_frames_beyond_the_stack_are_its_ends(desk):
    desk.actions.go_to(1, 99)
    assert desk.frame == 5
    desk.actions.turn_to(-3)
    assert desk.frame == 0


def test_merging_changes_masks_and_rows_and_undo_brings_both_back(desk):
    before = desk.session.labels.copy()
    desk.document.select(2)
    assert desk.actions.merge([1, 2])
    desk.settle()
    assert desk.model.ids == [2]
    np.testing.assert_array_equal(desk.session.labels == 2, before > 0)
    assert desk.model.review.cell(2, 0).area == (before[0] > 0).sum()
    desk.document.undo()
    desk.settle()
    assert desk.model.ids == [1, 2]
    np.testing.assert_array_equal(desk.session.labels, before)
    assert desk.frames_of(1) == [0, 1, 2, 3, 4, 5]
    assert not desk.actions.merge([1])
    assert "two or more" in desk.said[-1][1]


def test_splitting_makes_a_daughter_from_this_frame_on(desk):
    desk.session.viewer.dims.set_current_step(0, 3)
    assert desk.actions.split(1)
    desk.settle()
    new = desk.model.ids[-1]
    assert desk.model.ids == [1, 2, new]
    assert desk.frames_of(1) == [0, 1, 2]
    assert desk.frames_of(new) == [3, 4, 5]
    assert desk.model.review.parents == {new: (1,)}
    assert desk.model.places == []
    desk.session.viewer.dims.set_current_step(0, 0)
    assert not desk.actions.split(1)
    assert desk.said[-1][0] == "warning"


def test_deleting_several_is_one_step(desk):
    before = desk.session.labels.copy()
    assert desk.actions.delete([1, 2])
    desk.settle()
    assert not desk.session.labels.any()
    desk.document.undo()
    desk.settle()
    np.testing.assert_array_equal(desk.session.labels, before)
    assert {1, 2} <= set(desk.model.ids)


def test_renaming_and_renumbering(desk):
    assert desk.actions.rename(1, "  mother ")
    assert not desk.actions.rename(1, " ")
    assert desk.actions.renumber(2, 40)
    desk.settle()
    assert desk.model.names == {1: "mother", 40: "object 40"}
    assert desk.frames_of(40) == [0, 1, 2, 3, 4, 5]
    assert not desk.actions.renumber(1, 40)
    assert "40" in desk.said[-1][1]


def test_locking_a_row_locks_its_frames_and_unlocks_them(desk):
    assert desk.actions.set_locked(1, True)
    desk.settle()
    assert desk.document.locked() == {(1, frame) for frame in range(6)}
    assert desk.model.review.summary(1).locked == 6
    desk.model.filter("unlocked", "")
    assert desk.model.ids == [2]
    assert desk.actions.set_locked(1, False)
    assert desk.document.locked() == set()


def assert_refused(desk, text) -> None:
    """No edit of objects is made; all say the same."""
    before = desk.document.tables()["objects"], desk.session.labels.copy()
    desk.session.viewer.dims.set_current_step(0, 3)
    for edit in (
        lambda: desk.actions.split(1),
        lambda: desk.actions.merge([1, 2]),
        lambda: desk.actions.delete([1]),
        lambda: desk.actions.renumber(1, 7),
        lambda: desk.actions.rename(1, "mother"),
    ):
        desk.said.clear()
        assert not edit()
        assert desk.said == [("warning", f"{text}, to change objects.")]
    desk.session.told.clear()
    desk.session.controller.divide()
    assert desk.session.told == [("warning", f"{text}, to record a division.")]
    assert desk.document.tables()["objects"] == before[0]
    np.testing.assert_array_equal(desk.session.labels, before[1])


def test_edits_wait_for_the_end_of_a_propagation(desk):
    desk.session.backend.gate.clear()
    desk.session.click(3, 18, 26)
    desk.session.controller.propagate("both", 0, 5)
    assert desk.session.controller.propagation.running
    assert_refused(desk, "Frames are being segmented. Cancel, or wait for the end")
    desk.session.controller.pause()
    assert_refused(desk, "Paused. Cancel, or resume and wait for the end")
    desk.session.controller.pause()
    desk.session.backend.gate.set()
    desk.session.settle()
    assert desk.actions.split(1)


def test_a_tick_accepts_while_frames_come_as_the_key_does_and_what_comes_later_is_dropped(desk, monkeypatch):
    session, control = desk.session, desk.session.controller
    before, tracker = session.labels.copy(), session.backend.tracker

    def losing(model, stack):
        made = tracker(model, stack)
        made._follow = lambda mask, frame: np.zeros_like(mask)
        return made

    monkeypatch.setattr(session.backend, "tracker", losing)
    session.backend.gate.clear()
    control.propagate_anew()
    assert control.propagation.running
    assert desk.actions.set_locked(2, True)
    session.viewer.dims.set_current_step(0, 4)
    control.select_object(1)
    control.accept()
    assert desk.said == []
    assert desk.document.locked() == {(2, frame) for frame in range(6)} | {(1, 4)}
    session.backend.gate.set()
    session.settle()
    np.testing.assert_array_equal(session.labels == 2, before == 2)
    assert [frame for frame in range(6) if (session.labels[frame] == 1).any()] == [0, 4]
    control.undo()
    assert desk.document.locked() == {(2, frame) for frame in range(6)} | {(1, 4)}, "the propagation goes first"
    control.undo()
    assert desk.document.locked() == {(2, frame) for frame in range(6)}
    control.undo()
    assert desk.document.locked() == set()


def test_edits_wait_until_labels_are_taken(desk):
    found = desk.session.viewer.add_labels(desk.session.labels.copy(), name="cellpose")
    desk.session.controller.take_labels(LabelWish(found, (0, 5)))
    assert_refused(desk, "Labels are being taken. Cancel, or wait for the end")
    desk.session.settle()
    assert desk.actions.split(1)


def test_a_hidden_object_keeps_its_pixels_and_gets_its_colour_back(desk):
    layer = desk.session.viewer.layers[OBJECTS]
    before, colors = layer.data.copy(), [layer.get_color(label) for label in (1, 2)]
    desk.actions.set_visible(1, False)
    assert layer.get_color(1)[3] == 0
    np.testing.assert_allclose(layer.get_color(2), colors[1], atol=0.01)
    assert desk.actions.visibility.color(1) == tuple(round(255 * float(value)) for value in colors[0][:3])
    np.testing.assert_array_equal(layer.data, before)
    # Objects that come later are shown.
    desk.session.controller.new_object()
    desk.session.click(0, 15, 20)
    desk.session.settle()
    desk.settle()
    assert layer.get_color(desk.document.current)[3] == 1
    desk.actions.set_visible(1, True)
    np.testing.assert_allclose(layer.get_color(1), colors[0], atol=0.01)


def test_other_colours_chosen_while_objects_are_hidden_hold(desk):
    layer = desk.session.viewer.layers[OBJECTS]
    desk.actions.set_visible(1, False)
    layer.new_colormap(seed=3) if hasattr(layer, "new_colormap") else None
    assert layer.get_color(1)[3] == 0
    desk.actions.close()
    assert layer.get_color(1)[3] == 1


def test_another_image_has_its_own_review_and_the_first_comes_back(desk, stack):
    viewer = desk.session.viewer
    viewer.add_image(stack[:4], name="other")
    desk.session.controller.set_image(viewer.layers["other"])
    desk.settle()
    assert desk.model.review.frames == 4
    assert all(desk.frames_of(object_id) == [] for object_id in desk.model.ids)
    desk.session.controller.set_image(viewer.layers["cells"])
    desk.settle()
    assert desk.frames_of(1) == [0, 1, 2, 3, 4, 5]


def test_without_an_image_nothing_is_listed_and_nothing_breaks(open_session):
    desk = Desk(open_session())
    assert desk.model.ids == []
    desk.actions.next_doubtful()
    assert "no image" in desk.said[-1][1]
    assert not desk.actions.delete([1])
    desk.actions.go_to(1, 0)
    desk.model.close()


def test_the_image_removed_empties_the_list_and_opened_again_fills_it(desk, stack):
    viewer = desk.session.viewer
    viewer.layers.remove("cells")
    desk.session.loop.turn()
    assert desk.model.ids == []
    viewer.add_image(stack, name="cells")
    desk.session.loop.turn()
    desk.settle()
    assert desk.frames_of(1) == [0, 1, 2, 3, 4, 5]


def test_every_plane_has_its_own_review(open_session, stack):
    session = open_session(np.stack([stack, stack], axis=1))
    session.viewer.dims.set_current_step(0, 0)
    session.viewer.dims.set_current_step(1, 1)
    desk = Desk(session)
    session.click(0, 1, 15, 20)
    session.settle()
    desk.settle()
    assert desk.model.plane == (1,)
    assert desk.frames_of(1) == [0]
    session.viewer.dims.set_current_step(1, 0)
    desk.settle()
    assert desk.model.plane == (0,)
    assert desk.frames_of(1) == []
    assert not desk.model.review.cell(1, 0).prompted
    desk.model.close()


def test_another_frame_axis_has_other_frames(desk):
    desk.session.viewer.layers["SAM 2 points"].data = np.zeros((0, 3))
    desk.session.settle()
    desk.session.controller.set_frame_axis(1)
    desk.settle()
    assert desk.model.review.frames == 60
