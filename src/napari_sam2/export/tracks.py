"""Objects and their lineage as tracks: pieces of an object's life that neither branch nor, if need be, have gaps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_sam2.export.errors import ExportError, some
from napari_sam2.export.measure import Integers, Measurements, compact
from napari_sam2.export.results import Frame


@dataclass(frozen=True)
class Track:
    """A piece of an object's life.

    Attributes:
        id: its number; that of the object for the object's first piece.
        object: the label.
        frames: in which the object has pixels, in order.
        parents: ids of the tracks that it comes from; the piece before, when it is not the object's first.
    """

    id: int
    object: int
    frames: Integers
    parents: tuple[int, ...] = ()

    @property
    def first(self) -> int:
        """Its first frame."""
        return int(self.frames[0])

    @property
    def last(self) -> int:
        """Its last frame."""
        return int(self.frames[-1])


def tracks_of(measured: Measurements, parents: Mapping[int, Sequence[int]], *, gaps: bool = True) -> list[Track]:
    """The tracks of all objects, in order of their ids.

    An object that goes on beside its own child is cut where the child begins: what follows is another child of the
    piece before. Links from or to objects without a pixel are left out.

    Args:
        measured: where the objects are.
        parents: of an object, by its id.
        gaps: whether a track may leave frames out; otherwise it is cut there.

    Raises:
        ExportError: a parent is not there before its child.
    """
    spans = measured.spans()
    links = {
        child: tuple(parent for parent in own if parent in spans and parent != child)
        for child, own in parents.items()
        if child in spans
    }
    late = [child for child, own in links.items() if any(spans[item][0] >= spans[child][0] for item in own)]
    if late:
        raise ExportError(
            f"{some(sorted(late))} would begin before or together with the parent; correct the lineage or first frames"
        )
    births: dict[int, list[int]] = {}
    for child, own in links.items():
        for parent in own:
            births.setdefault(parent, []).append(int(spans[child][0]))
    pieces = {item: _pieces(frames, births.get(item, []), gaps) for item, frames in spans.items()}
    return _numbered(pieces, links)


def _pieces(frames: Integers, births: Sequence[int], gaps: bool) -> list[Integers]:
    """The frames of an object, cut before each birth of a child and, without gaps, at every gap."""
    cuts = {int(np.searchsorted(frames, birth)) for birth in births}
    if not gaps:
        cuts |= {int(place) + 1 for place in np.flatnonzero(np.diff(frames) > 1)}
    edges = [0, *sorted(cuts - {0, len(frames)}), len(frames)]
    return [frames[start:stop] for start, stop in pairwise(edges)]


def _numbered(pieces: Mapping[int, list[Integers]], links: Mapping[int, tuple[int, ...]]) -> list[Track]:
    """Give pieces their numbers and parents."""
    following = max(pieces, default=0) + 1
    ids: dict[int, list[int]] = {}
    for item, own in pieces.items():
        ids[item] = [item, *range(following, following + len(own) - 1)]
        following += len(own) - 1
    tracks = []
    for item, own in pieces.items():
        for place, frames in enumerate(own):
            if place:
                parents: tuple[int, ...] = (ids[item][place - 1],)
            else:
                parents = tuple(
                    ids[parent][_last_before(pieces[parent], int(frames[0]))] for parent in links.get(item, ())
                )
            tracks.append(Track(ids[item][place], item, frames, parents))
    return sorted(tracks, key=lambda track: track.id)


def _last_before(pieces: Sequence[Integers], frame: int) -> int:
    """The index of the last piece that begins before a frame."""
    return max(place for place, frames in enumerate(pieces) if frames[0] < frame)


def renumbered(tracks: Sequence[Track]) -> list[Track]:
    """The same tracks with the numbers 1, 2, 3, ... in their order."""
    new = {track.id: place for place, track in enumerate(tracks, start=1)}
    return [
        Track(new[track.id], track.object, track.frames, tuple(new[parent] for parent in track.parents))
        for track in tracks
    ]


def track_ids(tracks: Sequence[Track], count: int) -> list[dict[int, int]]:
    """For each of `count` frames: the track of every object that is in it, by the object's label."""
    by_frame: list[dict[int, int]] = [{} for _ in range(count)]
    for track in tracks:
        for frame in track.frames.tolist():
            by_frame[frame][track.object] = track.id
    return by_frame


def relabelled(frame: Frame, ids: Mapping[int, int], dtype: npt.DTypeLike) -> npt.NDArray[np.unsignedinteger]:
    """A frame with other labels; `ids` has an entry for every label in it but 0."""
    there, which, _ = compact(frame)
    if not {item for item in there.tolist() if item} <= ids.keys():
        raise ExportError("the labels have changed while they were written; export them again")
    new = np.array([ids[item] if item else 0 for item in there.tolist()], dtype=dtype)
    out: npt.NDArray[np.unsignedinteger] = new[which]
    return out
