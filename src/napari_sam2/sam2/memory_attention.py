"""Memory attention: the features of a frame look at themselves and at what is remembered of an object."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from napari_sam2.sam2.config import ModelConfig
from napari_sam2.sam2.layers import Attention, look
from napari_sam2.sam2.position import axial_angles, halves_of, rotate, sine_map
from napari_sam2.sam2.products import Linear, linear


class RotaryAttention(Attention):
    """One-head self-attention with axial rotary positions (Heo et al. 2024)."""

    def turned(self, projection: nn.Linear, x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
        """Project (B, N, width) tokens of whole maps and rotate them by their places."""
        weight, bias = halves_of(projection.weight), halves_of(projection.bias)
        return rotate(linear(x, weight, bias), angles)

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:  # type: ignore[override]
        """Attend from and to (B, N, width) tokens of a map with these ``angles``."""
        q, k = self.turned(self.q_proj, x, angles), self.turned(self.k_proj, x, angles)
        projected: Tensor = self.out_proj(look(q, k, self.v_proj(x)))
        return projected


class MemoryCrossAttention(RotaryAttention):
    """One-head attention to memory tokens. Those of maps are rotated by their places, pointers have none."""

    def forward(  # type: ignore[override]
        self, x: Tensor, memory: Tensor, memory_pos: Tensor, placeless: int, angles: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Attend from (1 or B, N, width) tokens to (B, M, memory_width); the last ``placeless`` are not rotated."""
        q = self.turned(self.q_proj, x, angles)
        weight, bias = halves_of(self.k_proj.weight), halves_of(self.k_proj.bias)
        k = memory.new_empty(*memory.shape[:2], q.shape[2])
        tokens, placed = angles[0].shape[0], memory.shape[1] - placeless
        # Map by map: what one of them needs on the way stays in the cache.
        for start in (*range(0, placed, tokens), *([placed] if placeless else [])):
            part = slice(start, start + tokens if start < placed else None)
            projected = linear(memory[:, part] + memory_pos[:, part], weight, bias)
            k[:, part] = rotate(projected, angles) if start < placed else projected
        # Values are linear in the memory and the weights of a query sum to one, so the narrow memory itself can be
        # averaged and projected afterwards: exact, and a quarter of the work of the second product.
        found = self.v_proj(look(q.expand(memory.shape[0], -1, -1), k, memory))
        out: Tensor = self.out_proj(found)
        return out


class MemoryAttentionLayer(nn.Module):
    """Pre-norm layer: self-attention, cross-attention to the memory, feed-forward."""

    def __init__(self, width: int, memory_width: int, ffn: int) -> None:
        super().__init__()
        self.self_attn = RotaryAttention(width, 1)
        self.cross_attn_image = MemoryCrossAttention(width, 1, kv_width=memory_width)
        self.linear1 = Linear(width, ffn)
        self.linear2 = Linear(ffn, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def forward(
        self, x: Tensor, memory: Tensor, memory_pos: Tensor, placeless: int, angles: tuple[Tensor, Tensor]
    ) -> Tensor:
        x = x + self.self_attn(self.norm1(x), angles)
        x = x + self.cross_attn_image(self.norm2(x), memory, memory_pos, placeless, angles)
        y = self.norm3(x)
        out: Tensor = x + self.linear2(F.relu(self.linear1(y)))
        return out


class MemoryAttention(nn.Module):
    """Conditions the features of a frame on the memory of objects (Ravi et al. 2024, section 4)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.feature_size = config.feature_size
        self.layers = nn.ModuleList(
            MemoryAttentionLayer(config.width, config.memory_width, config.memory_ffn)
            for _ in range(config.memory_layers)
        )
        self.norm = nn.LayerNorm(config.width)

    def forward(self, image: Tensor, memory: Tensor, memory_pos: Tensor, placeless: int) -> Tensor:
        """Condition (1 or B, width, n, n) features on (B, M, memory_width) tokens: (B, width, n, n).

        The first M - ``placeless`` tokens are whole maps of n * n, the rest are object pointers. Where all objects see
        the same image, what does not depend on the memory is done once: give it once.
        """
        side = image.shape[-1]
        width = image.shape[1]
        position = sine_map(width, self.feature_size, side, image.device, image.dtype)
        angles = axial_angles(width, self.feature_size, side, image.device, image.dtype)
        x = (image + 0.1 * position).flatten(2).transpose(1, 2)
        for layer in self.layers:
            x = layer(x, memory, memory_pos, placeless, angles)
        out: Tensor = self.norm(x).transpose(1, 2)
        return out.reshape(-1, width, side, side)
