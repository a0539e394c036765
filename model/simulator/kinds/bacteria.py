"""Rod bacteria in phase contrast (dark body, bright halo, or inverted) and in fluorescence."""

import numpy as np

from ..canvas import Canvas
from ..fields import illumination, octaves, smooth_field
from ..optics import Camera
from ..population import camera_path
from ..resample import blur
from ..rods import Colony, Rods, found
from ..shapes import box_grid, capsule, soft
from .common import Scene, drift_rates, empty_scene

PHASE = Camera(photons=(500, 300000), read=(0, 0.025), blur=(1.0, 3.6), reduce=(1.0, 3.0), shading=(0, 0.2))
GLOW = Camera(photons=(15, 2000), read=(0, 0.06), blur=(0.8, 2.4), reduce=(1.0, 3.0), shading=(0, 0.3), floor=(0, 0.15))


def _layout(rng: np.random.Generator, size: int, width: float, adult: float) -> tuple[np.ndarray, np.ndarray]:
    """First axes: a founder, a chain, a parallel stack, or rods anywhere."""
    middle = size / 2 + rng.normal(0, 0.08 * size, 2)
    kind = rng.choice(["one", "chain", "stack", "loose"], p=[0.4, 0.15, 0.15, 0.3])
    angle = rng.uniform(0, np.pi)
    axis = np.array([np.sin(angle), np.cos(angle)])
    across = np.array([np.cos(angle), -np.sin(angle)])
    if kind == "one":
        return middle[None], np.array([angle])
    if kind == "loose":
        n = int(np.clip(rng.poisson(0.1 * 1.4 * size**2 / (width * adult)), 2, 20))
        anywhere = rng.uniform(-0.1 * size, 1.1 * size, (n, 2))
        anywhere[0] = middle
        return anywhere, rng.uniform(0, np.pi, n)
    n = int(rng.integers(2, 6))
    k = np.arange(n) - (n - 1) / 2
    if kind == "chain":
        return middle + k[:, None] * axis * adult * 0.8, angle + rng.normal(0, 0.08, n)
    slide = rng.normal(0, 0.25 * adult, n)
    return middle + k[:, None] * across * width * 1.02 + slide[:, None] * axis, angle + rng.normal(0, 0.05, n)


def _colony(rng: np.random.Generator, size: int) -> Colony:
    """Start a colony and let it grow, unrecorded, to between one rod and a crowd."""
    width = size * float(np.exp(rng.uniform(np.log(0.05), np.log(0.16))))
    low, high = (0.125 * size) ** 2 / width, min((0.45 * size) ** 2 / width, 12 * width)
    adult = float(np.clip(width * np.exp(rng.uniform(np.log(2.5), np.log(9.0))), 1.5 * low, max(1.5 * low, high)))
    position, angle = _layout(rng, size, width, adult)
    slack = rng.uniform(0.88, 1.1)
    colony = found(rng, position, angle, width, adult, slack, rng.choice([0.0, 0.015, 0.05]))
    colony.push(10)
    target = int(np.clip(np.exp(rng.uniform(0, np.log(40))), 1, 1.1 * size**2 / (width * adult)))
    while len(colony.rods.ident) < target:
        colony.jiggle(0.02)
        colony.grow(0.14)
        colony.divide()
        colony.push(4)
    colony.push(6)
    return colony


def _film(rng: np.random.Generator, colony: Colony, frames: int) -> list[Rods]:
    """Record frames; what was born before the film has no mother in it."""
    rate = rng.choice([0.0, rng.uniform(0.005, 0.04), rng.uniform(0.04, 0.15)], p=[0.12, 0.38, 0.5])
    restless = rng.uniform(0, 0.1) * rng.random()
    colony.parents.clear()
    out = [colony.snapshot()]
    for _ in range(frames - 1):
        colony.jiggle(restless)
        colony.grow(rate)
        colony.divide()
        colony.push(4)
        out.append(colony.snapshot())
    return out


def _septum(u: np.ndarray, ripeness: float) -> np.ndarray:
    """A constriction at mid-cell that deepens as the rod nears its division length."""
    depth = np.float32(np.clip((ripeness - 0.8) * 4, 0, 0.75))
    return depth * np.exp(-((u / np.float32(0.09)) ** 2)) if depth > 0 else np.float32(0)


def _bodies(
    canvas: Canvas, rods: Rods, shift: np.ndarray, width: float, edge: float, grow: float, inner: float
) -> None:
    """Paint bodies (1 inside) and labels; `inner` makes a rim brighter or darker than the core."""
    for i in range(len(rods.ident)):
        centre = (rods.position[i, 0] + shift[0], rods.position[i, 1] + shift[1])
        patch = capsule(centre, rods.length[i], width, rods.angle[i], rods.bend[i], canvas.size, 3)
        if patch is None:
            continue
        patch.sd -= _septum(patch.u, rods.length[i] / rods.goal[i]) * np.float32(width / 2)
        core = 1 + np.float32(inner) * (1 - np.minimum(patch.v**2, 1))
        canvas.brighten(patch, soft(patch.sd, edge) * core * np.float32(rods.level[i]))
        canvas.claim(patch, int(rods.ident[i]), grow)


def _rings(rng: np.random.Generator, size: int, width: float) -> np.ndarray:
    """Dust out of focus: bright rings with a dark middle, dark and bright specks."""
    out = np.zeros((size, size), np.float32)
    for _ in range(rng.poisson(2.0)):
        r = width * rng.uniform(0.2, 0.9)
        grid = box_grid(rng.uniform(0, size), rng.uniform(0, size), 2.5 * r + 4, size)
        if grid is None:
            continue
        box, dy, dx = grid
        d = np.sqrt(dy * dy + dx * dx)
        thick = max(0.25 * r, 1.2)
        if rng.random() < 0.6:
            out[box] += np.float32(rng.uniform(0.05, 0.4)) * np.exp(-(((d - r) / thick) ** 2))
            out[box] -= np.float32(rng.uniform(0, 0.2)) * np.exp(-((d / thick) ** 2))
        else:
            out[box] -= np.float32(rng.uniform(-0.2, 0.4)) * np.exp(-((d / (0.4 * r + 1)) ** 2))
    return out


def phase(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """Dark rods in a bright, wide halo, brightest in the narrow gaps between rods; one clip in six inverted.

    Inside a colony rods lose their contrast (shade-off), while those at its rim stay dark.
    """
    scene = empty_scene(frames, size, PHASE)
    colony = _colony(rng, size)
    colony.rods.level = np.exp(rng.normal(0, rng.uniform(0.02, 0.25), len(colony.rods.ident)))
    width = colony.width
    shade_off, lift = np.float32(rng.uniform(0, 0.75) if rng.random() < 0.6 else 0.0), np.float32(rng.uniform(0.3, 0.9))
    shifts = camera_path(rng, frames, size, *drift_rates(rng, size))
    edge, grow, inner = rng.uniform(0.25, 0.9) * width, rng.uniform(-0.06, 0.03) * width, rng.uniform(-0.25, 0.3)
    dark, halo = rng.uniform(0.3, 1.0), rng.uniform(0.1, 0.7)
    near, far = rng.uniform(0.3, 0.6) * width, rng.uniform(0.8, 2.2) * width
    fine = np.float32(rng.uniform(0.0, 0.05)) * smooth_field(rng, size, rng.uniform(1.5, 6))
    ground = (0.8 * illumination(rng, size, rng.uniform(0, 0.3)) + fine).astype(np.float32)
    dust = _rings(rng, size, width)
    inverted = rng.random() < 1 / 6
    for t, rods in enumerate(_film(rng, colony, frames)):
        canvas = Canvas(size)
        _bodies(canvas, rods, shifts[t], width, edge, grow, inner)
        body = canvas.image
        glow = blur(body, near) * np.float32(0.6) + blur(body, far) * np.float32(0.5)
        image = ground + dust + np.float32(halo) * glow * (1 - lift * np.minimum(body, 1))
        crowd = np.clip(2.5 * blur(np.minimum(body, 1), 1.4 * width) - 1, 0, 1) if shade_off else np.float32(0)
        image -= np.float32(dark) * body * (1 - shade_off * crowd)
        scene.images[t] = np.maximum(1.3 - image if inverted else image + 0.25, 0.0)
        scene.labels[t] = canvas.labels
    scene.parents = dict(colony.parents)
    return scene


def glowing(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """Fluorescent rods: filled by cytosol, or outlined by their membrane, with a few bright foci."""
    scene = empty_scene(frames, size, GLOW)
    colony = _colony(rng, size)
    colony.rods.level = np.exp(rng.normal(0, rng.uniform(0.05, 0.6), len(colony.rods.ident)))
    width = colony.width
    shifts = camera_path(rng, frames, size, *drift_rates(rng, size))
    edge, grow = rng.uniform(0.15, 0.6) * width, rng.uniform(-0.05, 0.04) * width
    inner = rng.uniform(-0.8, -0.3) if rng.random() < 0.3 else rng.uniform(0, 0.8)
    grain = np.float32(rng.uniform(0, 0.25)) * octaves(rng, size, width * 0.6)
    haze = np.float32(rng.uniform(0, 0.4))
    for t, rods in enumerate(_film(rng, colony, frames)):
        canvas = Canvas(size)
        _bodies(canvas, rods, shifts[t], width, edge, grow, inner)
        canvas.image *= np.maximum(1 + grain, 0.2)
        scene.images[t] = canvas.image + haze * blur(canvas.image, 1.5 * width)
        scene.labels[t] = canvas.labels
    scene.parents = dict(colony.parents)
    return scene
