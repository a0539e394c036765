"""The real widget in a real viewer: mouse and key events of Qt, and what is on the screen."""

from itertools import pairwise

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QFileDialog,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
)

from napari_sam2.ui.keys import SHORTCUTS
from napari_sam2.ui.widget import SegmentStackWidget

POINTS, BOXES, OBJECTS = "SAM 2 points", "SAM 2 boxes", "SAM 2 objects"
LEFT = Qt.MouseButton.LeftButton
NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


class Desk:
    """A viewer with the widget docked, and hands for mouse and keys."""

    def __init__(self, viewer, qtbot, backend) -> None:
        self.viewer = viewer
        self.qtbot = qtbot
        self.backend = backend
        self.widget = SegmentStackWidget(viewer, backend=backend)
        viewer.window.add_dock_widget(self.widget, name="Segment stack")
        self.canvas = viewer.__wrapped__.window._qt_viewer.canvas.native
        self.told: list[str] = []
        qtbot.wait(50)

    @property
    def control(self):
        return self.widget.controller

    @property
    def labels(self):
        return self.viewer.layers[OBJECTS].data

    def child(self, kind, name):
        found = self.widget.findChild(kind, name)
        assert found is not None, name
        return found

    def press(self, name) -> None:
        button = self.child(QPushButton, name)
        assert button.isEnabled(), name
        self.qtbot.mouseClick(button, LEFT)

    def place(self, y, x) -> QPoint:
        """Where a world position of the y-x view is on the canvas."""
        size = np.array([self.canvas.height(), self.canvas.width()])
        camera = self.viewer.scene.camera
        at = size / 2 + (np.array([y, x]) - np.array(camera.center)[-2:]) * camera.zoom
        return QPoint(round(at[1]), round(at[0]))

    def click(self, y, x, modifier=NONE) -> None:
        self.qtbot.mouseMove(self.canvas, self.place(y, x))
        self.qtbot.mouseClick(self.canvas, LEFT, modifier, self.place(y, x))

    def drag(self, start, end) -> None:
        self.qtbot.mousePress(self.canvas, LEFT, NONE, self.place(*start))
        for share in (0.3, 0.7, 1.0):
            point = np.array(start) + share * (np.array(end) - np.array(start))
            self.qtbot.mouseMove(self.canvas, self.place(*point))
            self.qtbot.wait(20)
        self.qtbot.mouseRelease(self.canvas, LEFT, NONE, self.place(*end))

    def key(self, key, modifier=NONE) -> None:
        self.qtbot.keyClick(self.canvas, key, modifier)

    def settle(self) -> None:
        control = self.control
        self.qtbot.waitUntil(
            lambda: not (control.previews.waiting or control.propagation.running or control.loading.busy), timeout=15000
        )
        self.qtbot.wait(150)


@pytest.fixture
def desk(make_napari_viewer_proxy, qtbot, backend, stack):
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1100, 750)
    viewer.add_image(stack, name="cells", scale=(1, 0.5, 0.5), translate=(0, 3, -4))
    viewer.dims.set_current_step(0, 0)
    desk = Desk(viewer, qtbot, backend)
    viewer.reset_view()
    yield desk
    backend.gate.set()


def world(y, x):
    """World position of a data pixel of the scaled and moved recording."""
    return 0.5 * y + 3, 0.5 * x - 4


def test_the_first_thing_to_do_is_a_click(desk, disc):
    assert desk.child(QLabel, "hint").text() == "Click a cell."
    desk.click(*world(15, 20))
    desk.settle()
    points = desk.viewer.layers[POINTS]
    np.testing.assert_allclose(points.data, [[0, 15, 20]], atol=1)
    np.testing.assert_array_equal(desk.labels[0] == 1, disc(0))
    assert "Propagate (G)" in desk.child(QLabel, "hint").text()


@pytest.mark.parametrize("whole", [True, False])
def test_who_saw_the_whole_image_sees_it_beside_the_widget(make_napari_viewer_proxy, qtbot, backend, stack, whole):
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1100, 750)
    viewer.add_image(np.tile(stack, 3), name="cells")
    qtbot.wait(200)
    if not whole:
        viewer.scene.camera.zoom *= 3
        qtbot.wait(50)
    zoom = viewer.scene.camera.zoom
    desk = Desk(viewer, qtbot, backend)
    qtbot.wait(400)
    assert desk.control.workspace.whole() == whole
    assert (viewer.scene.camera.zoom < zoom) == whole


def test_shift_click_is_negative_just_once(desk):
    desk.click(*world(15, 20))
    desk.click(*world(15, 24), modifier=SHIFT)
    desk.settle()
    assert desk.labels[0, 15, 24] == 0
    assert desk.labels[0, 15, 20] == 1
    desk.click(*world(16, 18))
    assert list(desk.viewer.layers[POINTS].features["label"]) == ["positive", "negative", "positive"]


def test_keys_do_what_the_buttons_do(desk):
    desk.click(*world(15, 20))
    desk.key(Qt.Key.Key_W)
    desk.click(*world(15, 24))
    desk.qtbot.waitUntil(lambda: desk.child(QPushButton, "negative").isChecked())
    desk.key(Qt.Key.Key_N)
    desk.click(*world(40, 50))
    desk.settle()
    assert desk.child(QPushButton, "positive").isChecked()
    assert list(desk.viewer.layers[POINTS].features["object"]) == [1, 1, 2]
    desk.key(Qt.Key.Key_J)
    assert desk.control.workspace.document.current == 1
    desk.key(Qt.Key.Key_K)
    desk.qtbot.waitUntil(lambda: desk.child(QComboBox, "object").currentText() == "object 2")
    desk.key(Qt.Key.Key_Q)
    assert desk.control.positive
    desk.key(Qt.Key.Key_G)
    desk.settle()
    assert (desk.labels == 2).any(axis=(1, 2)).all()


def test_keys_work_while_a_button_has_been_pressed_and_with_another_layer_selected(desk):
    desk.click(*world(15, 20))
    desk.press("new_object")
    desk.click(*world(40, 50))
    desk.viewer.layers.selection.active = desk.viewer.layers["cells"]
    desk.key(Qt.Key.Key_J)
    assert desk.control.workspace.document.current == 1
    desk.qtbot.keyClick(desk.child(QPushButton, "new_object"), Qt.Key.Key_K)
    assert desk.control.workspace.document.current == 2


def test_buttons_drive_the_whole_job(desk):
    desk.click(*world(15, 20))
    desk.press("new_object")
    desk.click(*world(40, 50))
    desk.press("negative")
    desk.click(*world(40, 54))
    desk.press("positive")
    desk.press("previous_object")
    assert desk.control.workspace.document.current == 1
    desk.press("next_object")
    desk.settle()
    desk.press("propagate")
    desk.settle()
    assert (desk.labels == 1).any(axis=(1, 2)).all()
    assert (desk.labels == 2).any(axis=(1, 2)).all()
    assert "Look through" in desk.child(QLabel, "hint").text()


def test_a_box_is_drawn_with_the_mouse(desk, disc):
    desk.press("box")
    assert desk.viewer.layers.selection.active == desk.viewer.layers[BOXES]
    desk.drag(world(5, 8), world(25, 32))
    desk.settle()
    np.testing.assert_array_equal(desk.labels[0] == 1, disc(0))
    # Once more with the key: back to points.
    desk.key(Qt.Key.Key_H)
    assert desk.viewer.layers.selection.active == desk.viewer.layers[POINTS]
    desk.qtbot.waitUntil(lambda: desk.child(QPushButton, "positive").isChecked())


def test_a_box_drawn_again_replaces_the_first_while_drawing(desk, disc):
    desk.key(Qt.Key.Key_H)
    desk.drag(world(5, 8), world(25, 32))
    desk.drag(world(30, 38), world(50, 62))
    desk.settle()
    assert len(desk.viewer.layers[BOXES].data) == 1
    np.testing.assert_array_equal(desk.labels[0] == 1, disc(0, 1))
    # The layer still draws.
    desk.key(Qt.Key.Key_N)
    desk.drag(world(5, 8), world(25, 32))
    desk.settle()
    np.testing.assert_array_equal(desk.labels[0] == 2, disc(0))


def test_a_point_dragged_with_the_mouse_moves_the_mask(desk, disc):
    desk.click(*world(15, 20))
    desk.settle()
    desk.viewer.layers[POINTS].mode = "select"
    desk.drag(world(15, 20), world(40, 50))
    desk.settle()
    np.testing.assert_allclose(desk.viewer.layers[POINTS].data, [[0, 40, 50]], atol=1.5)
    np.testing.assert_array_equal(desk.labels[0] == 1, disc(0, 1))


def test_a_point_deleted_with_the_key_takes_its_mask_along(desk):
    desk.click(*world(15, 20))
    desk.settle()
    assert desk.labels[0].any()
    desk.key(Qt.Key.Key_Delete)
    desk.settle()
    assert not desk.labels[0].any()


def test_clicks_on_another_frame_count_there(desk, disc):
    desk.viewer.dims.set_current_step(0, 3)
    desk.click(*world(18, 26))
    desk.settle()
    assert desk.control.workspace.document.prompts().keys() == {(1, 3)}
    np.testing.assert_array_equal(desk.labels[3] == 1, disc(3))


def test_progress_and_cancel(desk):
    desk.click(*world(15, 20))
    desk.settle()
    assert not desk.child(QProgressBar, "progress").isVisible()
    desk.backend.slow = 0.15
    desk.press("propagate")
    bar = desk.child(QProgressBar, "progress")
    desk.qtbot.waitUntil(lambda: bar.value() >= 2 and "left" in bar.text(), timeout=10000)
    assert desk.child(QPushButton, "propagate").text() == "Queue (G)"
    assert not desk.child(QComboBox, "model").isEnabled()
    desk.press("cancel")
    desk.settle()
    filled = np.flatnonzero(desk.labels.any(axis=(1, 2)))
    assert 2 <= len(filled) < 6
    assert not bar.isVisible()
    assert desk.child(QPushButton, "propagate").isEnabled()


class Foreseen:
    seconds = 7200.0

    def __str__(self) -> str:
        return "1 object through 6 frames: about 2.0 h and 40 MB on cpu in bfloat16"


def test_the_time_is_shown_before_the_first_frame_is_there(desk):
    desk.click(*world(15, 20))
    desk.settle()
    desk.backend.foreseen, desk.backend.slow = Foreseen(), 0.3
    desk.press("propagate")
    bar = desk.child(QProgressBar, "progress")
    desk.qtbot.waitUntil(lambda: bar.text() == "0 of 6, 2.0 h left", timeout=10000)
    assert bar.toolTip() == str(Foreseen())
    desk.qtbot.waitUntil(lambda: bar.value() > 0, timeout=10000)
    assert " h left" not in bar.text()
    desk.press("cancel")
    desk.settle()


def test_the_slider_moves_while_frames_come(desk):
    desk.click(*world(15, 20))
    desk.settle()
    desk.backend.slow = 0.1
    desk.press("propagate")
    done_at_move = []
    while desk.control.propagation.running:
        desk.viewer.dims.set_current_step(0, len(done_at_move) % 6)
        done_at_move.append(desk.control.propagation.done)
        desk.qtbot.wait(5)
    # Moves of the slider came between frames, not before the first and after the last only.
    assert len({done for done in done_at_move if 0 < done < 6}) >= 2
    desk.settle()
    assert desk.labels.any(axis=(1, 2)).all()


def test_range_and_direction_of_the_form_are_used(desk):
    desk.viewer.dims.set_current_step(0, 2)
    desk.click(*world(17, 24))
    desk.settle()
    desk.child(QComboBox, "direction").setCurrentIndex(1)
    desk.child(QSpinBox, "last_frame").setValue(4)
    desk.press("propagate")
    desk.settle()
    assert set(np.flatnonzero(desk.labels.any(axis=(1, 2)))) == {2, 3, 4}


def test_every_control_has_its_name_and_every_key_its_control(desk):
    prompts = ("positive", "negative", "box", "object", "previous_object", "next_object", "new_object")
    frames = ("direction", "first_frame", "last_frame", "propagate", "cancel", "progress")
    for name in ("hint", "image", "frame_axis", "model", "device", *prompts, *frames):
        assert desk.widget.findChild(object, name) is not None, name
    for shortcut in SHORTCUTS:
        assert shortcut.key in desk.child(QAbstractButton, shortcut.control).toolTip()


def test_choices_show_what_there_is(desk):
    assert desk.child(QComboBox, "image").currentText() == "cells"
    assert desk.child(QComboBox, "frame_axis").currentText() == "axis 0: 6 frames"
    model = desk.child(QComboBox, "model")
    assert [model.itemData(row) for row in (0, 1)] == ["micro", "sam2.1_hiera_tiny"]
    assert model.count() == 10
    assert desk.child(QSpinBox, "last_frame").value() == 5


def test_an_image_added_and_chosen_in_the_list(desk, stack):
    desk.viewer.add_image(stack[:4, :40], name="other")
    image = desk.child(QComboBox, "image")
    desk.qtbot.waitUntil(lambda: image.count() == 2)
    image.setCurrentIndex(1)
    image.activated.emit(1)
    desk.qtbot.wait(50)
    assert desk.control.workspace.image.name == "other"
    assert desk.child(QSpinBox, "last_frame").maximum() == 3
    desk.viewer.layers["other"].name = "renamed"
    desk.qtbot.waitUntil(lambda: image.currentText() == "renamed")


def test_open_checkpoint_takes_a_file_and_a_cancelled_dialog_changes_nothing(desk, tmp_path, monkeypatch):
    model = desk.child(QComboBox, "model")
    file = str(tmp_path / "mine.pt")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: ("", ""))
    model.setCurrentIndex(model.count() - 1)
    model.activated.emit(model.count() - 1)
    assert model.currentData() == "micro"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: (file, ""))
    model.setCurrentIndex(model.count() - 1)
    model.activated.emit(model.count() - 1)
    desk.settle()
    assert desk.control.choice.model == file
    assert model.currentText() == "mine.pt"


def test_without_an_image_everything_says_what_to_do(make_napari_viewer_proxy, qtbot, backend, monkeypatch):
    desk = Desk(make_napari_viewer_proxy(show=True), qtbot, backend)
    assert "Open an image" in desk.child(QLabel, "hint").text()
    told = []
    monkeypatch.setattr("napari_sam2.ui.messages.notifications.show_warning", told.append)
    for name in ("propagate", "new_object", "negative", "box"):
        desk.press(name)
    assert len(told) == 4
    assert {"no image yet" in text for text in told} == {True}
    desk.viewer.add_image(np.zeros((4, 20, 20)))
    qtbot.waitUntil(lambda: desk.child(QLabel, "hint").text() == "Click a cell.")


def test_closing_the_dock_lets_go_of_keys_and_keeps_the_layers(desk, stack, disc):
    desk.click(*world(15, 20))
    desk.settle()
    before = desk.labels.copy()
    desk.viewer.window.remove_dock_widget(desk.widget)
    desk.qtbot.wait(100)
    for shortcut in SHORTCUTS:
        desk.viewer.bind_key(shortcut.key, lambda viewer: None)
        desk.viewer.bind_key(shortcut.key, None)
    assert {POINTS, BOXES, OBJECTS} <= {layer.name for layer in desk.viewer.layers}
    again = Desk(desk.viewer, desk.qtbot, desk.backend)
    assert len(desk.viewer.layers) == 4
    again.key(Qt.Key.Key_N)
    again.click(*world(40, 50))
    again.settle()
    np.testing.assert_array_equal(again.labels[0] == 1, before[0] == 1)
    np.testing.assert_array_equal(again.labels[0] == 2, disc(0, 1))


def test_keys_of_others_are_left_alone(make_napari_viewer_proxy, qtbot, backend):
    viewer = make_napari_viewer_proxy(show=True)
    pressed = []
    viewer.bind_key("N", lambda viewer: pressed.append("N"))
    desk = Desk(viewer, qtbot, backend)
    desk.key(Qt.Key.Key_N)
    assert pressed == ["N"]


def test_everyday_controls_fit_without_scrolling(desk):
    desk.viewer.window.resize(1280, 800)
    desk.qtbot.wait(100)
    assert desk.widget.minimumSizeHint().height() < 560
    assert desk.widget.width() < 420
    for name in ("image", "model", "new_object", "propagate", "cancel"):
        control = desk.widget.findChild(object, name)
        assert control.width() >= control.minimumSizeHint().width()
        assert desk.widget.rect().contains(control.geometry().center())


# Other ways to prompt ------------------------------------------------------------------------------------------------


def trace(desk, line, modifier=NONE) -> None:
    """Draw along a line of world positions with the button held."""
    desk.qtbot.mouseMove(desk.canvas, desk.place(*line[0]))
    desk.qtbot.mousePress(desk.canvas, LEFT, modifier, desk.place(*line[0]))
    for start, end in pairwise(line):
        for share in np.linspace(0, 1, 8)[1:]:
            point = np.array(start) + share * (np.array(end) - np.array(start))
            desk.qtbot.mouseMove(desk.canvas, desk.place(*point))
            desk.qtbot.wait(5)
    desk.qtbot.mouseRelease(desk.canvas, LEFT, modifier, desk.place(*line[-1]))
    # What was drawn is read after napari is through with it.
    desk.qtbot.wait(50)
    desk.settle()


def tool(desk, name) -> None:
    desk.qtbot.mouseClick(desk.child(QPushButton, name), LEFT)


def test_a_line_drawn_around_an_object_with_the_lasso_is_its_mask(desk):
    desk.key(Qt.Key.Key_H, SHIFT)
    desk.qtbot.wait(50)
    assert desk.child(QPushButton, "lasso").isChecked()
    assert "Draw a line around" in desk.child(QLabel, "hint").text()
    trace(desk, [world(10, 15), world(10, 27), world(21, 27), world(21, 15), world(11, 15)])
    mask = desk.control.workspace.document.prompt((), 1, 0).mask
    expected = np.zeros((60, 80), bool)
    expected[10:22, 15:28] = True
    assert (mask & expected).sum() / (mask | expected).sum() > 0.8
    np.testing.assert_array_equal(desk.labels[0] == 1, mask)
    assert list(desk.viewer.layers[BOXES].shape_type) == ["polygon"]
    # The layer still draws.
    desk.key(Qt.Key.Key_N)
    trace(desk, [world(34, 44), world(34, 56), world(46, 56), world(46, 44), world(35, 44)])
    assert (desk.labels[0] == 2).sum() > 80


def test_a_scribble_is_several_clicks_and_with_shift_negative_ones(desk):
    tool(desk, "scribble")
    trace(desk, [world(11, 20), world(20, 20)])
    assert desk.control.workspace.document.prompt((), 1, 0).labels == (1,)
    trace(desk, [world(30, 10), world(30, 40)], SHIFT)
    prompt = desk.control.workspace.document.prompt((), 1, 0)
    assert prompt.labels[:2] == (1, 0)
    assert len(set(prompt.labels[1:])) == 1
    np.testing.assert_allclose([y for y, _ in prompt.points[1:]], 30, atol=1.5)
    assert len(desk.viewer.layers[BOXES].data) == 0
    assert len(desk.viewer.layers[POINTS].data) == len(prompt.points)
    desk.key(Qt.Key.Key_Q)
    desk.click(*world(15, 20))
    assert desk.viewer.layers[POINTS].features["label"].iloc[-1] == "positive"


def test_painting_with_the_brush_holds_and_control_z_takes_the_stroke_back(desk, disc):
    desk.click(*world(15, 20))
    desk.settle()
    clicked = desk.control.workspace.document.prompt((), 1, 0)
    tool(desk, "paint")
    desk.viewer.layers[OBJECTS].brush_size = 6
    assert desk.viewer.layers[OBJECTS].selected_label == 1
    trace(desk, [world(15, 26), world(15, 36)])
    painted = desk.labels[0] == 1
    assert painted.sum() > disc(0).sum() + 20
    np.testing.assert_array_equal(desk.control.workspace.document.prompt((), 1, 0).mask, painted)
    assert list(desk.viewer.layers[POINTS].features["label"]) == ["mask"]
    desk.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.settle()
    assert desk.control.workspace.document.prompt((), 1, 0) == clicked
    np.testing.assert_array_equal(desk.labels[0] == 1, disc(0))
    assert list(desk.viewer.layers[POINTS].features["label"]) == ["positive"]


def test_control_z_takes_back_the_last_thing_while_the_brush_is_in_hand(desk, disc):
    control = Qt.KeyboardModifier.ControlModifier
    desk.click(*world(15, 20))
    desk.settle()
    tool(desk, "paint")
    trace(desk, [world(15, 26), world(15, 36)])
    painted = desk.labels[0].copy()
    desk.key(Qt.Key.Key_G)
    desk.settle()
    assert desk.labels[5].any()
    desk.key(Qt.Key.Key_Z, control)
    desk.settle()
    assert not desk.labels[5].any()
    np.testing.assert_array_equal(desk.labels[0], painted)
    desk.key(Qt.Key.Key_Z, control)
    desk.settle()
    np.testing.assert_array_equal(desk.labels[0] == 1, disc(0))
    desk.key(Qt.Key.Key_Z, control | SHIFT)
    desk.key(Qt.Key.Key_Z, control | SHIFT)
    desk.settle()
    np.testing.assert_array_equal(desk.labels[0], painted)
    assert desk.labels[5].any()


def test_control_z_takes_an_accepted_proposal_back_while_others_are_left(desk):
    tool(desk, "segment_frame")
    search = desk.control.prompting.proposals
    desk.qtbot.waitUntil(lambda: search.count == 2, timeout=10000)
    desk.qtbot.wait(50)
    desk.click(*world(40, 50))
    desk.settle()
    assert desk.labels.any()
    desk.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.settle()
    assert not desk.labels.any()
    assert not desk.control.workspace.document.has_prompts()


def test_the_key_takes_the_other_mask_of_an_ambiguous_click(desk, disc):
    desk.backend.ambiguous = True
    desk.click(*world(15, 20))
    desk.settle()
    np.testing.assert_array_equal(desk.labels[0] == 1, disc(0))
    assert "Shift-Q" in desk.child(QLabel, "hint").text()
    desk.key(Qt.Key.Key_Q, SHIFT)
    desk.settle()
    assert (desk.labels[0] == 1).sum() > 1.5 * disc(0).sum()
    desk.qtbot.mouseClick(desk.child(QPushButton, "other_mask"), LEFT)
    desk.settle()
    np.testing.assert_array_equal(desk.labels[0] == 1, disc(0))


def test_proposals_are_accepted_and_rejected_with_the_mouse(desk, disc):
    tool(desk, "segment_frame")
    search = desk.control.prompting.proposals
    desk.qtbot.waitUntil(lambda: search.count == 2, timeout=10000)
    desk.qtbot.wait(50)
    assert desk.child(QLabel, "proposals").text() == "2 proposals"
    desk.click(*world(15, 20), modifier=SHIFT)
    desk.qtbot.waitUntil(lambda: search.count == 1, timeout=5000)
    assert not desk.labels.any()
    desk.click(*world(40, 50))
    desk.settle()
    np.testing.assert_array_equal(desk.labels[0], 1 * disc(0, 1))
    assert "SAM 2 proposals" not in desk.viewer.layers
    assert not desk.child(QPushButton, "accept_all").isVisible()
    tool(desk, "segment_frame")
    desk.qtbot.waitUntil(lambda: search.count == 1, timeout=10000)
    desk.qtbot.wait(50)
    desk.press("accept_all")
    desk.settle()
    np.testing.assert_array_equal(desk.labels[0], 1 * disc(0, 1) + 2 * disc(0))


def test_proposals_take_keys_alone(desk, disc):
    search = desk.control.prompting.proposals
    desk.key(Qt.Key.Key_W, SHIFT)
    desk.qtbot.waitUntil(lambda: search.count == 2, timeout=10000)
    desk.viewer.dims.set_current_step(0, 3)
    desk.qtbot.wait(50)
    assert desk.child(QLabel, "proposals").text() == "2 proposals on frame 0"
    desk.viewer.dims.set_current_step(0, 0)
    desk.key(Qt.Key.Key_J, SHIFT)
    assert search.count == 0
    assert not desk.labels.any()
    desk.key(Qt.Key.Key_W, SHIFT)
    desk.qtbot.waitUntil(lambda: search.count == 2, timeout=10000)
    desk.key(Qt.Key.Key_K, SHIFT)
    desk.settle()
    np.testing.assert_array_equal(desk.labels[0], 1 * disc(0) + 2 * disc(0, 1))


def test_the_button_queues_while_frames_are_segmented_and_what_waits_can_be_dropped(desk, backend):
    desk.click(*world(15, 20))
    desk.settle()
    backend.gate.clear()
    button = desk.child(QPushButton, "propagate")
    assert button.text() == "Propagate (G)"
    desk.qtbot.mouseClick(button, LEFT)
    desk.qtbot.waitUntil(lambda: button.text() == "Queue (G)")
    desk.click(*world(40, 50))
    queued, drop = desk.child(QLabel, "queued"), desk.child(QPushButton, "drop_queued")
    assert not queued.isVisible()
    for _ in range(2):
        desk.qtbot.mouseClick(button, LEFT)
    desk.qtbot.waitUntil(lambda: queued.isVisible())
    assert queued.text() == "Then: frames 0–5"
    desk.qtbot.mouseClick(drop, LEFT)
    desk.qtbot.waitUntil(lambda: not queued.isVisible())
    pause = desk.child(QPushButton, "pause")
    desk.qtbot.mouseClick(pause, LEFT)
    desk.qtbot.waitUntil(lambda: pause.text() == "Resume")
    assert [each.text() for each in desk.widget.findChildren(QPushButton) if "Resume" in each.text()] == ["Resume"]
    assert button.text() == "Propagate (G)"
    assert button.toolTip() == "Go on with the frames [G]"
    assert pause.toolTip() == "Go on with the frames"
    backend.gate.set()
    desk.qtbot.mouseClick(button, LEFT)
    desk.settle()
    assert button.text() == "Propagate (G)"


def test_the_range_of_frames_stays_when_an_image_was_away_and_is_new_for_another_one(desk, stack):
    last = desk.widget.form.last_frame
    last.setValue(3)
    image = desk.control.workspace.image
    desk.viewer.layers.remove(image)
    desk.qtbot.waitUntil(lambda: desk.control.workspace is None)
    desk.viewer.add_image(stack, name=image.name)
    desk.qtbot.waitUntil(lambda: desk.control.workspace is not None)
    assert last.value() == 3
    desk.control.set_image(desk.viewer.add_image(stack, name="another"))
    assert last.value() == 5


def test_a_division_takes_a_key_a_click_and_a_propagation(desk, disc):
    desk.click(*world(15, 20))
    desk.settle()
    desk.key(Qt.Key.Key_G)
    desk.settle()
    desk.viewer.dims.set_current_step(0, 3)
    desk.click(*world(2, 60))  # the mouse is over the viewer; nothing is there, and that is taken back
    desk.settle()
    desk.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.settle()
    desk.key(Qt.Key.Key_N, SHIFT)
    desk.qtbot.waitUntil(lambda: "daughter of object 1" in desk.child(QLabel, "hint").text())
    document = desk.control.workspace.document
    assert document.parents == {2: (1,), 3: (1,)}
    assert document.current == 3
    desk.click(*world(43, 56))
    desk.settle()
    desk.key(Qt.Key.Key_G)
    desk.settle()
    for frame in range(6):
        labels = desk.labels[frame]
        np.testing.assert_array_equal(labels == (1 if frame < 3 else 2), disc(frame))
        np.testing.assert_array_equal(labels == 3, disc(frame, 1) if frame >= 3 else np.zeros((60, 80), bool))
    desk.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.settle()
    assert document.parents == {}
    np.testing.assert_array_equal(desk.labels[4] == 1, disc(4))


def test_a_division_on_the_first_frame_is_explained(desk, monkeypatch):
    told = []
    monkeypatch.setattr(desk.control, "_tell", lambda level, text: told.append(text))
    desk.click(*world(15, 20))
    desk.settle()
    desk.press("divide")
    assert told == ["A cell divides between two frames; go to the first frame with two cells."]
    assert desk.control.workspace.document.parents == {}


def test_the_whole_loop_with_mouse_and_keys(desk, backend, disc):
    """Choose a mask, propagate, accept, correct, propagate what the correction reaches, take back, make again."""
    control = Qt.KeyboardModifier.ControlModifier
    backend.ambiguous = True
    desk.click(*world(15, 20))
    desk.settle()
    for larger in (True, False):
        desk.key(Qt.Key.Key_Q, SHIFT)
        desk.settle()
        assert ((desk.labels[0] == 1).sum() > disc(0).sum()) == larger
    backend.ambiguous = False
    desk.key(Qt.Key.Key_G)
    desk.settle()
    np.testing.assert_array_equal(desk.labels == 1, [disc(frame) for frame in range(6)])
    desk.viewer.dims.set_current_step(0, 5)
    desk.key(Qt.Key.Key_U)
    desk.viewer.dims.set_current_step(0, 3)
    desk.click(*world(18, 29), modifier=SHIFT)
    desk.settle()
    assert desk.labels[3, 18, 29] == 0
    hint = desk.child(QLabel, "hint")
    desk.qtbot.waitUntil(lambda: "again does frames 1–4 of object 1" in hint.text())
    for first, frames in ((2, "2–4"), (0, "1–4")):
        desk.widget.form.first_frame.setValue(first)
        desk.qtbot.waitUntil(lambda frames=frames: f"again does frames {frames} of object 1" in hint.text())
    before, document = desk.labels.copy(), desk.control.workspace.document
    done = document.done(1)
    assert done == {0, 5}
    steps = backend.count("step")
    desk.key(Qt.Key.Key_G)
    desk.settle()
    assert document.done(1) == set(range(6))
    assert backend.count("step") < steps + 6, "nothing beyond the click and the accepted frame is asked for"
    np.testing.assert_array_equal(desk.labels[[0, 5]], before[[0, 5]])
    assert desk.labels[3, 18, 29] == 0
    after = desk.labels.copy()
    desk.key(Qt.Key.Key_Z, control)
    desk.settle()
    assert document.done(1) == done
    np.testing.assert_array_equal(desk.labels, before)
    desk.key(Qt.Key.Key_Z, control | SHIFT)
    desk.settle()
    np.testing.assert_array_equal(desk.labels, after)
    assert document.is_locked(1, 5)


def test_a_click_in_3d_is_taken_back_and_says_why(desk):
    told = []
    desk.control.workspaces.told.connect(lambda level, text: told.append(text))
    desk.click(*world(15, 20))
    desk.settle()
    desk.viewer.dims.ndisplay = 3
    desk.qtbot.wait(50)
    desk.click(*world(20, 30))
    desk.settle()
    assert len(desk.viewer.layers[POINTS].data) == 1
    assert "Switch back to 2-D" in told[0]
    desk.viewer.dims.ndisplay = 2
    desk.qtbot.wait(50)
    desk.viewer.layers[POINTS].add((0, 40, 50))
    assert len(desk.viewer.layers[POINTS].data) == 2
