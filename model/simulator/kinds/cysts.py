"""Organoids, embryos and cysts in transmitted light: a wall around a lumen, grainy or clear, in and out of focus."""

import numpy as np

from ..canvas import Canvas
from ..fields import illumination, octaves, sample_atlas
from ..optics import Camera
from ..population import Dynamics, simulate
from ..resample import blur
from ..shapes import radial, soft
from .common import Looks, Scene, drift_rates, empty_scene, object_radius, spots

SCOPE = Camera(photons=(200, 30000), read=(0, 0.03), reduce=(0.7, 2.6), shading=(0, 0.4), floor=(0.1, 0.3))


def organoids(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """Round bodies with a wall of some width, a lumen of another grey, clumps inside, and fringes of defocus around."""
    scene = empty_scene(frames, size, SCOPE)
    radius = object_radius(rng, size, 0.14, 0.5, 0.26)
    dyn = Dynamics(
        radius=radius,
        cover=rng.uniform(0.1, 0.6),
        spread=rng.uniform(0.1, 0.45),
        aspect=rng.choice([0.06, 0.15, 0.4]),
        packing=rng.uniform(0.9, 1.1),
        speed=rng.uniform(0.0, 0.06),
        persistence=0.7,
        growth=rng.choice([0.0, 0.02]),
        levels=rng.uniform(0.1, 0.5),
        wobble=rng.uniform(0.03, 0.2),
    )
    history = simulate(rng, dyn, frames, size, *drift_rates(rng, size))
    looks = Looks(rng, roughness=rng.uniform(0.01, 0.1), drift=dyn.wobble)
    atlas = octaves(rng, 256, rng.uniform(3, 14), 0.8)
    ground = 0.65 * illumination(rng, size, rng.uniform(0, 0.3))
    ground += np.float32(rng.uniform(0, 0.08)) * octaves(rng, size, rng.uniform(4, 30), 0.7)
    wall, lumen = rng.uniform(-0.4, 0.25), rng.uniform(-0.2, 0.2)
    width = max(1.5, rng.uniform(0.06, 0.35) * radius)
    grain, clump = rng.uniform(0.01, 0.15), rng.uniform(-0.3, 0.2)
    fringe, reach = rng.uniform(-0.25, 0.35), rng.uniform(0.05, 0.25) * radius
    edge = rng.uniform(0.03, 0.2) * radius + 1
    for t, cells in enumerate(history.frames):
        canvas = Canvas(size, ground)
        body = np.zeros((size, size), np.float32)
        for i in range(len(cells.ident)):
            ident = int(cells.ident[i])
            centre = (cells.position[i, 0], cells.position[i, 1])
            profile = looks.profile(ident, t)
            patch = radial(centre, cells.radius[i], cells.aspect[i], cells.angle[i], profile, size, 3 + edge)
            if patch is None:
                continue
            look = looks.of(ident)
            inside = sample_atlas(atlas, patch.v, patch.u, look["offset"], 35.0)
            light = 0.65 + np.float32(lumen * cells.level[i]) + np.float32(grain) * inside
            light = light + np.float32(clump) * spots(patch.v, patch.u, look["spots"], int(5 * look["luck"][0]))
            light = light + np.float32(wall) * (1 - soft(patch.sd - np.float32(width), max(0.6 * width, 1.5)))
            alpha = soft(patch.sd, edge)
            canvas.cover(patch, light, alpha)
            np.maximum(body[patch.box], alpha, out=body[patch.box])
            canvas.claim(patch, ident, 0.2)
        canvas.image += np.float32(fringe) * blur(body, reach) * (1 - body)
        scene.images[t], scene.labels[t] = np.maximum(canvas.image, 0), canvas.labels
    return scene
