"""What appears while the mouse rests over a cell of the strip: a picture of the object there, and figures."""

from collections.abc import Callable
from functools import partial
from html import escape

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from napari_sam2.session.places import frame_text
from napari_sam2.session.thumbnail import part_around, thumbnail
from napari_sam2.ui.review_model import ReviewModel
from napari_sam2.ui.review_words import figures, headline

_REST_MILLISECONDS = 120
_OFFSET = QPoint(14, 14)


def _limits(image: Image) -> tuple[float, float]:
    """What is black and what is white in an image."""
    if image.rgb:
        return 0.0, float(np.iinfo(image.dtype).max) if np.issubdtype(image.dtype, np.integer) else 1.0
    low, high = image.contrast_limits
    return float(low), float(high)


class CellPopup(QFrame):
    """Shows itself beside the mouse. The picture is read on another thread and comes a little after the figures."""

    def __init__(self, model: ReviewModel, color: Callable[[int], tuple[int, int, int]], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.ToolTip)
        self.setObjectName("cell_popup")
        self._model = model
        self._color = color
        self._cell = (0, 0)
        self._position = QPoint()
        self.picture = QLabel()
        self.picture.setObjectName("cell_picture")
        self.text = QLabel()
        self.text.setObjectName("cell_text")
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 6, 8, 6)
        row.addWidget(self.picture)
        row.addWidget(self.text, 1)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST_MILLISECONDS)
        self._timer.timeout.connect(self._show)

    def hover(self, object_id: int, frame: int, position: QPoint) -> None:
        """The mouse is over a cell; over none with id 0."""
        self._position = position
        if not object_id:
            self._cell = (0, 0)
            self._timer.stop()
            self.hide()
        elif (object_id, frame) != self._cell:
            self._cell = (object_id, frame)
            self._timer.start()
        elif self.isVisible():
            self._place()

    def _show(self) -> None:
        object_id, frame = self._cell
        if object_id not in self._model.review.ids or frame >= self._model.review.frames:
            return
        cell = self._model.review.cell(object_id, frame)
        name = escape(self._model.names.get(object_id, str(object_id)))
        work = self._model.work
        where = frame_text(frame, work.document.slices if work is not None else 1)
        lines = [f"<b>{name}</b>, {where}", headline(cell), *figures(cell)]
        self.text.setText("<br>".join(lines))
        self.picture.hide()
        self._ask_picture(object_id, frame)
        self._place()
        self.show()

    def _place(self) -> None:
        self.adjustSize()
        # Above the mouse, over the image: the rows below are the ones to be read next.
        where = self._position + QPoint(_OFFSET.x(), -self.height() - _OFFSET.y())
        screen = self.screen()
        if screen is not None:
            area = screen.availableGeometry()
            if where.x() + self.width() > area.right():
                where.setX(self._position.x() - self.width() - _OFFSET.x())
            if where.y() < area.top():
                where.setY(self._position.y() + _OFFSET.y())
        self.move(where)

    def _ask_picture(self, object_id: int, frame: int) -> None:
        model, work = self._model, self._model.work
        if work is None:
            return
        data, stack = work.objects.layer.data, work.stack(model.plane)
        present = model.review.present(object_id)
        # Where the object is missing, the place is shown at which it was seen last.
        where = int(present[np.abs(present - frame).argmin()]) if len(present) else frame
        indices = [work.axes.index(model.plane, each) for each in (frame, where)]
        limits = _limits(work.image)
        color = self._color(object_id)

        def read() -> np.ndarray | None:
            here, there = (np.asarray(data[index]) == object_id for index in indices)
            part = part_around(there)
            if part is None:
                return None
            try:
                piece = np.asarray(stack[(frame, *part)])
            except (OSError, ValueError, IndexError):  # the file is gone; there is no picture then
                return None
            return thumbnail(piece, here[part], limits, color)

        model.measuring.submit(read, partial(self._on_picture, self._cell))

    def _on_picture(self, cell: tuple[int, int], pixels: np.ndarray | None) -> None:
        if pixels is None or cell != self._cell or not self.isVisible():
            return
        height, width, _ = pixels.shape
        image = QImage(np.ascontiguousarray(pixels).data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self.picture.setPixmap(QPixmap.fromImage(image))
        self.picture.show()
        self._place()
