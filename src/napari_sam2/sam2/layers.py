"""Small layers that several components share."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sam2.sam2.products import Linear, by_convolution, linear

SCORES_AT_ONCE = 2**21
"""Attention scores that are held at once on a CPU: few enough to stay in its cache."""
KEYS_AT_ONCE = 512
"""The same, where the keys are taken in turn."""
MANY_KEYS = 8192
"""In half precision, fewer are quicker with all keys at once."""


def _look_by_keys(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of scaled (N, C) queries to (M, C) keys and (M, D) values, some keys at a time: (N, D).

    As Milakov and Gimelshein 2018 (online softmax): sums of weights and of weighted values go on from keys to keys, and
    are scaled down wherever a larger score turns up. All queries meet the same keys, which oneDNN lays out but once.
    """
    counted = torch.cat((v, v.new_ones(len(v), 1)), 1)  # the last column sums up the weights
    total = torch.zeros(len(q), counted.shape[1])
    highest = torch.full((len(q), 1), -torch.inf)
    for keys, values in zip(torch.split(k, KEYS_AT_ONCE), torch.split(counted, KEYS_AT_ONCE), strict=True):
        scores = linear(q, keys)
        higher = torch.maximum(highest, scores.amax(-1, keepdim=True))
        weights = scores.sub_(higher.to(q.dtype)).exp_()
        total.mul_((highest - higher).exp_()).add_(linear(weights, values.T))
        highest = higher
    return (total[:, :-1] / total[:, -1:]).to(q.dtype)


def look(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of (B, N, C) queries to (B, M, C) keys and (B, M, D) values, D need not be C: (B, N, D).

    Graphics cards have kernels that never write the scores down. On a CPU those are slower than plain matrix products
    over pieces whose scores stay in the cache, and want D = C.
    """
    if q.device.type == "mps" and v.shape[-1] < q.shape[-1]:
        # Before torch 2.12, what comes of them has a wrong shape and in part no values (pytorch issue 176767).
        padded = F.pad(v, (0, q.shape[-1] - v.shape[-1]))
        return F.scaled_dot_product_attention(q[:, None], k[:, None], padded[:, None])[:, 0, :, : v.shape[-1]]
    if q.device.type != "cpu" or torch.is_grad_enabled():
        return F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
    q = q * q.shape[-1] ** -0.5
    in_turn = by_convolution(q) and k.shape[1] > KEYS_AT_ONCE
    if in_turn or (q.itemsize < 4 and k.shape[1] > MANY_KEYS):
        return torch.stack([_look_by_keys(*one) for one in zip(q, k, v, strict=True)])
    out = q.new_empty(*q.shape[:2], v.shape[2])
    rows = max(64, SCORES_AT_ONCE // k.shape[1])
    for queries, keys, values, found in zip(q, k, v, out, strict=True):
        turned = keys.T.contiguous() if q.dtype == torch.float32 else keys.T  # quicker for MKL, not for oneDNN
        for row in range(0, len(queries), rows):
            part = slice(row, row + rows)
            # Products of two matrices: of a batch of them, torch would copy the transposed keys.
            torch.mm((queries[part] @ turned).softmax(-1), values, out=found[part])
    return out


class LayerNorm2d(nn.Module):
    """Layer norm over the channels of (B, C, H, W)."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        # Through NHWC: a view when the tensor is channels_last, and the fused kernel either way.
        normed = F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2], self.weight, self.bias, self.eps)
        return normed.permute(0, 3, 1, 2)


class MLP(nn.Module):
    """Linear layers with ReLU (or ``activation``) between them and an optional sigmoid at the end."""

    def __init__(
        self,
        width_in: int,
        width: int,
        width_out: int,
        depth: int,
        *,
        sigmoid: bool = False,
        activation: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        widths = [width_in, *[width] * (depth - 1), width_out]
        self.layers = nn.ModuleList(Linear(a, b) for a, b in pairwise(widths))
        self.activation = activation()
        self.sigmoid = sigmoid

    def forward(self, x: Tensor) -> Tensor:
        last = len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            x = layer(x) if i == last else self.activation(layer(x))
        return x.sigmoid() if self.sigmoid else x


class Attention(nn.Module):
    """Multi-head attention of (B, N, width) tokens, with an inner width of ``width / downsample``."""

    def __init__(self, width: int, heads: int, downsample: int = 1, kv_width: int | None = None) -> None:
        super().__init__()
        inner = width // downsample
        self.heads = heads
        self.q_proj = Linear(width, inner)
        self.k_proj = Linear(kv_width or width, inner)
        self.v_proj = Linear(kv_width or width, inner)
        self.out_proj = Linear(inner, width)

    def split(self, x: Tensor) -> Tensor:
        """(B, N, inner) to (B, heads, N, inner / heads)."""
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k, v = self.split(self.q_proj(q)), self.split(self.k_proj(k)), self.split(self.v_proj(v))
        out = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        projected: Tensor = self.out_proj(out)
        return projected
