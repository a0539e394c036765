"""Small synthetic recordings, the same on both sides: textured blobs that move over an uneven background."""

from __future__ import annotations

import numpy as np

from .noise import uniform


def _texture(name: str, size: int, cells: int) -> np.ndarray:
    """Smooth noise in [-1, 1], (size, size): a coarse random grid, bilinearly enlarged."""
    grid = uniform(name, (cells + 1, cells + 1))
    at = np.linspace(0, cells, size, endpoint=False)
    low = at.astype(int)
    part = at - low
    rows = grid[low] * (1 - part)[:, None] + grid[low + 1] * part[:, None]
    return rows[:, low] * (1 - part) + rows[:, low + 1] * part


def blob_centres(frame: int, size: int) -> np.ndarray:
    """Centres (y, x) in pixels of the four blobs in `frame`, shape (4, 2)."""
    start = np.array([[0.30, 0.30], [0.65, 0.60], [0.35, 0.75], [0.75, 0.25]])
    step = np.array([[0.015, 0.020], [-0.020, 0.010], [0.020, -0.015], [-0.010, 0.015]])
    return np.mod(start + frame * step, 1.0) * size


def blob_mask(blob: int, frame: int, size: int) -> np.ndarray:
    """Disk of one blob, bool (size, size), with a hole of 5 pixels radius for hole filling to close."""
    y, x = np.mgrid[:size, :size]
    cy, cx = blob_centres(frame, size)[blob]
    distance = np.hypot(y - cy, x - cx)
    return (distance < 0.09 * size) & (distance > 5)


def make_frames(count: int, size: int, seed: int = 0, blank: tuple[int, ...] = ()) -> np.ndarray:
    """Frames (count, size, size, 3) uint8. The frames in `blank` hold another texture: the objects are gone."""
    background, skin, empty = (
        np.stack([_texture(f"{name} {seed} {c}", size, cells) for c in range(3)], axis=-1)
        for name, cells in (("background", 6), ("skin", 40), ("empty", 9))
    )
    colours = uniform(f"colours {seed}", (4, 3))
    y, x = np.mgrid[:size, :size]
    frames = np.empty((count, size, size, 3), dtype=np.uint8)
    for t in range(count):
        noise = 10 * uniform(f"grain {seed} {t}", (size, size, 3))
        image = 90 + 40 * background + noise
        if t in blank:
            image = 150 + 70 * empty + 2 * noise
        else:
            for (cy, cx), colour in zip(blob_centres(t, size), colours, strict=True):
                weight = 1 / (1 + np.exp((np.hypot(y - cy, x - cx) - 0.09 * size) / (0.008 * size)))
                image = image + weight[..., None] * (60 * colour + 50 * np.roll(skin, int(cx), axis=1))
        frames[t] = np.clip(image, 0, 255).astype(np.uint8)
    return frames
