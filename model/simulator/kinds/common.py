"""What the kinds share: the drawn scene, the size of objects, and looks that a cell keeps for life."""

from dataclasses import dataclass, field

import numpy as np

from ..optics import Camera
from ..shapes import radial_profile


@dataclass
class Scene:
    """An ideal clip before the camera: images (frames, size, size) float32, labels of the same shape uint16."""

    images: np.ndarray
    labels: np.ndarray
    parents: dict[int, int]
    camera: Camera = field(default_factory=Camera)


def empty_scene(frames: int, size: int, camera: Camera) -> Scene:
    shape = (frames, size, size)
    return Scene(np.zeros(shape, np.float32), np.zeros(shape, np.uint16), {}, camera)


def object_radius(
    rng: np.random.Generator, size: int, low: float = 0.11, high: float = 0.5, middle: float = 0.18
) -> float:
    """Typical radius in pixels: diameters between low and high of the side, most near `middle`."""
    if rng.random() < 0.65:
        share = middle * np.exp(rng.normal(0, 0.28))
    else:
        share = np.exp(rng.uniform(np.log(low), np.log(high)))
    return 0.5 * size * float(np.clip(share, low, high))


@dataclass
class Looks:
    """Outline and texture of every cell, made at first sight; outlines change slowly as their terms turn."""

    rng: np.random.Generator
    roughness: float = 0.08  # deviation of the outline's terms
    terms: int = 5
    drift: float = 0.15  # radians per frame
    known: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)

    def of(self, ident: int) -> dict[str, np.ndarray]:
        look = self.known.get(ident)
        if look is None:
            rng = self.rng
            orders = np.arange(2, 2 + self.terms)
            amplitude = rng.normal(0, self.roughness, self.terms) * (2 / orders) ** 1.3
            if rng.random() < 0.12:  # a bean or a peanut
                amplitude[rng.integers(2)] += rng.uniform(0.1, 0.28)
            look = {
                "amplitude": amplitude.astype(np.float32),
                "phase": rng.uniform(0, 2 * np.pi, self.terms).astype(np.float32),
                "turn": rng.normal(0, self.drift, self.terms).astype(np.float32),
                "offset": rng.uniform(512, 1024, 2).astype(np.float32),
                "spots": np.concatenate([rng.uniform(-0.55, 0.55, (4, 2)), rng.uniform(0.12, 0.3, (4, 1))], 1).astype(
                    np.float32
                ),
                "luck": rng.random(8).astype(np.float32),
            }
            self.known[ident] = look
        return look

    def profile(self, ident: int, t: int, calm: float = 0.0) -> np.ndarray:
        """Outline at frame t; calm 1 makes it a disc (cells round up in mitosis)."""
        look = self.of(ident)
        return radial_profile(look["amplitude"] * np.float32(1 - calm), look["phase"] + look["turn"] * np.float32(t))


def spots(v: np.ndarray, u: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    """Sum of `count` round bumps at a cell's own coordinates; each place is (v, u, radius)."""
    out = np.zeros(np.broadcast_shapes(v.shape, u.shape), np.float32)
    for a, b, r in places[:count]:
        out += np.exp(-((v - a) ** 2 + (u - b) ** 2) / (r * r))
    return out


def drift_rates(rng: np.random.Generator, size: int) -> tuple[float, float]:
    """Drift per frame in pixels and rate of stage jumps: mostly still, sometimes restless."""
    drift = size * (0.002 if rng.random() < 0.6 else rng.uniform(0.004, 0.03))
    return drift, (0.15 if rng.random() < 0.15 else 0.0)
