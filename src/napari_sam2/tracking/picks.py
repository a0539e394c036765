"""Some frames of a stack as a stack of their own, and frames with their pixels made square. Lazy: nothing is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Picked:
    """The frames `numbers` of a stack."""

    def __init__(self, stack: Any, numbers: range) -> None:
        self._stack, self._numbers = stack, numbers
        self.dtype = stack.dtype
        self.shape: tuple[int, ...] = (len(numbers), *(int(size) for size in stack.shape[1:]))

    def __getitem__(self, frame: int) -> NDArray[Any]:
        return np.asarray(self._stack[self._numbers[frame]])


class Stretch:
    """The map between (y, x) pixels of frames and the same frames with one axis drawn out, so that pixels are square.

    Args:
        shape: (y, x) of a frame.
        aspect: height of a pixel over its width. Above 1 the rows are drawn out, below 1 the columns.
    """

    def __init__(self, shape: tuple[int, int], aspect: float) -> None:
        wanted = (shape[0] * max(aspect, 1.0), shape[1] * max(1 / aspect, 1.0))
        self.small = shape
        self.large = (round(wanted[0]), round(wanted[1]))
        self.factors = (self.large[0] / shape[0], self.large[1] / shape[1])

    def to_large(self, places: NDArray[Any]) -> NDArray[Any]:
        """(N, 2) places (y, x), both at the centre of pixels."""
        factors = np.asarray(self.factors)
        out: NDArray[Any] = (np.asarray(places, float) + 0.5) * factors - 0.5
        return out

    def draw_out(self, picture: NDArray[Any]) -> NDArray[Any]:
        """(y, x[, rgb]) of a frame, with what lies between two pixels in between their values."""
        axis = int(self.factors[1] > 1)
        size, length = self.small[axis], self.large[axis]
        if size == length:
            return picture
        exact = np.float64 if picture.dtype.itemsize > 2 and picture.dtype != np.float32 else np.float32
        at = np.clip((np.arange(length) + 0.5) / self.factors[axis] - 0.5, 0, size - 1)
        below = np.floor(at).astype(int)
        share = (at - below).astype(exact).reshape([-1 if k == axis else 1 for k in range(picture.ndim)])
        low = np.take(picture, below, axis).astype(exact)
        high = np.take(picture, np.minimum(below + 1, size - 1), axis).astype(exact)
        # Weighted like this, what is infinite or no number stays so, with no warning of infinity minus infinity.
        with np.errstate(invalid="ignore"):
            drawn: NDArray[Any] = low * (1 - share) + high * share
        return np.rint(drawn).astype(picture.dtype) if picture.dtype == np.uint8 else drawn

    def draw_out_mask(self, mask: NDArray[Any]) -> NDArray[Any]:
        """(y, x) of a mask: every pixel becomes as many."""
        rows, columns = self._sources()
        drawn: NDArray[Any] = mask[np.ix_(rows, columns)]
        return drawn

    def back(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """(..., y, x) of what was found in drawn out frames, at the centres of the frame's own pixels."""
        picked = []
        for size, length, factor in zip(self.small, self.large, self.factors, strict=True):
            middle = np.floor((np.arange(size) + 0.5) * factor).astype(int)
            picked.append(np.minimum(middle, length - 1))
        return pixels[..., picked[0][:, None], picked[1]]

    def _sources(self) -> tuple[NDArray[Any], NDArray[Any]]:
        rows, columns = (
            np.minimum(((np.arange(length) + 0.5) / factor).astype(int), size - 1)
            for size, length, factor in zip(self.small, self.large, self.factors, strict=True)
        )
        return rows, columns


class Stretched:
    """The frames of a stack with their pixels made square."""

    def __init__(self, stack: Any, stretch: Stretch) -> None:
        self._stack, self._stretch = stack, stretch
        rest = tuple(int(size) for size in stack.shape[3:])
        self.shape: tuple[int, ...] = (int(stack.shape[0]), *stretch.large, *rest)
        self.dtype = stretch.draw_out(np.zeros((*stretch.small, *rest)[:2], stack.dtype)).dtype

    def __getitem__(self, frame: int) -> NDArray[Any]:
        return self._stretch.draw_out(np.asarray(self._stack[frame]))
