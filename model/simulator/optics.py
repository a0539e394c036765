"""From the light that leaves the specimen to the numbers in the file: PSF, sampling, noise, gain, window borders."""

from dataclasses import dataclass

import numpy as np

from .fields import illumination
from .resample import blur, resize


@dataclass(frozen=True)
class Camera:
    """Ranges a kind asks for; the ideal image has its signal on a scale of about 0 to 1."""

    photons: tuple[float, float] = (15.0, 3000.0)  # at signal 1; log-uniform
    read: tuple[float, float] = (0.0, 0.03)  # deviation of signal-independent noise, in signal units
    blur: tuple[float, float] = (0.5, 2.2)  # PSF deviation, in pixels of the 256 side
    reduce: tuple[float, float] = (0.8, 3.0)  # pixels of the network's input per pixel of the recording
    shading: tuple[float, float] = (0.0, 0.5)
    floor: tuple[float, float] = (0.0, 0.1)  # dark or out-of-focus light under everything
    bleaching: float = 0.03
    clip_black: float = 0.1  # chance that the recording cuts off below its background


def _sensor(rng: np.random.Generator, image: np.ndarray, photons: float, read: float) -> np.ndarray:
    """Shot noise as a normal of the right variance, and read noise."""
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    return image + noise * np.sqrt(np.maximum(image, 0) / np.float32(photons) + np.float32(read**2))


def expose(rng: np.random.Generator, images: np.ndarray, camera: Camera) -> np.ndarray:
    """Record ideal images (frames, size, size) with one microscope; focus and brightness change from frame to frame."""
    frames, size = images.shape[:2]
    scale = size / 256
    photons = float(np.exp(rng.uniform(*np.log(camera.photons))))
    read = float(rng.uniform(*camera.read) * rng.random())
    sigma = float(rng.uniform(*camera.blur)) * scale
    reduce = float(np.exp(rng.uniform(*np.log(camera.reduce))))
    sampled = min(size, int(size / max(reduce, 1.0)))
    order = int(rng.choice([0, 1, 3], p=[0.04, 0.7, 0.26]))
    after = rng.uniform(0.4, 1.0) if rng.random() < 0.35 else 0.0  # denoised or compressed before it was stored
    shade = illumination(rng, size, rng.uniform(*camera.shading)) if rng.random() < 0.6 else np.float32(1)
    floor = np.float32(rng.uniform(*camera.floor))
    fade = rng.uniform(0, camera.bleaching) if rng.random() < 0.4 else 0.0
    flicker = rng.uniform(0, 0.12) if rng.random() < 0.3 else 0.0
    defocus = rng.uniform(0, 1.5) * scale if rng.random() < 0.25 else 0.0
    black = rng.random() < camera.clip_black
    saturate = np.percentile(images[0], rng.uniform(94, 99.9)) if rng.random() < 0.12 else 0.0
    out = np.empty_like(images)
    for t in range(frames):
        image = (images[t] + floor) * shade * np.float32((1 - fade) ** t * (1 + flicker * rng.normal()))
        spread = np.hypot(sigma, defocus * abs(rng.normal())) if defocus else sigma
        if sampled < size:
            spread = np.hypot(spread, 0.3 * (size / sampled))  # a pixel gathers light over its area
        image = blur(image, spread)
        if sampled < size:
            image = resize(image, (sampled, sampled))
        image = _sensor(rng, image, photons, read)
        if after:
            image = blur(image, after)
        if black:
            image = np.maximum(image, floor * np.float32(0.9))
        if saturate:
            image = np.minimum(image, floor + np.float32(saturate))
        out[t] = resize(image, (size, size), order) if sampled < size else image
    return out


def pad_borders(rng: np.random.Generator, images: np.ndarray, labels: np.ndarray) -> None:
    """Windows near the recording's border see flat padding: cut one or two sides off, in place."""
    size = images.shape[1]
    some = images[0, ::4, ::4]
    value = np.float32(rng.choice([np.percentile(some, 1), np.median(some), some.mean()]))
    for axis in rng.permutation(2)[: 1 + int(rng.random() < 0.3)]:
        cut = int(size * rng.uniform(0.05, 0.38))
        where = slice(0, cut) if rng.random() < 0.5 else slice(size - cut, size)
        index = (slice(None), where) if axis == 0 else (slice(None), slice(None), where)
        images[index] = value
        labels[index] = 0


def to_counts(rng: np.random.Generator, images: np.ndarray) -> np.ndarray:
    """Arbitrary gain and offset, sometimes coarse steps as in an 8-bit file that uses few of its values."""
    if rng.random() < 0.2:
        step = np.float32((images.max() - images.min()) / rng.uniform(30, 255) + 1e-9)
        images = np.round(images / step) * step
    gain, offset = np.float32(np.exp(rng.uniform(np.log(20), np.log(8000)))), np.float32(rng.uniform(0, 3000))
    return images * gain + offset
