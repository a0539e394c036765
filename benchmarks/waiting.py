"""How torch's threads should wait for each other, alone and beside other programs: ``python benchmarks/waiting.py``.

Threads of OpenMP that have nothing to do may turn in circles, ready at once, or sleep. Following objects is a row of
many short pieces of work, so that the circles pay; but on a core that another program wants too, who turns in circles
takes the time of the one that is waited for. Frames per second of `micro` with each policy, each in a process of its
own, in turns: alone, and beside busy loops.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from statistics import median

import numpy as np
from others import busy

POLICIES = {
    "torch's own": {"GOMP_SPINCOUNT": "300000"},  # said, because napari-sam2 sets it otherwise
    "10,000 turns": {"GOMP_SPINCOUNT": "10000"},
    "1,000 turns": {"GOMP_SPINCOUNT": "1000"},
    "asleep": {"OMP_WAIT_POLICY": "PASSIVE"},
}
NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
OBJECTS, SIDE = 16, 512


def worker(seconds: float) -> None:
    """Follow discs for a while and print the frames per second."""
    import napari_sam2 as ns

    rows, columns = np.mgrid[:SIDE, :SIDE]
    frame = np.random.default_rng(0).normal(100, 8, (SIDE, SIDE)).astype(np.float32)
    centres = [(60 + 128 * (i // 4), 60 + 128 * (i % 4)) for i in range(OBJECTS)]
    for y, x in centres:
        frame += 80 * ((rows - y) ** 2 + (columns - x) ** 2 < 15**2)
    tracker = ns.Tracker(ns.load_model("micro", device="cpu"), np.broadcast_to(frame, (2000, SIDE, SIDE)))
    for index, place in enumerate(centres):
        tracker.add_points(index + 1, 0, [place])
    begin, done = None, 0
    for result in tracker.propagate(direction="forward"):
        if result.frame == 3:
            begin = time.perf_counter()
        elif begin is not None:
            done += 1
            if time.perf_counter() - begin > seconds:
                print(done / (time.perf_counter() - begin))
                return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.seconds)
        return
    cores = os.cpu_count() or 1
    plain = {name: value for name, value in os.environ.items() if name not in NAMES}
    rates: dict[tuple[str, int], list[float]] = {}
    for _ in range(options.rounds):
        for loops in (0, cores // 2, cores):
            for name, policy in POLICIES.items():
                command = [sys.executable, __file__, "--worker", "--seconds", str(options.seconds)]
                with busy(loops):
                    said = subprocess.run(
                        command, env={**plain, **policy}, check=True, capture_output=True, text=True
                    ).stdout
                rates.setdefault((name, loops), []).append(float(said))
    print("| waiting threads | alone | beside one busy loop for every two cores | beside one for every core |")
    print("|---|---|---|---|")
    for name in POLICIES:
        cells = []
        for loops in (0, cores // 2, cores):
            own = rates[name, loops]
            ratio = median(a / b for a, b in zip(own, rates["torch's own", loops], strict=True))
            cells.append(f"{median(own):.2f} frames a second ({ratio:.2f} x)")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
