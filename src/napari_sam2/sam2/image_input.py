"""From intensities to what the image encoder was trained on."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_sam2.sam2.config import ModelConfig

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def prepare(images: Tensor, config: ModelConfig) -> Tensor:
    """Normalise (B, 3, H, W) intensities in [0, 1] (or any range, where the model looks at local contrast)."""
    if config.local_contrast:
        grey = images.mean(dim=1, keepdim=True)
        if max(grey.shape[-2:]) > config.image_size:
            return local_contrast_of_plate(grey, config.image_size)
        return local_contrast(grey)
    mean, std = _imagenet(images.device, images.dtype)
    return (images - mean) / std


@cache  # a graphics card that is given numbers is waited for
@torch.inference_mode(False)
def _imagenet(device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Means and deviations of the channels, each (3, 1, 1)."""
    both = torch.tensor([IMAGENET_MEAN, IMAGENET_STD], dtype=dtype)[..., None, None].to(device)
    return both[0], both[1]


def local_contrast(images: Tensor) -> Tensor:
    """Three views of (B, 1, S, S) intensities that make bright and dim cells of one window visible: (B, 3, S, S).

    Each window is stretched between its percentiles 1 and 99.8, so that neither bleaching nor the camera's offset
    matters. Channels: linear; square root; and a soft sign around the median, which shows dim structure beside
    very bright cells.
    """
    # A quarter of the pixels gives the same percentiles in a quarter of the time.
    return _stretched(images, _percentiles(images[..., ::2, ::2].flatten(1))[:, :, None, None])


def local_contrast_of_plate(images: Tensor, window: int) -> Tensor:
    """:func:`local_contrast` of images that hold several windows: (B, 1, H, W) to (B, 3, H, W).

    Around every place the percentiles are those of the window in whose middle it lies. They are taken in windows that
    overlap by half, and interpolated in between.
    """
    height, width = images.shape[-2:]
    tops, lefts = _starts(height, window), _starts(width, window)
    patches = torch.stack([images[:, 0, y : y + window : 4, x : x + window : 4] for y in tops for x in lefts], dim=1)
    found = _percentiles(patches.flatten(2).flatten(0, 1))
    grid = found.view(images.shape[0], len(tops), len(lefts), -1).permute(0, 3, 1, 2)
    place = torch.stack(
        torch.meshgrid(_along(width, window, images.device), _along(height, window, images.device), indexing="xy"), -1
    )
    # Farther out, it stays as at the border: clamped, because not every device knows that as a way of padding.
    everywhere = F.grid_sample(grid, place.clamp(-1, 1).expand(images.shape[0], -1, -1, -1), align_corners=True)
    return _stretched(images, everywhere)


def _starts(length: int, window: int) -> list[int]:
    """Where windows start that overlap by half and cover ``length`` pixels."""
    room = max(length - window, 0)
    count = -(-2 * room // window) + 1
    return [round(i * room / max(count - 1, 1)) for i in range(count)]


def _along(length: int, window: int, device: torch.device) -> Tensor:
    """Places of pixels between the middles of the first and the last window: -1 to 1, more at the ends."""
    pixels = torch.arange(length, device=device, dtype=torch.float32) + 0.5
    return (pixels - length / 2) / max((length - window) / 2, 1e-6)


SHARES = (0.01, 0.15, 0.5, 0.85, 0.998)


def _percentiles(values: Tensor) -> Tensor:
    """(B, N) values to (B, 5) values at SHARES of them."""
    order = values.float().sort(dim=1).values
    last = order.shape[1] - 1
    return torch.stack([order[:, round(share * last)] for share in SHARES], dim=1)


def _stretched(images: Tensor, percentiles: Tensor) -> Tensor:
    low, fifteen, middle, eightyfive, high = (percentiles[:, i : i + 1] for i in range(5))
    tiny = 1e-6 * high.abs().clamp(min=1e-6)
    linear = ((images - low) / (high - low + tiny)).clamp(-0.5, 1.5)
    signed = torch.tanh((images - middle) / (eightyfive - fifteen + 0.02 * (high - low) + tiny))
    return torch.cat((2 * linear - 1, 2 * linear.clamp(min=0).sqrt() - 1, signed), dim=1)
