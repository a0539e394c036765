"""A simulated z-stack: a ball of touching nuclei, slices four times as far apart as pixels."""

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_sam2.demo.simulation import Chromatin, Floats, Simulation, camera, push_apart

SHAPE = (30, 240, 260)  # z, y, x
VOXEL = (1.0, 0.25, 0.25)  # micrometres
_NUCLEI = 44
_BALL = (11.5, 24.0, 26.0)  # micrometres, half the size of the cluster along z, y, x


def nuclei_in_depth(seed: int = 2) -> Simulation:
    """(30, 240, 260) uint16, z y x, some forty nuclei; the same for the same seed."""
    random = np.random.default_rng(seed)
    extent = np.array(SHAPE) * VOXEL
    radii = random.uniform(3.6, 5.0, _NUCLEI)
    centres = _places(random, radii, extent)
    signal = np.zeros(SHAPE)
    labels = np.zeros(SHAPE, np.uint16)
    nearest = np.ones(SHAPE)
    for number, (centre, radius) in enumerate(zip(centres, radii, strict=True), start=1):
        _draw(random, number, centre, radius, (signal, labels, nearest))
    # Light from deeper slices is scattered, and blurred more along z than across it.
    depth = np.arange(SHAPE[0])[:, None, None] * VOXEL[0]
    sharp = gaussian_filter(signal, (0.9, 1.1, 1.1))
    haze = gaussian_filter(signal, (2.5, 10, 10))
    image = camera((sharp + 0.3 * haze) * np.exp(-depth / 45) + 90, random, offset=300)
    unit = ("micrometer",) * 3
    return Simulation(image, labels, {}, scale=VOXEL, units=unit, axis_labels=("z", "y", "x"))


def _places(random: np.random.Generator, radii: Floats, extent: Floats) -> Floats:
    """(nuclei, 3) centres in micrometres, packed into a ball in the middle of the field."""
    middle, ball = extent / 2, np.array(_BALL)
    directions = random.normal(size=(len(radii), 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    centres = middle + directions * random.uniform(0, 1, (len(radii), 1)) ** (1 / 3) * ball
    for _ in range(30):
        centres = push_apart(centres, radii, extent, rounds=2)
        out = np.linalg.norm((centres - middle) / ball, axis=1, keepdims=True)
        centres = np.where(out > 1, middle + (centres - middle) / out, centres)
    return push_apart(centres, radii, extent, rounds=6)


def _draw(
    random: np.random.Generator,
    number: int,
    centre: Floats,
    radius: float,
    arrays: tuple[Floats, np.ndarray, Floats],
) -> None:
    """Paint one nucleus, an ellipsoid in some direction, into signal, labels and how far out each voxel lies."""
    signal, labels, nearest = arrays
    axes = radius * np.array([random.uniform(0.8, 0.95), random.uniform(0.9, 1.05), random.uniform(1.0, 1.2)])
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    reach = 1.25 * radius
    low = [max(0, int((c - reach) / v)) for c, v in zip(centre, VOXEL, strict=True)]
    high = [min(n, int((c + reach) / v) + 2) for c, v, n in zip(centre, VOXEL, SHAPE, strict=True)]
    window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    places = np.mgrid[window].reshape(3, -1) * np.array(VOXEL)[:, None] - centre[:, None]
    inner = (turn @ places) / axes[:, None]
    shape = nearest[window].shape
    out = np.linalg.norm(inner, axis=0).reshape(shape)
    bright = 1500 * random.uniform(0.6, 1.0)
    texture = Chromatin(random, 3).at(inner).reshape(shape)
    inside = out < nearest[window]
    nearest[window] = np.where(inside, out, nearest[window])
    signal[window] = np.where(inside, bright * texture, signal[window])
    labels[window] = np.where(inside, number, labels[window])
