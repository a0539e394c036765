"""Measures frames of labels on a thread of its own, so that neither the viewer nor the model waits for it."""

import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from psygnal import Signal

from napari_sam2.session.confidence import FrameFigures, measure_frame
from napari_sam2.session.document import Plane
from napari_sam2.ui.loop import Loop
from napari_sam2.ui.politeness import step_back

Read = Callable[[], np.ndarray]
"""Reads the (y, x) labels of a frame. Called on the thread."""
Place = tuple[Plane, int]
Measured = tuple[dict[Place, FrameFigures], dict[Place, Read]]

_BATCH, _BATCH_SECONDS = 64, 0.05
"""Frames that are measured in one go, and how long that may take."""


class Measuring:
    """Takes frames as they change; a frame that changes again while it waits is measured once.

    Events:
        measured(plane, frame, figures): a frame was measured.
    """

    measured = Signal(tuple, int, object)

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="napari-sam2-review", initializer=step_back)
        self._waiting: dict[Place, Read] = {}
        self._running = False
        self._generation = 0

    @property
    def busy(self) -> bool:
        """Whether there are frames to measure."""
        return self._running or bool(self._waiting)

    def waits(self, plane: Plane, frame: int) -> bool:
        """Whether a frame is to be measured again."""
        return (plane, frame) in self._waiting

    def ask(self, plane: Plane, frame: int, read: Read) -> None:
        """Measure a frame when its turn comes."""
        self._waiting[plane, frame] = read
        self._next()

    def drop_all(self) -> None:
        """What waits and what is under way counts no more."""
        self._waiting.clear()
        self._generation += 1

    def submit(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Do something else on this thread, and `done` with what comes of it on the main thread."""
        future = self._executor.submit(work)
        future.add_done_callback(lambda _: self._loop.post(partial(_settle, future, done)))

    def close(self) -> None:
        """Measure nothing more."""
        self.drop_all()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _next(self) -> None:
        if self._running or not self._waiting:
            return
        reads = dict(islice(self._waiting.items(), _BATCH))
        for place in reads:
            del self._waiting[place]
        self._running = True
        self.submit(lambda: _measure_some(reads), partial(self._on_measured, self._generation))

    def _on_measured(self, generation: int, done: Measured) -> None:
        figures, rest = done
        self._running = False
        if generation == self._generation:
            # What has changed again meanwhile comes later by itself.
            self._waiting = {**rest, **self._waiting}
            for place, each in figures.items():
                self.measured.emit(*place, each)
        self._next()


def _measure_some(reads: dict[Place, Read]) -> Measured:
    """Measure frames until it takes too long. Returns what was measured, and what was not got to."""
    figures, rest = {}, dict(reads)
    end = time.monotonic() + _BATCH_SECONDS
    for place, read in reads.items():
        del rest[place]
        try:
            labels = read()
        except (OSError, IndexError, ValueError):
            # The layer's file or its shape is gone by now; whoever changed it tells the user.
            continue
        figures[place] = measure_frame(labels if labels.any() else np.zeros((0, 0), np.uint8))
        if time.monotonic() > end:
            break
    return figures, rest


def _settle(future: "Future[Any]", done: Callable[[Any], None]) -> None:
    try:
        result = future.result()
    except CancelledError:
        return
    done(result)
