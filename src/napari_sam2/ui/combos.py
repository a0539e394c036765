"""Combo boxes of the dock widget: how they are made, and how they are filled again and again."""

from typing import Any

from qtpy.QtWidgets import QComboBox, QSizePolicy

from napari_sam2.ui.controls import tab_stop


def combo(name: str, tip: str) -> QComboBox:
    """An empty one."""
    combo = tab_stop(QComboBox(), name, tip)
    # A long file name must not widen the dock.
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(8)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return combo


def fill(combo: QComboBox, items: list[tuple[str, Any]], current: Any) -> None:
    """Let a combo box offer these (text, data) with this one chosen; it stays as it is when it does so already."""
    if [(combo.itemText(row), combo.itemData(row)) for row in range(combo.count())] != items:
        combo.clear()
        for text, data in items:
            combo.addItem(text, data)
    row = next((row for row, (_, data) in enumerate(items) if data is current or data == current), -1)
    if row != combo.currentIndex():
        combo.setCurrentIndex(row)
