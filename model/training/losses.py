"""What the network is told about its answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sam2.sam2.mask_decoder import DecodedMasks


def mask_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Balanced cross-entropy plus dice of (N, M, H, W) logits against (N, 1, H, W) shares: (N, M).

    The mean over positives and the mean over negatives count alike: a mean over all cells, as in the paper, lets small
    objects collapse to empty masks when training starts from nothing.
    """
    target = target.expand_as(logits)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    positive = (entropy * target).sum((2, 3)) / target.sum((2, 3)).clamp(min=1)
    # Negatives near the object are the hard ones: half of their weight sits within a few cells of it.
    near = F.max_pool2d(target, 9, 1, 4)
    negative = 1 - target
    far_mean = (entropy * negative).sum((2, 3)) / negative.sum((2, 3)).clamp(min=1)
    near_weight = negative * near
    near_mean = (entropy * near_weight).sum((2, 3)) / near_weight.sum((2, 3)).clamp(min=1)
    probability = logits.sigmoid()
    overlap = (probability * target).sum((2, 3))
    dice = 1 - (2 * overlap + 1) / (probability.sum((2, 3)) + target.sum((2, 3)) + 1)
    return 0.5 * positive + 0.25 * far_mean + 0.25 * near_mean + dice


@torch.no_grad()
def iou_of(logits: Tensor, target: Tensor) -> Tensor:
    """IoU of (N, M, H, W) logits with (N, 1, H, W) shares: (N, M)."""
    a, b = logits > 0, target > 0.5
    return (a & b).flatten(2).sum(2) / (a | b).flatten(2).sum(2).clamp(min=1)


@dataclass
class Verdict:
    """Loss of one decoding, and how good it was."""

    loss: Tensor  # scalar
    single: Tensor  # (N,) IoU of the single mask
    chosen: Tensor  # (N,) IoU of the candidate that the network prefers
    best: Tensor  # (N,) IoU of the best candidate


def judge(decoded: DecodedMasks, target: Tensor, present: Tensor, known: Tensor) -> Verdict:
    """Loss of all four masks against (N, 1, H, W) targets; absent objects teach the object score only.

    The single mask and the best of the three candidates learn the mask, all four learn to predict their own IoU.
    """
    logits, ious, scores = decoded.logits.float(), decoded.ious.float(), decoded.object_scores.float()[:, 0]
    weight = (present & known).float()
    count = weight.sum().clamp(min=1)
    losses = mask_loss(logits, target)
    candidates = losses[:, 1:]
    real = iou_of(logits, target)
    mask_term = losses[:, 0] + candidates.amin(1) + 0.1 * candidates.mean(1)
    iou_term = (ious - real).abs().sum(1)
    score_term = F.binary_cross_entropy_with_logits(scores, present.float(), reduction="none")
    loss = ((mask_term + iou_term) * weight).sum() / count
    loss = loss + 0.5 * (score_term * known.float()).sum() / known.float().sum().clamp(min=1)
    with torch.no_grad():
        pick = ious[:, 1:].argmax(1, keepdim=True)
        verdict = Verdict(loss, real[:, 0], real[:, 1:].gather(1, pick)[:, 0], real[:, 1:].amax(1))
    return verdict


class DenseHead(nn.Module):
    """Tells of every cell of the stride-4 map whether it is object, border, and where its object's centre is.

    Used in training only: it teaches edges for all objects in the image at once, not for the prompted ones alone.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Conv2d(width, 4, 1)

    def forward(self, stride4: Tensor) -> Tensor:
        out: Tensor = self.out(stride4)
        return out

    def loss(self, stride4: Tensor, labels: Tensor) -> Tensor:
        """Loss of (B, width, 64, 64) features against (B, 256, 256) labels."""
        out = self(stride4).float()
        coarse = labels[:, 2::4, 2::4]
        inside = (coarse > 0).float()
        padded = F.pad(labels[:, None].float(), (2, 2, 2, 2), mode="replicate")
        # A border is where labels differ within two pixels.
        differs = F.max_pool2d(padded, 5, 1) != -F.max_pool2d(-padded, 5, 1)
        border = F.avg_pool2d(differs.float(), 4)[:, 0]
        foreground = F.binary_cross_entropy_with_logits(out[:, 0], inside)
        edges = F.binary_cross_entropy_with_logits(out[:, 1], border, pos_weight=out.new_tensor(3.0))
        offsets, radius = _offsets(coarse)
        pull = ((out[:, 2:] - offsets / radius).abs().sum(1) * inside).sum() / inside.sum().clamp(min=1)
        return foreground + edges + 0.5 * pull


def _offsets(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Vector (B, 2, H, W) of every cell to the mean place of its object, and the object's radius (B, 1, H, W)."""
    batch, height, width = labels.shape
    flat = (
        labels.long() + labels.amax().long().add(1) * torch.arange(batch, device=labels.device)[:, None, None]
    ).flatten()
    y, x = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
    places = torch.stack((y, x)).expand(batch, 2, height, width)
    per_cell = places.permute(0, 2, 3, 1).reshape(-1, 2)
    size = int(flat.amax()) + 1
    count = torch.bincount(flat, minlength=size).float().clamp(min=1)
    centre = torch.zeros(size, 2).index_add(0, flat, per_cell) / count[:, None]
    offset = (centre[flat] - per_cell).view(batch, height, width, 2).permute(0, 3, 1, 2)
    radius = (count[flat] / torch.pi).sqrt().view(batch, 1, height, width).clamp(min=1)
    return offset, radius
