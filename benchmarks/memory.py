"""Peak memory against the number of frames and of objects: ``python benchmarks/memory.py``.

Every case runs in a process of its own; the peak is that of the whole process (``ru_maxrss``).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

CASES = ((1, 50), (1, 500), (10, 100), (10, 1000), (100, 40), (300, 40))
"""(objects, frames)"""


def run(objects: int, frames: int) -> float:
    """Propagate objects through frames that are made on the fly; returns the peak in MB."""
    import numpy as np

    import napari_sam2 as ns

    side = int(np.ceil(np.sqrt(objects)))
    size = max(512, 70 * side)
    home = [(int((i + 0.5) * size / side), int((j + 0.5) * size / side)) for i in range(side) for j in range(side)]
    y, x = np.ogrid[-24:25, -24:25]
    disc = 1500 / (1 + np.exp(np.hypot(y, x) - 10))

    class Moving:
        """Bright discs that circle in noise; frames exist only while they are looked at."""

        shape, dtype = (frames, size, size), np.dtype(np.uint16)

        def __getitem__(self, t: int) -> np.ndarray:
            frame = np.random.default_rng(t).normal(1000, 30, (size, size))
            for number, place in enumerate(home[:objects]):
                row, column = self.centre(number, place, t)
                frame[row - 24 : row + 25, column - 24 : column + 25] += disc
            return frame.astype(np.uint16)

        @staticmethod
        def centre(number: int, place: tuple[int, int], t: int) -> tuple[int, int]:
            return int(place[0] + 8 * np.sin(t / 9 + number)), int(place[1] + 8 * np.cos(t / 9 + number))

    stack = Moving()
    tracker = ns.Tracker(ns.load_model("micro"), stack)
    for number, place in enumerate(home[:objects]):
        tracker.add_points(number + 1, 0, [stack.centre(number, place, 0)])
    found = 0
    for result in tracker.propagate(direction="forward"):
        found = len(np.unique(result.labels)) - 1
    if found < 0.9 * objects:
        raise SystemExit(f"{found} of {objects} discs were followed to the end; this measures nothing")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="*", type=int, metavar="N", help="objects and frames of one case")
    options = parser.parse_args()
    if options.case:
        print(run(*options.case))
        return
    print("| objects | frames | peak memory of the process, MB |\n|---|---|---|")
    for objects, frames in CASES:
        command = [sys.executable, __file__, str(objects), str(frames)]
        print(f"| {objects} | {frames} | {float(subprocess.check_output(command)):.0f} |", flush=True)


if __name__ == "__main__":
    main()
