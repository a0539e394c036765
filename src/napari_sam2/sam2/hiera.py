"""Hiera, the hierarchical vision transformer in front of the published models."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sam2.sam2.config import HieraConfig
from napari_sam2.sam2.layers import MLP, look
from napari_sam2.sam2.products import Linear, in_pieces

MANY_TOKENS = 1024
"""Of an attention window: more are those of a block that looks at the whole image."""
TOKENS_AT_ONCE = 4096
"""Of all windows, on a CPU."""


def _pool(x: Tensor) -> Tensor:
    """2x2 max-pool of (B, H, W, C)."""
    return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


def partition(x: Tensor, window: int) -> tuple[Tensor, tuple[int, int]]:
    """Cut (B, H, W, C) into windows, zero-padded at the right and bottom.

    Returns (B * windows, window, window, C) and the padded (H, W).
    """
    batch, height, width, channels = x.shape
    x = F.pad(x, (0, 0, 0, -width % window, 0, -height % window))
    rows, columns = x.shape[1] // window, x.shape[2] // window
    x = x.view(batch, rows, window, columns, window, channels)
    return x.transpose(2, 3).reshape(-1, window, window, channels), (rows * window, columns * window)


def unpartition(windows: Tensor, padded: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Put windows of :func:`partition` back together and drop the padding: (B, H, W, C)."""
    window, channels = windows.shape[1], windows.shape[-1]
    rows, columns = padded[0] // window, padded[1] // window
    x = windows.view(-1, rows, columns, window, window, channels).transpose(2, 3)
    return x.reshape(-1, *padded, channels)[:, : size[0], : size[1]]


class WindowAttention(nn.Module):
    """Self-attention of (B, H, W, C), optionally with the queries pooled 2x2."""

    def __init__(self, width_in: int, width: int, heads: int, pool: bool) -> None:
        super().__init__()
        self.heads, self.pool = heads, pool
        self.qkv = Linear(width_in, 3 * width)
        self.proj = Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, height, width, _ = x.shape
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        if self.pool:
            q = _pool(q)
            height, width = q.shape[1:3]
        q, k, v = (t.flatten(1, 2).unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        if k.shape[2] > MANY_TOKENS:
            out = look(*(t.flatten(0, 1) for t in (q, k, v))).view(batch, self.heads, *q.shape[2:])
        else:
            out = F.scaled_dot_product_attention(q, k, v)
        projected: Tensor = self.proj(out.transpose(1, 2).reshape(batch, height, width, -1))
        return projected


class HieraBlock(nn.Module):
    """Transformer block over windows; the first block of a stage widens the channels and halves the map."""

    def __init__(self, width_in: int, width: int, heads: int, window: int, pool: bool) -> None:
        super().__init__()
        self.window, self.pool = window, pool
        self.norm1 = nn.LayerNorm(width_in, eps=1e-6)
        self.attn = WindowAttention(width_in, width, heads, pool)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MLP(width, 4 * width, width, 2, activation=nn.GELU)
        self.proj = Linear(width_in, width) if width_in != width else None

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        x = self.norm1(x)
        if self.proj is not None:
            shortcut = self.proj(x)
            if self.pool:
                shortcut = _pool(shortcut)
        if self.window:
            windows, padded = partition(x, self.window)
            windows = in_pieces(self.attn, windows, max(1, TOKENS_AT_ONCE // self.window**2))
            if self.pool:
                # The pooled windows have half the side, on a grid that is padded anew for the halved map.
                side = self.window // 2
                padded = tuple(n + -n % side for n in shortcut.shape[1:3])  # type: ignore[assignment]
            x = unpartition(windows, padded, (shortcut.shape[1], shortcut.shape[2]))
        else:
            x = self.attn(x)
        x = shortcut + x
        return in_pieces(self._mixed, x.flatten(0, 2), TOKENS_AT_ONCE).view(x.shape)

    def _mixed(self, tokens: Tensor) -> Tensor:
        mixed: Tensor = tokens + self.mlp(self.norm2(tokens))
        return mixed


class PatchEmbed(nn.Module):
    """Overlapping 7x7 patches at stride 4: (B, 3, H, W) to (B, H / 4, W / 4, C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, 7, stride=4, padding=3)

    def forward(self, images: Tensor) -> Tensor:
        patches: Tensor = self.proj(images)
        return patches.permute(0, 2, 3, 1)


class Hiera(nn.Module):
    """Trunk: (B, 3, S, S) images to four maps of strides 4, 8, 16 and 32, each (B, C, H, W), finest first."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        width = config.embed_dim
        self.patch_embed = PatchEmbed(width)
        self.pos_embed = nn.Parameter(torch.zeros(1, width, *config.position_grid))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, width, config.windows[0], config.windows[0]))
        self.blocks = nn.ModuleList()
        self.stage_ends: list[int] = []
        self._positions: dict[tuple[object, ...], Tensor] = {}
        heads = config.heads
        for stage, depth in enumerate(config.depths):
            for index in range(depth):
                opens_stage = stage > 0 and index == 0
                # The block that opens a stage still works in the windows of the stage before it.
                window = config.windows[stage - 1 if opens_stage else stage]
                if len(self.blocks) in config.global_blocks:
                    window = 0
                width_out = config.widths[stage]
                self.blocks.append(HieraBlock(width, width_out, heads * 2**stage, window, opens_stage))
                width = width_out
            self.stage_ends.append(len(self.blocks) - 1)

    def _position(self, size: tuple[int, int]) -> Tensor:
        """Position embedding of (1, H, W, C): a coarse one, resized, plus one that repeats in every window."""
        coarse, window = self.pos_embed, self.pos_embed_window
        # A graphics card of CUDA makes it anew in less time than it would be waited for the sums.
        settled = not (self.training or torch.is_grad_enabled() or coarse.device.type in ("meta", "cuda"))
        # Their sums stand for the weights: those made in inference mode do not count their changes. Apple's graphics
        # processors have no double precision.
        sums = [float(weight.sum(dtype=torch.float32)) for weight in (coarse, window)] if settled else []
        key = size, coarse.dtype, coarse.device, *sums
        known = self._positions.get(key)  # once: another thread may put a new one in its place
        if settled and known is not None:
            return known
        # Apple's graphics processors know it since torch 2.6 only.
        near = coarse.cpu() if coarse.device.type == "mps" else coarse
        position = F.interpolate(near, size=size, mode="bicubic").to(coarse.device)
        tiles = [a // b for a, b in zip(position.shape, window.shape, strict=True)]
        position = (position + window.tile(tiles)).permute(0, 2, 3, 1)
        self._positions = {key: position} if settled else {}
        return position

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.patch_embed(images)
        x = x + self._position((x.shape[1], x.shape[2]))
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.stage_ends:
                maps.append(x.permute(0, 3, 1, 2))
        return maps
