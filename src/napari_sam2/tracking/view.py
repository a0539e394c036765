"""Views: the part of a frame that the network looks at, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Shape = tuple[int, int]


@dataclass(frozen=True)
class View:
    """A rectangle of a frame, in pixels: its first row and column, its height and width.

    It may reach over the frame's borders. The network sees it squashed to a square.
    """

    y: int
    x: int
    height: int
    width: int

    @classmethod
    def whole(cls, shape: Shape) -> View:
        """The whole frame."""
        return cls(0, 0, *shape)

    @classmethod
    def window(cls, centre: tuple[float, float], side: float, shape: Shape) -> View:
        """A square window around ``centre`` (y, x), moved into the frame as far as it fits."""
        size = max(16, round(side))
        starts = []
        for middle, length in zip(centre, shape, strict=True):
            start = round(middle + 0.5 - size / 2)
            # A window as large as the frame is centred on it; a smaller one stays inside.
            starts.append(min(max(start, 0), length - size) if size <= length else (length - size) // 2)
        return cls(starts[0], starts[1], size, size)

    @property
    def side(self) -> int:
        """The longer side, in pixels."""
        return max(self.height, self.width)

    @property
    def centre(self) -> tuple[float, float]:
        """Middle (y, x)."""
        return self.y + (self.height - 1) / 2, self.x + (self.width - 1) / 2

    def inside(self, shape: Shape) -> tuple[slice, slice]:
        """The rows and columns of a frame that the view covers."""
        return (
            slice(max(self.y, 0), max(min(self.y + self.height, shape[0]), 0)),
            slice(max(self.x, 0), max(min(self.x + self.width, shape[1]), 0)),
        )

    def local(self, shape: Shape) -> tuple[slice, slice]:
        """The rows and columns of the view that lie in a frame."""
        rows, columns = self.inside(shape)
        return (
            slice(rows.start - self.y, rows.stop - self.y),
            slice(columns.start - self.x, columns.stop - self.x),
        )

    def covers(self, shape: Shape) -> bool:
        """Whether all of a frame lies in it."""
        return self.inside(shape) == (slice(0, shape[0]), slice(0, shape[1]))

    def crop(self, image: Tensor, size: int | tuple[int, int]) -> Tensor:
        """(C, y, x) frame to the (C, size, size) that the network sees, or to (C, height, width) for a pair as size.

        What lies over the border becomes the mean of what lies inside. Resized bilinearly with antialiasing, as Meta's
        image predictor does; a view that already has the size is passed on untouched.
        """
        part = image[:, *self.inside((image.shape[1], image.shape[2]))]
        target = (size, size) if isinstance(size, int) else size
        return self._resized(part, (image.shape[1], image.shape[2]), target, part.mean(dim=(1, 2), keepdim=True))

    def crop_mask(self, mask: NDArray[Any], size: int) -> Tensor:
        """(y, x) mask to the (1, size, size) zeros and ones that the network sees; nothing lies over the border.

        A mask that is too small for the network's pixels keeps those that it covers most.
        """
        part = torch.from_numpy(mask[self.inside(mask.shape)]).float()[None]
        cover = self._resized(part, mask.shape, (size, size), torch.zeros(1, 1, 1))
        return (cover >= cover.max().clamp(1e-6, 0.5)).float()

    def _resized(self, part: Tensor, shape: Shape, size: tuple[int, int], outside: Tensor) -> Tensor:
        """(C, h, w) pixels of the view that lie in a frame to (C, *size), with (C, 1, 1) values around them."""
        if part.shape[1:] == (self.height, self.width):
            if part.shape[1:] == size:
                return part
            resized = F.interpolate(part[None], size, mode="bilinear", align_corners=False, antialias=True)
            return resized[0]
        # One axis after the other, the longer one first: around a very long frame the view is a huge square of nothing.
        local = self.local(shape)
        for axis in (1, 2) if part.shape[1] > part.shape[2] else (2, 1):
            whole = [*part.shape]
            whole[axis] = self.height if axis == 1 else self.width
            padded = outside.expand(whole).clone()
            padded.narrow(axis, local[axis - 1].start, part.shape[axis]).copy_(part)
            whole[axis] = size[axis - 1]
            part = F.interpolate(padded[None], whole[1:], mode="bilinear", align_corners=False, antialias=True)[0]
        return part

    def to_input(self, yx: Any, size: int) -> Tensor:
        """(N, 2) places (y, x) in frame pixels to places (x, y) in input pixels, both at the centre of pixels."""
        places = torch.as_tensor(yx, dtype=torch.float32)
        # The centre of pixel p lies at p + 0.5 from the edge; SAM 2 adds the half itself, so only the scale is applied.
        y = (places[:, 0] - self.y + 0.5) * (size / self.height) - 0.5
        x = (places[:, 1] - self.x + 0.5) * (size / self.width) - 0.5
        return torch.stack((x, y), dim=-1)

    def to_pixels(self, logits: Tensor) -> Tensor:
        """(..., h, w) logits of the view to its own pixels: (..., height, width)."""
        lead = logits.shape[:-2]
        flat = logits.reshape(-1, 1, *logits.shape[-2:]).float()
        out = F.interpolate(flat, (self.height, self.width), mode="bilinear", align_corners=False)
        return out.view(*lead, self.height, self.width)

    def in_frame(self, logits: Tensor, shape: Shape) -> Tensor:
        """(..., h, w) logits of the view to those of its pixels that lie in a frame, as :meth:`inside` counts them."""
        rows, columns = self.local(shape)
        if (rows.stop - rows.start, columns.stop - columns.start) == (self.height, self.width):
            return self.to_pixels(logits)
        lead, (height, width) = logits.shape[:-2], logits.shape[-2:]
        part = logits.reshape(-1, 1, height, width).float()
        # One axis after the other, for the reason given above; here the shorter one first.
        for axis in (2, 3) if rows.stop - rows.start < columns.stop - columns.start else (3, 2):
            whole, kept = [*part.shape[2:]], (rows, columns)[axis - 2]
            whole[axis - 2] = self.height if axis == 2 else self.width
            part = F.interpolate(part, whole, mode="bilinear", align_corners=False)
            part = part.narrow(axis, kept.start, kept.stop - kept.start)
        return part.reshape(*lead, *part.shape[-2:])

    def resample(self, logits: Tensor, target: View, outside: float, side: int | None = None) -> Tensor:
        """(1, h, w) logits of this view as they look in ``target``; ``outside`` where this view has nothing.

        With ``side`` they become (1, side, side).
        """
        height, width = logits.shape[-2:] if side is None else (side, side)
        if target == self and logits.shape[-2:] == (height, width):
            return logits
        y = (torch.arange(height) + 0.5) * (target.height / height) + target.y - self.y
        x = (torch.arange(width) + 0.5) * (target.width / width) + target.x - self.x
        unit_x, unit_y = 2 * x / self.width - 1, 2 * y / self.height - 1
        grid = torch.stack((unit_x.expand(height, width), unit_y[:, None].expand(height, width)), dim=-1)
        # Shifted so that the padding of zeros means ``outside``.
        moved = F.grid_sample((logits - outside).float()[None], grid[None].to(logits.device), align_corners=False)
        return (moved[0] + outside).to(logits.dtype)
