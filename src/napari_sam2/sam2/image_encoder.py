"""Image encoder: a trunk and the feature pyramid behind it."""

from __future__ import annotations

from torch import Tensor, nn

from napari_sam2.sam2.config import HieraConfig, ModelConfig
from napari_sam2.sam2.conv_trunk import ConvTrunk
from napari_sam2.sam2.hiera import Hiera
from napari_sam2.sam2.layers import LayerNorm2d


class Lateral(nn.Module):
    """1x1 convolution from a trunk stage into the pyramid, and a norm where the config asks for one."""

    def __init__(self, width_in: int, width: int, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width, 1)
        # Applied by the neck to what leaves it, after the coarser level has been added.
        self.norm: nn.Module = LayerNorm2d(width) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class FpnNeck(nn.Module):
    """Feature pyramid: trunk maps to maps of one width, coarse context added from above at chosen levels."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.top_down_levels = config.top_down_levels
        widths = reversed(config.trunk.widths)
        # convs[0] belongs to the coarsest level: Meta's order.
        self.convs = nn.ModuleList(Lateral(width, config.width, config.neck_norm) for width in widths)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        last = len(maps) - 1
        out: list[Tensor] = []
        above: Tensor | None = None
        for level in range(last, -1, -1):
            lateral = self.convs[last - level]
            x = lateral(maps[level])
            if above is not None and level in self.top_down_levels:
                # Nearest neighbours, never written out: a coarse place is added to the four fine ones that it covers.
                fine = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)) + above[:, :, :, None, :, None]
                x = fine.flatten(4).flatten(2, 3)
            above = x
            out.append(lateral.get_submodule("norm")(x))
        return out[::-1]


class ImageEncoder(nn.Module):
    """(B, 3, S, S) normalised images to pyramid maps of strides 4, 8 and 16, each (B, width, H, W)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        trunk = config.trunk
        self.trunk: nn.Module = Hiera(trunk) if isinstance(trunk, HieraConfig) else ConvTrunk(trunk)
        self.neck = FpnNeck(config)

    def forward(self, images: Tensor) -> list[Tensor]:
        pyramid: list[Tensor] = self.neck(self.trunk(images))
        return pyramid[:3]  # stride 32 has done its work in the top-down path
