"""Stacks in depth: cells whose sections swell and shrink from slice to slice, and organs in CT- or MR-like noise."""

import numpy as np

from ..canvas import Canvas
from ..fields import illumination, octaves, sample_atlas, smooth_field
from ..optics import Camera
from ..population import Dynamics, simulate
from ..resample import blur
from ..shapes import radial, soft
from .common import Looks, Scene, empty_scene, object_radius

GLOW = Camera(photons=(6, 1500), read=(0, 0.08), reduce=(0.8, 2.8), shading=(0, 0.4), floor=(0, 0.2), bleaching=0.08)
SCANNER = Camera(photons=(150, 20000), read=(0, 0.08), reduce=(0.8, 3.0), shading=(0, 0.15), floor=(0.05, 0.3))


def _still(rng: np.random.Generator, radius: float, cover: float, packing: float, most: int = 110) -> Dynamics:
    return Dynamics(
        radius=radius,
        cover=cover,
        spread=rng.uniform(0.08, 0.25),
        aspect=rng.uniform(0.1, 0.4),
        packing=packing,
        speed=rng.uniform(0, 0.03),
        persistence=0.9,
        levels=rng.uniform(0.1, 0.6),
        wobble=rng.uniform(0.02, 0.15),
        most=most,
    )


def stack(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """A z-stack of nuclei: ellipsoids cut at successive depths, with light from above and below the slice."""
    scene = empty_scene(frames, size, GLOW)
    radius = object_radius(rng, size, 0.15, 0.5, 0.24)  # most sections are smaller than the cell
    dyn = _still(rng, radius, rng.uniform(0.3, 0.9), rng.uniform(0.55, 0.85))
    tilt = size * rng.uniform(0, 0.01)
    history = simulate(rng, dyn, frames, size, tilt, 0.0)
    looks = Looks(rng, roughness=rng.uniform(0.03, 0.12), drift=dyn.wobble)
    atlas = octaves(rng, 256, rng.uniform(5, 20), 0.7)
    texture, edge = rng.uniform(0.02, 0.35), rng.uniform(0.06, 0.25) * radius
    height = radius * rng.uniform(0.8, 1.6)  # half height of a cell along z, in pixels
    step = height * float(np.exp(rng.uniform(np.log(0.04), np.log(0.5))))
    psf, leak = rng.uniform(0.15, 0.6) * height, rng.uniform(0.1, 0.5)
    depth = frames * step
    n = len(history.frames[0].ident)
    z = rng.uniform(-0.7 * height, depth + 0.7 * height, n)
    z[0] = rng.uniform(-0.5 * height, 0.5 * height)
    for t, cells in enumerate(history.frames):
        canvas, beneath = Canvas(size), np.zeros((size, size), np.float32)
        for i in range(n):
            away = abs(t * step - z[i])
            inside = 1 - (away / height) ** 2
            share = np.sqrt(inside) if inside > 0.04 else 0.0
            spread = np.exp(-((max(away - height, 0) / psf) ** 2))
            if not share and spread < 0.1:
                continue
            ident = int(cells.ident[i])
            radius_here = cells.radius[i] * max(share, 0.45)
            centre = (cells.position[i, 0], cells.position[i, 1])
            profile = looks.profile(ident, t)
            patch = radial(centre, radius_here, cells.aspect[i], cells.angle[i], profile, size, 2 + edge)
            if patch is None:
                continue
            if share:
                grain = sample_atlas(atlas, patch.v * np.float32(share), patch.u, looks.of(ident)["offset"], 30.0)
                level = np.float32(cells.level[i] * min(1, 0.4 + share))
                light = np.maximum(1 + np.float32(texture) * grain, 0.1) * level
                canvas.brighten(patch, light * soft(patch.sd, edge))
                canvas.claim(patch, ident, 0.3)
            else:
                beneath[patch.box] += soft(patch.sd, edge) * np.float32(leak * spread * cells.level[i])
        scene.images[t] = canvas.image + blur(beneath, 0.2 * radius)
        scene.labels[t] = canvas.labels
    return scene


def organs(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """Slices of a body: large smooth compartments of close grays, some nested, edges soft, noise in patches.

    In half of them the body ends within the picture, with air around it; in some there are bones, bright and walled.
    """
    scene = empty_scene(frames, size, SCANNER)
    radius = object_radius(rng, size, 0.16, 0.5, 0.3)
    dyn = _still(rng, radius, rng.uniform(0.2, 0.9), rng.uniform(0.75, 1.1), most=25)
    history = simulate(rng, dyn, frames, size, size * 0.004, 0.0)
    looks = Looks(rng, roughness=rng.uniform(0.05, 0.15), drift=rng.uniform(0.03, 0.15))
    n = len(history.frames[0].ident)
    contrast = rng.uniform(0.08, 0.5)
    gray = 0.5 + contrast * rng.choice([-1, 1], n) * rng.uniform(0.35, 1, n)
    bone = rng.random(n) < (rng.uniform(0.1, 0.5) if rng.random() < 0.35 else 0.0)
    gray[bone] = rng.uniform(0.85, 1.3, int(bone.sum()))
    air = _outside(rng, size) if rng.random() < 0.5 else None
    swell, phase = rng.uniform(0, 0.12, n), rng.uniform(0, 2 * np.pi, n)
    ground = np.float32(0.5) + np.float32(rng.uniform(0.01, 0.12)) * octaves(rng, size, rng.uniform(0.4, 2) * radius)
    ground *= illumination(rng, size, rng.uniform(0, 0.3))
    texture = np.float32(rng.uniform(0, 0.08)) * octaves(rng, size, rng.uniform(3, 10), 0.8)
    speckle = rng.uniform(0, 0.25) if rng.random() < 0.4 else 0.0
    edge = rng.uniform(0.02, 0.12) * radius + 1
    wall = rng.uniform(-0.3, 0.3) if rng.random() < 0.4 else 0.0
    for t, cells in enumerate(history.frames):
        canvas = Canvas(size, ground)
        for i in range(n):
            ident = int(cells.ident[i])
            centre = (cells.position[i, 0], cells.position[i, 1])
            radius_here = cells.radius[i] * (1 + swell[i] * np.sin(phase[i] + 0.5 * t))
            profile = looks.profile(ident, t)
            patch = radial(centre, radius_here, cells.aspect[i], cells.angle[i], profile, size, 3 + edge)
            if patch is None:
                continue
            rim = 0.35 if bone[i] else wall
            light = gray[i] + np.float32(rim) * np.exp(-((patch.sd / np.float32(0.06 * radius + 1)) ** 2))
            if looks.of(ident)["luck"][0] < 0.25:
                bump = np.exp(-((patch.v - 0.2) ** 2 + (patch.u - 0.1) ** 2) / 0.1)
                light = light + np.float32(contrast * (looks.of(ident)["luck"][1] - 0.5)) * bump
            canvas.cover(patch, light, soft(patch.sd, edge))
            canvas.claim(patch, ident)
        image = canvas.image + texture
        if speckle:
            image = image * (1 + np.float32(speckle) * smooth_field(rng, size, rng.uniform(1.2, 3)))
        if air is not None:
            image = image * (1 - air) + np.float32(0.02) * air
            canvas.labels[air > 0.5] = 0
        scene.images[t], scene.labels[t] = np.maximum(image, 0), canvas.labels
    return scene


def _outside(rng: np.random.Generator, size: int) -> np.ndarray:
    """Share of every pixel that is air: all but a large ellipse with a soft edge."""
    y, x = np.meshgrid(*2 * [np.linspace(-1, 1, size, dtype=np.float32)], indexing="ij")
    cy, cx = rng.normal(0, 0.35, 2)
    a, b = rng.uniform(0.75, 1.4, 2)
    distance = np.sqrt(((y - np.float32(cy)) / np.float32(a)) ** 2 + ((x - np.float32(cx)) / np.float32(b)) ** 2)
    out: np.ndarray = np.clip((distance - 1) * np.float32(rng.uniform(8, 40)) + 0.5, 0, 1).astype(np.float32)
    return out
