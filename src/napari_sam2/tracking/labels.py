"""Masks of several objects as one picture of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.errors import TrackingError
from napari_sam2.tracking.objects import Answer

if TYPE_CHECKING:
    from napari_sam2.tracking.result import FrameResult

PAINTED_LOGIT = 1024.0
"""Of what the user painted: nothing that the network says is surer."""
NON_OVERLAP = -10.0
"""Where another object is surer of a pixel, logits end here (Meta's ``_apply_non_overlapping_constraints``)."""


def pixels_of(answer: Answer, shape: tuple[int, int]) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
    """The part of a frame that an answer speaks of, and its logits there."""
    if answer.painted is not None:
        rows, columns = np.nonzero(answer.painted)
        if len(rows):
            part = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        else:
            part = slice(0, 0), slice(0, 0)
        return part, np.where(answer.painted[part], PAINTED_LOGIT, -PAINTED_LOGIT).astype(np.float32)
    return answer.view.inside(shape), answer.view.in_frame(answer.logits, shape)[0].numpy()


def paint(answers: Sequence[Answer], ids: Sequence[int], shape: tuple[int, int]) -> NDArray[Any]:
    """Labels (y, x) of objects: each pixel belongs to the object with the highest positive logit there."""
    labels = np.zeros(shape, np.uint16 if max(ids, default=0) < 2**16 else np.uint32)
    highest = np.zeros(shape, np.float32)
    for object_id, answer in zip(ids, answers, strict=True):
        part, logits = pixels_of(answer, shape)
        wins = logits > highest[part]
        labels[part][wins] = object_id
        highest[part][wins] = logits[wins]
    return labels


def merge(existing: NDArray[Any], result: FrameResult) -> NDArray[Any]:
    """Put a result into the labels (y, x) of a frame, in place, and return them.

    Pixels of the result's objects are replaced; pixels that belong to other objects stay with them.

    Raises:
        TrackingError: labels of another shape, or of a type that cannot hold the ids; they are left as they are.
    """
    if existing.shape != result.labels.shape:
        raise TrackingError(f"got labels of shape {existing.shape}, expected the frame's shape {result.labels.shape}")
    highest = max(result.object_ids, default=0)
    if existing.dtype.kind not in "iu" or highest > np.iinfo(existing.dtype).max:
        raise TrackingError(f"got labels of {existing.dtype}, which cannot hold object {highest}; use uint32")
    ids = np.asarray(result.object_ids, existing.dtype)
    existing[np.isin(existing, ids)] = 0
    free = existing == 0
    existing[free] = result.labels[free].astype(existing.dtype)
    return existing
