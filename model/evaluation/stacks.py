"""What is measured on: the real recordings, and simulated scenes of a fixed seed, both as stacks with linked masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from simulator import KINDS, sample_clip

from evaluation.recordings import IMAGES, link, load

SEED = 20_260_101
"""Seeds of training are small numbers: these scenes are seen in evaluation only."""
SIDE, FRAMES, SCENES, OBJECTS = 384, 8, 3, 6
# HeLa has up to 195 objects a frame: three frames give 480 of them.
STILLS = {"HeLa": (0, 10, 19), "volume": (8, 15, 22)}


@dataclass(frozen=True)
class Stack:
    """images (t, y, x), masks (t, y, x), and what is known of the objects of frame 0.

    tracks: one list per object, its id in ``masks`` on every frame from 0 on as far as it is known; 0 where it is
    known to be absent. stills: the frames whose objects are prompted one by one.
    """

    name: str
    images: np.ndarray
    masks: np.ndarray
    tracks: list[list[int]]
    stills: tuple[int, ...]


def recording(name: str, folder: Path) -> Stack:
    """One of the real recordings. A track ends where it cannot be followed, so that nothing is known of absences."""
    found = load(name, folder)
    stills = STILLS.get(name, tuple(range(len(found.images))))
    return Stack(name, found.images, found.masks, link(found.masks), stills)


def simulated(kind: str, seed: int = SEED, scenes: int = SCENES, frames: int = FRAMES) -> list[Stack]:
    """Scenes of one kind: other sizes of frame than in training, identities and absences known."""
    stacks = []
    for scene in range(scenes):
        rng = np.random.default_rng([seed, KINDS.index(kind), scene])
        clip = sample_clip(rng, frames, SIDE, kind)
        areas = np.bincount(clip.labels[0].ravel())
        areas[0] = 0
        objects = np.nonzero((areas > 150) & (areas < 0.4 * SIDE**2))[0]
        chosen = rng.permutation(objects)[:OBJECTS]
        mothers = set(clip.parents.values())
        tracks = []
        for ident in chosen.tolist():
            seen = (clip.labels == ident).any((1, 2))
            # A dividing cell goes on as whichever daughter one likes: nothing is known of it any more.
            known = int(np.nonzero(seen)[0].max()) + 1 if ident in mothers else frames
            tracks.append([int(ident) * int(there) for there in seen[:known]])
        if tracks:
            stacks.append(Stack(kind, clip.images, clip.labels.astype(np.int32), tracks, (0,)))
    return stacks


def every(names: list[str], folder: Path | None) -> dict[str, list[Stack]]:
    """The stacks of each data set. Raises ValueError when recordings are asked for without their folder."""
    out = {}
    for name in names:
        if name in IMAGES:
            if folder is None:
                raise ValueError(f"{name} is a real recording: say with --data where the files are")
            out[name] = [recording(name, folder)]
        else:
            out[name] = simulated(name)
    return out
