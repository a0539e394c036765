"""The confidence strip: objects as rows, frames as columns, drawn as one picture of what is in view."""

from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPen, QPolygonF, QWheelEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_sam2.session.strip import DARK, Palette, Scale, fitted, levels, strip_image
from napari_sam2.ui.review_model import ReviewModel

_TICK_PIXELS = 60  # between two numbers of the ruler


class ConfidenceStrip(QWidget):
    """Paints, and tells where the mouse is; it goes nowhere by itself.

    Events:
        chosen(object id, frame): the user has clicked a cell; the id is 0 on the ruler.
        hovered(object id, frame, position): the mouse rests over a cell; the id is 0 elsewhere.
        scaled(): another part of the frames is shown.
        wheel_turned(event): the rows are to be scrolled.
        stepped(rows, frames): the user goes on from here by so many with the arrow keys.
    """

    chosen = Signal(int, int)
    hovered = Signal(int, int, QPoint)
    scaled = Signal()
    wheel_turned = Signal(object)
    stepped = Signal(int, int)

    def __init__(self, model: ReviewModel, row_height: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("confidence_strip")
        self._model = model
        self._row_height = row_height
        self.header = 24
        """Height of the ruler, the same as that of the table's header."""
        self.scroll = 0
        """How far the rows are scrolled, in pixels."""
        self.palette_colors: Palette = DARK
        self.scale = fitted(1, 1)
        self._hover: tuple[int, int] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumWidth(120)
        model.listed_changed.connect(self._on_changed)
        model.cells_changed.connect(self._on_changed)
        model.moved.connect(self._on_moved)
        model.opened.connect(self._on_opened)

    def close_down(self) -> None:
        """Follow the model no longer."""
        self._model.listed_changed.disconnect(self._on_changed)
        self._model.cells_changed.disconnect(self._on_changed)
        self._model.moved.disconnect(self._on_moved)
        self._model.opened.disconnect(self._on_opened)

    # Scale ------------------------------------------------------------------------------------------------------------

    def zoom(self, factor: float, x: float | None = None) -> None:
        """Show fewer frames, larger; around the current frame unless a place is given."""
        x = self.scale.x(self._model.frame + 0.5) if x is None else x
        self._set_scale(self.scale.zoomed(factor, min(max(x, 0.0), float(self.width()))))

    def move_to(self, first: float) -> None:
        """Let this be the first frame that is shown."""
        self._set_scale(self.scale.moved(first - self.scale.first))

    def show_all(self) -> None:
        """Show all frames."""
        self._set_scale(fitted(self.width(), max(1, self._model.review.frames)))

    def _set_scale(self, scale: Scale) -> None:
        if scale != self.scale:
            self.scale = scale
            self.update()
            self.scaled.emit()

    def _on_changed(self) -> None:
        self.update()

    def _on_opened(self) -> None:
        self._set_scale(self.scale.resized(max(1, self.width()), max(1, self._model.review.frames)))
        self.update()

    def _on_moved(self) -> None:
        """Keep the current frame in view."""
        frame = self._model.frame
        if self.scale.x(frame) < 0 or self.scale.x(frame + 1) > self.width() + 1:
            self.move_to(frame + 0.5 - self.width() / self.scale.per_frame / 2)
        self.update()

    def resizeEvent(self, event: Any) -> None:
        """Show the same frames in the new width."""
        super().resizeEvent(event)
        self._on_opened()

    # Painting ---------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: Any) -> None:
        """Draw what is in view: the cost does not depend on how many objects and frames there are."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(*self.palette_colors.background))
        first = self.scroll // self._row_height
        shown = self._model.ids[first : first + self.height() // self._row_height + 2]
        top = self.header + first * self._row_height - self.scroll
        painter.save()
        painter.setClipRect(0, self.header, self.width(), self.height() - self.header)
        if shown and self._model.review.frames:
            painter.drawImage(0, top, self._picture(shown))
            self._draw_lineage(painter, shown, top)
            self._draw_current_row(painter, shown, top)
        self._draw_frame(painter)
        self._draw_hover(painter)
        painter.restore()
        self._draw_ruler(painter)
        painter.end()

    def _picture(self, shown: list[int]) -> QImage:
        review, ratio = self._model.review, self.devicePixelRatioF()
        scale = Scale(
            self.scale.first, self.scale.per_frame * ratio, max(1, round(self.width() * ratio)), self.scale.frames
        )
        pixels = strip_image(
            levels(review.shown(shown), review.absent(shown)),
            review.prompted(shown),
            review.locked(shown),
            scale,
            round(self._row_height * ratio),
            self.palette_colors,
        )
        pixels = np.ascontiguousarray(pixels)
        height, width, _ = pixels.shape
        # The copy owns its pixels; the image itself only borrows those of the array.
        image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        image.setDevicePixelRatio(ratio)
        return image

    def _draw_lineage(self, painter: QPainter, shown: list[int], top: int) -> None:
        """A triangle where a daughter begins, one standing on its tip where a mother divides."""
        parents = self._model.review.parents
        mothers = {mother: child for child, own in parents.items() for mother in own}
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(*self.palette_colors.prompt_rim), 1))
        painter.setBrush(QColor(*self.palette_colors.prompt))
        for row, object_id in enumerate(shown):
            middle = top + (row + 0.5) * self._row_height - 1
            if object_id in parents:
                start = self._model.review.summary(object_id).first
                self._draw_triangle(painter, start, middle, 1)
            if object_id in mothers and mothers[object_id] in self._model.review.ids:
                self._draw_triangle(painter, self._model.review.summary(mothers[object_id]).first, middle, -1)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _draw_triangle(self, painter: QPainter, frame: int | None, middle: float, way: int) -> None:
        if frame is not None:
            x = self.scale.x(frame) + (1 if way > 0 else -1)
            corners = ((x, middle - 5), (x, middle + 5), (x + way * 6, middle))
            painter.drawPolygon(QPolygonF([QPointF(*corner) for corner in corners]))

    def _draw_current_row(self, painter: QPainter, shown: list[int], top: int) -> None:
        if self._model.current in shown:
            row = shown.index(self._model.current)
            painter.setPen(QPen(QColor(*self.palette_colors.lock), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(0, top + row * self._row_height - 1, self.width() - 1, self._row_height)

    def _draw_frame(self, painter: QPainter) -> None:
        """The current frame: a frame around its column, or a line where columns are narrow."""
        x, width = self.scale.x(self._model.frame), max(2.0, self.scale.per_frame)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(*self.palette_colors.prompt), 1))
        painter.drawRect(QRectF(round(x) - 0.5, self.header - 2, width, self.height() - self.header + 4))

    def _draw_hover(self, painter: QPainter) -> None:
        if self._hover is not None:
            row, frame = self._hover
            painter.setPen(QPen(QColor(*self.palette_colors.lock), 1, Qt.PenStyle.DotLine))
            y = self.header + row * self._row_height - self.scroll
            painter.drawRect(QRectF(self.scale.x(frame), y, max(2.0, self.scale.per_frame), self._row_height - 1))

    def _draw_ruler(self, painter: QPainter) -> None:
        colors, frames = self.palette_colors, self._model.review.frames
        painter.fillRect(0, 0, self.width(), self.header, QColor(*colors.row))
        if not frames:
            return
        step = _round_step(_TICK_PIXELS / self.scale.per_frame)
        painter.setPen(QColor(*colors.lock))
        first = int(self.scale.first) // step * step
        for frame in range(first, min(frames, int(self.scale.first + self.width() / self.scale.per_frame) + 1), step):
            x = self.scale.x(frame + 0.5)
            painter.drawLine(QPointF(x, self.header - 4), QPointF(x, self.header - 1))
            text = str(frame)
            width = painter.fontMetrics().horizontalAdvance(text)
            left = min(max(x - width / 2, 1.0), self.width() - width - 1.0)
            painter.drawText(QPointF(left, self.header - 8), text)
        self._draw_pointer(painter)

    def _draw_pointer(self, painter: QPainter) -> None:
        """The number of the current frame, in a box over its column."""
        text = str(self._model.frame)
        width = painter.fontMetrics().horizontalAdvance(text) + 8
        x = self.scale.x(self._model.frame + 0.5)
        box = QRectF(min(max(x - width / 2, 0.0), self.width() - width), 2, width, self.header - 5)
        painter.fillRect(box, QColor(*self.palette_colors.prompt))
        painter.setPen(QColor(*self.palette_colors.prompt_rim))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    # Mouse and keys ---------------------------------------------------------------------------------------------------

    def cell_at(self, position: QPointF) -> tuple[int, int] | None:
        """(row among the listed, frame) at a place, row -1 on the ruler; None where there is nothing."""
        frame = self.scale.frame(position.x())
        if frame is None or frame >= self._model.review.frames:
            return None
        if position.y() < self.header:
            return -1, frame
        row = int(position.y() - self.header + self.scroll) // self._row_height
        return (row, frame) if row < len(self._model.ids) else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to a cell; on the ruler, to a frame."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell what the mouse is over; with the button down on the ruler, go on."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            if event.position().y() < self.header:
                self._choose(event.position())
            return
        cell = self.cell_at(event.position())
        hover = cell if cell is not None and cell[0] >= 0 else None
        if hover != self._hover:
            self._hover = hover
            self.update()
        row, frame = hover or (-1, 0)
        self.hovered.emit(self._model.ids[row] if hover else 0, frame, event.globalPosition().toPoint())

    def leaveEvent(self, event: QEvent) -> None:
        """The mouse is elsewhere."""
        self._hover = None
        self.hovered.emit(0, 0, QPoint())
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the rows; with Ctrl zoom along the frames, with Shift or sideways move along them."""
        delta = event.angleDelta()
        sideways = delta.x() or (delta.y() if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 0)
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(1.25 ** (delta.y() / 120), event.position().x())
        elif sideways:
            self.move_to(self.scale.first - sideways / 120 * 60 / self.scale.per_frame)
        else:
            self.wheel_turned.emit(event)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows go from cell to cell, + and - zoom; all else belongs to the viewer."""
        keys = Qt.Key
        steps = {keys.Key_Left: (0, -1), keys.Key_Right: (0, 1), keys.Key_Up: (-1, 0), keys.Key_Down: (1, 0)}
        if event.key() in steps:
            self.stepped.emit(*steps[event.key()])
        elif event.key() in (keys.Key_Plus, keys.Key_Equal):
            self.zoom(1.5)
        elif event.key() == keys.Key_Minus:
            self.zoom(1 / 1.5)
        else:
            event.ignore()

    def _choose(self, position: QPointF) -> None:
        cell = self.cell_at(position)
        if cell is not None:
            row, frame = cell
            self.chosen.emit(self._model.ids[row] if row >= 0 else 0, frame)


def _round_step(at_least: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, ... that is not less."""
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power >= at_least:
                return step * power
        power *= 10
