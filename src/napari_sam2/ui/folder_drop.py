"""Session folders that are dropped onto the dock widget, or onto the image beside it.

For a folder, napari asks which reader to take, because it reads folders itself. While the widget is open, a session can
only be meant for it, so there is nothing to ask.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QWidget

_DRAGGED = (QEvent.Type.DragEnter, QEvent.Type.Drop)


class FolderDrop(QObject):
    """Takes a folder, or the file that stands for it, which is dropped onto a widget or the middle of its window."""

    def __init__(self, widget: QWidget, wanted: Callable[[Path], bool], take: Callable[[Path], None]) -> None:
        """
        Args:
            wanted: whether a path is one to take; everything else is left to others.
            take: called with the one that was dropped.
        """
        super().__init__(widget)
        self._widget, self._wanted, self._take = widget, wanted, take
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: Any) -> bool:
        """Look at what is dragged over the widget or the image."""
        if event.type() == QEvent.Type.Show and watched is self._widget:
            self._watch_image()
        # A widget that was closed has no parent any more, and no say in what is dropped onto the image.
        if event.type() not in _DRAGGED or self._widget.parent() is None:
            return False
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if len(paths) != 1 or not self._wanted(paths[0]):
            return False
        event.acceptProposedAction()
        if event.type() == QEvent.Type.Drop:
            self._take(paths[0])
        return True

    def _watch_image(self) -> None:
        """Stand before whatever takes drops in the middle of the main window; again for another window."""
        window = self._widget.parentWidget()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parentWidget()
        middle = window.centralWidget() if window is not None else None
        for target in middle.findChildren(QWidget) if middle is not None else []:
            if target.acceptDrops():
                target.installEventFilter(self)
