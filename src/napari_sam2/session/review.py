"""What is known of every object on every frame of a plane, as arrays: the content of the objects table and the strip.

Rows are objects and columns are frames. Scores come from the model, figures from the masks, prompts and locks from the
user. A cell is *present* when the object has pixels there, *absent* when the model looked and found none, and empty
when nobody has looked. Knows no napari, no Qt and no torch.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam2.session.confidence import DOUBTFUL, FrameFigures, confidence, signs

_LOST = 0.1  # confidence where an object vanishes in the middle of the frame


@dataclass(frozen=True)
class Summary:
    """One row of the objects table.

    Attributes:
        frames: on how many frames the object has pixels.
        first, last: the first and last of these, None without any.
        worst: the lowest confidence on any frame, None while there is none.
        locked: on how many of its frames the mask is accepted.
    """

    frames: int
    first: int | None
    last: int | None
    worst: float | None
    locked: int


@dataclass(frozen=True)
class Cell:
    """One object on one frame.

    Attributes:
        state: "present", "absent", or "" where nobody has looked.
        confidence: 0 to 1, None without a mask.
        object_score, predicted_iou: of the model, None where it has not been asked.
        area: in pixels.
        area_before: on the frame before, 0 without one.
        contact: share of the outline along which another object lies.
        signs: see `confidence.signs`.
    """

    state: str
    confidence: float | None
    object_score: float | None
    predicted_iou: float | None
    area: int
    area_before: int
    contact: float
    prompted: bool
    locked: bool
    lost: bool
    signs: tuple[float, ...]


class Review:
    """The arrays. Frames that change are computed anew alone, so that a propagation stays cheap to follow."""

    def __init__(self, frames: int, slices: int = 1) -> None:
        """
        Args:
            frames: how many frames the stack has.
            slices: how many frames in a row are one time point; a slice is compared with the same slice before.
        """
        self.frames = frames
        self.slices = slices
        self.parents: dict[int, tuple[int, ...]] = {}
        """The mothers of an object that came from a division."""
        self._row: dict[int, int] = {}
        self._unmeasured: NDArray[np.bool_] = np.zeros(frames, bool)
        self._summaries: dict[int, Summary] = {}
        self._strangers: dict[int, set[int]] = {}
        shape = (0, frames)
        self._score: NDArray[np.float32] = np.empty(shape, np.float32)
        self._iou: NDArray[np.float32] = np.empty(shape, np.float32)
        self._area: NDArray[np.uint32] = np.empty(shape, np.uint32)
        self._contact: NDArray[np.float32] = np.empty(shape, np.float32)
        self._at_edge: NDArray[np.bool_] = np.empty(shape, bool)
        self._prompted: NDArray[np.bool_] = np.empty(shape, bool)
        self._locked: NDArray[np.bool_] = np.empty(shape, bool)
        self._confidence: NDArray[np.float32] = np.empty(shape, np.float32)
        self._lost: NDArray[np.bool_] = np.empty(shape, bool)

    @property
    def ids(self) -> tuple[int, ...]:
        """The objects, in the order of the rows."""
        return tuple(self._row)

    def set_objects(self, ids: Iterable[int]) -> set[int]:
        """Let these be the objects. What is known of those that stay is kept.

        Returns the frames on which new ones had pixels before they were objects: they are to be measured again.
        """
        wanted = list(dict.fromkeys(ids))
        if wanted == list(self._row):
            return set()
        again = set().union(*(self._strangers.pop(object_id, ()) for object_id in wanted))
        kept = np.array([self._row.get(object_id, -1) for object_id in wanted], np.int64)
        empty = {"_score": np.nan, "_iou": np.nan, "_confidence": np.nan}
        for name in ("_score", "_iou", "_area", "_contact", "_at_edge", "_prompted", "_locked", "_confidence", "_lost"):
            before = getattr(self, name)
            after = np.full((len(wanted), self.frames), empty.get(name, 0), before.dtype)
            after[kept >= 0] = before[kept[kept >= 0]]
            setattr(self, name, after)
        self._row = {object_id: row for row, object_id in enumerate(wanted)}
        self._summaries.clear()
        return again

    def set_scores(self, frame: int, ids: Sequence[int], object_scores: ArrayLike, predicted_ious: ArrayLike) -> None:
        """Note what the model thinks of some objects on a frame; objects without a row are left out."""
        known = [index for index, object_id in enumerate(ids) if object_id in self._row]
        rows = [self._row[ids[index]] for index in known]
        self._score[rows, frame] = np.asarray(object_scores, np.float32)[known]
        self._iou[rows, frame] = np.asarray(predicted_ious, np.float32)[known]
        self._judge(frame)

    def set_row_scores(self, object_id: int, object_scores: ArrayLike, predicted_ious: ArrayLike) -> None:
        """Note what the model thinks of an object on all frames. Raises KeyError when there is no such object."""
        row = self._row[object_id]
        scores, ious = np.asarray(object_scores, np.float32), np.asarray(predicted_ious, np.float32)
        changed = ~(_same(scores, self._score[row]) & _same(ious, self._iou[row]))
        self._score[row], self._iou[row] = scores, ious
        if changed.any():
            self._judge(row=row)

    def await_figures(self, frame: int) -> None:
        """The pixels of a frame are others now. Until they are measured, no object is said to be absent there."""
        self._unmeasured[frame] = True

    def set_figures(self, frame: int, figures: FrameFigures) -> None:
        """Note what was measured on a frame; objects that do not occur in it have no pixels there."""
        self._unmeasured[frame] = False
        for array in (self._area, self._contact, self._at_edge):
            array[:, frame] = 0
        known = []
        for index, object_id in enumerate(figures.ids.tolist()):
            if object_id in self._row:
                known.append(index)
            else:
                self._strangers.setdefault(object_id, set()).add(frame)
        rows = [self._row[int(figures.ids[index])] for index in known]
        self._area[rows, frame] = figures.areas[known]
        self._contact[rows, frame] = figures.contacts[known]
        self._at_edge[rows, frame] = figures.at_edge[known]
        self._judge(frame)

    def set_marks(self, prompted: Iterable[tuple[int, int]], locked: Mapping[int, Collection[int]]) -> None:
        """Let these (object id, frame) be all the prompted places, and these frames by object id the locked ones."""
        before = self._prompted.copy()
        at: dict[int, list[int]] = {}
        for object_id, frame in prompted:
            at.setdefault(object_id, []).append(frame)
        for array, own in ((self._prompted, at), (self._locked, locked)):
            array[:] = False
            for object_id, frames in own.items():
                if object_id in self._row:
                    array[self._row[object_id], [frame for frame in frames if 0 <= frame < self.frames]] = True
        self._summaries.clear()
        for frame in np.flatnonzero((before != self._prompted).any(axis=0)).tolist():
            self._judge(frame)

    def set_parents(self, parents: Mapping[int, Sequence[int]]) -> None:
        """Let these be the mothers of objects that came from divisions."""
        wanted = {child: tuple(mothers) for child, mothers in parents.items() if mothers}
        if wanted != self.parents:
            self.parents = wanted
            self._judge()

    def children(self, object_id: int) -> tuple[int, ...]:
        """The objects that came from the division of this one."""
        return tuple(child for child, mothers in self.parents.items() if object_id in mothers)

    def summary(self, object_id: int) -> Summary:
        """The row of the table. Raises KeyError when there is no such object."""
        if object_id not in self._summaries:
            row = self._row[object_id]
            where = np.flatnonzero(self._area[row])
            known = self._confidence[row][~np.isnan(self._confidence[row]) & ~self._locked[row]]
            self._summaries[object_id] = Summary(
                len(where),
                int(where[0]) if len(where) else None,
                int(where[-1]) if len(where) else None,
                float(known.min()) if len(known) else (1.0 if len(where) else None),
                int(self._locked[row][where].sum()),
            )
        return self._summaries[object_id]

    def cell(self, object_id: int, frame: int) -> Cell:
        """All that is known of a place. Raises KeyError when there is no such object."""
        row = self._row[object_id]
        score, iou, area = self._score[row, frame], self._iou[row, frame], int(self._area[row, frame])
        jump, contact = self._jumps(np.array([row]), np.array([frame]))[0, 0], self._contact[row, frame]
        return Cell(
            state="present" if area else "absent" if np.isfinite(score) and not self._unmeasured[frame] else "",
            confidence=_number(self._confidence[row, frame]),
            object_score=_number(score),
            predicted_iou=_number(iou),
            area=area,
            area_before=int(self._area[row, frame - self.slices]) if frame >= self.slices else 0,
            contact=float(contact),
            prompted=bool(self._prompted[row, frame]),
            locked=bool(self._locked[row, frame]),
            lost=bool(self._lost[row, frame]),
            signs=tuple(float(value) for value in signs(score, iou, jump, contact)),
        )

    def present(self, object_id: int) -> NDArray[np.int64]:
        """The frames on which an object has pixels, ascending. Raises KeyError when there is no such object."""
        return np.flatnonzero(self._area[self._row[object_id]])

    def confidences(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """(rows, frames) confidence of these objects, NaN where there is nothing to be sure of."""
        return self._confidence[self._rows(ids)]

    def shown(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """(rows, frames) confidence as it is drawn: what somebody has accepted is not doubtful any more."""
        rows = self._rows(ids)
        found = self._confidence[rows]
        accepted = self._locked[rows]
        found[accepted & self._lost[rows]] = np.nan
        calm: NDArray[np.float32] = np.where(accepted, np.maximum(found, np.float32(DOUBTFUL)), found)
        return calm

    def absent(self, ids: Sequence[int]) -> NDArray[np.bool_]:
        """(rows, frames) where the model looked for these objects and found nothing."""
        rows = self._rows(ids)
        missing: NDArray[np.bool_] = np.isfinite(self._score[rows]) & (self._area[rows] == 0) & ~self._unmeasured
        return missing

    def prompted(self, ids: Sequence[int]) -> NDArray[np.bool_]:
        """(rows, frames) where these objects have prompts."""
        return self._prompted[self._rows(ids)]

    def locked(self, ids: Sequence[int]) -> NDArray[np.bool_]:
        """(rows, frames) where the masks of these objects are accepted."""
        return self._locked[self._rows(ids)]

    def doubtful(self, ids: Sequence[int]) -> NDArray[np.bool_]:
        """(rows, frames) where these objects deserve a look and nobody has accepted the mask."""
        rows = self._rows(ids)
        with np.errstate(invalid="ignore"):
            doubtful: NDArray[np.bool_] = (self._confidence[rows] < DOUBTFUL) & ~self._locked[rows]
        return doubtful

    def _rows(self, ids: Sequence[int]) -> list[int]:
        return [self._row[object_id] for object_id in ids]

    def _judge(self, frame: int | None = None, row: int | None = None) -> None:
        """Compute confidence anew, on one frame and its neighbours or all, of one object or all."""
        columns = np.arange(self.frames) if frame is None else self._around(frame)
        rows = np.arange(len(self._row)) if row is None else np.array([row])
        self._summaries.clear()
        if not len(rows) or not len(columns):
            return
        part = np.ix_(rows, columns)
        judged = confidence(self._score[part], self._iou[part], self._jumps(rows, columns), self._contact[part])
        lost = self._losses(rows, columns)
        self._lost[part] = lost
        empty = np.where(lost, np.float32(_LOST), np.float32(np.nan))
        self._confidence[part] = np.where(self._area[part] > 0, judged, empty)

    def _around(self, frame: int) -> NDArray[np.int64]:
        """A frame and those before and after it."""
        columns = np.array([frame - self.slices, frame, frame + self.slices])
        return columns[(columns >= 0) & (columns < self.frames)]

    def _beside(self, cells: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any], steps: int) -> NDArray[Any]:
        """(rows, columns) of the cells so many steps after these; zeros beside the stack."""
        there = columns + steps * self.slices
        known = (there >= 0) & (there < self.frames)
        found = np.zeros((len(rows), len(columns)), cells.dtype)
        found[:, known] = cells[np.ix_(rows, there[known])]
        return found

    def _jumps(self, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float32]:
        """|log2| of the ratio to the area on the frame before, NaN where one of them has no pixels.

        Where the user prompted, the mask may well differ from the one before: that was the purpose.
        """
        part = np.ix_(rows, columns)
        now = self._area[part].astype(np.float32)
        before = self._beside(self._area, rows, columns, -1).astype(np.float32)
        known = (now > 0) & (before > 0) & ~self._prompted[part]
        jumps = np.abs(np.log2(np.where(known, now, 1) / np.where(known, before, 1)))
        return np.where(known, jumps, np.float32(np.nan))

    def _losses(self, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.bool_]:
        """Where an object is looked for and not found although it was in the middle of a frame beside this one."""
        part = np.ix_(rows, columns)
        lost: NDArray[np.bool_] = np.isfinite(self._score[part]) & (self._area[part] == 0) & ~self._unmeasured[columns]
        seen = np.zeros_like(lost)
        for steps in (-1, 1):
            area = self._beside(self._area, rows, columns, steps)
            seen |= (area > 0) & ~self._beside(self._at_edge, rows, columns, steps)
        lost &= seen
        for object_id, frame in self._expected_losses():
            lost[np.ix_(rows == self._row.get(object_id, -1), columns == frame)] = False
        return lost

    def _expected_losses(self) -> Iterator[tuple[int, int]]:
        """(object, frame) where a mother has divided, and where a daughter is not born yet."""
        for child, mothers in self.parents.items():
            born = self.present(child)[:1].tolist() if child in self._row else []
            for frame in born:
                yield child, frame - self.slices
                yield from ((mother, frame) for mother in mothers)


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _same(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return same
