"""Where something in a document lies: names for the tuples that stand for it, and words for a frame."""

Plane = tuple[int, ...]
"""Indices on the axes that one tracker does not see, such as z beside time; empty for a plain (frames, y, x) stack."""
Key = tuple[int, int]
"""(object id, frame)"""
Place = tuple[Plane, int, int]
"""(plane, object id, frame)"""
Points = tuple[tuple[tuple[float, float], ...], tuple[int, ...]]
"""((y, x) of every click in data pixels, a label 1 or 0 for each)"""
Box = tuple[float, float, float, float]
"""(y0, x0, y1, x1) in data pixels"""

EVERY = 0
"""Stands for every object where a whole frame is meant; no object has this id."""


def frame_text(frame: int, slices: int = 1) -> str:
    """A frame in words. Of a volume over time the user knows time points and slices, not the slices counted through."""
    return f"frame {frame}" if slices == 1 else f"frame {frame // slices}, slice {frame % slices}"
