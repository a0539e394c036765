"""Which objects the review lists in which order, and the way from one doubtful place to the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sam2.session.review import Review

FILTERS = ("all", "doubtful", "absent", "unlocked")
SORT_KEYS = ("id", "name", "frames", "first", "last", "worst", "locked")


@dataclass(frozen=True)
class Place:
    """Successive doubtful frames of one object.

    Attributes:
        object_id: the object.
        first, last: the frames.
        frame: the one of them with the lowest confidence, where a correction helps most.
        confidence: there.
    """

    object_id: int
    first: int
    last: int
    frame: int
    confidence: float


def listed(
    review: Review,
    names: Mapping[int, str],
    *,
    show: str = "all",
    text: str = "",
    key: str = "id",
    descending: bool = False,
) -> list[int]:
    """The objects to list, in order.

    Args:
        review: what is known of them.
        names: of the objects.
        show: one of FILTERS: all, those with a doubtful frame, those that the model does not find on some frame, those
            with a frame that is not accepted.
        text: part of the name or the whole id, in any case; "" for any.
        key: one of SORT_KEYS. Objects without a value come last.
        descending: the largest first.

    Raises:
        ValueError: there is no such filter or key.
    """
    if show not in FILTERS or key not in SORT_KEYS:
        raise ValueError(f"got show={show!r} and key={key!r}, expected one of {FILTERS} and one of {SORT_KEYS}")
    ids = [object_id for object_id in review.ids if _matches(object_id, names, text.strip().casefold())]
    if show == "doubtful":
        ids = _where(ids, review.doubtful(ids))
    elif show == "absent":
        ids = _where(ids, review.absent(ids))
    elif show == "unlocked":
        ids = [i for i in ids if review.summary(i).locked < review.summary(i).frames or not review.summary(i).frames]
    values = {object_id: _sort_value(review, names, object_id, key) for object_id in ids}
    known = sorted((i for i in ids if values[i] is not None), key=lambda i: (values[i], i), reverse=descending)
    return known + [object_id for object_id in ids if values[object_id] is None]


def doubtful_places(review: Review, ids: Sequence[int]) -> list[Place]:
    """The doubtful places of these objects, object by object in the given order, along the frames."""
    if not ids:
        return []
    doubtful = review.doubtful(ids)
    padded = np.zeros((len(ids), review.frames + 2), np.int8)
    padded[:, 1:-1] = doubtful
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    confidences = review.confidences(ids)
    places = []
    for row, start, end in zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True):
        part = confidences[row, start:end]
        worst = int(part.argmin())
        places.append(Place(ids[row], start, end - 1, start + worst, float(part[worst])))
    return places


def next_place(places: Sequence[Place], ids: Sequence[int], object_id: int, frame: int, by: int = 1) -> Place | None:
    """The next place (or with `by` -1 the one before) seen from an object on a frame, round the end; None without any.

    Args:
        places: from `doubtful_places`, of these ids.
        ids: the listed objects in order.
        object_id: where one is now; an object that is not listed counts as above the first.
        frame: where one is now.
    """
    row = {listed_id: index for index, listed_id in enumerate(ids)}
    here = (row.get(object_id, -1), frame)
    keys = [(row[place.object_id], place.frame) for place in places]
    if not places:
        return None
    if by > 0:
        return next((place for place, key in zip(places, keys, strict=True) if key > here), places[0])
    before = [place for place, key in zip(places, keys, strict=True) if key < here]
    return before[-1] if before else places[-1]


def _where(ids: list[int], cells: NDArray[np.bool_]) -> list[int]:
    """The objects that any of their (rows, frames) cells is true of."""
    return [ids[row] for row in np.flatnonzero(cells.any(axis=1))]


def _matches(object_id: int, names: Mapping[int, str], text: str) -> bool:
    return not text or text == str(object_id) or text in names.get(object_id, "").casefold()


def _sort_value(review: Review, names: Mapping[int, str], object_id: int, key: str) -> float | str | None:
    if key == "id":
        return object_id
    if key == "name":
        return names.get(object_id, "").casefold()
    value: float | None = getattr(review.summary(object_id), key)
    return value
