"""How sure one may be of a mask: four signs, of which the weakest counts.

Two signs come from the model, its belief that the object is there and the IoU that it predicts for its mask. Two come
from the masks themselves: an object that changes its size from one frame to the next by much, and one that shares much
of its outline with a neighbour. Every sign is a number from 0, doubtful, to 1, nothing to be seen.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

DOUBTFUL = 0.5
"""Below this confidence a place deserves a look."""

SIGNS = ("presence", "predicted IoU", "size change", "contact")
"""Names of the signs, in the order of `signs`."""

_LARGEST_COUNTED = 1_000_000  # label: beyond, the labels that occur are numbered first
_NEAR = 3  # pixels: masks of touching objects often leave a seam between them
_SURE_SCORE = 4.0  # logit from which on the model's belief in the object says nothing more
_GOOD_IOU, _POOR_IOU = 0.9, 0.7
_SMALL_JUMP, _LARGE_JUMP = 0.25, 0.95  # in doublings of the area
_FREE, _EMBRACED = 0.35, 1.25  # share of the outline


@dataclass(frozen=True)
class FrameFigures:
    """What can be measured on the labels of one frame, of N objects.

    Attributes:
        ids: (N,) the labels that occur, in ascending order.
        areas: (N,) in pixels.
        contacts: (N,) share of the outline that another object lies along, 0 to 1.
        at_edge: (N,) whether the object touches the border of the frame.
    """

    ids: NDArray[np.int64]
    areas: NDArray[np.int64]
    contacts: NDArray[np.float32]
    at_edge: NDArray[np.bool_]


def measure_frame(labels: NDArray[Any]) -> FrameFigures:
    """Measure (y, x) integer labels, 0 = background."""
    labels, names = _small_ids(np.asarray(labels))
    counts = np.bincount(labels.ravel()) if labels.size else np.zeros(1, np.int64)
    counts[0] = 0
    ids = np.flatnonzero(counts)
    areas = counts[ids]
    outline = np.zeros(len(ids), np.int64)
    touching = np.zeros(len(ids), np.int64)
    for axis in (0, 1):
        behind = labels[_NEAR:] if axis == 0 else labels[:, _NEAR:]
        before = labels[:-_NEAR] if axis == 0 else labels[:, :-_NEAR]
        where = np.nonzero(behind != before)
        for own, other in ((before[where], behind[where]), (behind[where], before[where])):
            outline += np.bincount(own, minlength=len(counts))[ids]
            touching += np.bincount(own[other > 0], minlength=len(counts))[ids]
    border = np.concatenate([labels[[0, -1]].ravel(), labels[:, [0, -1]].ravel()]) if labels.size else labels.ravel()
    return FrameFigures(
        names[ids] if names is not None else ids.astype(np.int64),
        areas.astype(np.int64),
        (touching / np.maximum(outline, 1)).astype(np.float32),
        np.isin(ids, border),
    )


def signs(
    object_score: ArrayLike, predicted_iou: ArrayLike, area_jump: ArrayLike, contact: ArrayLike
) -> NDArray[np.float32]:
    """The four signs, (4, ...), each from 0 to 1; what is not known (NaN) is nothing against a mask.

    Args:
        object_score: logit of the object being there.
        predicted_iou: 0 to 1.
        area_jump: |log2| of the ratio to the area on the frame before.
        contact: share of the outline along which another object lies, 0 to 1.
    """
    found = np.stack(
        [
            _between(np.asarray(object_score, np.float32), -_SURE_SCORE, _SURE_SCORE),
            _between(np.asarray(predicted_iou, np.float32), _POOR_IOU, _GOOD_IOU),
            _between(np.asarray(area_jump, np.float32), _LARGE_JUMP, _SMALL_JUMP),
            _between(np.asarray(contact, np.float32), _EMBRACED, _FREE),
        ]
    )
    return np.where(np.isnan(found), np.float32(1), found).astype(np.float32)


def confidence(
    object_score: ArrayLike, predicted_iou: ArrayLike, area_jump: ArrayLike, contact: ArrayLike
) -> NDArray[np.float32]:
    """The weakest of the signs; see `signs` for the arguments."""
    weakest: NDArray[np.float32] = signs(object_score, predicted_iou, area_jump, contact).min(axis=0)
    return weakest


def _between(value: NDArray[np.float32], doubtful: float, fine: float) -> NDArray[np.float32]:
    """0 at `doubtful`, 1 at `fine`, straight in between; `DOUBTFUL` is therefore halfway."""
    sign: NDArray[np.float32] = np.clip((value - np.float32(doubtful)) / np.float32(fine - doubtful), 0, 1)
    return sign


def _small_ids(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
    """The labels as they are, or, where their values are too large to count up to, as indices into the second array."""
    if labels.size and (labels.dtype.itemsize > 4 or labels.dtype.kind == "i" or labels.max() > _LARGEST_COUNTED):
        values, indices = np.unique(np.where(labels > 0, labels, 0), return_inverse=True)
        names = np.concatenate([[0], values[values > 0]]).astype(np.int64)
        shift = 0 if values[0] == 0 else 1
        return indices.reshape(labels.shape) + shift, names
    return labels, None
