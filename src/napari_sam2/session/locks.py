"""Accepted frames, found by their object, and how far a change reaches between what is fixed."""

from collections.abc import Collection, Iterator, MutableMapping

from napari_sam2.session.places import Place, Plane

_NONE: frozenset[int] = frozenset()


class Locks(MutableMapping[Place, bool]):
    """The accepted places, of which there may be 100,000. The frames of one object are found without a search."""

    def __init__(self) -> None:
        self._all: dict[Place, bool] = {}
        self._frames: dict[tuple[Plane, int], set[int]] = {}

    def frames(self, object_id: int, plane: Plane) -> Collection[int]:
        """The accepted frames of an object; not to be changed."""
        return self._frames.get((plane, object_id), _NONE)

    def by_object(self, plane: Plane) -> dict[int, Collection[int]]:
        """The accepted frames of all objects that have any; not to be changed."""
        return {item: frames for (own, item), frames in self._frames.items() if own == plane}

    def places_of(self, object_id: int) -> list[Place]:
        """The accepted places of an object, on all planes."""
        return [
            (plane, item, frame)
            for (plane, item), frames in self._frames.items()
            if item == object_id
            for frame in sorted(frames)
        ]

    # All other methods of a dictionary come down to these.

    def __getitem__(self, place: Place) -> bool:
        return self._all[place]

    def __setitem__(self, place: Place, value: bool) -> None:
        self._all[place] = value
        self._frames.setdefault(place[:2], set()).add(place[2])

    def __delitem__(self, place: Place) -> None:
        del self._all[place]
        own = self._frames[place[:2]]
        own.remove(place[2])
        if not own:
            del self._frames[place[:2]]

    def __iter__(self) -> Iterator[Place]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, place: object) -> bool:
        return place in self._all


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
