"""Rod-shaped bacteria that grow, divide at a septum and push each other: chains, parallel stacks, microcolonies."""

from dataclasses import dataclass, field

import numpy as np

BEADS = np.linspace(-1, 1, 5)  # points along a rod's axis at which rods push each other


@dataclass
class Rods:
    """Parallel arrays of n rods; positions (n, 2) in (y, x) pixels, angles from the x axis, one width for all."""

    ident: np.ndarray
    position: np.ndarray
    angle: np.ndarray
    length: np.ndarray
    bend: np.ndarray
    level: np.ndarray
    goal: np.ndarray  # length at which it divides


@dataclass
class Colony:
    """State of a colony and its family tree."""

    rng: np.random.Generator
    width: float
    adult: float  # mean length at division
    rods: Rods
    next_ident: int
    slack: float = 1.0  # least axis distance in widths
    parents: dict[int, int] = field(default_factory=dict)

    def grow(self, rate: float) -> None:
        n = len(self.rods.ident)
        self.rods.length = self.rods.length * (1 + rate * self.rng.uniform(0.7, 1.3, n))

    def jiggle(self, amount: float) -> None:
        n = len(self.rods.ident)
        self.rods.position = self.rods.position + self.rng.normal(0, amount * self.width, (n, 2))
        self.rods.angle = self.rods.angle + self.rng.normal(0, amount * 0.3, n)

    def divide(self) -> None:
        """Every rod longer than its goal becomes two half rods end to end, kinked a little at the septum."""
        r = self.rods
        ripe = r.length > r.goal
        if not ripe.any():
            return
        m = np.repeat(np.flatnonzero(ripe), 2)
        sign = np.tile([1.0, -1.0], len(m) // 2)
        axis = np.stack([np.sin(r.angle[m]), np.cos(r.angle[m])], 1)
        new = np.arange(self.next_ident, self.next_ident + len(m))
        self.next_ident += len(m)
        self.parents.update(zip(new.tolist(), r.ident[m].tolist(), strict=True))
        half = (r.length[m] + 0.1 * self.width) / 2
        daughters = Rods(
            new,
            r.position[m] + axis * (sign * half / 2)[:, None],
            r.angle[m] + self.rng.normal(0, 0.07, len(m)),
            half,
            r.bend[m] * 0.5 + self.rng.normal(0, 0.01, len(m)),
            r.level[m] * self.rng.uniform(0.95, 1.05, len(m)),
            self.adult * self.rng.uniform(0.85, 1.2, len(m)),
        )
        keep = ~ripe
        self.rods = Rods(*(np.concatenate([getattr(r, k)[keep], getattr(daughters, k)]) for k in Rods.__annotations__))

    def push(self, rounds: int) -> None:
        """Resolve overlaps: beads of different rods closer than a width move their rods and turn them."""
        r = self.rods
        n = len(r.ident)
        if n < 2:
            return
        owner = np.repeat(np.arange(n), len(BEADS))
        other = owner[:, None] != owner[None]
        reach = self.width * self.slack
        for _ in range(rounds):
            half = np.maximum(r.length - self.width, 0) / 2
            axis = np.stack([np.sin(r.angle), np.cos(r.angle)], 1)
            arm = BEADS[None] * half[:, None]
            beads = (r.position[:, None] + arm[..., None] * axis[:, None]).reshape(-1, 2)
            dy = beads[:, 0, None] - beads[None, :, 0]
            dx = beads[:, 1, None] - beads[None, :, 1]
            distance = np.sqrt(dy * dy + dx * dx) + 1e-6
            gap = np.where(other, np.maximum(reach - distance, 0), 0) / distance
            if not gap.any():
                return
            force = np.stack([(gap * dy).sum(1), (gap * dx).sum(1)], 1).reshape(n, -1, 2)
            r.position = r.position + 0.35 * force.mean(1) * 1.6
            torque = (arm * (force[..., 0] * axis[:, None, 1] - force[..., 1] * axis[:, None, 0])).sum(1)
            r.angle = r.angle + np.clip(0.35 * torque / (np.square(arm).sum(1) + self.width**2), -0.15, 0.15)

    def snapshot(self) -> Rods:
        return Rods(*(getattr(self.rods, k).copy() for k in Rods.__annotations__))


def found(
    rng: np.random.Generator,
    position: np.ndarray,
    angle: np.ndarray,
    width: float,
    adult: float,
    slack: float,
    curve: float,
) -> Colony:
    """A colony of given axes, rods at any stage between birth and division."""
    n = len(position)
    goal = adult * rng.uniform(0.85, 1.2, n)
    rods = Rods(
        np.arange(1, n + 1),
        position.astype(float),
        angle.astype(float),
        goal * rng.uniform(0.5, 0.98, n),
        rng.normal(0, curve, n),
        np.exp(rng.normal(0, 0.08, n)),
        goal,
    )
    return Colony(rng, width, adult, rods, n + 1, slack)
