"""Small icons for tools, drawn in the colour of the text beside them."""

from collections.abc import Callable

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

_SIDE = 48
_FAINT = 0.35
"""How much is left of the colour on a button that cannot be pressed."""


def icon(name: str, color: QColor) -> QIcon:
    """The icon of a tool, faint where it cannot be used. Raises KeyError for one that is not drawn here."""
    faint = QColor(color)
    faint.setAlphaF(_FAINT)
    drawn = QIcon(_pixmap(name, color))
    drawn.addPixmap(_pixmap(name, faint), QIcon.Mode.Disabled)
    return drawn


def _pixmap(name: str, color: QColor) -> QPixmap:
    pixmap = QPixmap(_SIDE, _SIDE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(color, 4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    _DRAWINGS[name](painter)
    painter.end()
    return pixmap


def _blob() -> QPainterPath:
    path = QPainterPath(QPointF(10, 26))
    path.cubicTo(6, 8, 26, 4, 36, 12)
    path.cubicTo(48, 22, 40, 42, 26, 40)
    path.cubicTo(16, 39, 12, 36, 10, 26)
    return path


def _lasso(painter: QPainter) -> None:
    pen = painter.pen()
    pen.setDashPattern([2.2, 1.8])
    painter.setPen(pen)
    painter.drawPath(_blob())


def _scribble(painter: QPainter) -> None:
    path = QPainterPath(QPointF(6, 32))
    path.cubicTo(14, 4, 22, 10, 20, 24)
    path.cubicTo(18, 42, 30, 40, 32, 24)
    path.cubicTo(33, 14, 38, 14, 42, 18)
    painter.drawPath(path)


def _paint(painter: QPainter) -> None:
    painter.drawLine(QPointF(40, 8), QPointF(24, 25))
    painter.setBrush(painter.pen().color())
    path = QPainterPath(QPointF(24, 26))
    path.cubicTo(16, 22, 12, 30, 13, 34)
    path.cubicTo(13, 38, 10, 39, 7, 40)
    path.cubicTo(18, 46, 30, 38, 24, 26)
    painter.drawPath(path)


def _other_mask(painter: QPainter) -> None:
    painter.drawEllipse(QRectF(16, 16, 16, 16))
    pen = painter.pen()
    pen.setDashPattern([1.8, 1.6])
    painter.setPen(pen)
    painter.drawEllipse(QRectF(5, 5, 38, 38))


def _segment_frame(painter: QPainter) -> None:
    pen = painter.pen()
    pen.setWidthF(3)
    painter.setPen(pen)
    painter.drawRoundedRect(QRectF(4, 4, 40, 40), 5, 5)
    painter.setBrush(painter.pen().color())
    for x, y, size in ((11, 11, 11), (27, 14, 8), (13, 28, 8), (26, 27, 11)):
        painter.drawEllipse(QRectF(x, y, size, size))


def _more(painter: QPainter) -> None:
    painter.setBrush(painter.pen().color())
    for x in (9, 22, 35):
        painter.drawEllipse(QRectF(x, 22, 4, 4))


_DRAWINGS: dict[str, Callable[[QPainter], None]] = {
    "lasso": _lasso,
    "scribble": _scribble,
    "paint": _paint,
    "other_mask": _other_mask,
    "segment_frame": _segment_frame,
    "more_prompts": _more,
}
