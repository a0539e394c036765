"""Smooth random fields: uneven backgrounds, cell textures, slowly changing displacements."""

import numpy as np

from .resample import resize

ATLAS = 256  # side of a texture that cells sample at their own coordinates


def smooth_field(rng: np.random.Generator, size: int, scale: float) -> np.ndarray:
    """(size, size) float32 of about zero mean and unit deviation, varying over about `scale` pixels."""
    n = int(np.clip(round(size / max(scale, 1.0)), 2, size)) + 1
    return resize(rng.standard_normal((n, n), dtype=np.float32) * 1.25, (size, size), order=3)


def octaves(rng: np.random.Generator, size: int, scale: float, roughness: float = 0.5, levels: int = 3) -> np.ndarray:
    """Sum of smooth fields, each twice as fine and `roughness` times as strong as the one before; unit deviation."""
    out = np.zeros((size, size), np.float32)
    total = 0.0
    for k in range(levels):
        gain = roughness**k
        out += gain * smooth_field(rng, size, scale / 2**k)
        total += gain**2
    return out / np.float32(np.sqrt(total))


def illumination(rng: np.random.Generator, size: int, strength: float) -> np.ndarray:
    """Multiplicative shading near 1: a tilted, slightly lumpy field and a vignette with its centre anywhere near."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    cy, cx = rng.uniform(-1, 1, 2)
    vignette = -0.5 * ((axis - cy)[:, None] ** 2 + (axis - cx)[None] ** 2)
    lumps = smooth_field(rng, size, size * rng.uniform(0.4, 1.2))
    shade = 1 + np.float32(strength) * (0.5 * vignette + 0.35 * lumps)
    return np.maximum(shade, 0.15).astype(np.float32)


def sample_atlas(atlas: np.ndarray, v: np.ndarray, u: np.ndarray, offset: np.ndarray, zoom: float) -> np.ndarray:
    """Texture at a cell's own coordinates, so it moves, turns and grows with the cell; offset picks the cell's part."""
    side = atlas.shape[0]
    rows = (v * zoom + offset[0]).astype(np.int32) % side
    cols = (u * zoom + offset[1]).astype(np.int32) % side
    return atlas[rows, cols]
