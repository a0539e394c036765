"""Organelles in electron micrographs: a dark membrane around a textured lumen, in a ground full of other membranes."""

import numpy as np

from ..canvas import Canvas
from ..fields import illumination, octaves, sample_atlas
from ..optics import Camera
from ..population import Dynamics, simulate
from ..shapes import radial, soft
from .common import Looks, Scene, drift_rates, empty_scene, object_radius

SCOPE = Camera(photons=(60, 5000), read=(0, 0.1), reduce=(0.8, 2.6), shading=(0, 0.2), floor=(0.05, 0.3))


def organelles(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """Vesicles or mitochondria; thin dark lines and grain between them; lumen light, dark, or striped with cristae."""
    scene = empty_scene(frames, size, SCOPE)
    radius = object_radius(rng, size)
    dyn = Dynamics(
        radius=radius,
        cover=rng.uniform(0.15, 0.7),
        spread=rng.uniform(0.1, 0.35),
        aspect=rng.choice([0.1, 0.35, 0.8]),
        clumping=float(rng.choice([0.0, 0.7])),
        packing=rng.uniform(0.9, 1.15),
        speed=rng.uniform(0.0, 0.05),
        persistence=0.8,
        levels=0.2,
    )
    history = simulate(rng, dyn, frames, size, *drift_rates(rng, size))
    looks = Looks(rng, roughness=rng.uniform(0.03, 0.13), drift=0.12)
    atlas = octaves(rng, 256, rng.uniform(3, 12), 0.8)
    grain = octaves(rng, size, rng.uniform(2.5, 8), 0.8)
    folds = octaves(rng, size, rng.uniform(0.3, 1.0) * radius, 0.6)
    lines = np.exp(-((folds / np.float32(rng.uniform(0.05, 0.15))) ** 2))
    ground = 0.62 + np.float32(rng.uniform(0.02, 0.1)) * grain - np.float32(rng.uniform(0, 0.25)) * lines
    ground = ground * illumination(rng, size, rng.uniform(0, 0.2))
    lumen, texture, wall = rng.uniform(-0.25, 0.2), rng.uniform(0.02, 0.12), rng.uniform(0.15, 0.5)
    thick = max(1.0, rng.uniform(0.04, 0.14) * radius)
    stripes, pitch = (rng.uniform(0.05, 0.25), rng.uniform(6, 14)) if rng.random() < 0.4 else (0.0, 1.0)
    for t, cells in enumerate(history.frames):
        canvas = Canvas(size, ground)
        for i in range(len(cells.ident)):
            ident = int(cells.ident[i])
            centre = (cells.position[i, 0], cells.position[i, 1])
            profile = looks.profile(ident, t)
            patch = radial(centre, cells.radius[i], cells.aspect[i], cells.angle[i], profile, size, 3 + thick)
            if patch is None:
                continue
            inside = sample_atlas(atlas, patch.v, patch.u, looks.of(ident)["offset"], 30.0)
            light = 0.62 + np.float32(lumen * cells.level[i]) + np.float32(texture) * inside
            if stripes:
                light = light - np.float32(stripes) * (np.sin(np.float32(pitch) * patch.u + 2 * inside) > 0.3)
            light = light - np.float32(wall) * np.exp(-(((patch.sd - thick) / np.float32(thick)) ** 2))
            canvas.cover(patch, light, soft(patch.sd, 1.5))
            canvas.claim(patch, ident, 0.2)
        scene.images[t], scene.labels[t] = np.maximum(canvas.image, 0), canvas.labels
    return scene
