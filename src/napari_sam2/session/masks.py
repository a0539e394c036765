"""The label image of a document, frame by frame. Whoever writes through here can be taken back."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal
from scipy import ndimage

from napari_sam2.session.history import FrameDelta
from napari_sam2.session.places import Plane

Index = Callable[[Plane, int], tuple[int | slice, ...]]
"""(plane, frame) -> the index that takes the (y, x) frame out of the array"""
Labels = npt.NDArray[Any]

_FEW, _COUNTED = 3, 2**16
"""Of more objects, with smaller ids, all boxes of a frame are found in one go."""


class Masks:
    """Labels of every frame of every plane, in an array that others (a viewer) look at too.

    Events:
        changed(plane, frame): pixels of a frame were written here.
    """

    changed = Signal(tuple, int)

    def __init__(
        self,
        array: Any,
        frames: int,
        planes: Iterable[Plane] = ((),),
        index: Index | None = None,
        slices: int = 1,
    ) -> None:
        """
        Args:
            array: integers; numpy, or anything that takes and gives numpy by index. Never exchanged for another one.
            frames: how many frames there are.
            planes: all planes that there are.
            index: where a frame lies; (frames, y, x) when left out.
            slices: how many frames in a row are one time point.
        """
        self.slices = slices
        self.array = array
        self.frames = frames
        self.planes = tuple(planes)
        self._index: Index = index or (lambda plane, frame: (*plane, frame))
        self._objects: dict[tuple[Plane, int], frozenset[int]] = {}

    @property
    def largest_id(self) -> int:
        """The largest object id that the array can hold."""
        return int(np.iinfo(self.array.dtype).max)

    def frame(self, plane: Plane, frame: int) -> Labels:
        """The (y, x) labels of one frame; a view where the array is numpy."""
        return np.asarray(self.array[self._index(plane, frame)])

    def mask(self, plane: Plane, frame: int, object_id: int) -> npt.NDArray[np.bool_]:
        """(y, x) bool of one object on one frame."""
        return np.asarray(self.frame(plane, frame) == object_id)

    def objects(self, plane: Plane, frame: int) -> frozenset[int]:
        """Ids of the objects that have pixels on a frame."""
        found = self._objects.get((plane, frame))
        if found is None:
            found = frozenset(values_of(self.frame(plane, frame)).tolist()) - {0}
            self._objects[plane, frame] = found
        return found

    def masks(self, plane: Plane, frame: int, object_ids: Collection[int]) -> dict[int, npt.NDArray[np.bool_]]:
        """(y, x) bool of those of several objects that have pixels on a frame; the frame is read once.

        They take memory where the object is, so that there may be thousands of them.
        """
        labels, found = self.frame(plane, frame), {}
        for object_id, part in boxes_of(labels, object_ids).items():
            found[object_id] = np.zeros(labels.shape, bool)
            found[object_id][part] = labels[part] == object_id
        return found

    def frames_of(self, object_id: int, plane: Plane = ()) -> list[int]:
        """The frames of a plane on which an object has pixels. The first call reads every frame."""
        return [frame for frame in range(self.frames) if object_id in self.objects(plane, frame)]

    def know(self, plane: Plane, frame: int, object_ids: Iterable[int]) -> None:
        """Somebody has read a frame as it is now: these objects have pixels on it."""
        self._objects[plane, frame] = frozenset(object_ids) - {0}

    def forget(self, plane: Plane | None = None, frame: int | None = None) -> None:
        """Somebody else has written into a frame, or (without a frame) anywhere."""
        if plane is None or frame is None:
            self._objects.clear()
        else:
            self._objects.pop((plane, frame), None)

    def write(self, plane: Plane, frame: int, after: Labels) -> FrameDelta | None:
        """Let the (y, x) labels of a frame be these. Returns what was different, None when nothing was."""
        before = self.frame(plane, frame)
        after = after.astype(before.dtype, copy=False)
        part = bounding_box(before != after)
        if part[0].stop == part[0].start:
            return None
        delta = FrameDelta.of(plane, frame, part, before[part], after[part])
        self._put(plane, frame, part, after[part])
        return delta

    def turn(self, delta: FrameDelta, *, forth: bool) -> None:
        """Take a write back, or make it again. Pixels that somebody else has changed since then stay."""
        region = self.frame(delta.plane, delta.frame)[delta.part]
        self._put(delta.plane, delta.frame, delta.part, delta.turned_part(region, forth=forth))

    def relabel(self, ids: Mapping[int, int], first: int = 0) -> list[FrameDelta]:
        """Give pixels of the objects `ids` the other ids (0: none), from frame `first` on in every plane."""
        deltas = []
        for plane in self.planes:
            for frame in range(first, self.frames):
                delta = self._relabel_frame(plane, frame, ids)
                if delta is not None:
                    deltas.append(delta)
        return deltas

    def _relabel_frame(self, plane: Plane, frame: int, ids: Mapping[int, int]) -> FrameDelta | None:
        # Where it is not known yet, looking for these objects is quicker than finding all that there are.
        here = self._objects.get((plane, frame), frozenset(ids)) & ids.keys()
        if not here:
            return None
        labels = self.frame(plane, frame)
        part = bounding_box(_any_of(labels, here))
        if part[0].stop == part[0].start:
            return None
        before = labels[part].copy()
        after = before.copy()
        for object_id in here:
            after[before == object_id] = ids[object_id]
        delta = FrameDelta.of(plane, frame, part, before, after)
        self._put(plane, frame, part, after)
        return delta

    def _put(self, plane: Plane, frame: int, part: tuple[slice, slice], values: Labels) -> None:
        place = iter(part)
        index = tuple(next(place) if isinstance(axis, slice) else axis for axis in self._padded(plane, frame))
        known = self._objects.pop((plane, frame), None)
        if known is not None:
            known = self._known_after(known, self.frame(plane, frame), part, values)
        self.array[index] = values
        if known is not None:
            self._objects[plane, frame] = known
        self.changed.emit(plane, frame)

    def _known_after(
        self, known: frozenset[int], labels: Labels, part: tuple[slice, slice], values: Labels
    ) -> frozenset[int] | None:
        """The objects of (y, x) labels after a part of them is written, None where finding out takes too long."""
        if 4 * values.size > labels.size:
            return None
        gone = set(values_of(labels[part]).tolist()) - set(values_of(values).tolist())
        if len(gone) > _FEW:
            return None
        lost = {
            object_id
            for object_id in gone
            if np.count_nonzero(labels == object_id) == np.count_nonzero(labels[part] == object_id)
        }
        return frozenset(known - lost | set(values_of(values).tolist())) - {0}

    def _padded(self, plane: Plane, frame: int) -> tuple[int | slice, ...]:
        index = self._index(plane, frame)
        return (*index, *(slice(None),) * (len(self.array.shape) - len(index)))


def _any_of(labels: Labels, object_ids: Collection[int]) -> npt.NDArray[np.bool_]:
    """Where (y, x) labels are one of these."""
    if len(object_ids) > _FEW and max(object_ids) < _COUNTED and labels.dtype.itemsize <= 2:
        wanted = np.zeros(2 ** (8 * labels.dtype.itemsize), bool)
        wanted[list(object_ids)] = True
        return np.asarray(wanted[labels])
    found = np.zeros(labels.shape, bool)
    for object_id in object_ids:
        found |= labels == object_id
    return found


def values_of(labels: Labels) -> npt.NDArray[np.int64]:
    """The values that occur in labels, in order."""
    if labels.size and labels.dtype.kind in "bu" and labels.dtype.itemsize <= 2:
        return np.flatnonzero(np.bincount(labels.ravel()))  # five times as fast as sorting
    return np.unique(labels).astype(np.int64)


def boxes_of(labels: Labels, object_ids: Collection[int]) -> dict[int, tuple[slice, slice]]:
    """The bounding boxes of those of these objects that occur in (y, x) labels."""
    if len(object_ids) > _FEW and max(object_ids) < _COUNTED:
        found = ndimage.find_objects(labels, max(object_ids))
        return {item: found[item - 1] for item in sorted(object_ids) if found[item - 1] is not None}
    boxes = {item: bounding_box(labels == item) for item in sorted(object_ids)}
    return {item: box for item, box in boxes.items() if box[0].stop > box[0].start}


def bounding_box(mask: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    """The slices of (y, x) around what is True; empty ones when nothing is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
