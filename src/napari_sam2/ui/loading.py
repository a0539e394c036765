"""Which model is in use, and how it gets there: with progress, a way to cancel, and a way back when it fails."""

import threading
import time
from dataclasses import replace
from functools import partial

from psygnal import Signal

from napari_sam2.ui.backend import Backend, ModelChoice
from napari_sam2.ui.inference import InferenceThread, NotLoaded, Segmenter
from napari_sam2.ui.loop import Loop
from napari_sam2.ui.messages import Cancelled
from napari_sam2.ui.models import is_here, model_text
from napari_sam2.weights.registry import BUNDLED

_REPORT_SECONDS = 0.1


class Loading:
    """The model choice, and its loading on the inference thread.

    A choice that fails gives way to the one that worked before, so that a failed download stops nobody from working.

    Events:
        changed(): the choice, the text or the amount is another one.
        failed(choice, error): a choice could not be loaded; `choice` of this object is what is in use now.
    """

    changed = Signal()
    failed = Signal(object, object)

    def __init__(self, thread: InferenceThread, backend: Backend, loop: Loop, choice: ModelChoice) -> None:
        self._thread = thread
        self._loop = loop
        self.choice = choice
        self._asked: ModelChoice | None = None
        self._before: ModelChoice | None = None
        self._stop = threading.Event()
        """Breaks off the latest request; every one has its own, since an earlier one may still be at work."""
        self._running = self._stop
        """The same of the request that the inference thread is at; touched there alone."""
        self._reported = 0.0
        self.amount: tuple[int, int | None] | None = None
        self.segmenter = Segmenter(backend, self._progress)
        self.ready = False

    @property
    def busy(self) -> bool:
        """Whether the chosen model is on its way."""
        return self._asked == self.choice and not self.ready

    @property
    def downloading(self) -> bool:
        """Whether there is a download to break off."""
        return self.busy and self.amount is not None

    @property
    def here(self) -> bool:
        """Whether the chosen model can be loaded without a download."""
        return is_here(self.choice.model, self.choice.folder)

    @property
    def text(self) -> str:
        """What is on its way, "" when nothing is: "micro (bundled)", or "SAM 2.1 tiny: 34 of 156 MB"."""
        if not self.busy:
            return ""
        text = model_text(self.choice.model)
        if self.amount is None:
            return text
        done, total = (round(value / 1e6) if value is not None else None for value in self.amount)
        return f"{text}: {done} MB" if total is None else f"{text}: {done} of {total} MB"

    def choose(self, choice: ModelChoice) -> None:
        """Take another model and load it."""
        if self.ready:
            self._before = self.choice
        self.choice = choice
        self._asked = None
        self.prepare()

    def relocate(self, folder: str, mirrors: tuple[str, ...]) -> None:
        """Keep downloads in another folder and get them from other mirrors from now on. Nothing is loaded again."""
        self.choice = replace(self.choice, folder=folder, mirrors=mirrors)
        if self._before is not None:
            self._before = replace(self._before, folder=folder, mirrors=mirrors)
        self.changed.emit()

    def prepare(self) -> None:
        """Load the chosen model unless that was asked for already."""
        if self._asked == self.choice:
            return
        self._asked = choice = self.choice
        self.ready = False
        self.amount = None
        stop = self._stop = threading.Event()
        self._thread.submit(
            lambda: self._load(choice, stop),
            done=lambda _: self._on_loaded(choice),
            # A request before this one, broken off or failed, says nothing of this one.
            failed=lambda error: stop is self._stop and self.blame(error),
        )
        self.changed.emit()

    def _load(self, choice: ModelChoice, stop: threading.Event) -> None:
        """Called on the inference thread."""
        self._running = stop
        self.segmenter.prepare(choice)

    def cancel(self) -> None:
        """Break off a download."""
        if self.busy:
            self._stop.set()

    def blame(self, error: BaseException) -> bool:
        """Handle an error if it is about loading. Returns whether it was."""
        if not isinstance(error, NotLoaded):
            return False
        if isinstance(error.__cause__, Cancelled) and not self._stop.is_set():
            return True  # what was broken off has been asked for again since
        if error.choice == self.choice and self._asked == self.choice:
            self._asked = None
            self.ready = False
            self.amount = None
            self.choice = self._fallback()
            self.failed.emit(error.choice, error.__cause__)
            self.changed.emit()
        return True

    def _fallback(self) -> ModelChoice:
        if self._before is not None:
            return self._before
        return ModelChoice(BUNDLED, folder=self.choice.folder, mirrors=self.choice.mirrors)

    def _on_loaded(self, choice: ModelChoice) -> None:
        if choice == self.choice:
            self.ready = True
            self.amount = None
            self.changed.emit()

    def _progress(self, done: int, total: int | None) -> None:
        """Called on the inference thread, for every piece of a download."""
        if self._running.is_set():
            raise Cancelled
        now = time.monotonic()
        if now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            self._loop.post(partial(self._on_progress, done, total))

    def _on_progress(self, done: int, total: int | None) -> None:
        self.amount = (done, total)
        self.changed.emit()
