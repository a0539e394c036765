"""What the form shows of image, axes, prompts, objects and history: the state of the controller, and no more."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap

from napari_sam2.ui.combos import fill
from napari_sam2.ui.controller import Controller
from napari_sam2.ui.form import Form
from napari_sam2.ui.geometry import Axes, axis_name, frame_axis_choices, sweep_choices
from napari_sam2.ui.keys import key_of
from napari_sam2.ui.scene import in_depth


class FormState:
    """Shows what is being worked on."""

    def __init__(self, form: Form, controller: Controller) -> None:
        self.form, self.controller = form, controller
        self._swatches: Any = None

    def render(self) -> None:
        """Show it as it is now."""
        self.form.hint.setText(self.controller.hint)
        self._render_image()
        self._render_device()
        self._render_prompts()

    def set_range(self) -> None:
        """Let the range be all frames of the image."""
        work = self.controller.workspace
        last = work.axes.steps - 1 if work is not None else 0
        for spin, value in ((self.form.first_frame, 0), (self.form.last_frame, last)):
            spin.setRange(0, last)
            spin.setValue(value)

    def _render_image(self) -> None:
        form, work = self.form, self.controller.workspace
        images = self.controller.workspaces.images
        fill(form.image, [(image.name, image) for image in images], work.image if work is not None else None)
        axes = work.axes if work is not None else None
        choices = frame_axis_choices(len(axes.shape)) if axes is not None else []
        labels = work.image.axis_labels if work is not None else ()
        items = [(f"{axis_name(axis, labels[axis])}: {axes.shape[axis]} frames", axis) for axis in choices]
        fill(form.frame_axis, items or [("single image" if work else "", None)], axes.frame if axes else None)
        idle = not self.controller.propagation.running
        form.image.setEnabled(bool(images) and idle)
        form.frame_axis.setEnabled(len(items) > 1 and idle)
        swept = _sweep_items(axes, labels) if axes is not None else []
        fill(form.other_axis, swept, axes.swept if axes is not None else None)
        form.show_other_axis(bool(swept))
        form.other_axis.setEnabled(idle)
        if axes is not None and form.last_frame.maximum() != axes.steps - 1:
            self.set_range()  # a session may have other axes than were guessed
        form.look.render(work, idle)
        form.show_ends(work is not None and in_depth(work.image, work.axes), work is None or work.look.ends, idle)
        self.controller.looking.refresh()
        path = work.masks_path if work is not None else None
        form.masks_path.setText(f"Masks on the disk: {path}" if path is not None else "")
        form.masks_path.setVisible(path is not None)

    def _render_device(self) -> None:
        form, choice = self.form, self.controller.choice
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


def _sweep_items(axes: Axes, labels: Sequence[str]) -> list[tuple[str, int | None]]:
    """What may become of the axis that is left beside frames, y and x; nothing where there is none."""
    choices = sweep_choices(axes, labels)
    if not choices:
        return []
    names = {axis: axis_name(axis, labels[axis]) for axis in choices}
    held = ", ".join(names.values())
    every: list[tuple[str, int | None]] = [
        (f"{name}: all {axes.shape[axis]}, linked", axis) for axis, name in names.items()
    ]
    return [(f"{held}: only the one shown", None), *every]


def _swatch(color: Any) -> QIcon:
    pixmap = QPixmap(14, 14)
    pixmap.fill(Qt.GlobalColor.transparent)
    pixmap.fill(QColor.fromRgbF(*(float(value) for value in color[:3])))
    return QIcon(pixmap)
