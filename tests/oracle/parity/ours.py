"""Our side: the same scenarios with `napari_sam2`."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from napari_sam2.sam2 import PRESETS, Sam2
from napari_sam2.sam2.checkpoint import load_state
from napari_sam2.sam2.mask_decoder import one_mask, three_masks
from napari_sam2.tracking import FrameResult, Tracker, TrackerOptions

from .record import ImageRecord, Recording, VideoRecord
from .scenarios import Box, ImagePrompt, Mask, Points, Propagate, Session
from .weights import make_weights

_MEAN = torch.tensor((0.485, 0.456, 0.406))[:, None, None]
_STD = torch.tensor((0.229, 0.224, 0.225))[:, None, None]


def build(variant: str, image_size: int, object_score_bias: float) -> Sam2:
    """Our network of one variant, float32 on the CPU, with the shared weights."""
    model = Sam2(dataclasses.replace(PRESETS[variant], image_size=image_size)).eval()
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    weights = make_weights(shapes, object_score_bias)
    load_state(model, {key: torch.from_numpy(value) for key, value in weights.items()})
    return model


@torch.inference_mode()
def run_image(model: Sam2, image: np.ndarray, prompts: tuple[ImagePrompt, ...]) -> Recording:
    """Predict in a still image (size, size, 3) uint8 with the stateless network."""
    pixels = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    features = model.encode_image(((pixels - _MEAN) / _STD)[None])
    raw = model.without_memory(features)
    recording = Recording()
    for prompt in prompts:
        points, labels = list(prompt.points), list(prompt.labels)
        if prompt.box is not None:
            y0, x0, y1, x1 = prompt.box
            points, labels = [(y0, x0), (y1, x1), *points], [2, 3, *labels]
        xy = torch.tensor(points, dtype=torch.float32).flip(-1)[None]
        mask = torch.from_numpy(prompt.mask_logits)[None, None] if prompt.mask_logits is not None else None
        decoded = model.decode(raw, features, xy, torch.tensor(labels)[None], mask)
        decoded = three_masks(decoded) if prompt.multimask else one_mask(decoded)
        recording.images.append(
            ImageRecord(
                prompt.name, decoded.logits[0].numpy(), decoded.ious[0].numpy(), float(decoded.object_scores[0, 0])
            )
        )
    return recording


def _range(step: Propagate) -> tuple[int | None, int | None]:
    """First frame and the frame after the last, as `Tracker.propagate` wants them in either direction."""
    first, last = (step.start, step.stop) if step.direction == "forward" else (step.stop, step.start)
    return first, None if last is None else last + 1


def run_session(model: Sam2, session: Session) -> Recording:
    """Run a session with one tracker that holds all objects."""
    options = TrackerOptions.reference()
    if not session.filled:
        options = dataclasses.replace(options, fill_holes=0)
    tracker = Tracker(model, session.frames, options)
    recording = Recording()

    def keep(step: int, result: FrameResult, wanted: tuple[int, ...]) -> None:
        logits = result.logits
        for row, object_id in enumerate(result.object_ids):
            if object_id in wanted:
                score, iou = float(result.object_scores[row]), float(result.predicted_ious[row])
                record = VideoRecord(session.name, step, result.frame, object_id, logits[row], score, iou)
                recording.videos.append(record)

    for number, step in enumerate(session.steps):
        if isinstance(step, Propagate):
            for result in tracker.propagate(*_range(step), direction=step.direction):
                keep(number, result, result.object_ids)
            continue
        if isinstance(step, Points):
            tracker.add_points(step.object_id, frame=step.frame, points=list(step.points), labels=list(step.labels))
        elif isinstance(step, Box):
            tracker.add_box(step.object_id, frame=step.frame, box=list(step.box))
        elif isinstance(step, Mask):
            tracker.add_mask(step.object_id, frame=step.frame, mask=step.mask)
        keep(number, tracker.predict(frame=step.frame), (step.object_id,))
    return recording
