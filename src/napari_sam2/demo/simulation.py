"""What the simulated samples have in common: nuclei that push each other away, their texture, the camera."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, map_coordinates

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Simulation:
    """A simulated sample with what is known of it.

    Attributes:
        image: uint16, axes as in `axis_labels`.
        labels: uint16, the same shape; 0 is background, every nucleus has a number of its own.
        parents: of a nucleus that came from a division, the number of the one that divided.
        scale: size of a pixel along each axis, in `units`.
    """

    image: npt.NDArray[np.uint16]
    labels: npt.NDArray[np.uint16]
    parents: dict[int, int]
    scale: tuple[float, ...]
    units: tuple[str, ...]
    axis_labels: tuple[str, ...]


def push_apart(centres: Floats, radii: Floats, limits: Floats, rounds: int = 12) -> Floats:
    """Move centres until nuclei touch without lying in each other.

    Args:
        centres: (cells, axes) in some unit of length.
        radii: (cells,) in the same unit.
        limits: (axes,) size of the field; centres stay in it.
        rounds: how often every pair is looked at.
    """
    centres = centres.copy()
    for _ in range(rounds):
        apart = centres[:, None] - centres[None]
        distance = np.sqrt((apart**2).sum(axis=-1))
        np.fill_diagonal(distance, np.inf)
        overlap = np.clip(0.97 * (radii[:, None] + radii[None]) - distance, 0, None)
        centres += (apart / np.maximum(distance, 1e-6)[..., None] * overlap[..., None]).sum(axis=1) * 0.4
        centres = np.clip(centres, 0.3 * radii[:, None], limits - 0.3 * radii[:, None])
    return centres


class Chromatin:
    """Texture that belongs to one nucleus and moves with it: mottled, with a few dark nucleoli."""

    def __init__(self, random: np.random.Generator, axes: int) -> None:
        side = 40 if axes == 2 else 24
        noise = gaussian_filter(random.normal(size=(side,) * axes), 1.6)
        self._grid: Floats = 1 + 0.22 * noise / noise.std()
        place = np.stack(np.meshgrid(*[np.linspace(-1, 1, side)] * axes, indexing="ij"), axis=-1)
        for _ in range(random.integers(1, 4)):
            middle = random.uniform(-0.5, 0.5, axes)
            self._grid *= 1 - 0.5 * np.exp(-((place - middle) ** 2).sum(axis=-1) / (2 * random.uniform(0.1, 0.17) ** 2))

    def at(self, places: Floats) -> Floats:
        """Brightness at (axes, ...) places in the nucleus, whose border lies at a distance of 1 from the middle."""
        side = self._grid.shape[0]
        return np.asarray(map_coordinates(self._grid, (places + 1) / 2 * (side - 1), order=1, mode="nearest"))


def camera(signal: Any, random: np.random.Generator, offset: float, gain: float = 6.0) -> npt.NDArray[np.uint16]:
    """What a 16-bit camera makes of a signal: photon noise of `gain` counts per photon, read noise, an offset."""
    photons = random.poisson(np.clip(signal, 0, None) / gain)
    counts = offset + gain * photons + random.normal(0, 9, photons.shape)
    return np.asarray(counts.clip(0, 65535).round(), dtype=np.uint16)
