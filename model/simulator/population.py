"""Where round-ish cells are, frame by frame: crowding, wandering, growth, mitosis, death, arrival, stage motion."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Dynamics:
    """Lengths in pixels of the frame; rates per cell and frame; speed in diameters per frame."""

    radius: float
    cover: float = 0.3  # share of the area under cells
    spread: float = 0.15  # deviation of log radius
    aspect: float = 0.25  # deviation of log aspect
    clumping: float = 0.0  # 0 scattered, 1 all in clumps
    packing: float = 0.95  # least distance of centres in units of the sum of radii
    speed: float = 0.05
    persistence: float = 0.5
    growth: float = 0.0
    division: float = 0.0
    death: float = 0.0
    levels: float = 0.4  # deviation of log brightness
    wobble: float = 0.15  # how fast outlines change
    most: int = 110


@dataclass
class Cells:
    """All cells of one frame as parallel arrays of length n; positions (n, 2) in (y, x) pixels."""

    ident: np.ndarray
    position: np.ndarray
    radius: np.ndarray
    aspect: np.ndarray
    angle: np.ndarray
    level: np.ndarray
    condensed: np.ndarray  # 0 interphase, about 0.5 rounded, 1 metaphase plate
    dying: np.ndarray  # 0 alive, towards 1 shrunken and fragmenting


@dataclass
class History:
    """What happened: cells per frame and the mother of every daughter."""

    frames: list[Cells]
    parents: dict[int, int] = field(default_factory=dict)


def separate(position: np.ndarray, reach: np.ndarray, rounds: int) -> None:
    """Push overlapping discs apart in place, each pair sharing the shift."""
    for _ in range(rounds):
        delta = position[:, None] - position[None]
        distance = np.sqrt((delta**2).sum(-1)) + 1e-6
        gap = np.maximum(reach[:, None] + reach[None] - distance, 0)
        np.fill_diagonal(gap, 0)
        if not gap.any():
            return
        position += 0.45 * (delta * (gap / distance)[..., None]).sum(1)


def scatter(rng: np.random.Generator, dyn: Dynamics, size: int) -> np.ndarray:
    """First positions (n, 2) over the frame and a rim of neighbours around it; at least one near the middle."""
    rim = 1.5 * dyn.radius
    side = size + 2 * rim
    count = int(np.clip(rng.poisson(dyn.cover * side**2 / (np.pi * dyn.radius**2)), 1, dyn.most))
    position = rng.uniform(-rim, size + rim, (count, 2))
    if dyn.clumping > 0:
        seeds = rng.uniform(0, size, (max(1, count // 7), 2))
        pull = rng.random(count) < dyn.clumping
        near = seeds[rng.integers(len(seeds), size=count)] + rng.normal(0, 2.0 * dyn.radius, (count, 2))
        position[pull] = near[pull]
    position[0] = size / 2 + rng.normal(0, 0.12 * size, 2)
    return position


class Population:
    """State that steps through time; `simulate` records it."""

    def __init__(self, rng: np.random.Generator, dyn: Dynamics, size: int) -> None:
        self.rng, self.dyn, self.size = rng, dyn, size
        self.position = scatter(rng, dyn, size)
        n = len(self.position)
        self.ident = np.arange(1, n + 1)
        self.next_ident = n + 1
        self.base = dyn.radius * np.exp(np.clip(rng.normal(0, dyn.spread, n), -0.5, 0.45))
        self.aspect = np.exp(np.abs(rng.normal(0, dyn.aspect, n)))
        self.angle = rng.uniform(0, np.pi, n)
        self.level = np.exp(dyn.levels * np.clip(rng.normal(0, 1, n), -1.9, 2.2))
        self.velocity = rng.normal(0, 1, (n, 2)) * dyn.speed * 2 * dyn.radius * 0.6
        self.timer = np.full(n, -1)  # frames left until the division
        self.decay = np.zeros(n)  # condensation left after a division
        self.dying = np.zeros(n)
        self.onset = rng.integers(1, 4)  # frames from rounding to the split
        if dyn.division > 0:
            self.timer[rng.random(n) < dyn.division * self.onset] = rng.integers(1, self.onset + 1)
            late = rng.random(n) < dyn.division
            self.decay[late] = rng.uniform(0.3, 0.9, int(late.sum()))
        if dyn.death > 0:
            gone = rng.random(n) < dyn.death * 2
            self.dying[gone] = rng.uniform(0.2, 0.7, int(gone.sum()))
        separate(self.position, self.base * dyn.packing, 25)
        self.parents: dict[int, int] = {}

    def snapshot(self) -> Cells:
        rising = np.where(self.timer >= 0, 1 - self.timer / (self.onset + 1.0), 0)
        condensed = np.maximum(rising, self.decay)
        aspect = np.where(condensed > 0.55, 1 + 3.4 * (condensed - 0.4), self.aspect ** (1 - condensed))
        radius = self.base * (1 - 0.4 * condensed) * (1 - 0.5 * self.dying)
        level = self.level * (1 + 1.4 * condensed + 1.2 * self.dying)
        position, angle = self.position.copy(), self.angle.copy()
        return Cells(self.ident.copy(), position, radius, aspect, angle, level, condensed, self.dying.copy())

    def step(self) -> None:
        rng, dyn = self.rng, self.dyn
        n = len(self.ident)
        kick = rng.normal(0, 1, (n, 2)) * dyn.speed * 2 * dyn.radius
        self.velocity = dyn.persistence * self.velocity + (1 - dyn.persistence) * kick
        self.position = self.position + self.velocity
        self.base = self.base * (1 + dyn.growth * rng.uniform(0.5, 1.5, n))
        self.aspect = np.maximum(1, self.aspect * np.exp(rng.normal(0, 0.3 * dyn.wobble * dyn.aspect, n)))
        self.angle = self.angle + rng.normal(0, 0.5 * dyn.wobble, n)
        self.decay = np.where(self.decay > 0.05, self.decay * 0.6, 0)
        self.dying = np.where(self.dying > 0, self.dying + 0.2, 0)
        start = (self.timer < 0) & (self.decay == 0) & (self.dying == 0)
        self.dying[start & (rng.random(n) < dyn.death)] = 0.15
        begin = start & (rng.random(n) < dyn.division)
        split = self.timer == 0
        self.timer = np.where(begin, self.onset, np.where(self.timer >= 0, self.timer - 1, -1))
        self._divide(split)
        self._keep((self.dying < 1) & ~split_padded(split, len(self.ident)))
        separate(self.position, self.base * (1 - 0.5 * self.decay) * dyn.packing, 3)

    def _divide(self, split: np.ndarray) -> None:
        """Append two daughters beside every splitting mother, apart across her plate."""
        mothers = np.flatnonzero(split)
        if not len(mothers):
            return
        m = np.repeat(mothers, 2)
        sign = np.tile([1.0, -1.0], len(mothers))[:, None]
        across = self.angle[m] + np.pi / 2
        axis = np.stack([np.sin(across), np.cos(across)], 1) * sign
        base = self.base[m] * np.float64(0.5**0.5 * 1.1)
        new = np.arange(self.next_ident, self.next_ident + len(m))
        self.parents.update(zip(new.tolist(), self.ident[m].tolist(), strict=True))
        self.next_ident += len(m)
        self.position = np.concatenate([self.position, self.position[m] + axis * base[:, None] * 0.75])
        self.velocity = np.concatenate([self.velocity, axis * base[:, None] * 0.35])
        self.ident = np.concatenate([self.ident, new])
        self.base = np.concatenate([self.base, base])
        self.aspect = np.concatenate([self.aspect, self.aspect[m]])
        self.angle = np.concatenate([self.angle, self.angle[m]])
        self.level = np.concatenate([self.level, self.level[m] * self.rng.uniform(0.85, 1.15, len(m))])
        self.timer = np.concatenate([self.timer, np.full(len(m), -1)])
        self.decay = np.concatenate([self.decay, np.full(len(m), 0.85)])
        self.dying = np.concatenate([self.dying, np.zeros(len(m))])

    def _keep(self, keep: np.ndarray) -> None:
        names = ("position", "velocity", "ident", "base", "aspect", "angle", "level", "timer", "decay", "dying")
        for name in names:
            setattr(self, name, getattr(self, name)[keep])


def split_padded(split: np.ndarray, n: int) -> np.ndarray:
    """The mask of mothers, extended by False for the daughters appended behind."""
    return np.concatenate([split, np.zeros(n - len(split), bool)])


def camera_path(rng: np.random.Generator, frames: int, size: int, drift: float, jumps: float) -> np.ndarray:
    """Shift of the whole scene per frame, (frames, 2) pixels: a drift, a jitter, and with rate `jumps` a stage jump."""
    steady = rng.normal(0, drift, 2)
    steps = steady + rng.normal(0, 0.4 * drift, (frames, 2))
    jump = rng.random(frames) < jumps
    steps[jump] += rng.normal(0, 0.07 * size, (int(jump.sum()), 2))
    steps[0] = 0
    return np.cumsum(steps, 0)


def simulate(rng: np.random.Generator, dyn: Dynamics, frames: int, size: int, drift: float, jumps: float) -> History:
    """Run a population for `frames` frames as one camera sees it; some cameras drop frames (motion doubles)."""
    population = Population(rng, dyn, size)
    shifts = camera_path(rng, frames, size, drift, jumps)
    dropped = rng.random(frames) < (0.06 if rng.random() < 0.3 else 0.0)
    history = History([])
    for t in range(frames):
        if t:
            population.step()
            if dropped[t]:
                population.step()
        cells = population.snapshot()
        cells.position = cells.position + shifts[t]
        history.frames.append(cells)
    history.parents = population.parents
    return history
