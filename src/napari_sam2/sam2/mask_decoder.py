"""Mask decoder: features and prompt tokens to mask logits, quality, presence and the tokens behind them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_sam2.sam2.config import ModelConfig
from napari_sam2.sam2.layers import MLP, LayerNorm2d
from napari_sam2.sam2.two_way_transformer import TwoWayTransformer

STABILITY_DELTA, STABILITY_THRESHOLD = 0.05, 0.98
"""A single mask less stable than this is replaced by the best of three (values of Meta's builder)."""


@dataclass(frozen=True)
class DecodedMasks:
    """What the decoder says of B objects, M masks each."""

    logits: Tensor  # (B, M, S / 4, S / 4)
    ious: Tensor  # (B, M), predicted
    tokens: Tensor  # (B, M or 1, width)
    object_scores: Tensor  # (B, 1) logits, <= 0: absent


def stability(logits: Tensor) -> Tensor:
    """IoU of a mask with itself under thresholds +-delta: (B, M, H, W) to (B, M); 1 where nothing is above either."""
    inner = (logits > STABILITY_DELTA).flatten(2).sum(-1).float()
    outer = (logits > -STABILITY_DELTA).flatten(2).sum(-1).float()
    return torch.where(outer > 0, inner / outer.clamp(min=1), 1.0)


class MaskDecoder(nn.Module):
    """Decoder of SAM 2 (Ravi et al. 2024, figure 9): four mask tokens, one of them for unambiguous prompts."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.transformer = TwoWayTransformer(width, config.decoder_heads, config.decoder_mlp)
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(4, width)
        self.obj_score_token = nn.Embedding(1, width)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(width, width // 4, 2, stride=2),
            LayerNorm2d(width // 4),
            nn.GELU(),
            nn.ConvTranspose2d(width // 4, width // 8, 2, stride=2),
            nn.GELU(),
        )
        self.conv_s0 = nn.Conv2d(width, width // 8, 1)
        self.conv_s1 = nn.Conv2d(width, width // 4, 1)
        self.output_hypernetworks_mlps = nn.ModuleList(MLP(width, width, width // 8, 3) for _ in range(4))
        self.iou_prediction_head = MLP(width, 256, 4, 3, sigmoid=True)
        self.pred_obj_score_head = MLP(width, width, 1, 3)

    def forward(
        self, image: Tensor, position: Tensor, sparse: Tensor, dense: Tensor, stride8: Tensor, stride4: Tensor
    ) -> DecodedMasks:
        """Decode all four masks.

        Args:
            image: (B, width, S / 16, S / 16) features, conditioned on memory.
            position: (1, width, S / 16, S / 16).
            sparse: (B, N, width) prompt tokens.
            dense: (B, width, S / 16, S / 16) dense prompt.
            stride8: (B, width / 4, S / 8, S / 8) from ``conv_s1``.
            stride4: (B, width / 8, S / 4, S / 4) from ``conv_s0``.
        """
        batch, _, height, width = image.shape
        own = torch.cat((self.obj_score_token.weight, self.iou_token.weight, self.mask_tokens.weight))
        tokens = torch.cat((own.expand(batch, -1, -1), sparse.to(own.dtype)), dim=1)
        source = (image + dense).flatten(2).transpose(1, 2)
        tokens, source = self.transformer(source, position.flatten(2).transpose(1, 2), tokens)

        up1, norm, act1, up2, act2 = self.output_upscaling
        source = source.transpose(1, 2).unflatten(2, (height, width))
        fine = act1(norm(up1(source) + stride8))
        fine = act2(up2(fine) + stride4)
        mask_tokens = tokens[:, 2:6]
        kernels = torch.stack([mlp(mask_tokens[:, i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1)
        logits = (kernels @ fine.flatten(2)).unflatten(2, fine.shape[2:])
        return DecodedMasks(
            logits, self.iou_prediction_head(tokens[:, 1]), mask_tokens, self.pred_obj_score_head(tokens[:, 0])
        )


def three_masks(decoded: DecodedMasks) -> DecodedMasks:
    """The three masks for an ambiguous prompt."""
    return DecodedMasks(decoded.logits[:, 1:], decoded.ious[:, 1:], decoded.tokens[:, 1:], decoded.object_scores)


def one_mask(decoded: DecodedMasks) -> DecodedMasks:
    """The mask for an unambiguous prompt, or the best of three where that one is unstable (the token stays)."""
    single, single_iou = decoded.logits[:, :1], decoded.ious[:, :1]
    best = decoded.ious[:, 1:].argmax(dim=1)
    rows = torch.arange(len(best), device=best.device)
    other, other_iou = decoded.logits[:, 1:][rows, best][:, None], decoded.ious[:, 1:][rows, best][:, None]
    stable = stability(single) >= STABILITY_THRESHOLD
    return DecodedMasks(
        torch.where(stable[..., None, None], single, other),
        torch.where(stable, single_iou, other_iou),
        decoded.tokens[:, :1],
        decoded.object_scores,
    )
