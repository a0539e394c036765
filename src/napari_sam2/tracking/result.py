"""What the tracker says of one frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.labels import NON_OVERLAP, paint, pixels_of
from napari_sam2.tracking.objects import Answer

OUTSIDE = -1024.0
"""Logit of pixels that were not looked at."""


class FrameResult:
    """Masks of N objects on one frame, with what the model thinks of them.

    Attributes:
        frame: index of the frame.
        object_ids: the N objects, in ascending order.
        object_scores: (N,) float32 logits; <= 0: the model believes that the object is absent.
        predicted_ious: (N,) float32, the model's own estimate of the masks' quality.
    """

    def __init__(
        self, frame: int, answers: Mapping[int, Answer], shape: tuple[int, int], *, resolve: bool, preview: bool = False
    ) -> None:
        self.frame = frame
        self.object_ids: tuple[int, ...] = tuple(sorted(answers))
        self._answers: Sequence[Answer] = [answers[i] for i in self.object_ids]
        self._shape, self._resolve, self._preview = shape, resolve, preview
        self.object_scores = np.array([a.object_score for a in self._answers], np.float32)
        self.predicted_ious = np.array([a.predicted_iou for a in self._answers], np.float32)

    @cached_property
    def labels(self) -> NDArray[Any]:
        """(y, x) unsigned integers: the object of each pixel, 0 for background. Overlaps go to the surer object."""
        return paint(self._answers, self.object_ids, self._shape)

    @property
    def logits(self) -> NDArray[np.float32]:
        """(N, y, x) float32 mask logits at frame resolution, computed anew at every access."""
        out = np.full((len(self._answers), *self._shape), OUTSIDE, np.float32)
        for row, answer in enumerate(self._answers):
            part, values = pixels_of(answer, self._shape)
            out[row][part] = values
        if self._resolve and len(out) > 1:
            loses = np.arange(len(out))[:, None, None] != out.argmax(0)
            out[loses] = np.minimum(out[loses], NON_OVERLAP)
        return out

    @property
    def candidates(self) -> dict[int, NDArray[np.bool_]]:
        """Masks (M, y, x) to choose from by object, best first; only one where nothing is ambiguous.

        Raises:
            AttributeError: the result comes from a propagation.
        """
        if not self._preview:
            raise AttributeError("candidates are there in results of Tracker.predict only")
        return {object_id: self.candidates_of(object_id) for object_id in self.object_ids}

    def candidates_of(self, object_id: int) -> NDArray[np.bool_]:
        """The ``candidates`` of one object. Raises as they do, and KeyError for an object that is not there."""
        if not self._preview:
            raise AttributeError("candidates are there in results of Tracker.predict only")
        answer = dict(zip(self.object_ids, self._answers, strict=True))[object_id]
        masks = np.zeros((len(answer.candidates), *self._shape), bool)
        if answer.painted is not None:
            masks[0] = answer.painted
        else:
            pixels = answer.view.in_frame(answer.candidates, self._shape).cpu().numpy()
            masks[:, *answer.view.inside(self._shape)] = pixels > 0
        return masks

    def joined(self, other: FrameResult) -> FrameResult:
        """This and the result of other objects on the same frame as one."""
        answers = dict(zip(self.object_ids, self._answers, strict=True))
        answers |= dict(zip(other.object_ids, other._answers, strict=True))
        return FrameResult(self.frame, answers, self._shape, resolve=self._resolve, preview=self._preview)
