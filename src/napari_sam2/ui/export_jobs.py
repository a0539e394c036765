"""One export at a time, on a thread of its own, with progress and a way to stop it. Knows no Qt widget."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from psygnal import Signal

from napari_sam2.export.errors import ExportError
from napari_sam2.export.results import ExportOptions, Progress, Results
from napari_sam2.ui.inference import InferenceThread
from napari_sam2.ui.loop import Loop
from napari_sam2.ui.messages import Cancelled

_REPORT_SECONDS = 0.1


@dataclass(frozen=True)
class Job:
    """What is to be written where.

    Attributes:
        part: which part of the image it is, in words; "" for the whole.
    """

    path: Path
    results: Results
    format: str
    options: ExportOptions
    part: str = ""

    def with_offer(self, offer: str) -> "Job":
        """The same job with an option switched on."""
        return replace(self, options=replace(self.options, **{offer: True}))


class ExportJobs:
    """Runs exports and other work on the results in the background.

    Events:
        changed(): running, done or total are others.
        finished(job): it is written.
        refused(job, error): the format cannot hold it as it is, but could: `error.offer` says how.
        failed(error): it was not written; Cancelled when the user stopped it.
    """

    changed = Signal()
    finished = Signal(object)
    refused = Signal(object, object)
    failed = Signal(object)

    def __init__(self, loop: Loop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop, self._clock = loop, clock
        self._thread = InferenceThread(loop.post)
        self._stop = threading.Event()
        self._closed = False
        self._began = self._reported = 0.0
        self.running: Job | None = None
        self.done, self.total = 0, 0

    @property
    def remaining(self) -> float | None:
        """Seconds that it will still take, None before there is anything to go by."""
        if not self.done:
            return None
        return (self._clock() - self._began) / self.done * (self.total - self.done)

    def start(self, job: Job) -> None:
        """Begin. Only when none is running."""
        from napari_sam2.export.formats import export_results

        self._stop.clear()
        self.running = job
        self.done, self.total = 0, 2 * job.results.count
        self._began = self._clock()
        self._thread.submit(
            lambda: export_results(job.path, job.results, job.format, job.options, self._progress),
            done=lambda _: self._end(partial(self.finished.emit, job)),
            failed=lambda error: self._end(partial(self._on_error, job, error)),
        )
        self.changed.emit()

    def work(
        self,
        task: Callable[[Progress], Any],
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """Run something else on the same thread, then `done` with its answer or `failed` on the main thread.

        Args:
            task: given a progress to tell, which raises Cancelled once this is closed.
        """
        self._thread.submit(lambda: task(self._unless_closed), done, failed)

    def cancel(self) -> None:
        """Stop; nothing new is left, and what was there before stays."""
        self._stop.set()

    def close(self) -> None:
        """Stop and take nothing more."""
        self._closed = True
        self.cancel()
        self._thread.close()

    def _unless_closed(self, done: int, total: int) -> None:
        if self._closed:
            raise Cancelled

    def _progress(self, done: int, total: int) -> None:
        """Called on the thread after every frame."""
        if self._stop.is_set():
            raise Cancelled
        now = self._clock()
        if now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            self._loop.post(partial(self._on_progress, done, total))

    def _on_progress(self, done: int, total: int) -> None:
        if self.running is not None:
            self.done, self.total = done, total
            self.changed.emit()

    def _end(self, tell: Callable[[], None]) -> None:
        self.running = None
        self.changed.emit()
        tell()

    def _on_error(self, job: Job, error: BaseException) -> None:
        if isinstance(error, ExportError) and error.offer is not None:
            self.refused.emit(job, error)
        else:
            self.failed.emit(error)
