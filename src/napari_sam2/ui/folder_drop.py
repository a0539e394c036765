"""Folders that are dropped onto the dock widget.

napari asks which reader to take for every folder as soon as one plugin takes any, whatever its reader says of it. So
this plugin takes no folders from the viewer, and its own are dropped here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget


class FolderDrop(QObject):
    """Takes a folder, or the file that stands for it, which is dropped onto a widget."""

    def __init__(self, widget: QWidget, wanted: Callable[[Path], bool], take: Callable[[Path], None]) -> None:
        """
        Args:
            wanted: whether a path is one to take; everything else is left to others.
            take: called with the one that was dropped.
        """
        super().__init__(widget)
        self._wanted, self._take = wanted, take
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: Any) -> bool:
        """Look at what is dragged over the widget."""
        if event.type() not in (QEvent.Type.DragEnter, QEvent.Type.Drop):
            return False
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if len(paths) != 1 or not self._wanted(paths[0]):
            return False
        event.acceptProposedAction()
        if event.type() == QEvent.Type.Drop:
            self._take(paths[0])
        return True
