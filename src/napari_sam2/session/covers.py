"""What masks of prompts lie on: the mask that an object had on a frame before, to come back when its prompts go."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_sam2.session.history import MISSING, Tables
from napari_sam2.session.masks import bounding_box, boxes_of
from napari_sam2.session.places import Place, Plane

_NOWHERE = (slice(0, 0), slice(0, 0))


@dataclass(frozen=True, eq=False)
class Cover:
    """`mask` is (y, x) bool of the part `box` of the frame; nothing where the object had no pixels."""

    box: tuple[slice, slice]
    mask: npt.NDArray[np.bool_]


class Covers:
    """The masks below, by place. Changed in an open step of the history, they are taken back and made again with it."""

    def __init__(self, table: Mapping[Place, Cover], tables: Tables) -> None:
        """
        Args:
            table: the table "covers" of `tables`.
        """
        self._table = table
        self._tables = tables

    def keep(self, plane: Plane, frame: int, object_ids: Iterable[int], before: npt.NDArray[np.integer]) -> None:
        """Keep what objects are in the (y, x) labels `before`, unless something older is kept."""
        new = [item for item in object_ids if (plane, item, frame) not in self._table]
        boxes = boxes_of(before, new) if new else {}
        for object_id in new:
            box = boxes.get(object_id, _NOWHERE)
            self._tables.put("covers", (plane, object_id, frame), Cover(box, before[box] == object_id))

    def keep_mask(self, place: Place, mask: npt.NDArray[np.bool_] | None) -> None:
        """Keep this (y, x) mask; None: the object had no pixels."""
        box = _NOWHERE if mask is None else bounding_box(mask)
        kept = np.zeros((0, 0), bool) if mask is None else mask[box].copy()
        self._tables.put("covers", place, Cover(box, kept))

    def drop(self, place: Place) -> None:
        """Nothing is to come back here."""
        if place in self._table:
            self._tables.put("covers", place, MISSING)

    def drop_objects(self, object_ids: Iterable[int], first: int) -> None:
        """Nothing of these objects is to come back from frame `first` on."""
        gone = set(object_ids)
        for place in [place for place in self._table if place[1] in gone and place[2] >= first]:
            self.drop(place)

    def take(self, place: Place) -> Cover | None:
        """What is to come back here now, None for nothing; it is not kept any more."""
        cover = self._table.get(place)
        self.drop(place)
        return cover

    def clear(self) -> None:
        """Nothing is to come back anywhere."""
        for place in list(self._table):
            self.drop(place)
