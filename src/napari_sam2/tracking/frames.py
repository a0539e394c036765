"""Frames of a stack, one at a time, as intensities in [0, 1]."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sam2.tracking.errors import TrackingError

SAMPLED_FRAMES, SAMPLED_PIXELS = 8, 65536
PERCENTILES = (1.0, 99.8)


class Frames:
    """Reads frames of any array-like and maps their intensities, the same way for the whole stack.

    Args:
        stack: (frames, y, x), or (frames, y, x, 3 or 4) colour; anything with ``shape``, ``dtype`` and indexing.
        limits: intensities shown as 0 and 1; None: percentiles 1 and 99.8 of sampled frames.

    uint8 colour is used as it is; everything else goes through the limits.

    Raises:
        TrackingError: a shape or type that is no stack of images.
    """

    def __init__(self, stack: Any, limits: tuple[float, float] | None = None) -> None:
        shape = tuple(int(n) for n in getattr(stack, "shape", ()))
        self.rgb = len(shape) == 4 and shape[3] in (3, 4)
        if len(shape) != 3 and not self.rgb:
            raise TrackingError(
                f"got a stack of shape {shape}, expected (frames, y, x) or (frames, y, x, 3): "
                "choose a slice of the other axes first"
            )
        if 0 in shape:
            raise TrackingError(f"got a stack of shape {shape}: an axis is empty, so there is nothing to track in")
        self.dtype = np.dtype(stack.dtype)
        if self.dtype.kind not in "buif":
            raise TrackingError(f"got a stack of {self.dtype}, expected whole or real numbers")
        if limits is not None and not (np.isfinite(limits).all() and limits[0] < limits[1]):
            raise TrackingError(f"got contrast limits {limits}, expected two finite numbers, the lower first")
        self.stack = stack
        self.shape: tuple[int, int] = (shape[1], shape[2])
        self._limits = limits
        self._last: tuple[int, torch.Tensor] | None = None

    def __len__(self) -> int:
        return int(self.stack.shape[0])

    def read(self, frame: int) -> NDArray[Any]:
        """Frame as it is stored: (y, x) or (y, x, 3)."""
        array = np.asarray(self.stack[frame])
        return array[..., :3] if self.rgb else array

    @property
    def limits(self) -> tuple[float, float]:
        """Intensities that become 0 and 1."""
        if self._limits is None:
            self._limits = self._sample_limits()
        return self._limits

    def _sample_limits(self) -> tuple[float, float]:
        if self.rgb and self.dtype == np.uint8:
            return 0.0, 255.0
        if self.dtype == np.bool_:
            return 0.0, 1.0
        samples = []
        for frame in np.unique(np.linspace(0, len(self) - 1, SAMPLED_FRAMES).round().astype(int)):
            values = self.read(int(frame)).ravel()
            values = values[:: max(1, values.size // SAMPLED_PIXELS)].astype(np.float64)
            samples.append(values[np.isfinite(values)])
        pooled = np.concatenate(samples)
        if not pooled.size:
            return 0.0, 1.0
        low, high = np.percentile(pooled, PERCENTILES)
        return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)

    def tensor(self, frame: int) -> torch.Tensor:
        """Frame as (3, y, x) float32: 0 and 1 at the limits, not clipped; what is not finite becomes 0."""
        if self._last is None or self._last[0] != frame:
            low, high = self.limits
            scaled = (self.read(frame).astype(np.float32) - np.float32(low)) / np.float32(high - low)
            if self.dtype.kind == "f":
                scaled = np.nan_to_num(scaled, nan=0.0, posinf=1.0, neginf=0.0)
            pixels = torch.from_numpy(scaled)
            self._last = frame, pixels.permute(2, 0, 1) if self.rgb else pixels.expand(3, -1, -1)
        return self._last[1]
