"""Asks which labels become prompts, and how."""

from collections.abc import Sequence

from napari.layers import Labels
from qtpy.QtWidgets import QCheckBox, QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QSpinBox, QWidget

from napari_sam2.session.label_prompts import LabelChoices
from napari_sam2.ui.label_taking import LabelWish

_PARTS = (("is one object", "whole"), ("counts by its largest piece", "largest"), ("is several objects", "apart"))


class LabelsDialog(QDialog):
    """Labels of Cellpose, StarDist or your own as mask prompts."""

    def __init__(self, parent: QWidget, layers: Sequence[Labels], frames: int, frame: int) -> None:
        """
        Args:
            layers: to choose from.
            frames: how many the image has.
            frame: the one on screen.
        """
        super().__init__(parent)
        self.setWindowTitle("Labels as prompts")
        self.setObjectName("labels_as_prompts_dialog")
        self._layers, self._frames, self._frame = list(layers), frames, frame
        self.layer = QComboBox()
        self.layer.setObjectName("labels_layer")
        for layer in self._layers:
            self.layer.addItem(layer.name)
        self.which = QComboBox()
        self.which.setObjectName("labels_frames")
        self.which.addItem(f"This frame ({frame})", (frame, frame))
        if frames > 1:
            self.which.addItem(f"All {frames} frames", (0, frames - 1))
        self.keep = QCheckBox("Keep the numbers of the labels, where they are free")
        self.keep.setObjectName("keep_numbers")
        self.keep.setChecked(True)
        self.smallest = QSpinBox()
        self.smallest.setObjectName("smallest")
        self.smallest.setRange(1, 10**7)
        self.smallest.setValue(10)
        self.smallest.setSuffix(" pixels")
        self.parts = QComboBox()
        self.parts.setObjectName("pieces")
        for text, value in _PARTS:
            self.parts.addItem(text, value)
        form = QFormLayout(self)
        note = QLabel(
            "Every label becomes the mask of an object. One frame is enough: Propagate follows the objects from there. "
            "Take all frames when the labels are tracks already."
        )
        note.setWordWrap(True)
        form.addRow(note)
        form.addRow("Labels", self.layer)
        form.addRow("Frames", self.which)
        form.addRow("A label in pieces", self.parts)
        form.addRow("Leave out below", self.smallest)
        form.addRow(self.keep)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form.addRow(buttons)
        if not self._layers:
            note.setText("There is no other Labels layer. Open labels of this image, then choose them here.")
            buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(False)

    def wish(self) -> LabelWish:
        """What was chosen."""
        return LabelWish(
            layer=self._layers[self.layer.currentIndex()],
            frames=self.which.currentData(),
            keep=self.keep.isChecked(),
            choices=LabelChoices(smallest=self.smallest.value(), parts=self.parts.currentData()),
        )
