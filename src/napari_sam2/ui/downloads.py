"""Downloads that go on beside the work: one after the other, with progress and a way to cancel each. No Qt."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from psygnal import Signal

from napari_sam2.ui.inference import InferenceThread
from napari_sam2.ui.messages import Cancelled
from napari_sam2.weights.transfer import Progress

_REPORT_SECONDS = 0.2
_SETTLE_SECONDS = 1.0  # of a download, before its speed says something about the rest


class Fetch(Protocol):
    """What is used of napari_sam2.weights.download.fetch."""

    def __call__(self, name: str, *, folder: str | None, mirrors: tuple[str, ...], progress: Progress) -> Path: ...


@dataclass
class Download:
    """One that was asked for and has not ended.

    Attributes:
        name: of the published model.
        amount: (bytes so far, bytes in all or None), None while it waits for its turn.
        remaining: seconds, None while nobody can tell.
    """

    name: str
    amount: tuple[int, int | None] | None = None
    remaining: float | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    begun: tuple[float, int] | None = None
    """When the first bytes of this go came, and how many there were before it."""

    @property
    def cancelling(self) -> bool:
        """Whether it is to stop."""
        return self.stop.is_set()


class Downloads:
    """Downloads of published models on a thread of their own, so that nobody waits for them with a click.

    Events:
        changed(): something about a download is different.
        ended(name, error): one is over; the error is None when the file is there, Cancelled when the user stopped it.
    """

    changed = Signal()
    ended = Signal(str, object)

    def __init__(
        self, post: Callable[[Callable[[], None]], None], fetch: Fetch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._post, self._fetch, self._clock = post, fetch, clock
        self._thread = InferenceThread(post)
        self._running: dict[str, Download] = {}

    def get(self, name: str) -> Download | None:
        """The download of a model, if there is one that has not ended."""
        return self._running.get(name)

    @property
    def busy(self) -> bool:
        """Whether there is any."""
        return bool(self._running)

    def start(self, name: str, folder: str = "", mirrors: tuple[str, ...] = ()) -> None:
        """Download a model, after those that were asked for before. What has arrived earlier is kept."""
        before = self._running.get(name)
        if before is not None and not before.cancelling:
            return
        download = self._running[name] = Download(name)

        def work() -> None:
            progress = _Throttled(download, partial(self._report, download), self._clock)
            progress.check()
            self._fetch(name, folder=folder or None, mirrors=mirrors, progress=progress)

        self._thread.submit(work, lambda _: self._end(download, None), lambda error: self._end(download, error))
        self.changed.emit()

    def cancel(self, name: str) -> None:
        """Stop a download; what has arrived stays for the next time."""
        download = self._running.get(name)
        if download is not None:
            download.stop.set()
            self.changed.emit()

    def close(self) -> None:
        """Stop all of them."""
        for download in self._running.values():
            download.stop.set()
        self._thread.close()

    def _report(self, download: Download, done: int, total: int | None) -> None:
        """Called on the download's thread."""
        self._post(partial(self._on_progress, download, done, total, self._clock()))

    def _on_progress(self, download: Download, done: int, total: int | None, now: float) -> None:
        download.amount = (done, total)
        if download.begun is None:
            download.begun = (now, done)
        elapsed, brought = now - download.begun[0], done - download.begun[1]
        if total and brought > 0 and elapsed >= _SETTLE_SECONDS:
            download.remaining = elapsed * (total - done) / brought
        self.changed.emit()

    def _end(self, download: Download, error: BaseException | None) -> None:
        # One that was stopped may have been asked for again meanwhile.
        if self._running.get(download.name) is download:
            del self._running[download.name]
            self.ended.emit(download.name, error)
            self.changed.emit()


class _Throttled:
    """The progress of a download as its thread reports it: not too often, and the way out when it is to stop."""

    def __init__(
        self, download: Download, report: Callable[[int, int | None], None], clock: Callable[[], float]
    ) -> None:
        self._download, self._report, self._clock = download, report, clock
        self._last = float("-inf")

    def check(self) -> None:
        """Raise Cancelled when it is to stop."""
        if self._download.cancelling:
            raise Cancelled

    def __call__(self, done: int, total: int | None) -> None:
        self.check()
        now = self._clock()
        if now - self._last >= _REPORT_SECONDS or done == total:
            self._last = now
            self._report(done, total)
