"""The dock widget "Segment stack": passes the user's actions to the controller, and has its state shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import ref

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QStyle, QVBoxLayout, QWidget

from napari_sam2.result_sources import says_session
from napari_sam2.ui.backend import Backend
from napari_sam2.ui.carrying import Wish
from napari_sam2.ui.closing import Closing
from napari_sam2.ui.controller import Controller
from napari_sam2.ui.export_bar import ExportBar
from napari_sam2.ui.folder_drop import FolderDrop
from napari_sam2.ui.form import Form
from napari_sam2.ui.form_state import FormState
from napari_sam2.ui.key_reference import KeyReference
from napari_sam2.ui.keys import KeyBindings
from napari_sam2.ui.loop import QtLoop
from napari_sam2.ui.messages import tell
from napari_sam2.ui.model_chooser import ModelChooser
from napari_sam2.ui.models import devices
from napari_sam2.ui.progress_state import ProgressState
from napari_sam2.ui.readers import folder_of
from napari_sam2.ui.review_opener import SETTLE_SECONDS, ReviewOpener
from napari_sam2.ui.session_menu import SessionMenu
from napari_sam2.ui.settings import default_choice, keep


class SegmentStackWidget(QWidget):
    """Click a cell, get it in every frame."""

    def __init__(self, napari_viewer: Any, backend: Backend | None = None) -> None:
        """
        Args:
            napari_viewer: the viewer that it works in; napari fills this in.
            backend: where models come from; the ones of this package by default.
        """
        super().__init__()
        self._viewer = napari_viewer
        self._loop = QtLoop()
        self._rendering = False
        self._ranged: Callable[[], Any] = lambda: None
        """The workspace that the range of frames was last set for, as long as it is there."""
        self.form = Form()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(_scrolling(self.form))
        self.controller = Controller(napari_viewer, self._loop, backend, default_choice(), keep=keep())
        self.models = ModelChooser(self.form.model, self.form.manage, self.controller, self._loop, self)
        self.sessions = SessionMenu(self.form.session, self.form.offer, self.controller, self)
        FolderDrop(self, lambda path: says_session(folder_of(path)), lambda path: self._open(folder_of(path)))
        self.review = ReviewOpener(napari_viewer, self.controller, self._loop)
        self.exports = ExportBar(napari_viewer, self.controller, self._loop)
        column.addWidget(self.exports)
        self._state = FormState(self.form, self.controller)
        self._progress = ProgressState(self.form, self.controller, self.models.awaited, self._loop)
        self._fill_choices()
        self._connect()
        self._keys = KeyBindings(napari_viewer, self._actions())
        if self._keys.taken:
            tell("info", f"Keys that something else uses already: {', '.join(self._keys.taken)}. Use the buttons.")
        self._close_down = Closing(
            napari_viewer, self.controller, self._loop, self._keys, self.models.shelf, self.review, self.exports.jobs
        )
        # Closing the viewer destroys the widget; closing the dock only takes its parent away (see hideEvent).
        self.destroyed.connect(self._close_down)
        self._close_down.follow_theme(self.form.prompt_tools)
        self._render()
        work = self.controller.workspace
        self._was_whole = work is not None and work.whole()

    def showEvent(self, event: Any) -> None:
        """The view is narrower beside the widget. Who had the whole image in it has it still."""
        super().showEvent(event)
        if self._was_whole:
            self._was_whole = False
            self._loop.later(SETTLE_SECONDS, self._viewer.reset_view)

    def hideEvent(self, event: Any) -> None:
        """Let go of the viewer when the dock was closed, not when it is only behind another tab."""
        super().hideEvent(event)
        self._loop.post(self._settle_hidden)

    def _settle_hidden(self) -> None:
        if self.parent() is None and not self.isVisible():
            self.models.hide_manager()
            self.review.dismiss()
            self._close_down()

    def _actions(self) -> dict[str, Any]:
        """What the keys do, by the control that does the same."""
        control, form = self.controller, self.form
        return {
            "positive": lambda: control.set_positive(True),
            "negative": lambda: control.set_positive(False),
            "box": lambda: control.set_drawing(not control.drawing),
            "lasso": lambda: control.set_tool("points" if control.prompting.tool == "lasso" else "lasso"),
            "other_mask": control.other_mask,
            "segment_frame": control.segment_frame,
            "accept_all": control.prompting.proposals.accept_all,
            "reject_all": control.prompting.proposals.reject_all,
            "new_object": control.new_object,
            "divide": control.divide,
            "previous_object": lambda: control.step_object(-1),
            "next_object": lambda: control.step_object(1),
            "propagate": lambda: control.propagate(form.direction.currentData(), *self._range()),
            "cancel": self._cancel,
            "accept": control.accept,
            "accept_frame": control.accept_frame,
            "undo": control.undo,
            "redo": control.redo,
        }

    def _connect(self) -> None:
        form, control = self.form, self.controller
        actions = {**self._actions(), "box": lambda: control.set_drawing(True), "pause": control.pause}
        form.prompt_tools.connect_to(control)
        for name, action in actions.items():
            if hasattr(form, name):
                getattr(form, name).clicked.connect(lambda *_, action=action: action())
        form.image.activated.connect(lambda _: control.set_image(form.image.currentData()))
        form.frame_axis.activated.connect(lambda _: self._on_axes(form.frame_axis.currentData(), None))
        form.other_axis.activated.connect(
            lambda _: self._on_axes(form.frame_axis.currentData(), form.other_axis.currentData())
        )
        form.look.connect_to(control.looking)
        form.ends.clicked.connect(lambda on: control.looking.set_look(ends=bool(on)))
        form.look.unfolded.connect(self._on_unfolded)
        form.device.activated.connect(lambda _: control.set_device(form.device.currentData()))
        form.review.clicked.connect(lambda *_: self.review.open())
        for spin in (form.first_frame, form.last_frame):
            spin.valueChanged.connect(self._render_soon)
        form.direction.currentIndexChanged.connect(self._render_soon)
        form.drop_queued.clicked.connect(lambda *_: control.drop_queued())
        form.keys.clicked.connect(lambda *_: KeyReference(form.keys).pop_up())
        form.object.activated.connect(lambda _: control.select_object(form.object.currentData()))
        control.changed.connect(self._render_soon)
        control.workspaces.images_changed.connect(self._render_soon)
        control.workspaces.opened.connect(self._on_opened)
        self.models.awaited.changed.connect(self._render_soon)

    def _fill_choices(self) -> None:
        for device in devices():
            self.form.device.addItem(device, device)
        self._set_range()

    def _open(self, session: Path) -> None:
        # Not while the other program still waits for what becomes of what was dropped.
        self._loop.post(lambda: self.controller.open_session(session))

    def _cancel(self) -> None:
        """Stop what the progress bar shows: frames, else a model that is on its way."""
        if not self.controller.propagation.running:
            self.models.awaited.cancel()
        self.controller.cancel()

    def _on_opened(self, work: Any) -> None:
        # Who goes on with an image that was away goes on with the same frames.
        if self._ranged() is not work:
            self._set_range()
        work.document.objects_changed.connect(self._render_soon, unique=True)
        work.document.current_changed.connect(self._render_soon, unique=True)

    def _on_axes(self, frame: int | None, swept: int | None) -> None:
        self.controller.set_frame_axis(frame, swept)
        self._set_range()
        self._render()

    def _on_unfolded(self) -> None:
        self.controller.looking.watched = self.form.look.isExpanded()
        self.controller.looking.refresh()

    def _set_range(self) -> None:
        work = self.controller.workspace
        self._ranged = ref(work) if work is not None else lambda: None
        self._state.set_range()

    def _range(self) -> tuple[int, int]:
        """The first and the last frame to fill; of a swept axis, all slices of the chosen steps."""
        work = self.controller.workspace
        steps = sorted((self.form.first_frame.value(), self.form.last_frame.value()))
        return work.axes.span(steps[0], steps[1]) if work is not None else (0, 0)

    # Showing the state ------------------------------------------------------------------------------------------------

    def _render_soon(self, *args: Any) -> None:
        if not self._rendering:
            self._rendering = True
            self._loop.post(self._render)

    def _render(self) -> None:
        self._rendering = False
        self.controller.wish = Wish(self.form.direction.currentData(), *self._range())
        self._state.render()
        self.models.render()
        self._progress.render()
        self.sessions.render()


def _scrolling(form: QWidget) -> QScrollArea:
    """The form, with a scroll bar on small screens when all of it is unfolded."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(form)
    bar = area.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
    area.setMinimumWidth(form.minimumSizeHint().width() + bar)
    return area
