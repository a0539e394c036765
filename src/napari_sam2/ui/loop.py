"""The main thread's event loop, as the controllers see it; the real one is Qt's, tests turn theirs by hand."""

from collections.abc import Callable
from typing import Protocol

from qtpy.QtCore import QObject, Qt, QTimer, Signal


class Loop(Protocol):
    """Runs calls on the main thread."""

    def post(self, call: Callable[[], None]) -> None:
        """Run this on the main thread after what runs now. May be called on any thread."""

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Run this on the main thread after so many seconds. Called on the main thread."""


class QtLoop(QObject):
    """Qt's event loop. Nothing runs any more once it is closed."""

    _posted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._open = True
        self._posted.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def post(self, call: Callable[[], None]) -> None:
        """See Loop."""
        if self._open:
            try:
                self._posted.emit(call)
            except RuntimeError:
                # Where the program ends without closing the viewer, Qt deletes this before those who still use it.
                self._open = False

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """See Loop."""
        QTimer.singleShot(round(seconds * 1000), lambda: self._run(call))

    def close(self) -> None:
        """Drop what is waiting and take nothing more."""
        self._open = False

    def _run(self, call: Callable[[], None]) -> None:
        if self._open:
            call()
