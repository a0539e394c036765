"""The scores: every answer of the model beside the truth, prompted alone in still images or followed in a stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.recordings import deepest
from evaluation.stacks import Stack
from napari_sam2.sam2 import Sam2
from napari_sam2.tracking import Tracker, TrackerOptions

GOOD, MOST_CLICKS = 0.85, 10


@dataclass
class Answer:
    """One object on one frame, as it was asked for.

    iou: with the truth. predicted: the model's own estimate of it. score: object score, > 0 says that it is there.
    there: whether it is. taken: most of the mask lies on one other object. diameter: of a disc of the true area, in
    pixels; 0 for an absent object. clicks: how many were given. mask: what was answered, for the pictures.
    """

    stack: Stack
    frame: int
    ident: int
    iou: float
    predicted: float
    score: float
    there: bool
    taken: bool = False
    diameter: float = 0.0
    clicks: int = 1
    mask: np.ndarray | None = None
    track: int = -1


def iou(a: np.ndarray, b: np.ndarray) -> float:
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def _diameter(mask: np.ndarray) -> float:
    return float(2 * np.sqrt(np.count_nonzero(mask) / np.pi))


def box_of(mask: np.ndarray) -> list[float]:
    """The corners (y0, x0, y1, x1) of the box along the outer edges of the mask's pixels."""
    rows, columns = np.nonzero(mask)
    return [rows.min() - 0.5, columns.min() - 0.5, rows.max() + 0.5, columns.max() + 0.5]


def _objects(stack: Stack, frame: int) -> Sequence[int]:
    if stack.stills == (0,):
        return [track[0] for track in stack.tracks]
    return [int(i) for i in np.unique(stack.masks[frame])[1:]]


def image_answers(model: Sam2, stack: Stack, prompt: str, options: TrackerOptions | None = None) -> list[Answer]:
    """Every object of the still frames, prompted alone with one ``"click"`` (deepest inside) or one ``"box"``."""
    out = []
    for frame in stack.stills:
        for ident in _objects(stack, frame):
            truth = stack.masks[frame] == ident
            tracker = Tracker(model, stack.images, options)
            if prompt == "click":
                tracker.add_points(1, frame, [deepest(truth)])
            else:
                tracker.add_box(1, frame, box_of(truth))
            result = tracker.predict(frame)
            mask = result.labels == 1
            predicted, score = float(result.predicted_ious[0]), float(result.object_scores[0])
            out.append(
                Answer(stack, frame, ident, iou(mask, truth), predicted, score, True, False, _diameter(truth), 1, mask)
            )
    return out


def clicked_answers(model: Sam2, stack: Stack, every: int = 1, options: TrackerOptions | None = None) -> list[Answer]:
    """Clicks until IoU 0.85 (at most ten), each at the deepest point of the largest error: ``clicks`` counts them.

    ``every``: take every Nth object only.
    """
    from scipy import ndimage

    out = []
    for frame in stack.stills:
        for ident in _objects(stack, frame)[::every]:
            truth = stack.masks[frame] == ident
            tracker = Tracker(model, stack.images, options)
            mask, best, count = np.zeros_like(truth), 0.0, 0
            while best < GOOD and count < MOST_CLICKS:
                count += 1
                missing, extra = truth & ~mask, mask & ~truth
                regions = [
                    (np.bincount(labels.ravel())[1:].max(), kind, labels)
                    for kind, error in ((1, missing), (0, extra))
                    for labels, found in [ndimage.label(error)]
                    if found
                ]
                _, kind, labels = max(regions, key=lambda region: region[0])
                largest = labels == np.bincount(labels.ravel())[1:].argmax() + 1
                tracker.add_points(1, frame, [deepest(largest)], [kind])
                result = tracker.predict(frame)
                mask = result.labels == 1
                best = iou(mask, truth)
            predicted, score = float(result.predicted_ious[0]), float(result.object_scores[0])
            out.append(Answer(stack, frame, ident, best, predicted, score, True, False, _diameter(truth), count, mask))
    return out


def _taken(mask: np.ndarray, masks: np.ndarray, own: int) -> bool:
    """Whether most of a mask lies on one object that is not its own."""
    owners = np.bincount(masks[mask], minlength=2)
    owners[0] = 0
    most = int(owners.argmax())
    return most != own and 2 * int(owners[most]) > np.count_nonzero(mask)


def tracked_answers(model: Sam2, stack: Stack, prompt: str, options: TrackerOptions | None = None) -> list[Answer]:
    """One ``"click"`` or the true ``"mask"`` per object on frame 0, all together; every later frame that is known.

    With a click, frame 0 counts too.
    """
    tracker = Tracker(model, stack.images, options)
    for index, track in enumerate(stack.tracks):
        truth = stack.masks[0] == track[0]
        if prompt == "click":
            tracker.add_points(index + 1, 0, [deepest(truth)])
        else:
            tracker.add_mask(index + 1, 0, truth)
    out = []
    for result in tracker.propagate(direction="forward"):
        labels, masks = result.labels, stack.masks[result.frame]
        for index, track in enumerate(stack.tracks):
            if result.frame >= len(track) or (prompt == "mask" and result.frame == 0):
                continue
            own = track[result.frame]
            mask, truth = labels == index + 1, (masks == own) & (own > 0)
            row = result.object_ids.index(index + 1)
            out.append(
                Answer(
                    stack,
                    result.frame,
                    own,
                    iou(mask, truth),
                    float(result.predicted_ious[row]),
                    float(result.object_scores[row]),
                    own > 0,
                    bool(mask.any()) and _taken(mask, masks, own),
                    _diameter(truth),
                    1,
                    mask,
                    index,
                )
            )
    return out


def proposal_scores(model: Sam2, stack: Stack, frame: int) -> tuple[float, float, float, int]:
    """Precision and recall at IoU 0.5, mean IoU of the matches, and how many objects were proposed on a frame."""
    truth = stack.masks[frame]
    areas = np.bincount(truth.ravel())
    proposals = list(Tracker(model, stack.images).propose(frame))[-1].proposals or ()
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
