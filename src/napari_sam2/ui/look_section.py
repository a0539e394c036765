"""The part of the form that says how the image is seen, with a picture of what the model sees. Folded away at first."""

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_sam2.ui.combos import combo, fill
from napari_sam2.ui.controls import tab_stop
from napari_sam2.ui.geometry import axis_name, level_of, level_texts
from napari_sam2.ui.looking import SIDE, Looking
from napari_sam2.ui.scene import channel_axis
from napari_sam2.ui.workspace import Workspace

TITLE = "What the model sees"
HEIGHT = 130
"""Of the picture, in pixels of the screen."""
_UNBOUNDED = 16777215  # Qt's own limit of heights
CONTRASTS = (
    ("As shown in the viewer", "shown", "The contrast limits of the layer, the same for all frames"),
    ("From the whole stack", "percentiles", "Percentiles 1 and 99.8 of frames sampled over the stack"),
    ("Each frame by itself", "frame", "Percentiles of each frame, for stacks that bleach or flicker"),
)


class LookSection(QCollapsible):
    """Controls for contrast, channels and resolution.

    Signals:
        unfolded(): it was opened or closed.
    """

    unfolded = Signal()

    def __init__(self) -> None:
        # Its own icons are drawn in a colour that is not seen in a dark theme.
        super().__init__(f"▸ {TITLE}", expandedIcon=QIcon(), collapsedIcon=QIcon())
        self.setObjectName("what_the_model_sees")
        self.toggleButton().setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setDuration(0)
        self.channels = combo("channels", "Which images the model sees, in the colours in which the viewer shows them")
        self.contrast = combo("contrast", "Which intensities are black and white for the model")
        for row, (text, data, tip) in enumerate(CONTRASTS):
            self.contrast.addItem(text, data)
            self.contrast.setItemData(row, tip, Qt.ItemDataRole.ToolTipRole)
        self.gamma = QDoubleSpinBox()
        self.gamma.setObjectName("gamma")
        self.gamma.setToolTip("Gamma of the layer: below 1 lifts what is dim")
        self.gamma.setRange(0.2, 2.0)  # as napari's own slider
        self.gamma.setSingleStep(0.1)
        self.gamma.setKeyboardTracking(False)
        self.gamma.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.inverted = tab_stop(
            QCheckBox("Inverted"), "inverted", "Dark objects on a light ground become light ones on a dark ground"
        )
        self.resolution = combo("resolution", "Level of the multiscale image on which prompts and masks are made")
        self.picture = QLabel()
        self.picture.setObjectName("model_picture")
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setWordWrap(True)
        # Room for it from the start, so that what stands below does not jump.
        self.picture.setFixedHeight(HEIGHT)
        self._lay_out()
        self.toggled.connect(self._on_toggled)

    def _lay_out(self) -> None:
        tone = QWidget()
        row = QHBoxLayout(tone)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.gamma, 1)
        row.addWidget(self.inverted)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 2, 0, 0)
        column.setSpacing(6)
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setVerticalSpacing(6)
        self._labels = {}
        for text, widget in (
            ("Resolution", self.resolution),
            ("Channels", self.channels),
            ("Contrast", self.contrast),
            ("Gamma", tone),
        ):
            label = QLabel(text)
            label.setMinimumWidth(label.fontMetrics().horizontalAdvance("Frame axis ") + 8)
            self._labels[widget] = label
            rows.addRow(label, widget)
        column.addLayout(rows)
        column.addWidget(self.picture)
        content.setMaximumHeight(0)
        self.setContent(content)
        self.layout().setContentsMargins(0, 0, 0, 0)
        self.layout().setSpacing(0)

    def _on_toggled(self, on: bool) -> None:
        self.setText(f"{'▾' if on else '▸'} {TITLE}")
        if on:
            # What is in it may become higher later.
            self.content().setMaximumHeight(_UNBOUNDED)
        self.unfolded.emit()

    def connect_to(self, looking: Looking) -> None:
        """Pass the user's actions on."""
        self.channels.activated.connect(lambda _: looking.set_look(channels=self.channels.currentData()))
        self.contrast.activated.connect(lambda _: looking.set_look(contrast=self.contrast.currentData()))
        self.inverted.clicked.connect(lambda on: looking.set_look(invert=bool(on)))
        self.gamma.valueChanged.connect(looking.set_gamma)
        self.resolution.activated.connect(lambda _: looking.set_level(self.resolution.currentData()))
        looking.pictured.connect(self._show_picture)

    def render(self, work: Workspace | None, idle: bool) -> None:
        """Show the state.

        Args:
            idle: nothing is being segmented.
        """
        self.setEnabled(work is not None)
        if work is None:
            return
        fill(self.channels, _channel_items(work), work.look.channels)
        self.contrast.setCurrentIndex(self.contrast.findData(work.look.contrast))
        self.inverted.setChecked(work.look.invert)
        self.gamma.blockSignals(True)
        self.gamma.setValue(float(work.image.gamma))
        self.gamma.blockSignals(False)
        image = work.image
        levels = list(enumerate(level_texts(image))) if image.multiscale else []
        fill(self.resolution, [(text, level) for level, text in levels], level_of(image))
        for widget in (self.resolution, self._labels[self.resolution]):
            widget.setVisible(bool(levels))
        for widget in (self.channels, self.contrast, self.inverted, self.resolution):
            widget.setEnabled(idle)
        self.gamma.setEnabled(not image.rgb)

    def _show_picture(self, picture: np.ndarray | None, words: str) -> None:
        if picture is None:
            self.picture.setText(words)
            return
        height, width, _ = picture.shape
        image = QImage(picture.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        smooth = Qt.TransformationMode.SmoothTransformation
        fitting = Qt.AspectRatioMode.KeepAspectRatio
        self.picture.setPixmap(QPixmap.fromImage(image).scaled(SIDE, HEIGHT, fitting, smooth))


def _channel_items(work: Workspace) -> list[tuple[str, str]]:
    items = [("This image only", "image"), ("All visible images", "visible")]
    axis = channel_axis(work.axes, work.image.axis_labels)
    if axis is not None:
        name = axis_name(axis, work.image.axis_labels[axis])
        items.append((f"{name} in {work.axes.shape[axis]} colours", "axis"))
    return items
