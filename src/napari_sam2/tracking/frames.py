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
        try:
            self.dtype = np.dtype(stack.dtype)
        except (AttributeError, TypeError) as error:
            raise TrackingError(f"got a stack of type {type(stack).__name__}, expected an array of numbers") from error
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
            pixels = self.read(int(frame)).reshape(-1, 3 if self.rgb else 1)
            # An odd step walks through all columns of frames whose width is a power of two.
            values = pixels[:: len(pixels) // SAMPLED_PIXELS | 1].astype(np.float64)
            samples.append(values[np.isfinite(values)])
        pooled = np.concatenate(samples)
        if not pooled.size:
            return 0.0, 1.0
        low, high = np.percentile(pooled, PERCENTILES).tolist()
        if low == high:  # hardly anything but background
            low, high = float(pooled.min()), float(pooled.max())
        return (low, high) if high > low else (low, low + max(1.0, abs(low) * 1e-3))

    def tensor(self, frame: int) -> torch.Tensor:
        """Frame as (1, y, x), or (3, y, x) for colour, float32: 0 and 1 at the limits, not clipped.

        Not a number becomes 0, what is infinite 0 or 1.
        """
        if self._last is None or self._last[0] != frame:
            low, high = self.limits
            # float32 holds 24 bits: a small range far from zero would be lost in it.
            wide = self.dtype.itemsize > 4 or (self.dtype.kind in "iu" and self.dtype.itemsize == 4)
            exact: Any = np.float64 if wide else np.float32
            with np.errstate(over="ignore"):
                scaled = (self.read(frame).astype(exact) - exact(low)) / exact(high - low)
                scaled = scaled.astype(np.float32, copy=False)
            if self.dtype.kind == "f":
                scaled = np.nan_to_num(scaled, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
            pixels = torch.from_numpy(scaled)
            self._last = frame, pixels.permute(2, 0, 1) if self.rgb else pixels[None]
        return self._last[1]
