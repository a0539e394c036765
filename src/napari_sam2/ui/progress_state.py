"""The buttons that propagate, pause and cancel, and the bar that shows how far frames, labels or a download are."""

from napari_sam2.ui.awaited import Awaited
from napari_sam2.ui.controller import Controller
from napari_sam2.ui.form import Form
from napari_sam2.ui.hints import remaining_text
from napari_sam2.ui.loop import Loop
from napari_sam2.ui.standing import queued_text

_PROGRESS_SECONDS = 0.3


class ProgressState:
    """Shows what is under way."""

    def __init__(self, form: Form, controller: Controller, awaited: Awaited, loop: Loop) -> None:
        self.form, self.controller, self.awaited = form, controller, awaited
        self._loop = loop
        self._rests = False

    def render(self) -> None:
        """Show it as it is now."""
        form, control = self.form, self.controller
        run, work, labels = control.propagation, control.workspace, control.prompting.labels
        stack = work is not None and work.axes.frames > 1
        for widget in (form.direction, form.first_frame, form.last_frame):
            widget.setEnabled(stack)
        # Without an image a click says what to do; that helps more than a button that does not move.
        form.propagate.setEnabled((stack or work is None) and not run.cancelling)
        form.name_propagate(run.running, run.paused)
        form.show_queued(queued_text(control.carrying.queued, work) if work is not None else "")
        form.pause.setEnabled(run.running and not run.cancelling)
        coming = self.awaited
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
        elif self._rests:
            return
        if done != bar.value():
            self._rests = True
            self._loop.later(_PROGRESS_SECONDS, self._rested)
        bar.setValue(done)

    def _rested(self) -> None:
        self._rests = False
        self.render()
