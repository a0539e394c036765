"""Cells without gaps: epithelia outlined by their membranes; and stained sections seen in gray."""

import numpy as np

from ..canvas import Canvas
from ..fields import illumination, octaves, sample_atlas, smooth_field
from ..optics import Camera
from ..population import Cells, Dynamics, simulate
from ..shapes import box_grid, radial, soft
from .common import Looks, Scene, drift_rates, empty_scene, object_radius

GLOW = Camera(photons=(6, 2000), read=(0, 0.08), blur=(0.4, 2.0), reduce=(0.7, 2.6), shading=(0, 0.6), floor=(0, 0.2))
SECTION = Camera(photons=(200, 20000), read=(0, 0.02), blur=(0.4, 1.6), reduce=(0.7, 2.0), shading=(0, 0.2))


def _mosaic(
    cells: Cells, warp: tuple[np.ndarray, np.ndarray], size: int, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest cell (identity, 0 where none is near) and the distance to the border with the second nearest, in pixels.

    A power-like tessellation: the distance to a cell is less by its excess radius; `warp` bends straight borders.
    """
    first = np.full((size, size), reach, np.float32)
    second = np.full((size, size), reach, np.float32)
    owner = np.zeros((size, size), np.uint16)
    bias = cells.radius - cells.radius.mean()
    stretch = 1 / np.sqrt(np.clip(cells.aspect, 1, 1.6))
    for i in range(len(cells.ident)):
        grid = box_grid(cells.position[i, 0], cells.position[i, 1], 1.15 * reach, size)
        if grid is None:
            continue
        box, dy, dx = grid
        dy = dy + warp[0][box]
        dx = dx + warp[1][box]
        c, s = np.float32(np.cos(cells.angle[i])), np.float32(np.sin(cells.angle[i]))
        along, across = (c * dx + s * dy) * np.float32(stretch[i]), (c * dy - s * dx) / np.float32(stretch[i])
        d = np.sqrt(along * along + across * across) - np.float32(bias[i])
        old = first[box]
        nearer = d < old
        second[box] = np.where(nearer, old, np.minimum(second[box], d))
        first[box] = np.where(nearer, d, old)
        owner[box][nearer] = cells.ident[i]
    return owner, (second - first) * 0.5


def membranes(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """A sheet of polygonal cells, bright along their borders; some clips with holes, filled or nucleated cells."""
    scene = empty_scene(frames, size, GLOW)
    radius = object_radius(rng, size, 0.125, 0.45)
    dyn = Dynamics(
        radius=radius,
        cover=rng.uniform(0.8, 1.05),
        spread=rng.uniform(0.02, 0.15),
        packing=rng.uniform(0.85, 1.0),
        speed=float(np.exp(rng.uniform(np.log(0.005), np.log(0.06)))),
        persistence=rng.uniform(0, 0.8),
        division=float(rng.choice([0.0, rng.uniform(0.005, 0.03)])),
        levels=rng.uniform(0.05, 0.5),
        aspect=rng.uniform(0, 0.3),
        wobble=0.05,
    )
    history = simulate(rng, dyn, frames, size, *drift_rates(rng, size))
    scene.parents = history.parents
    bend = np.float32(rng.uniform(0, 0.25) * radius)
    warp = (bend * smooth_field(rng, size, 1.2 * radius), bend * smooth_field(rng, size, 1.2 * radius))
    reach = radius * (rng.uniform(1.15, 1.4) if rng.random() < 0.25 else 2.2)
    thick = max(0.8, rng.uniform(0.03, 0.13) * radius)
    ring = np.float32(rng.uniform(0.4, 1))
    beads = np.maximum(1 + np.float32(rng.uniform(0, 0.6)) * octaves(rng, size, rng.uniform(3, 20)), 0.05)
    filled = np.float32(rng.uniform(-0.2, 0.5) if rng.random() < 0.4 else 0.0)
    haze = np.float32(rng.uniform(0, 0.25)) * np.maximum(0.5 + smooth_field(rng, size, 1.5 * radius), 0)
    rim = thick * rng.uniform(0.2, 0.8)
    top = int(max(int(c.ident.max()) for c in history.frames)) + 1
    luck = rng.uniform(0.2, 1, top).astype(np.float32)
    luck[0] = 0
    for t, cells in enumerate(history.frames):
        owner, border = _mosaic(cells, warp, size, reach)
        line = np.exp(-((border / np.float32(thick)) ** 2)) * (owner > 0)
        body = luck[owner] * soft(border, 2 * thick)
        scene.images[t] = np.maximum(haze + ring * line * beads + filled * body, 0)
        scene.labels[t] = np.where(border > rim, owner, 0)
    return scene


def stained(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """A stained section in gray: dark nuclei with vesicular chromatin in a fibrous, patchy ground of mid grays."""
    scene = empty_scene(frames, size, SECTION)
    radius = object_radius(rng, size, 0.125, 0.4, 0.17)
    dyn = Dynamics(
        radius=radius,
        cover=rng.uniform(0.12, 0.6),
        spread=rng.uniform(0.1, 0.25),
        aspect=rng.uniform(0.2, 0.6),
        clumping=float(rng.choice([0.0, 0.6])),
        packing=rng.uniform(0.8, 1.1),
        speed=rng.uniform(0.005, 0.05),
        levels=rng.uniform(0.1, 0.3),
    )
    history = simulate(rng, dyn, frames, size, *drift_rates(rng, size))
    looks = Looks(rng, roughness=rng.uniform(0.04, 0.12), drift=0.05)
    atlas = octaves(rng, 256, rng.uniform(5, 14), 0.8)
    fibres = octaves(rng, size, rng.uniform(0.3, 1.2) * radius, 0.7, 4)
    if rng.random() < 0.6:
        fibres = np.abs(fibres) * 1.5 - 1
    ground = np.float32(0.65) + np.float32(rng.uniform(0.05, 0.14)) * fibres
    ground *= illumination(rng, size, rng.uniform(0, 0.2))
    dark, texture, edge = rng.uniform(0.15, 0.45), rng.uniform(0.02, 0.12), rng.uniform(0.08, 0.3) * radius
    rim, grow = rng.uniform(-0.15, 0.02), rng.uniform(-0.3, 0.5)
    sign = np.float32(-1 if rng.random() < 0.15 else 1)
    for t, cells in enumerate(history.frames):
        canvas = Canvas(size, ground)
        for i in range(len(cells.ident)):
            ident = int(cells.ident[i])
            centre = (cells.position[i, 0], cells.position[i, 1])
            profile = looks.profile(ident, t)
            patch = radial(centre, cells.radius[i], cells.aspect[i], cells.angle[i], profile, size, 3)
            if patch is None:
                continue
            inside = sample_atlas(atlas, patch.v, patch.u, looks.of(ident)["offset"], 30.0)
            light = 0.65 - np.float32(dark * min(cells.level[i], 1.3)) + np.float32(texture) * inside
            light = light + np.float32(rim) * np.exp(-((patch.sd / np.float32(0.15 * radius)) ** 2))
            canvas.cover(patch, light, soft(patch.sd, edge) * 0.92)
            canvas.claim(patch, ident, grow)
        scene.images[t] = np.clip(canvas.image if sign > 0 else 1.1 - canvas.image, 0, None)
        scene.labels[t] = canvas.labels
    return scene
