"""Prompt encoder: clicks and box corners to tokens, masks to a dense map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_sam2.sam2.config import ModelConfig
from napari_sam2.sam2.layers import LayerNorm2d
from napari_sam2.sam2.position import RandomFourier

NEGATIVE, POSITIVE, BOX_START, BOX_END, PADDING = 0, 1, 2, 3, -1
"""Labels of prompt points. A box is its two corners; ``PADDING`` marks a place without a point."""


class PromptEncoder(nn.Module):
    """Encodes prompts given in input pixels (Kirillov et al. 2023, section 3)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.image_size = config.image_size
        self.feature_size = config.feature_size
        self.pe_layer = RandomFourier(width)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, width) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, width)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, 2, stride=2),
            LayerNorm2d(4),
            nn.GELU(),
            nn.Conv2d(4, 16, 2, stride=2),
            LayerNorm2d(16),
            nn.GELU(),
            nn.Conv2d(16, width, 1),
        )
        self.no_mask_embed = nn.Embedding(1, width)

    def points(self, xy: Tensor, labels: Tensor, side: int) -> Tensor:
        """Tokens of points.

        Args:
            xy: (B, N, 2) positions (x, y) in pixels of the window, at the centre of pixels.
            side: of the window, in tokens; it lies in the middle of the model's input.
            labels: (B, N) integers, see the constants above.

        Returns:
            (B, N + 1, width); the last token is a padding point, always there.
        """
        unit = (xy + (0.5 + (self.image_size - 16 * side) // 2)) / self.image_size
        # The appended point sits at the corner (0, 0), not at the centre of a pixel; its token ignores the place.
        unit = torch.cat((unit, unit.new_zeros(unit.shape[0], 1, 2)), dim=1)
        labels = torch.cat((labels, labels.new_full((labels.shape[0], 1), PADDING)), dim=1)[..., None]
        code: Tensor = self.pe_layer(unit)
        tokens = torch.where(labels == PADDING, self.not_a_point_embed.weight[0].to(code.dtype), code)
        for kind, embedding in enumerate(self.point_embeddings):
            weight: Tensor = embedding.get_parameter("weight")
            tokens = torch.where(labels == kind, tokens + weight[0], tokens)
        return tokens

    def dense(self, mask_logits: Tensor | None, batch: int, side: int) -> Tensor:
        """Dense map (B, width, side, side) of (B, 1, 4 * side, 4 * side) mask logits, or of their absence."""
        if mask_logits is None:
            return self.no_mask_embed.weight[:, :, None, None].expand(batch, -1, side, side)
        out: Tensor = self.mask_downscaling(mask_logits)
        return out

    def position(self, side: int) -> Tensor:
        """Position of a window of the feature map in the points' own code: (1, width, side, side)."""
        return self.pe_layer.grid(self.feature_size, side)[None]
