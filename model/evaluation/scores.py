"""The scores: one click or one box per object in an image, and one click per object through the stack."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from evaluation.recordings import Recording, deepest, link
from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import Tracker


def iou(a: np.ndarray, b: np.ndarray) -> float:
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def image_ious(model: Sam2, recording: Recording, frames: Iterable[int], prompt: str) -> np.ndarray:
    """IoU of every object of the given frames, prompted alone with one ``"click"`` or one ``"box"``."""
    out = []
    for frame in frames:
        truth = recording.masks[frame]
        for ident in np.unique(truth)[1:]:
            mask = truth == ident
            tracker = Tracker(model, recording.images)
            if prompt == "click":
                tracker.add_points(1, frame, [deepest(mask)])
            else:
                rows, columns = np.nonzero(mask)
                tracker.add_box(
                    1, frame, [rows.min() - 0.5, columns.min() - 0.5, rows.max() + 0.5, columns.max() + 0.5]
                )
            out.append(iou(tracker.predict(frame).labels == 1, mask))
    return np.array(out)


def tracking_ious(model: Sam2, recording: Recording, *, prompt: str = "click") -> np.ndarray:
    """IoU of every object and frame after one prompt per object on frame 0, on frames where its track goes on.

    ``prompt`` is "click" or "mask" (the true mask, which leaves tracking alone to be measured).
    """
    tracks = link(recording.masks)
    tracker = Tracker(model, recording.images)
    for index, track in enumerate(tracks):
        mask = recording.masks[0] == track[0]
        if prompt == "click":
            tracker.add_points(index + 1, 0, [deepest(mask)])
        else:
            tracker.add_mask(index + 1, 0, mask)
    out = []
    for result in tracker.propagate(direction="forward"):
        truth = recording.masks[result.frame]
        for index, track in enumerate(tracks):
            if result.frame < len(track):
                out.append((result.frame, index, iou(result.labels == index + 1, truth == track[result.frame])))
    return np.array(out)


def proposal_scores(model: Sam2, recording: Recording, frame: int) -> tuple[float, float, float, int]:
    """Precision and recall at IoU 0.5, mean IoU of the matches, and how many objects were proposed on a frame."""
    truth = recording.masks[frame]
    areas = np.bincount(truth.ravel())
    proposals = list(Tracker(model, recording.images).propose(frame))[-1].proposals or ()
    matched: dict[int, float] = {}
    for proposal in proposals:
        shared = np.bincount(truth[proposal.box][proposal.pixels], minlength=2)
        shared[0] = 0
        best = int(shared.argmax())
        overlap = shared[best] / (proposal.area + areas[best] - shared[best]) if shared[best] else 0.0
        if overlap >= 0.5 and best not in matched:
            matched[best] = float(overlap)
    count = np.count_nonzero(areas[1:])
    quality = float(np.mean(list(matched.values()))) if matched else 0.0
    return len(matched) / max(len(proposals), 1), len(matched) / max(count, 1), quality, len(proposals)
