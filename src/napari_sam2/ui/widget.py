"""The dock widget "Segment stack": passes the user's actions to the controller and shows its state."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QFrame, QScrollArea, QStyle, QVBoxLayout, QWidget

from napari_sam2.result_sources import says_session
from napari_sam2.ui.backend import Backend
from napari_sam2.ui.combos import fill
from napari_sam2.ui.controller import Controller
from napari_sam2.ui.export_bar import ExportBar
from napari_sam2.ui.export_jobs import ExportJobs
from napari_sam2.ui.folder_drop import FolderDrop
from napari_sam2.ui.form import Form
from napari_sam2.ui.geometry import Axes, frame_axis_choices, sweep_choices
from napari_sam2.ui.hints import remaining_text
from napari_sam2.ui.key_reference import KeyReference
from napari_sam2.ui.keys import KeyBindings, key_of
from napari_sam2.ui.loop import QtLoop
from napari_sam2.ui.messages import tell
from napari_sam2.ui.model_chooser import ModelChooser
from napari_sam2.ui.model_shelf import ModelShelf
from napari_sam2.ui.models import devices
from napari_sam2.ui.readers import folder_of
from napari_sam2.ui.review_opener import ReviewOpener
from napari_sam2.ui.scene import in_depth
from napari_sam2.ui.session_menu import SessionMenu
from napari_sam2.ui.settings import default_choice, keep
from napari_sam2.ui.standing import queued_text
from napari_sam2.ui.tools import PromptTools

_PROGRESS_SECONDS = 0.3


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
        self._rendering = self._progress_rests = False
        self._swatches: Any = None
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
        self._fill_choices()
        self._connect()
        self._keys = KeyBindings(napari_viewer, self._actions())
        if self._keys.taken:
            tell("info", f"Keys that something else uses already: {', '.join(self._keys.taken)}. Use the buttons.")
        self._close_down = _Closer(
            napari_viewer, self.controller, self._loop, self._keys, self.models.shelf, self.review, self.exports.jobs
        )
        # Closing the viewer destroys the widget; closing the dock only takes its parent away (see hideEvent).
        self.destroyed.connect(self._close_down)
        self._close_down.follow_theme(self.form.prompt_tools)
        self._render()

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
        actions = {**self._actions(), "box": lambda: control.set_drawing(True)}
        form.prompt_tools.connect_to(control)
        for name, action in {**actions, "pause": control.pause}.items():
            if name in ("lasso", "other_mask"):
                continue
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

    def _range(self) -> tuple[int, int]:
        """The first and the last frame to fill; of a swept axis, all slices of the chosen steps."""
        work = self.controller.workspace
        steps = sorted((self.form.first_frame.value(), self.form.last_frame.value()))
        return work.axes.span(steps[0], steps[1]) if work is not None else (0, 0)

    def _set_range(self) -> None:
        """Let the range be all frames of the image."""
        work = self.controller.workspace
        last = work.axes.steps - 1 if work is not None else 0
        for spin, value in ((self.form.first_frame, 0), (self.form.last_frame, last)):
            spin.setRange(0, last)
            spin.setValue(value)

    # Showing the state ------------------------------------------------------------------------------------------------

    def _render_soon(self, *args: Any) -> None:
        if not self._rendering:
            self._rendering = True
            self._loop.post(self._render)

    def _render(self) -> None:
        self._rendering = False
        self.form.hint.setText(self.controller.hint)
        self._render_image()
        self._render_model()
        self._render_prompts()
        self._render_progress()
        self.sessions.render()

    def _render_image(self) -> None:
        form, work = self.form, self.controller.workspace
        images = self.controller.workspaces.images
        fill(form.image, [(image.name, image) for image in images], work.image if work is not None else None)
        axes = work.axes if work is not None else None
        choices = frame_axis_choices(len(axes.shape)) if axes is not None else []
        labels = work.image.axis_labels if work is not None else ()
        items = [(f"{_axis_name(axis, labels[axis])}: {axes.shape[axis]} frames", axis) for axis in choices]
        fill(form.frame_axis, items or [("single image" if work else "", None)], axes.frame if axes else None)
        idle = not self.controller.propagation.running
        form.image.setEnabled(bool(images) and idle)
        form.frame_axis.setEnabled(len(items) > 1 and idle)
        swept = _sweep_items(axes, labels) if axes is not None else []
        fill(form.other_axis, swept, axes.swept if axes is not None else None)
        form.show_other_axis(bool(swept))
        form.other_axis.setEnabled(idle)
        if axes is not None and form.last_frame.maximum() != axes.steps - 1:
            self._set_range()  # a session may have other axes than were guessed
        form.look.render(work, idle)
        form.show_ends(work is not None and in_depth(work.image, work.axes), work is None or work.look.ends, idle)
        self.controller.looking.refresh()
        path = work.masks_path if work is not None else None
        form.masks_path.setText(f"Masks on the disk: {path}" if path is not None else "")
        form.masks_path.setVisible(path is not None)

    def _render_model(self) -> None:
        form, choice = self.form, self.controller.choice
        self.models.render()
        if form.device.findData(choice.device) < 0:
            form.device.addItem(choice.device, choice.device)
        form.device.setCurrentIndex(form.device.findData(choice.device))
        form.device.setEnabled(not self.controller.propagation.running)

    def _render_prompts(self) -> None:
        form, control = self.form, self.controller
        work = control.workspace
        if control.prompting.tool in ("points", "box"):
            tool = form.box if control.drawing else form.positive if control.positive else form.negative
            tool.setChecked(True)
        form.prompt_tools.render(control)
        items = [(item.name, item.id) for item in work.document.objects] if work is not None else []
        fill(form.object, items, work.document.current if work is not None else None)
        self._render_swatches(items)
        form.object.setEnabled(work is not None)
        self._render_history(work)
        for widget in (form.previous_object, form.next_object):
            widget.setEnabled(len(items) > 1)

    def _render_history(self, work: Any) -> None:
        form = self.form
        texts = (work.document.history.undo_text, work.document.history.redo_text) if work is not None else ("", "")
        for button, text, way in ((form.undo, texts[0], "Take back"), (form.redo, texts[1], "Make again")):
            button.setEnabled(bool(text))
            button.setToolTip(f"{way}: {text or 'nothing yet'} [{key_of(button.objectName())}]")
        for button, accepted in (
            (form.accept, self.controller.accepted),
            (form.accept_frame, self.controller.frame_accepted),
        ):
            button.setEnabled(work is not None)
            button.setChecked(accepted)

    def _render_swatches(self, items: list[tuple[str, int]]) -> None:
        """Objects in their colours. This is called with every move of the slider, so what is there already stays."""
        work = self.controller.workspace
        shown = (items, work.objects.layer.colormap) if work is not None else None
        if work is not None and (self._swatches is None or shown != self._swatches):
            for row, (_, object_id) in enumerate(items):
                self.form.object.setItemIcon(row, _swatch(work.objects.color(object_id)))
        self._swatches = shown

    def _render_progress(self) -> None:
        form, control = self.form, self.controller
        run, work, labels = control.propagation, control.workspace, control.prompting.labels
        stack = work is not None and work.axes.frames > 1
        for widget in (form.direction, form.first_frame, form.last_frame):
            widget.setEnabled(stack)
        # Without an image a click says what to do; that helps more than a button that does not move.
        form.propagate.setEnabled((stack or work is None) and not run.cancelling)
        form.name_propagate("Resume" if run.paused else "Queue" if run.running else "Propagate")
        form.show_queued(queued_text(control.carrying.queued, work) if work is not None else "")
        form.pause.setEnabled(run.running and not run.cancelling)
        form.pause.setText("Resume" if run.paused else "Pause")
        coming = self.models.awaited
        other = labels.running or control.loading.downloading or bool(coming.model)
        form.cancel.setEnabled(not run.cancelling if run.running else other)
        form.progress.setVisible(run.running or labels.running or control.loading.busy or bool(coming.model))
        if run.running:
            parts = (f"{run.done} of {run.total}", remaining_text(run.remaining))
            state = "Stopping" if run.cancelling else "Paused, " if run.paused else ""
            text = state if run.cancelling else state + ", ".join(part for part in parts if part)
            self._render_done(run.done, max(1, run.total), text, str(run.foreseen or ""))
        elif labels.running:
            self._render_done(labels.done, labels.total, "Taking labels, %p %")
        elif control.loading.busy:
            self._render_amount(control.loading.amount or (0, None), control.loading.text)
        elif coming.model:
            self._render_amount(coming.amount, coming.text)

    def _render_amount(self, amount: tuple[int, int | None], text: str) -> None:
        """Show how much of a model is here."""
        done, total = amount
        self._render_done(round(done / 1e6), round(total / 1e6) if total else 0, text)

    def _render_done(self, done: int, total: int, text: str, tip: str = "") -> None:
        """Qt draws a progress bar at once, and the picture with it: not with every frame that comes in."""
        bar = self.form.progress
        bar.setFormat(text)
        bar.setToolTip(tip)
        if bar.maximum() != total:
            bar.setRange(0, total)
        elif self._progress_rests:
            return
        if done != bar.value():
            self._progress_rests = True
            self._loop.later(_PROGRESS_SECONDS, self._rested)
        bar.setValue(done)

    def _rested(self) -> None:
        self._progress_rests = False
        self._render_soon()


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


def _sweep_items(axes: Axes, labels: Sequence[str]) -> list[tuple[str, int | None]]:
    """What may become of the axis that is left beside frames, y and x; nothing where there is none."""
    choices = sweep_choices(axes, labels)
    if not choices:
        return []
    names = {axis: _axis_name(axis, labels[axis]) for axis in choices}
    held = ", ".join(names.values())
    every: list[tuple[str, int | None]] = [
        (f"{name}: all {axes.shape[axis]}, linked", axis) for axis, name in names.items()
    ]
    return [(f"{held}: only the one shown", None), *every]


def _axis_name(axis: int, label: str) -> str:
    # napari calls axes that nobody has named "-3", "axis -3".
    return f"axis {axis}" if "-" in label else label


def _swatch(color: Any) -> QIcon:
    pixmap = QPixmap(14, 14)
    pixmap.fill(Qt.GlobalColor.transparent)
    pixmap.fill(QColor.fromRgbF(*(float(value) for value in color[:3])))
    return QIcon(pixmap)


class _Closer:
    """What is to be done once when the widget is gone. It must not hold the widget itself."""

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
