"""A convolutional trunk that is fast on CPUs, in the place of Hiera."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from napari_sam2.sam2.config import ConvTrunkConfig
from napari_sam2.sam2.layers import LayerNorm2d
from napari_sam2.sam2.products import Linear


class ConvBlock(nn.Module):
    """Depthwise convolution, norm, two pointwise layers and a scaled residual (Liu et al. 2022)."""

    def __init__(self, width: int, kernel: int, expansion: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1 = Linear(width, expansion * width)
        self.pwconv2 = Linear(expansion * width, width)
        self.act = nn.GELU()
        self.gamma = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        # NHWC is the natural order of channels_last tensors: these permutes are views.
        mixed = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        mixed = self.gamma * self.pwconv2(self.act(self.pwconv1(mixed)))
        out: Tensor = x + mixed.permute(0, 3, 1, 2)
        return out


class ConvTrunk(nn.Module):
    """(B, 3, S, S) images to four maps of strides 4, 8, 16 and 32, each (B, C, H, W), finest first."""

    def __init__(self, config: ConvTrunkConfig) -> None:
        super().__init__()
        first = config.widths[0]
        self.stem = nn.Sequential(
            nn.Conv2d(3, first // 2, 3, stride=2, padding=1),
            LayerNorm2d(first // 2),
            nn.GELU(),
            nn.Conv2d(first // 2, first, 3, stride=2, padding=1),
        )
        self.downsample = nn.ModuleList(
            nn.Sequential(LayerNorm2d(a), nn.Conv2d(a, b, 2, stride=2)) for a, b in pairwise(config.widths)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvBlock(width, config.kernel, config.expansion) for _ in range(depth)))
            for width, depth in zip(config.widths, config.depths, strict=True)
        )
        self.norms = nn.ModuleList(LayerNorm2d(width) for width in config.widths)

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.stem(images.contiguous(memory_format=torch.channels_last))
        maps = []
        for index, (stage, norm) in enumerate(zip(self.stages, self.norms, strict=True)):
            if index:
                x = self.downsample[index - 1](x)
            x = stage(x)
            maps.append(norm(x))
        return maps
