"""The frames that all sides see, and where the objects are."""

from __future__ import annotations

import numpy as np

SIZE = 1024


def frames(count: int) -> np.ndarray:
    """(count, SIZE, SIZE, 3) uint8: a field of bright discs that drift, in noise. Nothing has to be resized."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE]
    out = np.empty((count, SIZE, SIZE, 3), np.uint8)
    for t in range(count):
        wave = np.sin((y + 2 * t) / 20) * np.sin((x + t) / 20)
        image = 60 + 120 * (wave > 0.5) + rng.normal(0, 8, (SIZE, SIZE))
        out[t] = image.clip(0, 255).astype(np.uint8)[..., None]
    return out


def places(count: int) -> list[tuple[float, float]]:
    """(y, x) of that many objects, spread evenly over the frame."""
    side = int(np.ceil(np.sqrt(count)))
    line = (np.arange(side) + 0.5) * SIZE / side
    return [(float(y), float(x)) for y in line for x in line][:count]


def masks(count: int) -> list[np.ndarray]:
    """(SIZE, SIZE) bool discs of 20 pixels across around the places."""
    y, x = np.mgrid[:SIZE, :SIZE]
    return [np.hypot(y - cy, x - cx) < 10 for cy, cx in places(count)]
