"""Undo, accepting, pausing and sessions in the real widget: keys, buttons, dialogs, and what is on the screen."""

from pathlib import Path

import numpy as np
import pytest
from npe2 import PluginManifest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox, QPushButton, QWidget

import napari_sam2
from napari_sam2.session.autosave import sessions_folder
from napari_sam2.session.folder import open_folder
from napari_sam2.ui.widget import SegmentStackWidget

POINTS, OBJECTS = "SAM 2 points", "SAM 2 objects"
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


class Desk:
    def __init__(self, viewer, qtbot, backend) -> None:
        self.viewer, self.qtbot, self.backend = viewer, qtbot, backend
        self.widget = SegmentStackWidget(viewer, backend=backend)
        viewer.window.add_dock_widget(self.widget, name="Segment stack")
        self.canvas = viewer.__wrapped__.window._qt_viewer.canvas.native
        qtbot.wait(50)

    @property
    def control(self):
        return self.widget.controller

    @property
    def labels(self):
        return self.viewer.layers[OBJECTS].data

    def button(self, name) -> QPushButton:
        found = self.widget.findChild(QPushButton, name)
        assert found is not None, name
        return found

    def press(self, name) -> None:
        self.qtbot.waitUntil(self.button(name).isEnabled)
        self.qtbot.mouseClick(self.button(name), LEFT)

    def key(self, key, modifier=NONE) -> None:
        self.qtbot.keyClick(self.canvas, key, modifier)
        self.settle()

    def settle(self) -> None:
        control = self.control
        self.qtbot.waitUntil(
            lambda: (
                not (
                    control.previews.waiting
                    or (control.propagation.running and not control.propagation.paused)
                    or control.loading.busy
                    or control.keeping.busy
                )
            ),
            timeout=15000,
        )
        self.qtbot.wait(60)

    def click(self, *position) -> None:
        self.viewer.layers[POINTS].add(position)
        self.settle()

    def filled(self) -> list[int]:
        return np.flatnonzero(self.labels.any(axis=(1, 2))).tolist()


@pytest.fixture
def desk(make_napari_viewer_proxy, qtbot, backend, stack):
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1100, 750)
    viewer.add_image(stack, name="cells")
    desk = Desk(viewer, qtbot, backend)
    yield desk
    backend.gate.set()
    desk.control.close()


def test_control_z_takes_back_a_propagation_and_then_the_click(desk):
    assert not desk.button("undo").isEnabled()
    desk.click(0, 15, 20)
    assert "prompt of object 1 on frame 0" in desk.button("undo").toolTip()
    desk.press("propagate")
    desk.settle()
    desk.key(Qt.Key.Key_Z, CONTROL)
    assert desk.filled() == [0]
    desk.key(Qt.Key.Key_Z, CONTROL)
    assert desk.filled() == []
    assert len(desk.viewer.layers[POINTS].data) == 0
    desk.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    desk.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert desk.filled() == [0, 1, 2, 3, 4, 5]
    assert not desk.button("redo").isEnabled()


def test_u_accepts_the_frame_on_screen_and_the_button_shows_it(desk):
    desk.click(0, 15, 20)
    desk.press("propagate")
    desk.settle()
    desk.viewer.dims.set_current_step(0, 3)
    desk.key(Qt.Key.Key_U)
    assert desk.control.workspace.document.locked() == {(1, 3)}
    desk.qtbot.waitUntil(desk.button("accept").isChecked)
    desk.viewer.dims.set_current_step(0, 2)
    desk.qtbot.waitUntil(lambda: not desk.button("accept").isChecked())
    desk.key(Qt.Key.Key_U, SHIFT)
    desk.qtbot.waitUntil(desk.button("accept_frame").isChecked)
    desk.press("accept_frame")
    desk.settle()
    assert desk.control.workspace.document.locked() == {(1, 3)}


def test_pause_becomes_resume(desk):
    desk.click(0, 15, 20)
    desk.backend.slow = 0.1
    desk.press("propagate")
    desk.press("pause")
    desk.qtbot.waitUntil(lambda: desk.button("pause").text() == "Resume")
    desk.qtbot.wait(400)
    assert desk.filled() != [0, 1, 2, 3, 4, 5]
    assert "Paused" in desk.widget.form.progress.text()
    desk.press("pause")
    desk.qtbot.waitUntil(lambda: desk.filled() == [0, 1, 2, 3, 4, 5], timeout=10000)
    desk.qtbot.waitUntil(lambda: not desk.button("pause").isEnabled())
    assert desk.button("pause").text() == "Pause"


def test_a_session_is_saved_and_opened_from_the_menu(desk, tmp_path, monkeypatch):
    desk.click(0, 15, 20)
    desk.press("propagate")
    desk.settle()
    labels = desk.labels.copy()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "mine.sam2"), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(tmp_path / "mine.sam2"))
    monkeypatch.setattr(QMessageBox, "question", lambda *args: QMessageBox.StandardButton.No)
    menu = desk.widget.sessions
    menu.save_action.trigger()
    desk.settle()
    assert open_folder(tmp_path / "mine.sam2").done == {((), 1): frozenset(range(6))}
    desk.key(Qt.Key.Key_Z, CONTROL)
    assert desk.filled() == [0]
    menu.open_action.trigger()
    desk.settle()
    np.testing.assert_array_equal(desk.labels, labels)
    assert "Reopen" in menu.reopen.title()


def test_the_frames_to_fill_are_those_of_the_sessions_axis(desk, tmp_path, monkeypatch):
    """Which may be another one than is guessed for the same image."""
    form, control = desk.widget.form, desk.control
    data = np.random.default_rng(0).integers(0, 99, (6, 3, 40, 50)).astype(np.uint16)
    desk.viewer.layers.clear()
    desk.viewer.add_image(data, name="volumes")
    desk.settle()
    guessed = control.workspace.axes.frame
    other = 1 - guessed
    control.set_frame_axis(other)
    desk.settle()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "mine.sam2"), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(tmp_path / "mine.sam2"))
    desk.widget.sessions.save_action.trigger()
    desk.settle()
    control.set_frame_axis(guessed)
    desk.settle()
    assert form.last_frame.maximum() == data.shape[guessed] - 1
    desk.widget.sessions.open_action.trigger()
    desk.settle()
    assert control.workspace.axes.frame == other
    assert (form.first_frame.value(), form.last_frame.value()) == (0, data.shape[other] - 1)


def test_an_unfinished_session_is_offered_above_and_reopened_with_one_click(desk, make_napari_viewer_proxy, stack):
    desk.click(0, 15, 20)
    keeper = desk.control.keeping._keepers[desk.control.workspace]
    keeper.saver.flush()
    keeper.saver.close()  # as if the program had been killed
    other = make_napari_viewer_proxy(show=True)
    other.add_image(stack, name="cells")
    again = Desk(other, desk.qtbot, desk.backend)
    offer = again.widget.findChild(QWidget, "unfinished")
    desk.qtbot.waitUntil(offer.isVisible)
    assert "cells, 1 object" in offer.findChild(QWidget, "offer_text").text()
    again.press("reopen")
    desk.qtbot.waitUntil(lambda: not offer.isVisible())
    again.settle()
    assert again.filled() == [0]
    assert again.viewer.layers[POINTS].data.tolist() == [[0, 15, 20]]
    again.control.close()


def test_a_session_that_napari_has_read_becomes_a_session(desk, tmp_path, npe2pm):
    npe2pm.register(PluginManifest.from_file(Path(napari_sam2.__file__).with_name("napari.yaml")))
    desk.click(0, 15, 20)
    desk.control.save_session(tmp_path / "mine")
    desk.settle()
    desk.key(Qt.Key.Key_Z, CONTROL)
    assert desk.filled() == []
    desk.viewer.open(tmp_path / "mine", plugin="napari-sam2")
    desk.qtbot.waitUntil(lambda: desk.filled() == [0], timeout=10000)
    desk.settle()
    assert [layer.name for layer in desk.viewer.layers] == ["cells", OBJECTS, "SAM 2 boxes", POINTS]
    assert desk.viewer.layers[POINTS].data.tolist() == [[0, 15, 20]]


def drop(widget, path) -> bool:
    """Whether a file or folder that is dropped onto a widget is taken."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    taken = []
    for kind, at in ((QDragEnterEvent, QPoint(5, 5)), (QDropEvent, QPointF(5, 5))):
        event = kind(at, Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
        event.ignore()
        QApplication.sendEvent(widget, event)
        taken.append(event.isAccepted())
    return all(taken)


def test_a_session_folder_is_dropped_onto_the_widget_or_the_image(desk, tmp_path, monkeypatch):
    image = desk.viewer.__wrapped__.window._qt_viewer
    left_to_napari = []
    monkeypatch.setattr(type(image), "_qt_open", lambda viewer, paths, **how: left_to_napari.extend(paths))
    desk.click(0, 15, 20)
    desk.control.save_session(tmp_path / "mine")
    desk.settle()
    for target in (desk.widget, image):
        desk.labels[:] = 0
        assert drop(target, tmp_path / "mine")
        desk.qtbot.waitUntil(lambda: desk.filled() == [0], timeout=10000)
        desk.settle()
    assert not drop(desk.widget, tmp_path)
    assert left_to_napari == []
    drop(image, tmp_path)
    desk.viewer.window.remove_dock_widget(desk.widget)
    drop(image, tmp_path / "mine")
    assert left_to_napari == [str(tmp_path), str(tmp_path / "mine")]


def test_the_offer_and_all_everyday_controls_fit(desk):
    desk.viewer.window.resize(1280, 800)
    desk.qtbot.wait(100)
    for name in ("undo", "redo", "accept", "accept_frame", "pause", "session", "propagate", "cancel"):
        assert not desk.button(name).visibleRegion().isEmpty(), name
        assert desk.button(name).width() >= desk.button(name).minimumSizeHint().width() - 1, name


def test_sessions_are_kept_where_the_preferences_say(desk):
    desk.click(0, 15, 20)
    desk.control.keeping._keepers[desk.control.workspace].saver.flush()
    (folder,) = sessions_folder().iterdir()
    assert folder.name.startswith("cells-")
