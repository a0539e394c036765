"""Giving memory that nobody uses back to the system.

glibc keeps what was freed between small things that live on, and the more frames go by the more of it there is. Given
back every few frames, it does not grow: ``benchmarks/memory.py`` measures the peak over the length of the stack.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache

EVERY = 8
"""Frames between two times: giving back takes time itself."""


@cache
def _trim() -> Callable[[int], int] | None:
    """``malloc_trim(3)`` of the C library, which only glibc has."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):  # musl
        return None


def give_back() -> None:
    """Return freed memory to the system, where the C library can; elsewhere nothing happens."""
    trim = _trim()
    if trim is not None:
        trim(0)
