"""Opens the review under the image: when the user asks for it, and by itself when there is something to review."""

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_sam2.ui.controller import Controller
from napari_sam2.ui.loop import QtLoop
from napari_sam2.ui.review_dock import HEIGHT, ReviewDock

SETTLE_SECONDS = 0.1
"""Until Qt has given the docks their sizes."""


class ReviewOpener:
    """At most one review per widget "Segment stack".

    Attributes:
        controller, loop: what reviews work with.
        review: the one that was opened last; its `open` says whether it still is.
    """

    def __init__(self, viewer: Any, controller: Controller, loop: QtLoop) -> None:
        self._viewer = viewer
        self.controller = controller
        self.loop = loop
        self.review: ReviewDock | None = None
        controller.propagation.ended.connect(self._on_ended)

    def open(self) -> ReviewDock:
        """Show the review, or bring it to the front."""
        if self.review is None or not self.review.open:
            work = self.controller.workspace
            whole = work is not None and work.whole()
            self.review = ReviewDock(self._viewer, self.controller, self.loop)
            self._viewer.window.add_dock_widget(self.review, name="Review", area="bottom", add_vertical_stretch=False)
            settle_below(self.review)
            if whole:
                # The view is lower now. Who had the whole image in it has it still.
                self.loop.later(SETTLE_SECONDS, self._viewer.reset_view)
        dock = _dock_of(self.review)
        if dock is not None:
            dock.show()
            dock.raise_()
        return self.review

    def adopt(self, review: ReviewDock) -> None:
        """Take a review that somebody else has made in the place of the one that is open."""
        self.dismiss()
        self.review = review

    def dismiss(self) -> None:
        """Take the dock away, if it is there."""
        if self.review is not None and self.review.open:
            self._viewer.window.remove_dock_widget(self.review)
            self.review.close_down()

    def close(self) -> None:
        """Let the review follow nothing any more."""
        self.controller.propagation.ended.disconnect(self._on_ended)
        if self.review is not None:
            self.review.close_down()

    def _on_ended(self, cancelled: bool, error: BaseException | None) -> None:
        # Once; whoever closes it does not want it.
        if self.review is None and self.controller.propagation.done:
            self.loop.post(self._open_first)

    def _open_first(self) -> None:
        if self.review is None:
            self.open()


def settle_below(review: QWidget) -> None:
    """Let the dock of a review lie under the image, just a few rows high, so that the image keeps the room."""
    dock = _dock_of(review)
    window = dock.parent() if dock is not None else None
    if isinstance(window, QMainWindow):
        if window.dockWidgetArea(dock) != Qt.DockWidgetArea.BottomDockWidgetArea:
            window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        # The controls of "Segment stack" keep their whole height beside it.
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        window.resizeDocks([dock], [HEIGHT], Qt.Orientation.Vertical)


def _dock_of(widget: QWidget) -> QDockWidget | None:
    parent = widget.parent()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parent()
    return parent
