"""Whole mammalian cells: fluorescent cytoplasm with processes, phase contrast, and the shadow-cast relief of DIC."""

from dataclasses import dataclass

import numpy as np

from ..canvas import Canvas
from ..fields import illumination, octaves, sample_atlas, smooth_field
from ..optics import Camera
from ..population import Cells, Dynamics, History, simulate
from ..resample import blur
from ..shapes import Patch, add_arms, box_grid, radial, soft
from .common import Looks, Scene, drift_rates, empty_scene, object_radius, spots

GLOW = Camera(photons=(8, 2500), read=(0, 0.06), blur=(0.4, 2.0), reduce=(0.7, 2.6), shading=(0, 0.5), floor=(0, 0.15))
BRIGHT = Camera(photons=(300, 40000), read=(0, 0.02), reduce=(0.7, 2.6), shading=(0, 0.3), floor=(0.1, 0.3))


@dataclass
class Style:
    """How bodies of one clip look."""

    arms: int  # most processes per cell
    reach: float  # their length in radii
    zoom: float
    grow: float


def _dynamics(rng: np.random.Generator, radius: float, low: float, high: float) -> Dynamics:
    busy = rng.random() < 0.4
    return Dynamics(
        radius=radius,
        cover=rng.uniform(low, high),
        spread=rng.uniform(0.1, 0.3),
        aspect=rng.uniform(0.2, 0.7),
        clumping=float(rng.choice([0.0, rng.uniform(0.2, 0.9)])),
        packing=rng.uniform(0.75, 1.05),
        speed=float(np.exp(rng.uniform(np.log(0.01), np.log(0.2)))),
        persistence=rng.uniform(0, 0.9),
        division=rng.uniform(0.01, 0.05) if busy else 0.0,
        death=rng.uniform(0, 0.01) if busy else 0.0,
        levels=rng.uniform(0.1, 0.7),
        wobble=rng.uniform(0.03, 0.35),
    )


def _outline(looks: Looks, cells: Cells, i: int, t: int, style: Style, size: int) -> Patch | None:
    """A cell body with its processes, which a dividing cell draws in."""
    ident, condensed = int(cells.ident[i]), float(cells.condensed[i])
    calm = min(1.0, 1.6 * condensed)
    look = looks.of(ident)
    count = 0 if calm > 0.8 else int(style.arms * look["luck"][1] + 0.3)
    aspect = 1.15 if condensed > 0.5 else float(cells.aspect[i])
    radius = float(cells.radius[i])
    rim = 3 + radius * (style.reach * np.sqrt(aspect) if count else 0.15)
    centre = (cells.position[i, 0], cells.position[i, 1])
    patch = radial(centre, radius, aspect, cells.angle[i], looks.profile(ident, t, calm), size, rim)
    if patch is None or not count:
        return patch
    arms = np.empty((count, 4))
    arms[:, 0] = look["phase"][:count] + 0.3 * np.sin(look["turn"][:count] * t)
    share = np.abs(look["amplitude"][:count]) / (np.abs(look["amplitude"]).max() + 1e-6)
    arms[:, 1] = (1 + style.reach * share) * (1 - calm)
    arms[:, 2] = 0.12 + 0.35 * look["luck"][2]
    arms[:, 3] = look["turn"][:count] * 0.8
    arms[:, 1] = np.maximum(arms[:, 1], 0.3)
    add_arms(patch, radius, arms)
    return patch


def _history(rng: np.random.Generator, frames: int, size: int, low: float, high: float) -> tuple[float, Looks, History]:
    radius = object_radius(rng, size)
    dyn = _dynamics(rng, radius, low, high)
    # One clip in four shows spread cells, of no simple outline.
    roughness = rng.uniform(0.12, 0.3) if rng.random() < 0.25 else rng.uniform(0.03, 0.12)
    looks = Looks(rng, roughness=roughness, terms=5, drift=dyn.wobble)
    return radius, looks, simulate(rng, dyn, frames, size, *drift_rates(rng, size))


def cytoplasm(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """Fluorescent cell bodies, brightest around the nucleus or with a dark one, tapering into processes."""
    scene = empty_scene(frames, size, GLOW)
    radius, looks, history = _history(rng, frames, size, 0.08, 0.6)
    style = Style(int(rng.integers(0, 5)), rng.uniform(0.3, 1.6), rng.uniform(20, 45), rng.uniform(-0.2, 0.6))
    atlas = octaves(rng, 256, rng.uniform(4, 30), 0.7)
    texture, dome, nucleus = rng.uniform(0.05, 0.5), rng.uniform(0, 1.0), rng.choice([0.0, -0.6, 0.9])
    edge = rng.uniform(0.06, 0.35) * radius
    haze = np.float32(rng.uniform(0, 0.1)) * np.maximum(smooth_field(rng, size, 2 * radius), 0)
    place = np.array([[0.1, -0.1, 0.4]])
    for t, cells in enumerate(history.frames):
        canvas = Canvas(size, haze)
        for i in range(len(cells.ident)):
            patch = _outline(looks, cells, i, t, style, size)
            if patch is None:
                continue
            ident = int(cells.ident[i])
            inside = sample_atlas(atlas, patch.v, patch.u, looks.of(ident)["offset"], style.zoom)
            light = 1 + np.float32(texture) * inside
            falloff = 1 / (1 + np.float32(2 * dome) * np.minimum(patch.v**2 + patch.u**2, 1.1))
            light = np.maximum(light * falloff * (1 + np.float32(nucleus) * spots(patch.v, patch.u, place, 1)), 0.05)
            canvas.brighten(patch, light * soft(patch.sd, edge) * np.float32(cells.level[i]))
            canvas.claim(patch, ident, style.grow)
        scene.images[t], scene.labels[t] = canvas.image, canvas.labels
    scene.parents = history.parents
    return scene


def _granules(rng: np.random.Generator, canvas: Canvas, number: float) -> None:
    """Debris that nobody labels: small dark or bright discs with a rim."""
    for _ in range(rng.poisson(number)):
        r = rng.uniform(0.008, 0.03) * canvas.size
        grid = box_grid(rng.uniform(0, canvas.size), rng.uniform(0, canvas.size), 2 * r + 2, canvas.size)
        if grid:
            box, dy, dx = grid
            d2 = (dy * dy + dx * dx) / (r * r)
            canvas.image[box] += np.float32(rng.normal(0, 0.4)) * (np.exp(-d2) - 0.4 * np.exp(-d2 / 3))


def phase(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """Phase contrast: little contrast between body and ground, textured inside, bright halo, rounded cells shine."""
    scene = empty_scene(frames, size, BRIGHT)
    radius, looks, history = _history(rng, frames, size, 0.1, 0.8)
    style = Style(int(rng.integers(0, 4)), rng.uniform(0.2, 0.9), rng.uniform(20, 50), rng.uniform(-0.3, 0.6))
    atlas = octaves(rng, 256, rng.uniform(4, 16), 0.8)
    texture, body = rng.uniform(0.03, 0.25), rng.uniform(-0.35, 0.12)
    halo, wide = rng.uniform(0.1, 0.8), rng.uniform(0.08, 0.3) * radius
    rim, edge = rng.uniform(-0.35, 0.1), rng.uniform(0.06, 0.2) * radius
    ring = rng.uniform(-0.3, 0.4) if rng.random() < 0.4 else 0.0  # a second, inner ring, as out of focus
    ground = 0.7 * illumination(rng, size, rng.uniform(0, 0.3))
    ground += np.float32(rng.uniform(0, 0.05)) * octaves(rng, size, rng.uniform(3, 12), 0.8)
    seed = int(rng.integers(2**31))
    for t, cells in enumerate(history.frames):
        canvas = Canvas(size, ground)
        mask = np.zeros((size, size), np.float32)
        for i in range(len(cells.ident)):
            patch = _outline(looks, cells, i, t, style, size)
            if patch is None:
                continue
            ident = int(cells.ident[i])
            look = looks.of(ident)
            alpha = soft(patch.sd, edge)
            inside = sample_atlas(atlas, patch.v, patch.u, look["offset"], style.zoom)
            light = 0.7 + np.float32(body) + np.float32(texture) * inside
            light = light + np.float32(rim) * np.exp(-((patch.sd / np.float32(0.12 * radius + 1)) ** 2))
            if ring:
                light = light + np.float32(ring) * np.exp(-((patch.sd / np.float32(0.15 * radius) - 2) ** 2))
            light = light - np.float32(0.2 * look["luck"][3]) * spots(patch.v, patch.u, look["spots"], 2)
            light = light + np.float32(0.9 * min(1.0, 1.5 * cells.condensed[i] + cells.dying[i]))
            canvas.cover(patch, light, alpha)
            np.maximum(mask[patch.box], alpha, out=mask[patch.box])
            canvas.claim(patch, ident, style.grow)
        glow = blur(mask, wide) * (1 - 0.85 * mask)
        canvas.image += np.float32(halo) * glow
        _granules(np.random.default_rng(seed), canvas, 3)
        scene.images[t], scene.labels[t] = np.maximum(canvas.image, 0), canvas.labels
    scene.parents = history.parents
    return scene


def relief(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """DIC or oblique brightfield: brightness follows the slope of optical thickness along one direction."""
    scene = empty_scene(frames, size, BRIGHT)
    radius, looks, history = _history(rng, frames, size, 0.1, 0.7)
    style = Style(int(rng.integers(0, 3)), rng.uniform(0.2, 0.8), rng.uniform(20, 50), rng.uniform(-0.3, 0.6))
    atlas = octaves(rng, 256, rng.uniform(4, 14), 0.8)
    texture, steep = rng.uniform(0.02, 0.2), rng.uniform(0.15, 0.6) * radius
    angle, contrast = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.7)
    flat = rng.uniform(-0.2, 0.2) if rng.random() < 0.5 else 0.0
    ground = 0.9 * illumination(rng, size, rng.uniform(0, 0.25))
    rough = np.float32(rng.uniform(0, 0.2) ** 1.5) * octaves(rng, size, rng.uniform(3, 12), 0.8)
    for t, cells in enumerate(history.frames):
        canvas = Canvas(size)
        for i in range(len(cells.ident)):
            patch = _outline(looks, cells, i, t, style, size)
            if patch is None:
                continue
            look = looks.of(int(cells.ident[i]))
            inside = sample_atlas(atlas, patch.v, patch.u, look["offset"], style.zoom)
            height = np.sqrt(np.clip(patch.sd / np.float32(steep), 0, 1)) + np.float32(texture) * inside
            height = height + np.float32(0.3) * spots(patch.v, patch.u, look["spots"], int(3 * look["luck"][0]))
            canvas.brighten(patch, height * soft(patch.sd, 2.0) * np.float32(1 + cells.condensed[i]))
            canvas.claim(patch, int(cells.ident[i]), style.grow)
        thick = canvas.image + rough
        gy, gx = np.gradient(blur(thick, 0.8 + 0.02 * radius))
        slope = np.float32(np.sin(angle)) * gy + np.float32(np.cos(angle)) * gx
        shade = np.float32(contrast * 0.25 * radius) * slope
        shade = shade / (1 + 0.8 * np.abs(shade))
        scene.images[t] = np.maximum(ground + shade + np.float32(flat) * np.minimum(canvas.image, 1), 0)
        scene.labels[t] = canvas.labels
    scene.parents = history.parents
    return scene
