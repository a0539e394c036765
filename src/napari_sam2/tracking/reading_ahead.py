"""The next frame, read from the disk and converted while the network works on this one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

Frame = TypeVar("Frame")


class ReadingAhead(Generic[Frame]):
    """Reads one frame at a time, on a thread of its own where it is told so early enough.

    Never two at once: not every array can be read by two threads.
    """

    def __init__(self, read: Callable[[int], Frame]) -> None:
        self._read = read
        self._thread: ThreadPoolExecutor | None = None
        self._pending: tuple[int | None, Future[Frame]] | None = None
        """The frame, or None where nobody wants it any more."""

    def begin(self, frame: int) -> Future[Frame]:
        """Start to read a frame that will be asked for. What comes of it may be looked at before it is taken."""
        if self._pending is not None:
            if self._pending[0] == frame:
                return self._pending[1]
            wait([self._pending[1]])
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "napari-sam2 reading ahead")
        self._pending = frame, self._thread.submit(self._read, frame)
        return self._pending[1]

    def take(self, frame: int) -> Frame:
        """The frame. Raises what reading it raises."""
        if self._pending is None:
            return self._read(frame)
        number, future = self._pending
        if number == frame:
            self._pending = None
            return future.result()
        wait([future])
        if number is None:
            self._pending = None
        return self._read(frame)

    def forget(self) -> None:
        """Let go of what was not asked for, without waiting for it."""
        if self._pending is not None:
            future = self._pending[1]
            self._pending = None if future.cancel() or future.done() else (None, future)
