"""The review as napari's menus open it: it belongs to a widget "Segment stack", which comes along if it is missing."""

from typing import Any

from qtpy.QtWidgets import QSizePolicy

from napari_sam2.ui.review_dock import ReviewDock
from napari_sam2.ui.review_opener import settle_below
from napari_sam2.ui.widget import SegmentStackWidget


class ReviewWidget(ReviewDock):
    """See where the model is unsure, go there, correct, accept."""

    def __init__(self, napari_viewer: Any) -> None:
        """
        Args:
            napari_viewer: the viewer that it works in; napari fills this in.
        """
        opener = _segment_stack(napari_viewer).review
        super().__init__(napari_viewer, opener.controller, opener.loop)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._settled = False
        opener.adopt(self)

    def showEvent(self, event: Any) -> None:
        """napari puts every widget of a menu on the right side; this one belongs under the image."""
        super().showEvent(event)
        if not self._settled:
            self._settled = True
            self._loop.post(lambda: settle_below(self))


def _segment_stack(viewer: Any) -> SegmentStackWidget:
    """The widget "Segment stack" of a viewer, opened unless it is there."""
    for widget in viewer.window.dock_widgets.values():
        if isinstance(widget, SegmentStackWidget):
            return widget
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam2", "Segment stack")
    return widget
