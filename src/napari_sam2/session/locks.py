"""Which frames a propagation does, and which it leaves alone. Pure functions on frame numbers."""

from collections.abc import Collection


def between(anchors: Collection[int], frame: int, frames: Collection[int]) -> frozenset[int]:
    """Those of `frames` that a change on `frame` reaches: up to the next anchor on each side, without the anchors."""
    before = max((anchor for anchor in anchors if anchor < frame), default=-1)
    after = min((anchor for anchor in anchors if anchor > frame), default=None)
    return frozenset(other for other in frames if before < other and (after is None or other < after))
