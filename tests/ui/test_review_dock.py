"""The review dock in a real viewer: mouse and key events of Qt, and what is on the screen."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QWheelEvent
from qtpy.QtWidgets import QApplication, QComboBox, QLineEdit, QPushButton, QScrollBar

from napari_sam2.session.scores import Score
from napari_sam2.session.strip import DARK
from napari_sam2.ui.review_dock import ReviewDock
from napari_sam2.ui.review_table import COLUMNS
from napari_sam2.ui.widget import SegmentStackWidget

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


class Desk:
    """Two cells carried through six frames, and the review open below."""

    def __init__(self, viewer, qtbot, backend) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        self.widget = SegmentStackWidget(viewer, backend=backend)
        viewer.window.add_dock_widget(self.widget, name="Segment stack")
        self.canvas = viewer.__wrapped__.window._qt_viewer.canvas.native

    @property
    def review(self) -> ReviewDock:
        return self.widget.review.review

    @property
    def document(self):
        return self.widget.controller.workspace.document

    @property
    def labels(self):
        return self.viewer.layers["SAM 2 objects"].data

    @property
    def frame(self) -> int:
        return self.viewer.dims.current_step[0]

    def settle(self) -> None:
        control = self.widget.controller
        self.qtbot.waitUntil(
            lambda: not (control.previews.waiting or control.propagation.running or control.loading.busy), timeout=15000
        )
        self.qtbot.wait(50)
        if self.review is not None:
            self.qtbot.waitUntil(lambda: not self.review.model.measuring.busy, timeout=15000)
        self.qtbot.wait(200)

    def child(self, kind, name):
        found = self.review.findChild(kind, name)
        assert found is not None, name
        return found

    def press(self, name) -> None:
        button = self.child(QPushButton, name)
        assert button.isEnabled(), name
        self.qtbot.mouseClick(button, LEFT)
        self.qtbot.wait(30)

    def cell(self, object_id, frame) -> QPoint:
        """Where a cell of the strip is."""
        strip, row = self.review.strip, self.review.model.ids.index(object_id)
        return QPoint(round(strip.scale.x(frame + 0.5)), strip.header + row * 19 - strip.scroll + 9)

    def click_cell(self, object_id, frame) -> None:
        self.qtbot.mouseClick(self.review.strip, LEFT, NONE, self.cell(object_id, frame))
        self.qtbot.wait(30)

    def table_place(self, object_id, column) -> QPoint:
        table = self.review.table
        index = table.rows.index(self.review.model.ids.index(object_id), COLUMNS.index(column))
        return table.visualRect(index).center()

    def click_row(self, object_id, column="name", modifier=NONE) -> None:
        viewport = self.review.table.viewport()
        self.qtbot.mouseClick(viewport, LEFT, modifier, self.table_place(object_id, column))
        self.qtbot.wait(30)

    def edit(self, object_id, column, text) -> None:
        """Double-click a cell of the table, type, Enter."""
        viewport = self.review.table.viewport()
        place = self.table_place(object_id, column)
        self.qtbot.mouseClick(viewport, LEFT, NONE, place)
        self.qtbot.mouseDClick(viewport, LEFT, NONE, place)
        editor = viewport.findChild(QLineEdit)
        assert editor is not None
        editor.selectAll()
        self.qtbot.keyClicks(editor, text)
        self.qtbot.keyClick(editor, Qt.Key.Key_Return)
        self.qtbot.wait(50)

    def doubt(self, object_id, frame) -> None:
        self.document.scores.put((), frame, {object_id: Score(6.0, 0.72, 100)})
        self.settle()


@pytest.fixture
def desk(make_napari_viewer_proxy, qtbot, backend, stack):
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1280, 800)
    viewer.add_image(stack, name="cells")
    viewer.dims.set_current_step(0, 0)
    desk = Desk(viewer, qtbot, backend)
    points = viewer.layers["SAM 2 points"]
    points.add((0, 15, 20))
    desk.widget.controller.new_object()
    points.add((0, 40, 50))
    desk.settle()
    desk.widget.controller.propagate("both", 0, 5)
    desk.settle()
    yield desk
    backend.gate.set()


def pixel(desk, place) -> tuple[int, int, int]:
    """Colour of a pixel of the strip."""
    color = QColor(desk.review.strip.grab().toImage().pixel(place))
    return color.red(), color.green(), color.blue()


def test_it_opens_by_itself_leaves_room_for_the_image_and_follows_the_theme(desk):
    assert desk.review is not None
    assert desk.review.model.ids == [1, 2]
    assert desk.review.isVisible()
    assert desk.review.height() <= 200
    assert desk.canvas.height() > 450
    table = desk.review.table.rows
    row = [table.data(table.index(0, column)) for column in range(len(COLUMNS))]
    assert row[1:6] == [1, "object 1", "6", "0", "5"]

    dark = desk.review.strip.palette_colors
    desk.viewer.theme = "light"
    light = desk.review.strip.palette_colors
    assert sum(light.background) > sum(dark.background) + 300
    desk.viewer.theme = "dark"
    assert desk.review.strip.palette_colors == dark


def test_mouse_and_arrows_in_the_strip_go_to_frame_and_object(desk):
    assert desk.document.current == 2
    desk.click_cell(1, 4)
    assert (desk.document.current, desk.frame) == (1, 4)
    assert desk.review.table.selected == [1]
    desk.click_cell(2, 0)
    assert (desk.document.current, desk.frame) == (2, 0)

    desk.click_cell(1, 2)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Down):
        desk.qtbot.keyClick(desk.review.strip, key)
    assert (desk.document.current, desk.frame) == (2, 3)

    desk.viewer.dims.set_current_step(0, 3)
    center = desk.viewer.scene.camera.center
    desk.widget.controller.step_object(-1)
    desk.qtbot.wait(30)
    assert desk.review.table.selected == [1]
    assert desk.frame == 3
    assert desk.viewer.scene.camera.center == center

    for place in (desk.review.table, desk.review.strip):
        place.setFocus()
        desk.document.select(2)
        desk.qtbot.keyClick(place, Qt.Key.Key_J)
        assert desk.document.current == 1


def test_the_ruler_turns_frames_and_follows_the_slider(desk):
    strip = desk.review.strip
    desk.qtbot.mouseClick(strip, LEFT, NONE, QPoint(round(strip.scale.x(3.5)), 8))
    assert (desk.document.current, desk.frame) == (2, 3)
    before = strip.grab().toImage()
    desk.viewer.dims.set_current_step(0, 5)
    desk.qtbot.wait(30)
    after = strip.grab().toImage()
    white = QColor(*strip.palette_colors.prompt)
    edge = QPoint(round(strip.scale.x(5)), strip.height() - 20)
    assert any(QColor(after.pixel(edge + QPoint(dx, 0))) == white for dx in (-1, 0, 1))
    assert not any(QColor(before.pixel(edge + QPoint(dx, 0))) == white for dx in (-1, 0, 1))


def test_keys_go_to_doubtful_places_with_the_viewer_or_the_table_in_focus(desk):
    desk.doubt(1, 2)
    desk.doubt(2, 4)
    desk.document.select(1)
    desk.qtbot.keyClick(desk.canvas, Qt.Key.Key_Period)
    assert (desk.document.current, desk.frame) == (1, 2)
    desk.qtbot.keyClick(desk.review.table, Qt.Key.Key_Period)
    assert (desk.document.current, desk.frame) == (2, 4)
    desk.qtbot.keyClick(desk.review.strip, Qt.Key.Key_Comma)
    assert (desk.document.current, desk.frame) == (1, 2)
    desk.press("next_doubtful")
    assert (desk.document.current, desk.frame) == (2, 4)


def test_doubt_is_seen_filtered_and_sorted(desk):
    sure = pixel(desk, desk.cell(1, 3) - QPoint(0, 5))
    assert sure == DARK.sure
    desk.doubt(1, 3)
    assert pixel(desk, desk.cell(1, 3) - QPoint(0, 5))[0] > 200
    assert "1 doubtful" in desk.review.count.text()

    desk.document.scores.put((), 3, {1: Score(6.0, 0.94, 100)})
    desk.doubt(2, 3)
    filters = desk.child(QComboBox, "filter")
    filters.setCurrentIndex(filters.findData("doubtful"))
    assert desk.review.model.ids == [2]
    filters.setCurrentIndex(0)
    desk.qtbot.keyClicks(desk.child(QLineEdit, "name_filter"), "object 1")
    assert desk.review.model.ids == [1]
    desk.child(QLineEdit, "name_filter").clear()
    header = desk.review.table.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(COLUMNS.index("worst")) + 10, 8)
    desk.qtbot.mouseClick(header.viewport(), LEFT, NONE, place)
    assert desk.review.model.ids == [2, 1]
    desk.qtbot.mouseClick(header.viewport(), LEFT, NONE, place)
    assert desk.review.model.ids == [1, 2]


def test_selecting_a_row_goes_to_the_object(desk):
    desk.viewer.dims.set_current_step(0, 5)
    desk.document.masks.relabel({1: 0}, first=3)
    desk.settle()
    desk.click_row(1)
    assert (desk.document.current, desk.frame) == (1, 2)
    np.testing.assert_allclose(desk.viewer.scene.camera.center[-2:], (17, 24), atol=1)


def test_names_ids_and_ticks_are_edited_in_place(desk):
    desk.edit(1, "name", "mother")
    assert desk.document.name(1) == "mother"
    table = desk.review.table.rows
    assert table.data(table.index(0, COLUMNS.index("name"))) == "mother"
    names = desk.widget.findChild(QComboBox, "object")
    desk.qtbot.waitUntil(lambda: names.itemText(0) == "mother")

    desk.click_row(1, "shown")
    assert desk.viewer.layers["SAM 2 objects"].get_color(1)[3] == 0
    desk.click_row(1, "shown")
    assert desk.viewer.layers["SAM 2 objects"].get_color(1)[3] == 1
    desk.click_row(2, "locked")
    desk.settle()
    assert {key[0] for key in desk.document.locked()} == {2}
    assert pixel(desk, desk.cell(2, 3) + QPoint(0, 7)) == DARK.lock

    desk.edit(2, "id", "7")
    desk.settle()
    assert desk.review.model.ids == [1, 7]
    assert set(np.unique(desk.labels)) == {0, 1, 7}


def test_several_rows_are_merged_and_deleted(desk):
    before = desk.labels.copy()
    desk.click_row(1)
    desk.click_row(2, modifier=CTRL)
    assert desk.review.table.selected == [1, 2]
    desk.press("merge")
    desk.settle()
    assert len(desk.review.model.ids) == 1
    assert len(np.unique(desk.labels)) == 2
    desk.document.undo()
    desk.settle()
    np.testing.assert_array_equal(desk.labels, before)
    desk.click_row(1)
    desk.qtbot.keyClick(desk.review.table, Qt.Key.Key_Delete)
    desk.settle()
    assert desk.review.model.ids == [2]
    assert not (desk.labels == 1).any()
    desk.qtbot.keyClick(desk.review.table, Qt.Key.Key_Z, CTRL)
    desk.settle()
    np.testing.assert_array_equal(desk.labels, before)
    assert desk.review.model.ids == [1, 2]


def test_split_at_this_frame_marks_the_daughter(desk):
    desk.click_cell(1, 3)
    desk.press("split")
    desk.settle()
    new = desk.review.model.ids[-1]
    assert [desk.review.model.review.summary(i).frames for i in (1, new)] == [3, 3]
    place = QPoint(round(desk.review.strip.scale.x(3)) + 3, desk.cell(new, 3).y())
    assert pixel(desk, place) == DARK.prompt


def test_hovering_shows_figures_and_a_picture(desk):
    strip, popup = desk.review.strip, desk.review.popup
    desk.qtbot.mouseMove(strip, desk.cell(1, 2) - QPoint(3, 0))
    desk.qtbot.mouseMove(strip, desk.cell(1, 2))
    desk.qtbot.waitUntil(popup.isVisible)
    assert "<b>object 1</b>, frame 2" in popup.text.text()
    assert f"area {(desk.labels[2] == 1).sum()} px" in popup.text.text()
    desk.qtbot.waitUntil(popup.picture.isVisible)
    image = popup.picture.pixmap().toImage()
    color = desk.review.actions_.visibility.color(1)
    pixels = {QColor(image.pixel(x, y)).getRgb()[:3] for x in range(image.width()) for y in range(0, image.height(), 2)}
    assert color in pixels
    desk.qtbot.mouseMove(strip, QPoint(10, 3))
    desk.qtbot.waitUntil(lambda: not popup.isVisible())


def wheel(widget, place, delta, modifier=NONE) -> None:
    position = QPointF(place)
    event = QWheelEvent(
        position, widget.mapToGlobal(position), QPoint(), QPoint(0, delta), Qt.MouseButton.NoButton, modifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)


def open_long_stack(desk) -> None:
    """Turn to a stack of 300 frames with some objects."""
    desk.viewer.add_image(np.zeros((300, 20, 20), np.uint8), name="long")
    desk.widget.controller.set_image(desk.viewer.layers["long"])
    desk.document.ensure(range(1, 60))
    desk.settle()


def test_zoom_along_the_frames_with_wheel_and_scroll_bar(desk):
    open_long_stack(desk)
    strip, bar = desk.review.strip, desk.child(QScrollBar, "frames_shown")
    assert not bar.isVisible()
    place = desk.cell(1, 140)
    for _ in range(3):
        wheel(strip, place, 120, CTRL)
    desk.qtbot.wait(50)
    assert bar.isVisible()
    assert strip.cell_at(QPointF(place)) == (0, 140)
    first = strip.scale.first
    wheel(strip, place, 120, SHIFT)
    assert strip.scale.first < first
    bar.setValue(0)
    assert strip.scale.first == 0
    desk.press("zoom_fit")
    assert not bar.isVisible()


def test_rows_of_table_and_strip_stay_in_line(desk):
    open_long_stack(desk)
    table, strip = desk.review.table, desk.review.strip
    assert table.verticalScrollBar().maximum() > 0
    for zoomed in (False, True):
        if zoomed:
            strip.zoom(3, 0)
            desk.qtbot.wait(50)
        for _ in range(4):
            wheel(strip, QPoint(50, 60), -120)
            for y in range(0, table.viewport().height(), 7):
                left = table.viewport().mapTo(desk.review, QPoint(5, y))
                right = strip.mapFrom(desk.review, left)
                row, _ = strip.cell_at(QPointF(20, right.y()))
                assert row == table.rowAt(y)


def test_closed_it_lets_go_and_opens_again(desk):
    review = desk.review
    desk.click_row(1, "shown")
    desk.viewer.window.remove_dock_widget(review)
    desk.qtbot.wait(100)
    assert not review.open
    assert desk.viewer.layers["SAM 2 objects"].get_color(1)[3] == 1
    for key in (".", ","):
        desk.viewer.bind_key(key, lambda viewer: None)
        desk.viewer.bind_key(key, None)
    desk.widget.controller.propagate("both", 0, 5)
    desk.settle()
    assert not desk.review.open
    desk.qtbot.mouseClick(desk.widget.findChild(QPushButton, "review"), LEFT)
    desk.settle()
    assert desk.review is not review
    assert desk.review.model.ids == [1, 2]
    desk.click_cell(1, 4)
    assert desk.frame == 4


def test_closing_the_widget_closes_the_review_down(desk):
    review = desk.review
    desk.viewer.window.remove_dock_widget(desk.widget)
    desk.qtbot.wait(100)
    assert not review.open
    assert not review.isVisible()
    assert "Review" not in desk.viewer.window.dock_widgets


def test_the_hint_names_the_doubtful_places_and_the_question_mark_the_keys(desk):
    assert "Look through" in desk.widget.form.hint.text()
    desk.doubt(1, 3)
    desk.qtbot.waitUntil(lambda: "1 doubtful place: press ." in desk.widget.form.hint.text())
    desk.qtbot.mouseClick(desk.widget.form.keys, LEFT)
    page = QApplication.activePopupWidget()
    assert page.objectName() == "key_reference"
    desk.qtbot.keyClick(page, Qt.Key.Key_Escape)
    assert QApplication.activePopupWidget() is None
