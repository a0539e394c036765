"""Meta's side: builds Meta's networks with our weights and runs the scenarios with Meta's two predictors.

Needs `sam2` 1.1.0, torch and torchvision. Three things are put in place of Meta's, none of which changes a number
that Meta's code would compute on a GPU: frames come from an array instead of a JPEG folder, connected components
come from `_components` (Meta's are a CUDA extension), and image features are remembered per frame.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import sam2.sam2_video_predictor as video
import sam2.utils.misc as misc
import torch
import torch.nn.functional as F
from sam2.build_sam import build_sam2_video_predictor
from sam2.sam2_image_predictor import SAM2ImagePredictor

from .record import ImageRecord, Recording, VideoRecord
from .scenarios import Box, ImagePrompt, Mask, Points, Propagate, Session
from .weights import make_weights

_LETTERS = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}


def empty(variant: str, image_size: int) -> video.SAM2VideoPredictor:
    """Meta's video predictor (which is also the image network) of one variant, on the CPU, as Meta initialises it."""
    family, _, size_name = variant.partition("_hiera_")
    return build_sam2_video_predictor(
        f"configs/{family}/{family}_hiera_{_LETTERS[size_name]}.yaml",
        ckpt_path=None,
        device="cpu",
        hydra_overrides_extra=[
            f"++model.image_size={image_size}",
            "++model.add_all_frames_to_correct_as_cond=true",
        ],
    )


def build(variant: str, image_size: int, object_score_bias: float) -> video.SAM2VideoPredictor:
    """The same with the shared weights."""
    model = empty(variant, image_size)
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    weights = make_weights(shapes, object_score_bias)
    model.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()}, strict=True)
    _remember_image_features(model)
    return model


def _remember_image_features(model: video.SAM2VideoPredictor) -> None:
    """Encode equal images once: an object is run in a state of its own, all over the same frames."""
    encode, known = model.forward_image, {}

    def forward_image(batch: torch.Tensor) -> dict[str, Any]:
        key = zlib.crc32(batch.numpy().tobytes())
        if key not in known:
            known[key] = encode(batch)
        return {name: list(value) if isinstance(value, list) else value for name, value in known[key].items()}

    model.forward_image = forward_image


def _components(mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """8-connected components of (N, 1, H, W): labels and, for each pixel, the area of its component; 0 elsewhere.

    Each pixel starts with a number of its own and takes the largest of its neighbourhood until nothing changes.
    """
    inside = mask.bool()
    n, _, h, w = inside.shape
    labels = torch.arange(1, h * w + 1, dtype=torch.float64).view(1, 1, h, w).expand(n, 1, h, w) * inside
    while True:
        spread = F.max_pool2d(labels, 3, stride=1, padding=1) * inside
        if torch.equal(spread, labels):
            break
        labels = spread
    labels = labels.long()
    areas = torch.stack([torch.bincount(one.flatten(), minlength=h * w + 1)[one] for one in labels])
    return labels, areas * inside


@contextlib.contextmanager
def _patched(frames: np.ndarray) -> Iterator[None]:
    """Give Meta's predictor these frames, normalised as Meta does, and connected components without CUDA."""

    def load_video_frames(**_: object) -> tuple[torch.Tensor, int, int]:
        images = torch.from_numpy(np.ascontiguousarray((frames / 255.0).transpose(0, 3, 1, 2))).float()
        images -= torch.tensor((0.485, 0.456, 0.406))[:, None, None]
        images /= torch.tensor((0.229, 0.224, 0.225))[:, None, None]
        return images, frames.shape[1], frames.shape[2]

    saved = video.load_video_frames, misc.get_connected_components
    video.load_video_frames, misc.get_connected_components = load_video_frames, _components
    try:
        yield
    finally:
        video.load_video_frames, misc.get_connected_components = saved


def run_image(model: video.SAM2VideoPredictor, image: np.ndarray, prompts: tuple[ImagePrompt, ...]) -> Recording:
    """Predict in a still image (size, size, 3) uint8 with Meta's image predictor."""
    size = model.image_size
    predictor = SAM2ImagePredictor(model)
    predictor._bb_feat_sizes = [(size // stride, size // stride) for stride in (4, 8, 16)]
    predictor.set_image(image)
    seen: list[tuple[torch.Tensor, ...]] = []
    hook = model.sam_mask_decoder.register_forward_hook(lambda _module, _args, output: seen.append(output))
    recording = Recording()
    for prompt in prompts:
        _, ious, clamped = predictor.predict(
            point_coords=np.array(prompt.points)[:, ::-1].copy() if prompt.points else None,
            point_labels=np.array(prompt.labels) if prompt.points else None,
            box=np.array(prompt.box)[[1, 0, 3, 2]] if prompt.box else None,
            mask_input=prompt.mask_logits[None] if prompt.mask_logits is not None else None,
            multimask_output=prompt.multimask,
        )
        logits, decoder_ious, _, score = seen[-1]
        if not np.array_equal(np.clip(logits[0].numpy(), -32, 32), clamped):
            raise RuntimeError("the decoder's output is not what the predictor returned")
        np.testing.assert_array_equal(decoder_ious[0].numpy(), ious)
        recording.images.append(ImageRecord(prompt.name, logits[0].numpy(), ious, float(score)))
    hook.remove()
    return recording


class _Heads:
    """Keeps the predicted IoU of the last mask, which Meta's video predictor computes and drops."""

    def __init__(self, model: video.SAM2VideoPredictor) -> None:
        self.iou = float("nan")
        self.margin = float("inf")
        self._forward, self._mask = model._forward_sam_heads, model._use_mask_as_output
        model._forward_sam_heads, model._use_mask_as_output = self.forward, self.mask

    def forward(self, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, ...]:
        output = self._forward(*args, **kwargs)
        ious = output[2][0].sort(descending=True).values
        self.iou = float(ious[0])
        self.margin = float(ious[0] - ious[1]) if len(ious) > 1 else float("inf")
        return output

    def mask(self, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, ...]:
        output = self._mask(*args, **kwargs)
        self.iou, self.margin = float(output[2]), float("inf")
        return output


def run_session(model: video.SAM2VideoPredictor, session: Session) -> Recording:
    """Run a session with Meta's video predictor, each object in a state of its own.

    Meta's predictor runs objects one by one anyhow, so this changes no number of an object that has a prompt. In
    a common state Meta would start an object that is prompted later at the first frame of the others, from its
    own future prompt; `napari_sam2` starts it at its prompt.
    """
    recording = Recording()
    heads = _Heads(model)
    area, model.fill_hole_area = model.fill_hole_area, model.fill_hole_area if session.filled else 0
    try:
        with _patched(session.frames):
            for object_id in sorted({s.object_id for s in session.steps if not isinstance(s, Propagate)}):
                _run_object(model, session, object_id, heads, recording)
    finally:
        del model._forward_sam_heads, model._use_mask_as_output
        model.fill_hole_area = area
    recording.videos.sort(key=lambda r: (r.step, r.frame, r.object_id))
    return recording


def _run_object(
    model: video.SAM2VideoPredictor, session: Session, object_id: int, heads: _Heads, recording: Recording
) -> None:
    """All steps of one object; results are appended to `recording`."""
    state = model.init_state(None)
    prompted: list[int] = []
    ious: dict[int, tuple[float, float]] = {}

    def keep(step: int, frame: int, logits: torch.Tensor) -> None:
        stores = (state["temp_output_dict_per_obj"][0], state["output_dict_per_obj"][0])
        found = [s[k][frame] for s in stores for k in ("cond_frame_outputs", "non_cond_frame_outputs") if frame in s[k]]
        out, (iou, margin) = found[0], ious[frame]
        recording.videos.append(
            VideoRecord(
                session.name,
                step,
                frame,
                object_id,
                logits[0, 0].numpy(),
                float(out["object_score_logits"]),
                iou,
                margin,
            )
        )

    for number, step in enumerate(session.steps):
        if isinstance(step, Propagate):
            if not prompted:
                continue
            backward = step.direction == "backward"
            edge = max(prompted) if backward else min(prompted)
            start = edge if step.start is None else (min if backward else max)(step.start, edge)
            stop = step.stop if step.stop is not None else (0 if backward else len(session.frames) - 1)
            run = model.propagate_in_video(state, start, abs(stop - start), backward)
            for frame, _, logits in run:
                if frame not in ious or not _is_conditioning(state, frame):
                    ious[frame] = heads.iou, heads.margin
                keep(number, frame, logits)
        elif step.object_id == object_id:
            frame, logits = _prompt(model, state, step, step.frame in prompted)
            prompted.append(frame)
            ious[frame] = heads.iou, heads.margin
            keep(number, frame, logits)


def _is_conditioning(state: dict[str, Any], frame: int) -> bool:
    return frame in state["output_dict_per_obj"][0]["cond_frame_outputs"]


def _prompt(
    model: video.SAM2VideoPredictor, state: dict[str, Any], step: Points | Box | Mask, again: bool
) -> tuple[int, torch.Tensor]:
    """Give one prompt to Meta's predictor; clicks after the first interaction on a frame are added to it."""
    if isinstance(step, Mask):
        frame, _, logits = model.add_new_mask(state, step.frame, 1, step.mask)
    elif isinstance(step, Box):
        y0, x0, y1, x1 = step.box
        frame, _, logits = model.add_new_points_or_box(state, step.frame, 1, box=[x0, y0, x1, y1])
    else:
        frame, _, logits = model.add_new_points_or_box(
            state,
            step.frame,
            1,
            points=[[x, y] for y, x in step.points],
            labels=list(step.labels),
            clear_old_points=not again,
        )
    return frame, logits
