"""Which frames a propagation does, and which it leaves alone. Pure functions on frame numbers."""

from collections.abc import Collection


def between(anchors: Collection[int], frame: int, frames: Collection[int], slices: int = 1) -> frozenset[int]:
    """Those of `frames` that a change on `frame` reaches: up to the next anchor on each side, without the anchors.

    With `slices`, so many frames in a row are one time point: what is known of one slice goes through all of them, so
    that a change reaches all of its time point and the others up to the next one that has an anchor.
    """
    now = frame // slices
    times = {anchor // slices for anchor in anchors}
    before = max((time for time in times if time < now), default=-1)
    after = min((time for time in times if time > now), default=None)
    return frozenset(
        other for other in frames if before < other // slices and (after is None or other // slices < after)
    )
