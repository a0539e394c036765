"""Position encodings: sine maps, sines of time, axial rotations, random Fourier features of points."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn


def central(size: int, side: int) -> slice:
    """The middle ``side`` of ``size`` places: a window that is smaller than the model's map lies in its middle."""
    start = (size - side) // 2
    return slice(start, start + side)


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # a network that is trained later may ask for the same map
def sine_map(channels: int, size: int, side: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Sine position of a square feature map (Carion et al. 2020, normalised to 2 pi).

    Returns (1, channels, side, side), the middle of the map of ``size``: the first half of the channels speaks of y,
    the second of x.
    """
    half = channels // 2
    steps = torch.arange(1, size + 1, device=device, dtype=torch.float32)
    steps = steps / (steps[-1] + 1e-6) * (2 * math.pi)
    index = torch.arange(half, device=device, dtype=torch.float32)
    period = 10000 ** (2 * torch.div(index, 2, rounding_mode="floor") / half)
    angle = steps[central(size, side), None] / period
    code = torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1)
    y = code.T[:, :, None].expand(half, side, side)
    x = code.T[:, None, :].expand(half, side, side)
    return torch.cat((y, x))[None].to(dtype)


def sine_of_time(times: Tensor, channels: int) -> Tensor:
    """Sine position of (N,) relative times. Returns (N, channels): sines, then cosines (as in Meta's code)."""
    half = channels // 2
    index = torch.arange(half, device=times.device, dtype=torch.float32)
    period = 10000 ** (2 * torch.div(index, 2, rounding_mode="floor") / half)
    angle = times[:, None] / period
    return torch.cat((angle.sin(), angle.cos()), dim=-1)


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def axial_angles(
    channels: int, size: int, side: int, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Cosines and sines of axial rotary positions (Heo et al. 2024), each (side * side, channels / 2).

    Of the middle ``side`` * ``side`` places of a map of ``size`` * ``size``. The first half of the pairs turns with x,
    the second with y; theta is 10000.
    """
    frequency = 10000.0 ** -(torch.arange(0, channels, 4, device=device).float() / channels)
    line = torch.arange(size, device=device).float()[central(size, side)]
    x = torch.outer(line.repeat(side), frequency)
    y = torch.outer(line.repeat_interleave(side), frequency)
    angle = torch.cat((x, y), dim=-1)
    return angle.cos().to(dtype), angle.sin().to(dtype)


def halves_of(weight: Tensor) -> Tensor:
    """Reorder the outputs of a projection: first those at even places, then those at odd ones.

    Checkpoints have the two channels that are rotated together side by side. Far apart they are two whole blocks, which
    is quicker to rotate; products of queries and keys stay the same when both are reordered.
    """
    return torch.cat((weight[0::2], weight[1::2]))


def rotate(tokens: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the pairs (i, i + channels / 2) of (B, N, channels) tokens by angles of their type, (N, channels / 2)."""
    cos, sin = angles
    a, b = tokens.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


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

    def grid(self, size: int, side: int) -> Tensor:
        """Encode the middle ``side`` * ``side`` places of a map of ``size`` * ``size``: (channels, side, side)."""
        matrix = self.positional_encoding_gaussian_matrix
        centre = ((torch.arange(size, device=matrix.device, dtype=matrix.dtype) + 0.5) / size)[central(size, side)]
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        code: Tensor = self(torch.stack((x, y), dim=-1))
        return code.permute(2, 0, 1)
