"""Position encodings: sine maps, sines of time, axial rotations, random Fourier features of points."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # a network that is trained later may ask for the same map
def sine_map(channels: int, size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Sine position of a square feature map (Carion et al. 2020, normalised to 2 pi).

    Returns (1, channels, size, size): the first half of the channels speaks of y, the second of x.
    """
    half = channels // 2
    steps = torch.arange(1, size + 1, device=device, dtype=torch.float32)
    steps = steps / (steps[-1] + 1e-6) * (2 * math.pi)
    index = torch.arange(half, device=device, dtype=torch.float32)
    period = 10000 ** (2 * torch.div(index, 2, rounding_mode="floor") / half)
    angle = steps[:, None] / period
    code = torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1)
    y = code.T[:, :, None].expand(half, size, size)
    x = code.T[:, None, :].expand(half, size, size)
    return torch.cat((y, x))[None].to(dtype)


def sine_of_time(times: Tensor, channels: int) -> Tensor:
    """Sine position of (N,) relative times. Returns (N, channels): sines, then cosines (as in Meta's code)."""
    half = channels // 2
    index = torch.arange(half, device=times.device, dtype=torch.float32)
    period = 10000 ** (2 * torch.div(index, 2, rounding_mode="floor") / half)
    angle = times[:, None] / period
    return torch.cat((angle.sin(), angle.cos()), dim=-1)


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def axial_angles(channels: int, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines of axial rotary positions (Heo et al. 2024) of a square map, each (size * size, channels / 2).

    The first half of the pairs turns with x, the second with y; theta is 10000.
    """
    frequency = 10000.0 ** -(torch.arange(0, channels, 4, device=device).float() / channels)
    index = torch.arange(size * size, device=device)
    x = torch.outer((index % size).float(), frequency)
    y = torch.outer(torch.div(index, size, rounding_mode="floor").float(), frequency)
    angle = torch.cat((x, y), dim=-1)
    return angle.cos(), angle.sin()


def rotate(tokens: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Turn interleaved channel pairs of (..., N, channels) tokens, where N is a multiple of the map's tokens."""
    cos, sin = angles
    repeats = tokens.shape[-2] // cos.shape[0]
    if repeats != 1:
        cos, sin = cos.repeat(repeats, 1), sin.repeat(repeats, 1)
    pairs = tokens.float().reshape(*tokens.shape[:-1], -1, 2)
    a, b = pairs[..., 0], pairs[..., 1]
    turned = torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1)
    return turned.flatten(-2).to(tokens.dtype)


class RandomFourier(nn.Module):
    """Random Fourier features of positions in the unit square (Tancik et al. 2020); the matrix is a weight."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, channels // 2))

    def forward(self, unit_xy: Tensor) -> Tensor:
        """Encode (..., 2) positions (x, y) in [0, 1] as (..., channels)."""
        matrix = self.positional_encoding_gaussian_matrix
        angle = (2 * unit_xy.to(matrix.dtype) - 1) @ matrix * (2 * math.pi)
        return torch.cat((angle.sin(), angle.cos()), dim=-1)

    def grid(self, size: int) -> Tensor:
        """Encode the centres of a square map: (channels, size, size)."""
        matrix = self.positional_encoding_gaussian_matrix
        centre = (torch.arange(size, device=matrix.device, dtype=matrix.dtype) + 0.5) / size
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        code: Tensor = self(torch.stack((x, y), dim=-1))
        return code.permute(2, 0, 1)
