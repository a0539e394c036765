"""A small picture of one object on one frame: a piece of the image with the outline of the mask."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SURROUNDINGS = 1.8  # side of the piece in sides of the object
_SMALLEST = 24  # pixels of the image

Part = tuple[slice, slice]


def part_around(mask: NDArray[np.bool_]) -> Part | None:
    """The (y, x) slices of a square piece around a mask, cut off at the border; None for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    side = max(_SMALLEST, round(_SURROUNDINGS * max(np.ptp(rows), np.ptp(columns))) + 1)
    slices = []
    for ends, length in ((rows[[0, -1]], mask.shape[0]), (columns[[0, -1]], mask.shape[1])):
        start = int(max(0, min(ends.mean() - side / 2, length - side)))
        slices.append(slice(start, min(length, start + side)))
    return slices[0], slices[1]


def thumbnail(
    image: NDArray[Any],
    mask: NDArray[np.bool_],
    limits: tuple[float, float],
    color: tuple[int, int, int],
    size: int = 120,
) -> NDArray[np.uint8]:
    """(height, width, 3) RGB, the longer side `size` pixels.

    Args:
        image: (y, x) intensities, or (y, x, 3) RGB.
        mask: (y, x) of the object in this piece.
        limits: what is black and what is white; RGB of 8 bits is taken as it is.
        color: RGB of the outline.
        size: in pixels.
    """
    height, width = mask.shape
    scale = size / max(1, height, width)
    y = (np.arange(max(1, round(height * scale))) / scale).astype(int).clip(0, height - 1)
    x = (np.arange(max(1, round(width * scale))) / scale).astype(int).clip(0, width - 1)
    picture: NDArray[np.uint8] = _bright(np.asarray(image), limits)[y][:, x]
    # Thin parts of a large object must not fall between the pixels that are shown.
    large = np.pad(np.logical_or.reduceat(np.logical_or.reduceat(mask, y, axis=0), x, axis=1), 1)
    inner = large[1:-1, 1:-1] & large[:-2, 1:-1] & large[2:, 1:-1] & large[1:-1, :-2] & large[1:-1, 2:]
    picture[large[1:-1, 1:-1] & ~inner] = color
    return picture


def _bright(image: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.uint8]:
    if image.ndim == 3 and image.dtype == np.uint8:
        colored: NDArray[np.uint8] = image[..., :3].copy()
        return colored
    low, high = limits
    share = (image.astype(np.float32) - low) / max(high - low, 1e-12)
    grey: NDArray[np.uint8] = (255 * np.clip(np.nan_to_num(share), 0, 1)).astype(np.uint8)
    return grey[..., :3].copy() if grey.ndim == 3 else np.repeat(grey[..., np.newaxis], 3, axis=-1)
