"""What is to be done once when the widget is gone, and what it listens to in the viewer until then."""

from typing import Any

from napari.utils.theme import get_theme
from qtpy.QtGui import QColor

from napari_sam2.ui.controller import Controller
from napari_sam2.ui.export_jobs import ExportJobs
from napari_sam2.ui.keys import KeyBindings
from napari_sam2.ui.loop import QtLoop
from napari_sam2.ui.model_shelf import ModelShelf
from napari_sam2.ui.review_opener import ReviewOpener
from napari_sam2.ui.tools import PromptTools


class Closing:
    """Called when the widget is gone, once or more often. It must not hold the widget itself."""

    def __init__(
        self,
        viewer: Any,
        controller: Controller,
        loop: QtLoop,
        keys: KeyBindings,
        shelf: ModelShelf,
        review: ReviewOpener,
        exports: ExportJobs,
    ) -> None:
        self._viewer, self._controller, self._loop, self._keys, self._shelf = viewer, controller, loop, keys, shelf
        self._review, self._exports = review, exports
        self._open = True
        viewer.mouse_move_callbacks.append(self._on_hover)

    def follow_theme(self, tools: PromptTools) -> None:
        """Let the icons have the colour of the text, also of another theme later on."""
        self._tools = tools
        self._viewer.events.theme.connect(self._on_theme)
        self._on_theme()

    def _on_theme(self, event: Any = None) -> None:
        self._tools.paint_icons(QColor(*get_theme(str(self._viewer.theme)).text.as_rgb_tuple()[:3]))

    def __call__(self, *args: Any) -> None:
        if self._open:
            self._open = False
            self._viewer.mouse_move_callbacks.remove(self._on_hover)
            self._viewer.events.theme.disconnect(self._on_theme)
            self._keys.release()
            self._shelf.close()
            self._review.close()
            self._exports.close()
            self._controller.close()
            self._loop.close()

    def _on_hover(self, viewer: Any, event: Any) -> None:
        # Whoever points into the image is about to click; torch takes seconds to import.
        self._controller.prepare()
