"""The dock "Review" under the image: the objects table and the confidence strip, in the same rows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor, QWheelEvent
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollBar,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_sam2.session.strip import DARK, LIGHT, Palette
from napari_sam2.ui.controller import Controller
from napari_sam2.ui.controls import tab_stop
from napari_sam2.ui.keys import REVIEW_SHORTCUTS, KeyBindings, key_of
from napari_sam2.ui.loop import QtLoop
from napari_sam2.ui.review_actions import ReviewActions
from napari_sam2.ui.review_legend import Legend
from napari_sam2.ui.review_model import ReviewModel
from napari_sam2.ui.review_popup import CellPopup
from napari_sam2.ui.review_strip import ConfidenceStrip
from napari_sam2.ui.review_table import ROW_HEIGHT, ObjectsTable
from napari_sam2.ui.review_words import count_text

HEADER_HEIGHT = 24
HEIGHT = 190
"""Of the dock when it opens, in pixels."""

_FILTERS = (
    ("All objects", "all", "Every object"),
    ("Doubtful", "doubtful", "Objects with a frame that deserves a look"),
    ("Absent", "absent", "Objects that are not found on some frame"),
    ("Not accepted", "unlocked", "Objects with frames that are not accepted"),
)


class ReviewDock(QWidget):
    """See where the model is unsure, go there, correct, accept."""

    def __init__(self, viewer: Any, controller: Controller, loop: QtLoop) -> None:
        """
        Args:
            viewer: the viewer of the controller.
            controller: what the widget "Segment stack" works with.
            loop: its event loop.
        """
        super().__init__()
        self.setObjectName("review")
        self._viewer = viewer
        self._loop = loop
        self._open = True
        self.model = ReviewModel(viewer, controller, loop)
        self.actions_ = ReviewActions(self.model)
        self.table = ObjectsTable(self.model, self.actions_)
        self.strip = ConfidenceStrip(self.model, ROW_HEIGHT)
        self.popup = CellPopup(self.model, self._color, self.strip)
        self._make_controls()
        self._lay_out()
        self._connect()
        self._keys = KeyBindings(viewer, self._key_actions(), REVIEW_SHORTCUTS)
        self._on_theme()
        self._render()
        self.table.follow()

    def sizeHint(self) -> QSize:
        """A few rows: the image needs the room."""
        return QSize(700, HEIGHT)

    def minimumSizeHint(self) -> QSize:
        """Two rows."""
        return QSize(300, 100)

    def showEvent(self, event: Any) -> None:
        """Style sheets are in force from here on; they decide how thick the frame of the table is."""
        super().showEvent(event)
        self._align()

    def _align(self) -> None:
        """Let the rows of the strip begin where those of the table do."""
        self.strip.header = HEADER_HEIGHT + self.table.frameWidth()
        self.strip.update()

    def hideEvent(self, event: Any) -> None:
        """Let go of the viewer when the dock was closed, not when it is only behind another tab."""
        super().hideEvent(event)
        self.popup.hide()
        self._loop.post(self._settle_hidden)

    @property
    def open(self) -> bool:
        """Whether it still follows the viewer."""
        return self._open

    def close_down(self) -> None:
        """Let go of everything. Twice does no harm."""
        if self._open:
            self._open = False
            self._keys.release()
            self._viewer.events.theme.disconnect(self._on_theme)
            self.table.close_down()
            self.strip.close_down()
            self.actions_.close()
            self.model.close()

    def _settle_hidden(self) -> None:
        if self.parent() is None and not self.isVisible():
            self.close_down()

    def _key_actions(self) -> dict[str, Callable[[], None]]:
        return {
            "next_doubtful": lambda: self.actions_.next_doubtful(1),
            "previous_doubtful": lambda: self.actions_.next_doubtful(-1),
        }

    # The controls -----------------------------------------------------------------------------------------------------

    def _make_controls(self) -> None:
        self.filter = tab_stop(QComboBox(), "filter", "Which objects are listed")
        for row, (text, data, tip) in enumerate(_FILTERS):
            self.filter.addItem(text, data)
            self.filter.setItemData(row, tip, Qt.ItemDataRole.ToolTipRole)
        self.name_filter = QLineEdit()
        self.name_filter.setObjectName("name_filter")
        self.name_filter.setPlaceholderText("Name or id")
        self.name_filter.setClearButtonEnabled(True)
        self.name_filter.setMaximumWidth(110)
        self.name_filter.setMinimumWidth(80)
        self.name_filter.setToolTip("List objects whose name contains this, or the one with this id")
        self.previous_doubtful = _button("previous_doubtful", "◀", "Go to the doubtful place before")
        self.next_doubtful = _button("next_doubtful", "Next doubtful ▶", "Go to the next place that deserves a look")
        self.count = QLabel()
        self.count.setObjectName("count")
        self.legend = Legend()
        self.merge = _button("merge", "Merge", "Let the selected objects be one. Ctrl-click selects several.")
        self.split = _button("split", "Split", "Let the current object be a new one from this frame on")
        self.delete = _button("delete", "Delete", "Take the selected objects away, with prompts and masks")
        self.zoom_out = _button("zoom_out", "−", "Show more frames. Ctrl-wheel over the strip does the same.")
        self.zoom_in = _button("zoom_in", "+", "Show fewer frames, larger. Ctrl-wheel over the strip does the same.")
        self.zoom_fit = _button("zoom_fit", "Fit", "Show all frames")
        self.frames = QScrollBar(Qt.Orientation.Horizontal)
        self.frames.setObjectName("frames_shown")

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(0, 0, 0, 0)
        bar.setSpacing(5)
        for widget in (self.filter, self.name_filter, self.previous_doubtful, self.next_doubtful, self.count):
            bar.addWidget(widget)
        bar.addStretch(1)
        bar.addWidget(self.legend)
        bar.addStretch(1)
        for widget in (self.merge, self.split, self.delete, self.zoom_out, self.zoom_fit, self.zoom_in):
            bar.addWidget(widget)
        self.table.horizontalHeader().setFixedHeight(HEADER_HEIGHT)
        self._below_table = QWidget()
        for widget in (self.frames, self._below_table):
            widget.hide()
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setObjectName("review_splitter")
        self.splitter.addWidget(_column(self.table, self._below_table))
        self.splitter.addWidget(_column(self.strip, self.frames))
        self.splitter.setStretchFactor(0, 0)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([425, 600])
        self.splitter.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(4)
        column.addLayout(bar)
        column.addWidget(self.splitter, 1)

    def _connect(self) -> None:
        actions = {
            **self._key_actions(),
            "merge": lambda: self.actions_.merge(self.table.selected),
            "split": self._split,
            "delete": lambda: self.actions_.delete(self.table.selected),
            "zoom_out": lambda: self.strip.zoom(1 / 1.6),
            "zoom_in": lambda: self.strip.zoom(1.6),
            "zoom_fit": self.strip.show_all,
        }
        for name, action in actions.items():
            getattr(self, name).clicked.connect(lambda *_, action=action: action())
        self.filter.currentIndexChanged.connect(self._on_filter)
        self.name_filter.textChanged.connect(self._on_filter)
        self.table.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self.frames.valueChanged.connect(lambda value: self.strip.move_to(value / 100))
        self.strip.chosen.connect(self._on_chosen)
        self.strip.stepped.connect(self._on_stepped)
        self.strip.wheel_turned.connect(self._on_wheel)
        self.strip.scaled.connect(self._render_frames)
        self.strip.hovered.connect(self.popup.hover)
        self._viewer.events.theme.connect(self._on_theme)
        self.model.listed_changed.connect(self._render)
        self.model.cells_changed.connect(self._render)

    # What the user does -----------------------------------------------------------------------------------------------

    def _on_filter(self, *args: Any) -> None:
        self.model.filter(self.filter.currentData(), self.name_filter.text())

    def _on_scrolled(self, value: int) -> None:
        self.strip.scroll = value
        self.strip.update()

    def _on_wheel(self, event: QWheelEvent) -> None:
        bar = self.table.verticalScrollBar()
        bar.setValue(bar.value() - round(event.angleDelta().y() / 120 * 2 * ROW_HEIGHT))

    def _on_chosen(self, object_id: int, frame: int) -> None:
        if object_id:
            self.actions_.go_to(object_id, frame)
        else:
            self.actions_.turn_to(frame)

    def _on_stepped(self, rows: int, frames: int) -> None:
        ids, current = self.model.ids, self.model.current
        if not ids or current is None:
            return
        row = ids.index(current) if current in ids else 0
        row = min(max(row + rows, 0), len(ids) - 1)
        self.actions_.go_to(ids[row], min(max(self.model.frame + frames, 0), self.model.review.frames - 1))

    def _split(self) -> None:
        if self.model.current is not None:
            self.actions_.split(self.model.current)

    # Showing the state ------------------------------------------------------------------------------------------------

    def _render(self) -> None:
        self.count.setText(count_text(len(self.model.places), len(self.model.ids), len(self.model.review.ids)))
        for button in (self.previous_doubtful, self.next_doubtful):
            button.setEnabled(bool(self.model.places))
        self._render_frames()

    def _render_frames(self) -> None:
        """Let the scroll bar under the strip say which frames are shown; it counts hundredths of frames."""
        scale = self.strip.scale
        seen = scale.width / scale.per_frame
        zoomed = seen < scale.frames * 0.999
        self.frames.blockSignals(True)
        self.frames.setRange(0, max(0, round(100 * (scale.frames - seen))))
        self.frames.setPageStep(max(1, round(100 * seen)))
        self.frames.setSingleStep(max(1, round(10 * seen)))
        self.frames.setValue(round(100 * scale.first))
        self.frames.blockSignals(False)
        if zoomed != self.frames.isVisibleTo(self):
            self.frames.setVisible(zoomed)
            self._below_table.setVisible(zoomed)
            self._loop.post(self.table.show_current)
        self._below_table.setFixedHeight(self.frames.sizeHint().height())
        self.zoom_fit.setEnabled(zoomed)
        self.zoom_out.setEnabled(zoomed)

    def _on_theme(self, event: Any = None) -> None:
        palette = palette_of(str(self._viewer.theme))
        self.strip.palette_colors = self.legend.palette_colors = palette
        self.table.rows.doubt_color = QColor(*palette.poor)
        self.update()
        self._align()

    def _color(self, object_id: int) -> tuple[int, int, int]:
        return self.actions_.visibility.color(object_id) or self.model.color(object_id)


def palette_of(theme_name: str) -> Palette:
    """The colours of the strip in a theme of napari."""
    theme = get_theme(theme_name)
    background, row = theme.background.as_rgb_tuple()[:3], theme.foreground.as_rgb_tuple()[:3]
    dark = sum(background) < 3 * 128
    return replace(DARK if dark else LIGHT, background=background, row=row)


def _button(name: str, text: str, tip: str) -> QPushButton:
    return tab_stop(QPushButton(text), name, tip, key_of(name))


def _column(*widgets: QWidget) -> QWidget:
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    for widget in widgets:
        column.addWidget(widget)
    return box
