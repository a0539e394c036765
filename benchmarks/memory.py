"""Peak memory of propagating one object through short and long stacks: ``python benchmarks/memory.py``.

Each length runs in a process of its own; the peak is that of the whole process (``ru_maxrss``).
"""

from __future__ import annotations

import resource
import subprocess
import sys

LENGTHS = (50, 500)


def run(frames: int) -> float:
    """Propagate through ``frames`` frames that are made on the fly; returns the peak in MB."""
    import numpy as np

    import napari_sam2 as ns

    class Moving:
        """A bright disc that circles in noise; frames exist only while they are looked at."""

        shape, dtype = (frames, 512, 512), np.dtype(np.uint16)

        def __getitem__(self, t: int) -> np.ndarray:
            y, x = np.ogrid[:512, :512]
            cy, cx = 256 + 60 * np.sin(t / 20), 256 + 60 * np.cos(t / 20)
            disc = 1500 / (1 + np.exp(np.hypot(y - cy, x - cx) - 14))
            return (1000 + disc + np.random.default_rng(t).normal(0, 30, (512, 512))).astype(np.uint16)

    tracker = ns.Tracker(ns.load_model("micro"), Moving())
    tracker.add_points(1, 0, [[256, 316]])
    area = 0
    for result in tracker.propagate(direction="forward"):
        area = int((result.labels == 1).sum())
    if not area:
        raise SystemExit("the disc was lost; this measures nothing")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print a table."""
    if len(sys.argv) > 1:
        print(run(int(sys.argv[1])))
        return
    peaks = {n: float(subprocess.check_output([sys.executable, __file__, str(n)])) for n in LENGTHS}
    print("| frames | peak memory of the process, MB | ratio |\n|---|---|---|")
    for n, peak in peaks.items():
        print(f"| {n} | {peak:.0f} | {peak / peaks[LENGTHS[0]]:.3f} |")


if __name__ == "__main__":
    main()
