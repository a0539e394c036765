"""A small simulated recording, for when there is no network: nuclei that wander, turn and breathe."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from napari_sam2.demo.recording import DemoStack
from napari_sam2.session.prompts import ObjectPrompts, Prompt

FRAMES, SIDE, ACROSS = 20, 300, 4
_RADIUS = 15.0  # pixels


def simulated() -> DemoStack:
    """(20, 300, 300) uint16 with twelve nuclei, each clicked once in its middle in frame 0; always the same."""
    random = np.random.default_rng(7)
    stack = np.empty((FRAMES, SIDE, SIDE), np.uint16)
    cells = _cells(random)
    objects = [
        ObjectPrompts(number, f"nucleus {number}", [Prompt(0, ((float(y), float(x)),), (1,))])
        for number, (y, x) in enumerate(cells[0].round(1).tolist(), start=1)
    ]
    radii = _RADIUS * random.uniform(0.85, 1.15, (len(objects), 2))
    turns = random.uniform(0, np.pi, len(objects))
    brightness = random.uniform(0.5, 1.0, len(objects))
    texture = gaussian_filter(random.normal(size=(SIDE, SIDE)), 3)
    for frame in range(FRAMES):
        image = np.zeros((SIDE, SIDE))
        breath = 1 + 0.06 * np.sin(0.6 * frame + turns)
        for cell, centre in enumerate(cells[frame]):
            inside = _ellipse(centre, radii[cell] * breath[cell], turns[cell] + 0.05 * frame)
            image = np.maximum(image, inside * brightness[cell])
        image = gaussian_filter(image * (1 + 2.0 * texture), 1.2)
        stack[frame] = (
            (400 + 2500 * np.clip(image, 0, None) + random.normal(0, 60, image.shape)).clip(0).astype(np.uint16)
        )
    return DemoStack(stack, objects, "simulated nuclei (not a real recording)")


def _cells(random: np.random.Generator) -> npt.NDArray[np.float64]:
    """(frames, cells, 2) centres (y, x): a jittered grid, then a smooth random walk."""
    rows, columns = np.meshgrid(np.arange(ACROSS), np.arange(ACROSS - 1), indexing="ij")
    grid = np.stack([rows.ravel() + 0.5, columns.ravel() + 0.7], axis=-1) * SIDE / ACROSS
    start = grid + random.uniform(-10, 10, grid.shape)
    steps = gaussian_filter(random.normal(0, 5.0, (FRAMES, *grid.shape)), (2, 0, 0))
    steps[0] = 0
    return np.asarray(start + steps.cumsum(axis=0))


def _ellipse(centre: npt.NDArray[np.float64], radii: npt.NDArray[np.float64], turn: float) -> npt.NDArray[np.float64]:
    """(y, x) image: 1 in the ellipse, 0 outside."""
    y, x = np.mgrid[:SIDE, :SIDE] - centre[:, None, None]
    along, across = y * np.cos(turn) + x * np.sin(turn), x * np.cos(turn) - y * np.sin(turn)
    return np.asarray((along / radii[0]) ** 2 + (across / radii[1]) ** 2 < 1, dtype=np.float64)
