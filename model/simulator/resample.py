"""Separable resizing and cheap blurs of float32 images: what a window cut from a recording and resized goes through."""

from functools import lru_cache

import numpy as np
from scipy import ndimage as ndi


@lru_cache(maxsize=256)
def _taps(n_in: int, n_out: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Source indices and weights, both (n_out, taps), for order 0 (nearest), 1 (linear) or 3 (Catmull-Rom)."""
    centre = (np.arange(n_out) + 0.5) * n_in / n_out - 0.5
    if order == 0:
        index = np.rint(centre)[:, None]
        weight = np.ones_like(index)
    else:
        base = np.floor(centre)
        f = (centre - base)[:, None]
        if order == 1:
            offsets, weight = np.arange(2), np.concatenate([1 - f, f], 1)
        else:
            offsets = np.arange(-1, 3)
            weight = 0.5 * np.concatenate(
                [-f + 2 * f**2 - f**3, 2 - 5 * f**2 + 3 * f**3, f + 4 * f**2 - 3 * f**3, f**3 - f**2], 1
            )
        index = base[:, None] + offsets
    return np.clip(index, 0, n_in - 1).astype(np.intp), weight.astype(np.float32)


def _resize_rows(image: np.ndarray, n_out: int, order: int) -> np.ndarray:
    index, weight = _taps(image.shape[0], n_out, order)
    out = weight[:, 0, None] * image[index[:, 0]]
    for k in range(1, index.shape[1]):
        out += weight[:, k, None] * image[index[:, k]]
    return out


def resize(image: np.ndarray, shape: tuple[int, int], order: int = 1) -> np.ndarray:
    """Interpolate a (H, W) image at the pixel centres of a grid of `shape`; no smoothing before a reduction."""
    rows = _resize_rows(image, shape[0], order) if image.shape[0] != shape[0] else image
    if image.shape[1] == shape[1]:
        return rows
    return np.ascontiguousarray(_resize_rows(np.ascontiguousarray(rows.T), shape[1], order).T)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of a (H, W) image; wide ones are done on a coarser grid, which cannot be told from the full one."""
    if sigma < 0.2:
        return image
    step = int(sigma / 2.5)
    if step < 2:
        return ndi.gaussian_filter(image, sigma, mode="nearest", truncate=3.0)
    shape = (max(4, image.shape[0] // step), max(4, image.shape[1] // step))
    small = resize(ndi.uniform_filter(image, step, mode="nearest"), shape)
    small = ndi.gaussian_filter(small, sigma / step, mode="nearest", truncate=3.0)
    return resize(small, image.shape, order=3 if step > 3 else 1)
