"""Which frames a propagation does, and which it leaves alone."""

from collections.abc import Collection
from typing import Any

from napari_sam2.session.places import Place, Plane

_NONE: frozenset[int] = frozenset()


class Locks(dict[Place, bool]):
    """The accepted places, of which there may be 100,000. The frames of one object are found without a search."""

    def __init__(self) -> None:
        super().__init__()
        self._frames: dict[tuple[Plane, int], set[int]] = {}

    def frames(self, object_id: int, plane: Plane) -> Collection[int]:
        """The accepted frames of an object; not to be changed."""
        return self._frames.get((plane, object_id), _NONE)

    def by_object(self, plane: Plane) -> dict[int, Collection[int]]:
        """The accepted frames of all objects that have any; not to be changed."""
        return {item: frames for (own, item), frames in self._frames.items() if own == plane and frames}

    def places_of(self, object_id: int) -> list[Place]:
        """The accepted places of an object, on all planes."""
        return [
            (plane, item, frame)
            for (plane, item), frames in self._frames.items()
            if item == object_id
            for frame in sorted(frames)
        ]

    def __setitem__(self, place: Place, value: bool) -> None:
        super().__setitem__(place, value)
        self._frames.setdefault(place[:2], set()).add(place[2])

    def update(self, *others: Any, **_: Any) -> None:
        """As of a dictionary."""
        for place, value in dict(*others).items():
            self[place] = value

    def __delitem__(self, place: Place) -> None:
        super().__delitem__(place)
        self._frames[place[:2]].discard(place[2])

    def pop(self, place: Place, *default: Any) -> Any:
        """As of a dictionary."""
        self._frames.get(place[:2], set()).discard(place[2])
        return super().pop(place, *default)

    def clear(self) -> None:
        """As of a dictionary."""
        super().clear()
        self._frames.clear()


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
