"""The line that says how far things are."""

import sys
import time
from collections.abc import Callable

_REDRAW = 0.1  # seconds between two states of the line on a terminal
_REPEAT = 10.0  # and elsewhere, such as in a log file


class ProgressLine:
    """Says on standard error how far things are and how long they will take; on a terminal in one changing line."""

    _open = False  # whether the terminal's line holds a state now

    def __init__(self, *, scale: float = 1.0, unit: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._scale, self._unit, self._clock = scale, unit, clock
        self._started = clock()
        self._said: float | None = None

    def __call__(self, done: int, total: int | None) -> None:
        now = self._clock()
        terminal = sys.stderr.isatty()
        pause = _REDRAW if terminal else _REPEAT
        if self._said is not None and done != total and now - self._said < pause:
            return
        self._said = now
        text = f"{done / self._scale:.0f}" + (f" of {total / self._scale:.0f}" if total else "")
        text += f" {self._unit}"
        if total and done:
            text += f", about {_duration((now - self._started) * (total - done) / done)} left"
        print(f"\r{text:<60}" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True)
        ProgressLine._open = terminal

    @classmethod
    def clear(cls) -> None:
        """Take the line away, so that something else can be said."""
        if cls._open:
            print("\r" + " " * 60 + "\r", end="", file=sys.stderr, flush=True)
            cls._open = False


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
