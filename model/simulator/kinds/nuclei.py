"""Fluorescent nuclei: small smooth H2B-like ones from sparse to dense, and large textured ones with nucleoli."""

import numpy as np

from ..canvas import Canvas
from ..fields import octaves, sample_atlas, smooth_field
from ..optics import Camera
from ..population import Cells, Dynamics, simulate
from ..resample import blur
from ..shapes import Patch, radial, soft
from .common import Looks, Scene, drift_rates, empty_scene, object_radius, spots

SMOOTH = Camera(photons=(50, 40000), read=(0, 0.02), blur=(0.6, 2.2), reduce=(0.9, 3.0), shading=(0, 0.4))
DIM = Camera(photons=(15, 3000), read=(0, 0.05), blur=(0.8, 3.0), reduce=(0.9, 3.0), shading=(0, 0.4))
NOISY = Camera(photons=(2, 150), read=(0, 0.06), blur=(0.3, 2.0), reduce=(0.6, 2.0), shading=(0, 0.3), floor=(0, 0.06))


def _haze(rng: np.random.Generator, size: int, radius: float) -> np.ndarray:
    """Unlabelled light: out-of-focus cells far beneath, and a few specks of debris."""
    haze = np.zeros((size, size), np.float32)
    if rng.random() < 0.4:
        lumps = smooth_field(rng, size, 2.5 * radius)
        haze += np.float32(rng.uniform(0.02, 0.12)) * np.maximum(lumps, 0)
    if rng.random() < 0.3:
        dots = np.zeros((size, size), np.float32)
        n = rng.integers(1, 12)
        dots[rng.integers(0, size, n), rng.integers(0, size, n)] = rng.uniform(0.5, 8, n)
        haze += blur(dots, rng.uniform(0.8, 2.0))
    return haze


def _interior(
    style: dict[str, float], look: dict[str, np.ndarray], atlas: np.ndarray, patch: Patch, calm: float
) -> np.ndarray:
    """Brightness inside a nucleus: chromatin texture, dark or bright nucleoli, a dome, a brighter side."""
    luck = look["luck"]
    texture = sample_atlas(atlas, patch.v, patch.u, look["offset"], style["zoom"] * (0.7 + 0.8 * luck[4]))
    light = 1 + np.float32(style["texture"] * (1 - calm) * 2 * luck[5]) * texture
    count = int(style["nucleoli"] * 4 * luck[0] + 0.4)
    if count and calm < 0.5:
        light = light + np.float32(style["nucleolus"]) * spots(patch.v, patch.u, look["spots"], count)
    if style["holes"] and calm < 0.5:  # folds and nucleoli of no particular shape
        lumps = sample_atlas(atlas, patch.v, patch.u, look["offset"] + 77, style["hole_zoom"])
        light = light - np.float32(style["holes"] * luck[1]) * np.clip(2 * lumps - 0.8, 0, 1)
    dome = np.maximum(1 - patch.v**2 - patch.u**2, 0)
    light = light * (1 + np.float32(style["dome"]) * (dome - 0.5))
    slope = np.float32(style["tilt"] * (1 - calm)) * (patch.u * (luck[6] - 0.5) + patch.v * (luck[7] - 0.5))
    return np.maximum(light * (1 + slope), 0.06)


def _draw(canvas: Canvas, cells: Cells, looks: Looks, atlas: np.ndarray, style: dict[str, float], t: int) -> None:
    for i in np.argsort(cells.level):
        ident, condensed, dying = int(cells.ident[i]), float(cells.condensed[i]), float(cells.dying[i])
        calm = max(min(1.0, 1.6 * condensed), dying)
        profile = looks.profile(ident, t, calm)
        centre = (cells.position[i, 0], cells.position[i, 1])
        look = looks.of(ident)
        edge = style["edge"] * (1 - calm) * (1 + style["unsharp"] * float(look["luck"][3]) ** 3) + 1.0
        rim = 2 + edge
        patch = radial(centre, cells.radius[i], cells.aspect[i], cells.angle[i], profile, canvas.size, rim)
        if patch is None:
            continue
        light = _interior(style, look, atlas, patch, calm) * np.float32(cells.level[i])
        if dying > 0.3:
            light = light * (0.3 + 2 * spots(patch.v, patch.u, look["spots"], 4))
        light = light * soft(patch.sd, edge)
        _cytoplasm(canvas, cells, i, looks, style, t)
        if style["additive"]:
            canvas.add(patch, light)
        else:
            canvas.brighten(patch, light)
        canvas.claim(patch, ident, _outline(style, float(cells.radius[i]), edge, float(cells.level[i])))


def _outline(style: dict[str, float], radius: float, edge: float, level: float) -> float:
    """By how many pixels the outline lies outside the half maximum.

    Who draws or computes outlines of a whole recording with one contrast or threshold sets those of bright cells wider
    than those of dim ones, by as much as their edges are soft.
    """
    by_level = style["one_threshold"] * edge * float(np.clip(np.log(level), -1, 1))
    return max(style["grow"] * radius + 0.5 * by_level, -0.25 * radius)


def _cytoplasm(canvas: Canvas, cells: Cells, i: int, looks: Looks, style: dict[str, float], t: int) -> None:
    """Dim light of the cell's body around its nucleus, of another outline, that is no part of the object."""
    look = looks.of(int(cells.ident[i]))
    if look["luck"][2] >= style["stained"]:
        return
    radius = float(cells.radius[i]) * style["body"]
    shift = (look["spots"][0, :2] * np.float32(0.5) + look["spots"][1, :2] * np.float32(0.3)) * radius
    centre = (cells.position[i, 0] + float(shift[0]), cells.position[i, 1] + float(shift[1]))
    # Another turn of the same terms, so that the body does not repeat the outline of its nucleus.
    profile = np.roll(looks.profile(int(cells.ident[i]), t), 90)
    edge = 0.25 * radius + 1
    patch = radial(centre, radius, cells.aspect[i], cells.angle[i] + 1, profile, canvas.size, 2 + edge)
    if patch is not None:
        level = np.float32(cells.level[i] * style["body_level"] * (0.4 + 0.6 * look["luck"][6]))
        canvas.brighten(patch, level * soft(patch.sd, edge))


def _film(
    rng: np.random.Generator, frames: int, size: int, dyn: Dynamics, style: dict[str, float], camera: Camera
) -> Scene:
    scene = empty_scene(frames, size, camera)
    atlas = octaves(rng, 256, style["grain"], 0.6, 3)
    looks = Looks(rng, roughness=style["roughness"], drift=dyn.wobble)
    background = _haze(rng, size, dyn.radius)
    history = simulate(rng, dyn, frames, size, *drift_rates(rng, size))
    for t, cells in enumerate(history.frames):
        canvas = Canvas(size, background)
        _draw(canvas, cells, looks, atlas, style, t)
        if style["glow"]:  # cytoplasm and stray light that follow the nuclei, unlabelled
            canvas.image += np.float32(style["glow"]) * blur(canvas.image, style["glow_width"])
        scene.images[t], scene.labels[t] = canvas.image, canvas.labels
    scene.parents = history.parents
    return scene


def _dynamics(rng: np.random.Generator, radius: float, cover: float, **more: float) -> Dynamics:
    busy = rng.random() < 0.5
    values: dict[str, float] = {
        "spread": rng.uniform(0.08, 0.25),
        "aspect": rng.uniform(0.15, 0.4),
        "clumping": rng.choice([0.0, rng.uniform(0.2, 0.9)]),
        "packing": rng.uniform(0.8, 1.08),
        "speed": float(np.exp(rng.uniform(np.log(0.01), np.log(0.2)))),
        "persistence": rng.uniform(0, 0.85),
        "division": rng.uniform(0.01, 0.08) if busy else 0.004,
        "death": rng.uniform(0, 0.02) if busy else 0.0,
        "levels": rng.uniform(0.2, 0.9),
        "wobble": rng.uniform(0.02, 0.25),
    }
    return Dynamics(radius=radius, cover=cover, **(values | more))


def _smooth_style(rng: np.random.Generator, radius: float) -> dict[str, float]:
    return {
        "zoom": rng.uniform(20, 40),
        "grain": rng.uniform(4, 20),
        "texture": rng.uniform(0.02, 0.25),
        "nucleoli": rng.uniform(0, 1),
        "nucleolus": rng.uniform(-0.5, -0.1) if rng.random() < 0.8 else rng.uniform(0.1, 0.8),
        "dome": rng.uniform(0, 0.7),
        "edge": rng.uniform(0.04, 0.2) * radius,
        "grow": rng.uniform(-0.04, 0.06),  # in radii; people outline a little outside the half maximum, or the core
        "one_threshold": rng.uniform(0, 1) if rng.random() < 0.6 else 0.0,
        "roughness": rng.uniform(0.03, 0.12),
        "additive": float(rng.random() < 0.4),
        "tilt": rng.uniform(0, 0.8),
        "unsharp": rng.uniform(0, 4) if rng.random() < 0.5 else 0.0,  # how much softer the edges of some cells are
        "glow": rng.uniform(0.02, 0.3) if rng.random() < 0.3 else 0.0,
        "glow_width": rng.uniform(0.15, 0.8) * radius,
        "holes": rng.uniform(0.3, 1.2) if rng.random() < 0.25 else 0.0,
        "hole_zoom": rng.uniform(8, 25),
        "stained": rng.uniform(0.2, 1.0) if rng.random() < 0.3 else 0.0,  # share of cells whose body shows
        "body": rng.uniform(1.15, 2.0),  # its radius in radii of the nucleus
        "body_level": rng.uniform(0.05, 0.45),
    }


def sparse(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """A few smooth nuclei with dark ground between them."""
    radius = object_radius(rng, size)
    return _film(rng, frames, size, _dynamics(rng, radius, rng.uniform(0.06, 0.25)), _smooth_style(rng, radius), SMOOTH)


def dense(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """HeLa-H2B-like: crowded, touching, a huge range of brightness in one image, mitotic plates, dying fragments."""
    radius = object_radius(rng, size, 0.125, 0.35, 0.19)
    dyn = _dynamics(
        rng,
        radius,
        np.exp(rng.uniform(np.log(0.12), np.log(0.7))),
        levels=rng.uniform(0.25, 0.9),
        packing=rng.uniform(0.8, 1.0),
    )
    return _film(rng, frames, size, dyn, _smooth_style(rng, radius), SMOOTH)


def clustered(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """Smooth nuclei of like brightness, pressed into pairs and heaps: nothing but the waist tells them apart."""
    radius = object_radius(rng, size, 0.1, 0.35, 0.17)
    style = _smooth_style(rng, radius) | {
        "texture": rng.uniform(0.01, 0.12),
        "nucleoli": rng.uniform(0, 0.4),
        "nucleolus": rng.uniform(-0.3, -0.05),
        "dome": rng.uniform(0, 0.9),
        "tilt": rng.uniform(0, 0.4),
        "edge": rng.uniform(0.08, 0.4) * radius,
        "roughness": rng.uniform(0.02, 0.07),
        "additive": float(rng.random() < 0.3),
        "unsharp": 0.0,
        "holes": 0.0,
    }
    # Long ones lie side by side, with hardly a waist where they meet.
    dyn = _dynamics(
        rng,
        radius,
        rng.uniform(0.08, 0.45),
        clumping=rng.uniform(0.6, 1.0),
        packing=rng.uniform(0.5, 0.9),
        levels=rng.uniform(0.02, 0.25),
        aspect=rng.uniform(0.2, 0.7),
    )
    return _film(rng, frames, size, dyn, style, DIM)


def textured(rng: np.random.Generator, frames: int, size: int) -> Scene:
    """CHO-like: large, dim, noisy nuclei with coarse chromatin and nucleoli, often touching."""
    radius = object_radius(rng, size, 0.14, 0.5, 0.22)
    style = _smooth_style(rng, radius) | {
        "texture": rng.uniform(0.15, 0.7),
        "grain": rng.uniform(3, 14),
        "tilt": rng.uniform(0, 1.4),
        "edge": rng.uniform(0.06, 0.35) * radius,
        "grow": rng.uniform(-0.06, 0.06),
        "unsharp": rng.uniform(0, 6),
        "nucleoli": rng.uniform(0.3, 1),
        "nucleolus": rng.uniform(-0.95, -0.4),
        "dome": rng.uniform(-0.5, 0.8),
        "roughness": rng.uniform(0.06, 0.16),
        "holes": rng.uniform(0.4, 1.3) if rng.random() < 0.5 else 0.0,
    }
    dyn = _dynamics(rng, radius, rng.uniform(0.08, 0.4), levels=rng.uniform(0.3, 0.8))
    return _film(rng, frames, size, dyn, style, NOISY)
