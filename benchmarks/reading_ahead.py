"""What it gains that the next frame is read while this one is worked on: ``python benchmarks/reading_ahead.py``.

Eight objects of `micro` through frames of 2048 x 2048 that take 0 or 0.1 s to arrive, as from a server, with and
without reading ahead, in turns.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np

import napari_sam2 as ns

FRAMES, SIZE, OBJECTS, ROUNDS = 20, 2048, 8, 3


class Arriving:
    """Frames of one bright disc that moves, each after a while."""

    shape, dtype = (FRAMES, SIZE, SIZE), np.dtype(np.uint16)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        y, x = np.ogrid[:SIZE, :SIZE]
        noise = np.random.default_rng(0).normal(1000, 30, (SIZE, SIZE))
        self._frames = [
            (noise + 2000 * (np.hypot(y - 1000, x - 1000 - 2 * t) < 20)).astype(np.uint16) for t in range(FRAMES)
        ]

    def __getitem__(self, frame: int) -> np.ndarray:
        time.sleep(self.seconds)
        return self._frames[frame]


def per_frame(model: object, stack: Arriving, ahead: bool) -> float:
    """Milliseconds of a frame."""
    tracker = ns.Tracker(model, stack)
    if not ahead:
        tracker.frames.expect = lambda frame: None
    for number in range(OBJECTS):
        tracker.add_points(number + 1, 0, [[1000 + number, 1000 - number]])
    tracker.predict(0)
    begin = time.perf_counter()
    for _ in tracker.propagate(direction="forward"):
        pass
    return 1000 * (time.perf_counter() - begin) / FRAMES


def main() -> None:
    """Print a table of medians."""
    model = ns.load_model("micro")
    print("| a frame arrives after | read in turn, ms | read ahead, ms |\n|---|---|---|")
    for seconds in (0.0, 0.1):
        stack = Arriving(seconds)
        runs = [(per_frame(model, stack, False), per_frame(model, stack, True)) for _ in range(ROUNDS)]
        print(f"| {seconds} s | {median(r[0] for r in runs):.0f} | {median(r[1] for r in runs):.0f} |", flush=True)


if __name__ == "__main__":
    main()
