"""Memory encoder: a frame's features and an object's mask to the memory of that object."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_sam2.sam2.config import ModelConfig
from napari_sam2.sam2.layers import LayerNorm2d
from napari_sam2.sam2.products import Linear


class MaskDownsampler(nn.Module):
    """(B, 1, S, S) masks to (B, width, S / 16, S / 16): four stride-2 convolutions, four times wider each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        # The widths are 4 ** i in the published models; a narrower network stops at its own width.
        for i in range(1, 5):
            wider = min(4**i, width)
            layers += [nn.Conv2d(channels, wider, 3, stride=2, padding=1), LayerNorm2d(wider), nn.GELU()]
            channels = wider
        layers.append(nn.Conv2d(channels, width, 1))
        self.encoder = nn.Sequential(*layers)

    def forward(self, masks: Tensor) -> Tensor:
        out: Tensor = self.encoder(masks)
        return out


class FuserBlock(nn.Module):
    """ConvNeXt block (Liu et al. 2022) that fuses mask and features."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = LayerNorm2d(width)
        self.pwconv1 = Linear(width, 4 * width)
        self.pwconv2 = Linear(4 * width, width)
        self.act = nn.GELU()
        self.gamma = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x)).permute(0, 2, 3, 1)
        y = self.gamma * self.pwconv2(self.act(self.pwconv1(y)))
        out: Tensor = x + y.permute(0, 3, 1, 2)
        return out


class Fuser(nn.Module):
    """Two fusing blocks."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(FuserBlock(width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class MemoryEncoder(nn.Module):
    """(B, width, S / 16, S / 16) raw features and (B, 1, S, S) scaled masks to (B, memory_width, S / 16, S / 16)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.mask_downsampler = MaskDownsampler(config.width)
        self.pix_feat_proj = nn.Conv2d(config.width, config.width, 1)
        self.fuser = Fuser(config.width)
        self.out_proj = nn.Conv2d(config.width, config.memory_width, 1)

    def forward(self, features: Tensor, masks: Tensor) -> Tensor:
        fused = self.fuser(self.pix_feat_proj(features) + self.mask_downsampler(masks))
        out: Tensor = self.out_proj(fused)
        return out
