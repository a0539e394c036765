"""Where something in a document lies: names for the tuples that stand for it."""

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
