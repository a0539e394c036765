"""Uniform noise that is the same with every version of numpy: raw bits of PCG64, whose stream is guaranteed."""

from __future__ import annotations

import zlib

import numpy as np


def uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Float32 values in [-1, 1) of the given shape, determined by `name`."""
    count = int(np.prod(shape))
    raw = np.random.PCG64(zlib.crc32(name.encode())).random_raw((count + 1) // 2)
    halves = raw.astype("<u8", copy=False).view("<u4")[:count]
    values = (halves >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return values.reshape(shape)
