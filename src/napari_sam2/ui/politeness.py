"""How the inference thread lets the viewer go first: it gives up Python often, and the processor where both want it."""

import os
import sys
import threading

NICENESS = 3
"""By how much the inference thread is nicer than the viewer (see `nice`): of two threads that want one core, the viewer
gets two thirds of it. With nothing to draw, the inference thread loses nothing.

Just so much that the slider does not wait, since other programs of the same session have the viewer's niceness, and
take the processor from the thread likewise; docs/performance.md has what was measured. And not by turns, for who may
not administer the system can make a thread nicer, but never less nice again.
"""

_TURN_SECONDS = 0.0005
"""How long the thread may keep Python to itself while somebody waits for it.

The viewer lets go of Python with every call of OpenGL, hundreds of times per picture, and each time waits until it
gets it back; Python's own 5 ms would add up.
"""


def step_back() -> None:
    """Let this thread, and those that it makes from now on, have the processor after the viewer.

    Only Linux has a niceness of single threads; elsewhere this does nothing. To be called before torch makes its
    threads, which are as nice as the one that makes them.
    """
    if NICENESS and sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)


class Polite:
    """While anything runs in it, Python changes between threads more often.

    For work of other threads, and for work of the main thread that lets go of Python very often, as numpy does with
    every large array: edits of hundreds of frames take many times as long when masks are measured beside them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._usual = 0.0

    def __enter__(self) -> None:
        with self._lock:
            self._running += 1
            if self._running == 1:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(self._usual, _TURN_SECONDS))

    def __exit__(self, *args: object) -> None:
        with self._lock:
            self._running -= 1
            if self._running == 0:
                sys.setswitchinterval(self._usual)


polite = Polite()
