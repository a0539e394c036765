"""What the colours and marks of the strip mean, in one line."""

from typing import Any

import numpy as np
from qtpy.QtCore import QSize
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_sam2.session.strip import DARK, Palette, Scale, levels, strip_image

_HEIGHT, _CELL, _GAP = 17, 17, 9


class Legend(QWidget):
    """Drawn by what draws the strip, so that it cannot say something else. Gives way where there is no room."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("legend")
        self.palette_colors: Palette = DARK
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "Blue: sure. Orange: doubtful, the more the further from blue. A thin line: looked for and not found.\n"
            "A dot: prompts. A bar below: accepted. Triangles: a division, where the mother ends and a daughter begins."
        )

    def entries(self) -> list[tuple[str, np.ndarray]]:
        """Texts and the cells that stand before them, RGB."""
        sure, doubtful = np.array([[1, 0.65]]), np.array([[0.4, 0]])
        nothing, one = np.array([[np.nan]]), np.array([[True]])
        return [
            ("sure", self._cells(sure)),
            ("doubtful", self._cells(doubtful)),
            ("absent", self._cells(nothing, absent=one)),
            ("prompt", self._cells(np.ones((1, 1)), prompted=one)),
            ("accepted", self._cells(np.ones((1, 1)), locked=one)),
        ]

    def sizeHint(self) -> QSize:
        """Room for all."""
        metrics = self.fontMetrics()
        width = sum(cells.shape[1] + 5 + metrics.horizontalAdvance(text) + _GAP for text, cells in self.entries())
        return QSize(width, max(_HEIGHT, metrics.height()) + 2)

    def minimumSizeHint(self) -> QSize:
        """It is the first to go."""
        return QSize(0, _HEIGHT)

    def paintEvent(self, event: Any) -> None:
        """Draw the entries that have room as a whole."""
        painter = QPainter(self)
        painter.setPen(self.palette().windowText().color())
        x, middle = 0, self.height() // 2
        for text, cells in self.entries():
            height, width, _ = cells.shape
            advance = painter.fontMetrics().horizontalAdvance(text)
            if x + width + 5 + advance > self.width():
                break
            image = QImage(np.ascontiguousarray(cells).data, width, height, 3 * width, QImage.Format.Format_RGB888)
            painter.drawImage(x, middle - height // 2, image.copy())
            baseline = middle + painter.fontMetrics().ascent() // 2 - 1
            painter.drawText(x + width + 5, baseline, text)
            x += width + 5 + advance + _GAP
        painter.end()

    def _cells(self, confidence: np.ndarray, **marks: np.ndarray) -> np.ndarray:
        nothing = np.zeros(confidence.shape, bool)
        scale = Scale(0, _CELL, _CELL * confidence.shape[1], confidence.shape[1])
        return strip_image(
            levels(confidence.astype(np.float32), marks.get("absent", nothing)),
            marks.get("prompted", nothing),
            marks.get("locked", nothing),
            scale,
            _HEIGHT,
            self.palette_colors,
        )
