"""Memory attention: the features of a frame look at themselves and at what is remembered of an object."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sam2.sam2.config import ModelConfig
from napari_sam2.sam2.layers import Attention
from napari_sam2.sam2.position import axial_angles, rotate, sine_map


class RotaryAttention(Attention):
    """One-head attention with axial rotary positions on queries and on those keys that have a place."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor, size: int = 0, placeless: int = 0) -> Tensor:
        """Attend from (B, size * size, width) to (B, M, kv_width); the last ``placeless`` keys are not rotated."""
        q, k, v = self.split(self.q_proj(q)), self.split(self.k_proj(k)), self.split(self.v_proj(v))
        angles = axial_angles(q.shape[-1], size, q.device)
        q = rotate(q, angles)
        placed = k.shape[-2] - placeless
        k = torch.cat((rotate(k[..., :placed, :], angles), k[..., placed:, :]), dim=-2)
        out = F.scaled_dot_product_attention(q, k.to(v.dtype), v).transpose(1, 2).flatten(2)
        projected: Tensor = self.out_proj(out)
        return projected


class MemoryAttentionLayer(nn.Module):
    """Pre-norm layer: self-attention, cross-attention to the memory, feed-forward."""

    def __init__(self, width: int, memory_width: int, ffn: int) -> None:
        super().__init__()
        self.self_attn = RotaryAttention(width, 1)
        self.cross_attn_image = RotaryAttention(width, 1, kv_width=memory_width)
        self.linear1 = nn.Linear(width, ffn)
        self.linear2 = nn.Linear(ffn, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def forward(self, x: Tensor, memory: Tensor, memory_pos: Tensor, size: int, placeless: int) -> Tensor:
        y = self.norm1(x)
        x = x + self.self_attn(y, y, y, size)
        y = self.norm2(x)
        x = x + self.cross_attn_image(y, memory + memory_pos, memory, size, placeless)
        y = self.norm3(x)
        out: Tensor = x + self.linear2(F.relu(self.linear1(y)))
        return out


class MemoryAttention(nn.Module):
    """Conditions the features of a frame on the memory of an object (Ravi et al. 2024, section 4)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            MemoryAttentionLayer(config.width, config.memory_width, config.memory_ffn)
            for _ in range(config.memory_layers)
        )
        self.norm = nn.LayerNorm(config.width)

    def forward(self, image: Tensor, memory: Tensor, memory_pos: Tensor, placeless: int) -> Tensor:
        """Condition (B, width, H, H) features on (B, M, memory_width) tokens.

        The first M - ``placeless`` tokens are whole maps of H * H, the rest are object pointers.
        """
        size = image.shape[-1]
        position = sine_map(image.shape[1], size, image.device, image.dtype)
        x = (image + 0.1 * position).flatten(2).transpose(1, 2)
        for layer in self.layers:
            x = layer(x, memory, memory_pos, size, placeless)
        out: Tensor = self.norm(x).transpose(1, 2)
        return out.reshape(image.shape)
