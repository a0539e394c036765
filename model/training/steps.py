"""One training step on single images, and one on clips."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_sam2.sam2 import ImageFeatures, Memory, Sam2
from napari_sam2.sam2.image_input import local_contrast
from napari_sam2.sam2.mask_decoder import DecodedMasks
from napari_sam2.sam2.prompt_encoder import BOX_END, BOX_START, NEGATIVE, PADDING, POSITIVE
from training.batches import Batch
from training.losses import DenseHead, Verdict, judge


@dataclass
class Prompts:
    """Points (N, P, 2) and labels (N, P) of N objects, and the logits (N, 1, 64, 64) of the answer before."""

    xy: Tensor
    labels: Tensor
    previous: Tensor | None = None

    def add(self, xy: Tensor, labels: Tensor, previous: Tensor | None) -> Prompts:
        return Prompts(torch.cat((self.xy, xy), 1), torch.cat((self.labels, labels), 1), previous)


def first_prompts(batch: Batch, box_share: float = 0.3) -> Prompts:
    """A click for most objects, a box for the others. Clicks are filled up with an empty place."""
    count = len(batch.clicks)
    click_xy = torch.stack((batch.clicks, torch.zeros(count, 2)), 1)
    click_labels = torch.tensor([POSITIVE, PADDING]).expand(count, 2)
    box_labels = torch.tensor([BOX_START, BOX_END]).expand(count, 2)
    boxed = torch.rand(count) < box_share
    xy = torch.where(boxed[:, None, None], batch.boxes.float().view(count, 2, 2), click_xy)
    return Prompts(xy, torch.where(boxed[:, None], box_labels, click_labels))


@torch.no_grad()
def corrective_click(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """A click into the deepest error of (N, 1, 64, 64) logits: positions (N, 1, 2) and labels (N, 1).

    Where nothing is wrong, the click falls inside the object.
    """
    answer, truth = logits > 0, target > 0.5
    wrong = answer != truth
    wrong = torch.where(wrong.flatten(1).any(1)[:, None, None, None], wrong, truth)
    depth = wrong.float()
    for _ in range(3):
        # Repeated means over neighbours rise with the distance to the edge of the error.
        depth = F.avg_pool2d(depth, 3, 1, 1) * wrong
    depth = depth + 0.05 * torch.rand_like(depth) * wrong
    index = depth.flatten(1).argmax(1)
    side = logits.shape[-1]
    y, x = torch.div(index, side, rounding_mode="floor"), index % side
    xy = torch.stack((x, y), -1)[:, None].float() * 4 + 1.5 + torch.rand(len(index), 1, 2) * 2 - 1
    positive = truth.flatten(1).gather(1, index[:, None])
    return xy, torch.where(positive, POSITIVE, NEGATIVE)


def encode(model: Sam2, images: Tensor) -> tuple[ImageFeatures, Tensor]:
    """Features of (B, 1, S, S) images, and the stride-4 map (B, width, 64, 64) that the dense head reads."""
    stride4, stride8, stride16 = model.image_encoder(local_contrast(images))
    decoder = model.sam_mask_decoder
    return ImageFeatures(stride16, decoder.conv_s1(stride8), decoder.conv_s0(stride4)), stride4


def preferred(decoded: DecodedMasks, several: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Mask logits (N, 1, 64, 64) and token (N, width) that tracking would go on with, and the predicted IoU (N,)."""
    rows = torch.arange(len(decoded.ious))
    index = decoded.ious[:, 1:].argmax(1) + 1 if several else torch.zeros_like(rows)
    return decoded.logits[rows, index][:, None], decoded.tokens[rows, index], decoded.ious[rows, index]


def image_step(model: Sam2, head: DenseHead, batch: Batch, rounds: int) -> tuple[Tensor, Verdict]:
    """Loss of a batch of single images: a first prompt and ``rounds - 1`` corrective clicks."""
    shared, stride4 = encode(model, batch.images[:, 0])
    features = shared[batch.owner]
    image = model.without_memory(features)
    target = batch.masks[:, :1]
    prompts = first_prompts(batch)
    always = torch.ones(len(target), dtype=torch.bool)
    total = head.loss(stride4, batch.labels[:, 0])
    verdicts: list[Verdict] = []
    for turn in range(rounds):
        decoded = model.decode(image, features, prompts.xy, prompts.labels, prompts.previous)
        verdict = judge(decoded, target, always, always)
        total = total + verdict.loss / rounds
        verdicts.append(verdict)
        logits = preferred(decoded, several=turn == 0)[0].detach().float()
        # Sometimes the answer is forgotten, as when several clicks are given at once.
        keep = torch.rand(()) < 0.8
        prompts = prompts.add(*corrective_click(logits, target), logits if keep else None)
    return total, verdicts[0]


@dataclass
class Remembered:
    """One remembered frame of N objects."""

    frame: int
    memory: Tensor
    pointer: Tensor
    prompted: bool


def recall(model: Sam2, past: list[Remembered], frame: int) -> Memory:
    """The memory that the tracker would use on ``frame``."""
    limit = model.config.memories
    kept = [r for r in past if r.prompted or frame - r.frame < limit]
    ages = [0 if r.prompted else frame - r.frame for r in kept]
    return Memory(
        [r.memory for r in kept],
        ages,
        [r.pointer for r in past],
        [frame - r.frame for r in past],
        model.config.max_pointers,
    )


def remember(
    model: Sam2, features: ImageFeatures, decoded: DecodedMasks, frame: int, several: bool, prompted: bool
) -> Remembered:
    logits, token, _ = preferred(decoded, several)
    present = decoded.object_scores > 0
    pointer = torch.where(present, model.obj_ptr_proj(token), model.no_obj_ptr)
    logits = torch.where(present[..., None, None], logits, logits.new_tensor(-32.0))
    memory = model.encode_memory(features, logits, decoded.object_scores, prompted=prompted)
    return Remembered(frame, memory, pointer, prompted)


def remember_given(model: Sam2, features: ImageFeatures, target: Tensor) -> Remembered:
    """Frame 0 remembered from a mask that the user gives: the path of mask prompts in the tracker."""
    masks = (F.interpolate(target, scale_factor=4.0, mode="bilinear") > 0.5).float()
    answer = model.answer_with_mask(features, masks)
    memory = model.encode_memory(features, answer.logits, answer.object_scores, prompted=True)
    return Remembered(0, memory, answer.pointers, True)


def clip_step(model: Sam2, head: DenseHead, batch: Batch, correct: float = 0.12) -> tuple[Tensor, Verdict]:
    """Loss of a batch of clips: prompted on the first frame, tracked on the others, and sometimes corrected on them."""
    frames = batch.images.shape[1]
    shared, stride4 = encode(model, batch.images.flatten(0, 1))
    total = head.loss(stride4, batch.labels.flatten(0, 1))
    corrected_on = torch.rand(frames) < correct
    given = bool(torch.rand(()) < 0.15)
    past: list[Remembered] = []
    verdicts: list[Verdict] = []
    weights = []
    for frame in range(frames):
        features = shared[batch.owner * frames + frame]
        target, present, known = batch.masks[:, frame : frame + 1], batch.present[:, frame], batch.known[:, frame]
        if frame == 0 and given:
            past.append(remember_given(model, features, target))
            continue
        if frame == 0:
            prompts = first_prompts(batch)
            decoded = model.decode(model.without_memory(features), features, prompts.xy, prompts.labels)
        else:
            image = model.condition(features, recall(model, past, frame))
            decoded = model.decode(image, features)
        verdict = judge(decoded, target, present, known)
        several, prompted = True, frame == 0
        if frame == 0 and torch.rand(()) < 0.3:
            # A second click, so that memories of refined masks are met too.
            logits = preferred(decoded, True)[0].detach().float()
            more = prompts.add(*corrective_click(logits, target), logits)
            decoded = model.decode(model.without_memory(features), features, more.xy, more.labels, more.previous)
            several = False
        elif frame > 0 and corrected_on[frame]:
            logits = preferred(decoded, True)[0].detach().float()
            xy, labels = corrective_click(logits, target)
            labels = torch.where(present[:, None], labels, torch.full_like(labels, PADDING))
            corrected = model.decode(image, features, xy, labels, logits)
            verdict = replace(verdict, loss=(verdict.loss + judge(corrected, target, present, known).loss) / 2)
            decoded, prompted = corrected, True
        verdicts.append(verdict)
        weights.append((present & known).float())
        if frame + 1 < frames:
            past.append(remember(model, features, decoded, frame, several, prompted))
    total = total + torch.stack([v.loss for v in verdicts]).mean()
    tracked = slice(0 if given else 1, None)
    weight = torch.stack(weights)[tracked]

    def mean(name: str) -> Tensor:
        values = torch.stack([getattr(v, name) for v in verdicts])[tracked]
        return ((values * weight).sum() / weight.sum().clamp(min=1))[None]

    return total, Verdict(total.detach(), mean("single"), mean("chosen"), mean("best"))
