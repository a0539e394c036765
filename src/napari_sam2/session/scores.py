"""What the model thinks of its masks, for every object and frame."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_sam2.session.places import Plane

Rows = npt.NDArray[np.float32]
"""(frames, 3): object score, predicted IoU and area; there may be fewer frames than the stack has"""


class Score(NamedTuple):
    """Of one object on one frame; not a number where it is not known."""

    object_score: float
    """Logit; <= 0: the model believes that the object is absent."""
    predicted_iou: float
    """The model's own estimate of the mask's quality."""
    area: float
    """Pixels of the mask."""


UNKNOWN = Score(float("nan"), float("nan"), float("nan"))


class Scores:
    """Scores by plane, object and frame, as one small array per object.

    Events:
        changed(plane, frame): scores of objects on this frame are others.
        reset(): any scores may be others.
    """

    changed = Signal(tuple, int)
    reset = Signal()

    def __init__(self, table: dict[tuple[Plane, int], Rows] | None = None) -> None:
        """
        Args:
            table: where the rows are kept, by (plane, object id); of its own when left out.
        """
        self._all = {} if table is None else table

    def get(self, plane: Plane, object_id: int, frame: int) -> Score:
        """The score of an object on a frame."""
        rows = self._all.get((plane, object_id))
        return UNKNOWN if rows is None or frame >= len(rows) else Score(*(float(value) for value in rows[frame]))

    def array(self, plane: Plane, object_id: int, frames: int) -> npt.NDArray[np.float32]:
        """(frames, 3) float32: object score, predicted IoU and area of an object; NaN where nothing is known."""
        out = np.full((frames, 3), np.nan, np.float32)
        rows = self._all.get((plane, object_id))
        if rows is not None:
            used = min(frames, len(rows))
            out[:used] = rows[:used]
        return out

    def present(self, plane: Plane, object_id: int) -> frozenset[int]:
        """The frames on which an object had pixels when it was segmented there."""
        rows = self._all.get((plane, object_id))
        return frozenset() if rows is None else frozenset(np.flatnonzero(rows[:, 2] > 0).tolist())

    def entries(self) -> Iterator[tuple[Plane, int, int, Score]]:
        """(plane, object id, frame, score) of all that is known."""
        for (plane, object_id), rows in sorted(self._all.items()):
            for frame in np.flatnonzero(~np.isnan(rows).all(axis=1)):
                yield plane, object_id, int(frame), Score(*(float(value) for value in rows[frame]))

    def rows(self) -> Iterator[tuple[tuple[Plane, int], Rows]]:
        """((plane, object id), rows) of all that is known, not to be written into."""
        yield from sorted(self._all.items(), key=lambda item: item[0])

    def put(self, plane: Plane, frame: int, scores: Mapping[int, Score]) -> None:
        """The scores of some objects on a frame, by id."""
        for object_id, score in scores.items():
            self._rows(plane, object_id, frame)[frame] = score
        if scores:
            self.changed.emit(plane, frame)

    def forget(self) -> None:
        """Let nothing be known, as where frames are others than before."""
        self._all.clear()
        self.reset.emit()

    def relabelled(self, ids: Mapping[int, int], first: int = 0) -> dict[tuple[Plane, int], Rows | None]:
        """The rows that would be others if objects had other ids from frame `first` on; 0 for none. Changes nothing."""
        after: dict[tuple[Plane, int], Rows | None] = {}
        for (plane, old), rows in self._all.items():
            if old not in ids or len(rows) <= first:
                continue
            stays, moved = rows.copy(), rows.copy()
            stays[first:] = moved[:first] = np.nan
            after[plane, old] = stays if first else None
            key = (plane, ids[old])
            if ids[old]:
                there = self._longer(after.get(key), key, len(rows))
                free = np.isnan(there[: len(moved)]).all(axis=1)
                there[: len(moved)][free] = moved[free]
                after[key] = there
        return after

    def _longer(self, rows: Rows | None, key: tuple[Plane, int], frames: int) -> Rows:
        """A copy of these rows, or else of those of an object, for so many frames or more."""
        rows = self._all.get(key) if rows is None else rows
        used = 0 if rows is None else len(rows)
        out = np.full((max(frames, used), 3), np.nan, np.float32)
        if rows is not None:
            out[:used] = rows
        return out

    def _rows(self, plane: Plane, object_id: int, frame: int) -> npt.NDArray[np.float32]:
        rows = self._all.get((plane, object_id))
        if rows is None or frame >= len(rows):
            longer = np.full((max(16, 2 * frame), 3), np.nan, np.float32)
            if rows is not None:
                longer[: len(rows)] = rows
            rows = self._all[plane, object_id] = longer
        return rows


def scores_of(result: Any) -> dict[int, Score]:
    """The scores of a tracker's result (anything with object_ids, labels, object_scores and predicted_ious)."""
    ids: Sequence[int] = result.object_ids
    unknown = [float("nan")] * len(ids)
    presence = getattr(result, "object_scores", unknown)
    quality = getattr(result, "predicted_ious", unknown)
    areas = _areas(result.labels)
    return {
        object_id: Score(float(presence[row]), float(quality[row]), float(areas.get(object_id, 0)))
        for row, object_id in enumerate(ids)
    }


def _areas(labels: npt.NDArray[Any]) -> dict[int, int]:
    """Pixels of every value in labels."""
    if labels.size and labels.dtype.kind == "u" and labels.dtype.itemsize <= 2:
        # Five times as fast as sorting; this is done with every frame that comes in.
        counts = np.bincount(labels.ravel())
        return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
    values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
