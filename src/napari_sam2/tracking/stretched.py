"""A tracker for pixels that are not square, such as those of a z-stack that is looked at from the side.

The model sees the frames drawn out, so that a round cell is round; prompts and results are in the stack's own pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import prompt_checks as check
from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.options import Direction, TrackerOptions
from napari_sam2.tracking.picks import Stretch, Stretched
from napari_sam2.tracking.result import FrameResult
from napari_sam2.tracking.tracker import Tracker

SQUARE = 1.15
"""Pixels that are longer than wide by no more than this count as square."""


def is_square(aspect: float) -> bool:
    """Whether pixels with this height over their width are left as they are."""
    return 1 / SQUARE <= aspect <= SQUARE


class StretchedTracker:
    """A :class:`Tracker` of a stack whose pixels are `aspect` times as high as wide.

    All places, masks and results are in pixels of the stack.

    Raises:
        TrackingError: the stack cannot be tracked in (shape or type).
    """

    def __init__(self, model: Sam2, stack: Any, options: TrackerOptions | None = None, *, aspect: float) -> None:
        options = options or TrackerOptions()
        frames = Frames(stack, options.contrast)
        self._shape = frames.shape
        self._stretch = Stretch(frames.shape, aspect)
        if options.contrast.kind == "auto":
            # What is between two pixels must not change what is white.
            fixed = replace(options.contrast, kind="limits", limits=frames.limits)
            options = replace(options, contrast_limits=None, contrast=fixed)
        self._inner = Tracker(model, Stretched(stack, self._stretch), options)

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects with prompts, ascending."""
        return self._inner.object_ids

    @property
    def drawn_out(self) -> Tracker:
        """The tracker of the drawn out frames."""
        return self._inner

    def add_points(self, object_id: int, frame: int, points: Any, labels: Any = None, candidate: int = 0) -> None:
        """As for Tracker."""
        places, kinds = check.points(points, labels, self._shape)
        self._inner.add_points(object_id, frame, self._stretch.to_large(places), kinds, candidate)

    def add_box(self, object_id: int, frame: int, box: Any) -> None:
        """As for Tracker."""
        y0, x0, y1, x1 = check.box(box, self._shape)
        corners = self._stretch.to_large(np.array([[y0, x0], [y1, x1]]))
        self._inner.add_box(object_id, frame, corners.ravel())

    def add_mask(self, object_id: int, frame: int, mask: Any) -> None:
        """As for Tracker."""
        self._inner.add_mask(object_id, frame, self._stretch.draw_out_mask(check.mask(mask, self._shape)))

    def remove_object(self, object_id: int) -> None:
        """As for Tracker."""
        self._inner.remove_object(object_id)

    def clear_prompts(self, object_id: int, frame: int | None = None) -> None:
        """As for Tracker."""
        self._inner.clear_prompts(object_id, frame)

    def predict(self, frame: int) -> StretchedResult:
        """As for Tracker."""
        return StretchedResult(self._inner.predict(frame), self._stretch)

    def propagate(
        self, start: int | None = None, stop: int | None = None, direction: Direction = "both"
    ) -> Iterator[StretchedResult]:
        """As for Tracker."""
        return self._results(self._inner.propagate(start, stop, direction))

    def _results(self, inner: Iterator[FrameResult]) -> Iterator[StretchedResult]:
        for result in inner:
            yield StretchedResult(result, self._stretch)


class StretchedResult(FrameResult):
    """A result of drawn out frames, in the stack's own pixels."""

    def __init__(self, drawn: FrameResult, stretch: Stretch) -> None:
        self._drawn, self._stretch = drawn, stretch
        self.frame = drawn.frame
        self.object_ids = drawn.object_ids
        self.object_scores = drawn.object_scores
        self.predicted_ious = drawn.predicted_ious
        self.labels = stretch.back(drawn.labels)

    @property
    def logits(self) -> NDArray[np.float32]:
        """See FrameResult."""
        return self._stretch.back(self._drawn.logits)

    @property
    def candidates(self) -> dict[int, NDArray[np.bool_]]:
        """See FrameResult."""
        return {object_id: self._stretch.back(masks) for object_id, masks in self._drawn.candidates.items()}

    def candidates_of(self, object_id: int) -> NDArray[np.bool_]:
        """See FrameResult."""
        return self._stretch.back(self._drawn.candidates_of(object_id))

    def joined(self, other: FrameResult) -> FrameResult:
        """See FrameResult."""
        if not isinstance(other, StretchedResult):
            raise TypeError(f"got a {type(other).__name__}, expected a result of the same tracker")
        joined = StretchedResult(self._drawn.joined(other._drawn), self._stretch)
        joined.frame = self.frame
        return joined
