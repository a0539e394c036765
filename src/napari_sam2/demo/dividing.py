"""A simulated time-lapse: nuclei that wander, touch, grow and divide, as in a dish under a fluorescence microscope."""

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_sam2.demo.simulation import Chromatin, Floats, Simulation, camera, push_apart

FRAMES, HEIGHT, WIDTH = 40, 300, 380
PIXEL, MINUTES = 0.5, 8.0  # micrometres, between two frames
_START = 16  # nuclei in the first frame
_RADIUS = 14.5  # pixels, of a nucleus before it divides
_CYCLE = (22, 46)  # frames from one division to the next
_NEWBORN = 0.72  # radius of a daughter, of the mother's

# Frames before the division, with (radius along the plate, across it, brightness) of what it looks like: rounding up,
# the plate of chromosomes, and both halves on their way apart.
_MITOSIS = {2: (0.92, 0.92, 1.35), 1: (0.95, 0.42, 2.1)}
_TELOPHASE = {0: (0.80, 0.36, 2.0), 1: (0.74, 0.50, 1.5), 2: (0.70, 0.64, 1.15)}


@dataclass
class _Cell:
    """One nucleus. Lengths in pixels, angles in radians, ages in frames."""

    number: int
    centre: Floats
    turn: float
    aspect: float
    brightness: float
    chromatin: Chromatin
    age: int
    lifetime: int
    born_here: bool = False
    velocity: Floats = field(default_factory=lambda: np.zeros(2))
    bumps: Floats = field(default_factory=lambda: np.zeros((3, 2)))

    @property
    def left(self) -> int:
        """Frames until it divides."""
        return self.lifetime - self.age

    @property
    def look(self) -> tuple[float, float, float]:
        """(radius along its axis, radius across, brightness)."""
        if self.left in _MITOSIS:
            along, across, bright = _MITOSIS[self.left]
        elif self.born_here and self.age in _TELOPHASE:
            along, across, bright = _TELOPHASE[self.age]
        else:
            grown = _NEWBORN + (1 - _NEWBORN) * min(1.0, self.age / self.lifetime)
            along, across, bright = grown * self.aspect, grown / self.aspect, 1.0
        return _RADIUS * along, _RADIUS * across, self.brightness * bright

    @property
    def dividing(self) -> bool:
        """Whether it is about to divide or has just done so: it is smooth then, and stays where it is."""
        return self.left in _MITOSIS or (self.born_here and self.age in _TELOPHASE)


def dividing_nuclei(seed: int = 4, frames: int = FRAMES) -> Simulation:
    """(frames, 300, 380) uint16, sixteen nuclei that become about twice as many; the same for the same seed."""
    random = np.random.default_rng(seed)
    cells = _first_cells(random)
    parents: dict[int, int] = {}
    image = np.empty((frames, HEIGHT, WIDTH), np.uint16)
    labels = np.zeros((frames, HEIGHT, WIDTH), np.uint16)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    light = 1 - 0.25 * (((rows - HEIGHT / 2) / HEIGHT) ** 2 + ((columns - WIDTH / 2) / WIDTH) ** 2)
    for frame in range(frames):
        signal = _draw(cells, labels[frame])
        sharp = gaussian_filter(signal, 1.1)
        haze = gaussian_filter(signal, 14)
        bleached = np.exp(-frame / 160)
        image[frame] = camera((sharp + 0.35 * haze + 160) * light * bleached, random, offset=420)
        cells = _next_frame(cells, random, parents)
    return Simulation(
        image,
        labels,
        {child: mother for child, mother in parents.items() if (labels == child).any()},
        scale=(MINUTES, PIXEL, PIXEL),
        units=("minute", "micrometer", "micrometer"),
        axis_labels=("t", "y", "x"),
    )


def _first_cells(random: np.random.Generator) -> list[_Cell]:
    limits = np.array([HEIGHT, WIDTH], float)
    centres = random.uniform(0.08, 0.92, (_START, 2)) * limits
    centres = push_apart(centres, np.full(_START, _RADIUS), limits, rounds=60)
    cells = []
    for number, centre in enumerate(centres, start=1):
        lifetime = int(random.integers(*_CYCLE))
        age = int(random.integers(3, lifetime - 4))
        cells.append(_cell(random, number, centre, float(random.uniform(0.55, 1.0)), age, lifetime))
    return cells


def _cell(
    random: np.random.Generator, number: int, centre: Floats, brightness: float, age: int, lifetime: int
) -> _Cell:
    return _Cell(
        number,
        centre,
        turn=float(random.uniform(0, np.pi)),
        aspect=float(random.uniform(1.02, 1.2)),
        brightness=brightness,
        chromatin=Chromatin(random, 2),
        age=age,
        lifetime=lifetime,
        bumps=random.normal(0, 0.03, (3, 2)),
    )


def _next_frame(cells: list[_Cell], random: np.random.Generator, parents: dict[int, int]) -> list[_Cell]:
    """Everybody ages, moves and, when it is time, divides."""
    following: list[_Cell] = []
    last = max((cell.number for cell in cells), default=0)
    last = max(last, *parents, 0) if parents else last
    for cell in cells:
        cell.age += 1
        if cell.left <= 0:
            following += _daughters(cell, random, last)
            last += 2
            parents.update({daughter.number: cell.number for daughter in following[-2:]})
            continue
        calm = 0.25 if cell.dividing else 1.0
        cell.velocity = 0.7 * cell.velocity + random.normal(0, 0.75, 2)
        cell.centre = cell.centre + calm * cell.velocity
        cell.turn += calm * float(random.normal(0, 0.05))
        cell.bumps = 0.92 * cell.bumps + random.normal(0, 0.012, (3, 2))
        if cell.born_here and cell.age in _TELOPHASE:
            cell.centre = cell.centre + cell.velocity / max(float(np.hypot(*cell.velocity)), 1e-6) * 0.5
        following.append(cell)
    radii = np.array([np.sqrt(cell.look[0] * cell.look[1]) for cell in following])
    limits = np.array([HEIGHT, WIDTH], float)
    moved = push_apart(np.array([cell.centre for cell in following]), radii, limits, rounds=4)
    for cell, centre in zip(following, moved, strict=True):
        cell.centre = centre
    return following


def _daughters(mother: _Cell, random: np.random.Generator, last: int) -> list[_Cell]:
    """Two halves, side by side across the plate, on their way apart."""
    across = np.array([np.cos(mother.turn), np.sin(mother.turn)])
    born: list[_Cell] = []
    for side in (-1, 1):
        number = last + 1 + len(born)
        daughter = _cell(
            random, number, mother.centre + side * 0.42 * _RADIUS * across, mother.brightness, 0,
            int(random.integers(*_CYCLE)),
        )  # fmt: skip
        daughter.turn, daughter.born_here = mother.turn, True
        daughter.velocity = side * 1.6 * across
        born.append(daughter)
    return born


def _draw(cells: list[_Cell], labels: np.ndarray) -> Floats:
    """Paint all nuclei: returns the light they give, and fills the (y, x) `labels`."""
    signal = np.zeros((HEIGHT, WIDTH))
    nearest = np.ones((HEIGHT, WIDTH))  # how far out in its nucleus a pixel lies; where two meet, the inner one has it
    for cell in cells:
        along, across, bright = cell.look
        reach = int(np.ceil(1.25 * max(along, across))) + 2
        y0, x0 = (round(float(value)) - reach for value in cell.centre)
        window = (
            slice(max(0, y0), min(HEIGHT, y0 + 2 * reach + 1)),
            slice(max(0, x0), min(WIDTH, x0 + 2 * reach + 1)),
        )
        y, x = np.mgrid[window]
        dy, dx = y - cell.centre[0], x - cell.centre[1]
        # The plate lies across the direction in which the halves will part.
        u = (dx * np.cos(cell.turn) - dy * np.sin(cell.turn)) / along
        v = (dy * np.cos(cell.turn) + dx * np.sin(cell.turn)) / across
        angle = np.arctan2(v, u)
        border = np.ones_like(angle)
        if not cell.dividing:
            for wave, (cosine, sine) in enumerate(cell.bumps, start=2):
                border += cosine * np.cos(wave * angle) + sine * np.sin(wave * angle)
        out = np.hypot(u, v) / border
        texture = cell.chromatin.at(np.stack([u, v]))
        if cell.dividing:  # packed chromosomes
            texture = 1 + 0.3 * (texture - 1)
        inside = out < nearest[window]
        nearest[window] = np.where(inside, out, nearest[window])
        signal[window] = np.where(inside, 1900 * bright * texture, signal[window])
        labels[window] = np.where(inside, cell.number, labels[window])
    return signal
