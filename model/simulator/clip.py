"""Draw a clip: pick a kind, let it act, pass it through the camera."""

from dataclasses import dataclass

import numpy as np

from .kinds import TABLE
from .optics import expose, pad_borders, to_counts

KINDS: tuple[str, ...] = tuple(TABLE)
_WEIGHTS = np.array([weight for _, weight in TABLE.values()])
LEAST_PIXELS = 12  # smaller remnants of an object, at borders or under others, are not labelled


@dataclass
class Clip:
    """A simulated window around cells.

    images (frames, size, size) float32 in camera units; labels of the same shape uint16, one identity per object
    over time, 0 background; parents maps a daughter to her mother, whose identity ends at the division.
    """

    images: np.ndarray
    labels: np.ndarray
    parents: dict[int, int]
    kind: str


def _tidy(labels: np.ndarray, parents: dict[int, int]) -> dict[int, int]:
    """Erase remnants in place; keep the family ties of identities that are seen."""
    top = int(labels.max()) + 1
    frames = len(labels)
    keys = labels.astype(np.int32) + np.arange(frames, dtype=np.int32)[:, None, None] * top
    counts = np.bincount(keys.ravel(), minlength=frames * top).reshape(frames, top)
    small = counts < LEAST_PIXELS
    small[:, 0] = False
    if (small & (counts > 0)).any():
        labels[small.ravel()[keys]] = 0
    seen = ((counts >= LEAST_PIXELS).any(0)).nonzero()[0]
    present = set(seen.tolist())
    return {d: m for d, m in parents.items() if d in present and m in present}


def sample_clip(rng: np.random.Generator, frames: int = 1, size: int = 256, kind: str | None = None) -> Clip:
    """A clip of `frames` frames of (size, size) pixels; the same generator state gives the same clip.

    Raises ValueError for an unknown kind, or for less than one frame.
    """
    if kind is None:
        kind = str(rng.choice(KINDS, p=_WEIGHTS / _WEIGHTS.sum()))
    if kind not in TABLE:
        raise ValueError(f"unknown kind {kind!r}; choose one of {', '.join(KINDS)}")
    if frames < 1:
        raise ValueError(f"frames is {frames}; a clip has at least one")
    scene = TABLE[kind][0](rng, frames, size)
    images = expose(rng, scene.images, scene.camera)
    if rng.random() < 0.2:
        pad_borders(rng, images, scene.labels)
    images = to_counts(rng, images)
    parents = _tidy(scene.labels, scene.parents)
    return Clip(images, scene.labels, parents, kind)
