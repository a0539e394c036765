"""Frames of a stack, one at a time, as intensities in [0, 1]."""

from __future__ import annotations

import mmap
from concurrent.futures import Future
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sam2.tracking.contrast import Contrast
from napari_sam2.tracking.errors import TrackingError
from napari_sam2.tracking.reading_ahead import ReadingAhead

SAMPLED_FRAMES, SAMPLED_PIXELS = 8, 65536


class Frames:
    """Reads frames of any array-like and maps their intensities, the same way for the whole stack.

    Args:
        stack: (frames, y, x), or (frames, y, x, 3 or 4) colour; anything with ``shape``, ``dtype`` and indexing.
        contrast: which intensities become 0 and 1; two numbers are the limits, None is Contrast().

    Raises:
        TrackingError: a shape or type that is no stack of images.
    """

    def __init__(self, stack: Any, contrast: Contrast | tuple[float, float] | None = None) -> None:
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
        self.contrast = Contrast.between(*contrast) if isinstance(contrast, tuple) else contrast or Contrast()
        self.stack = stack
        self.shape: tuple[int, int] = (shape[1], shape[2])
        self._limits = self.contrast.limits
        self._last: tuple[int, torch.Tensor] | None = None
        self._ahead = ReadingAhead(self._tensor)
        self._coming: int | None = None

    def __len__(self) -> int:
        return int(self.stack.shape[0])

    def read(self, frame: int) -> NDArray[Any]:
        """Frame as it is stored: (y, x) or (y, x, 3)."""
        array = np.asarray(self.stack[frame])
        return array[..., :3] if self.rgb else array

    @property
    def limits(self) -> tuple[float, float]:
        """Intensities that become 0 and 1, for the whole stack."""
        if self._limits is None:
            self._limits = self._sample_limits()
        return self._limits

    def _sample_limits(self) -> tuple[float, float]:
        if self.contrast.kind == "auto" and self.rgb and self.dtype == np.uint8:
            return 0.0, 255.0
        if self.contrast.kind == "auto" and self.dtype == np.bool_:
            return 0.0, 1.0
        chosen = np.unique(np.linspace(0, len(self) - 1, SAMPLED_FRAMES).round().astype(int))
        return self.contrast.limits_of(self._some_pixels(self.read(int(frame))) for frame in chosen)

    def _some_pixels(self, picture: NDArray[Any]) -> NDArray[Any]:
        """About SAMPLED_PIXELS of a frame."""
        pixels = picture.reshape(-1, 3 if self.rgb else 1)
        # An odd step walks through all columns of frames whose width is a power of two.
        return pixels[:: len(pixels) // SAMPLED_PIXELS | 1]

    def scaled(self, frame: int) -> NDArray[np.float32]:
        """Frame as (y, x) or (y, x, 3), with its contrast: 0 and 1 are black and white, what lies outside is kept.

        Not a number becomes 0 whatever the contrast, what is infinite black or white.
        """
        picture = self.read(frame)
        by_frame = self.contrast.kind == "frame"
        low, high = self.contrast.limits_of([self._some_pixels(picture)]) if by_frame else self.limits
        # float32 holds 24 bits: a small range far from zero would be lost in it.
        wide = self.dtype.itemsize > 4 or (self.dtype.kind in "iu" and self.dtype.itemsize == 4)
        exact: Any = np.float64 if wide else np.float32
        nothing = np.isnan(picture) if self.dtype.kind == "f" else None
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (picture.astype(exact) - exact(low)) / exact(high - low)
            scaled = scaled.astype(np.float32, copy=False)
        if nothing is not None:
            scaled = np.nan_to_num(scaled, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
        scaled = self.contrast.bend(scaled)
        if nothing is not None:
            scaled[nothing] = 0
        del picture
        let_go(self.stack)
        return scaled

    def tensor(self, frame: int) -> torch.Tensor:
        """Frame as (1, y, x), or (3, y, x) for colour, float32, with its contrast; see :meth:`scaled`."""
        if self._last is None or self._last[0] != frame:
            self._last = frame, self._ahead.take(frame)
            if self._coming is not None and self._coming != frame:
                self._ahead.begin(self._coming)
        return self._last[1]

    def _tensor(self, frame: int) -> torch.Tensor:
        pixels = torch.from_numpy(self.scaled(frame))
        return pixels.permute(2, 0, 1) if self.rgb else pixels[None]

    def coming(self, frame: int) -> Future[torch.Tensor]:
        """A frame, as :meth:`tensor` will give it, while it is being read."""
        if self._last is None or self._last[0] != frame:
            return self._ahead.begin(frame)
        there: Future[torch.Tensor] = Future()
        there.set_result(self._last[1])
        return there

    def expect(self, frame: int | None) -> None:
        """Which frame is needed after the one that is asked for next: it is read while that one is worked on.

        None: no other; what was read ahead is let go of.
        """
        self._coming = frame
        if frame is None:
            self._ahead.forget()


def let_go(stack: Any) -> None:
    """Tell the system that what was read of a memory map is not needed any more.

    Else the pages of all frames that were looked at count as memory of this process, until others need it.
    """
    array = stack
    while isinstance(array, np.ndarray) and isinstance(array.base, np.ndarray):
        array = array.base
    # A copy-on-write map would lose what was written into it.
    shared = isinstance(array, np.memmap) and array.mode in ("r", "r+")
    if shared and isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        array.base.madvise(mmap.MADV_DONTNEED)
