"""What other programs leave of a propagation: ``python benchmarks/beside_others.py``.

Frames per second of `micro` with 12 discs of 512 x 512 on the widget's inference thread, alone and beside as many busy
loops as there are cores, with several nicenesses of the thread in turns. The loops belong to the same session of the
system as the program, as something else started from the same terminal: between sessions Linux shares the processor
without looking at niceness.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from statistics import median

from others import busy
from responsiveness import discs

from napari_sam2.ui import politeness

OBJECTS, SIDE = 12, 512
LEAST, MOST = 5, 400
"""Frames that are done before the time counts, and at most."""


def frames_per_second(seconds: float) -> float:
    """Of a propagation on an inference thread of this process."""
    import numpy as np

    import napari_sam2 as ns
    from napari_sam2.ui.inference import InferenceThread

    labels = discs(OBJECTS, SIDE)
    stack = np.stack([(labels(frame) > 0).astype(np.uint8) * 200 for frame in range(8)] * (MOST // 8))
    ended = threading.Event()
    found: list[float] = []

    def propagate() -> None:
        tracker = ns.Tracker(ns.load_model("micro"), stack)
        for item in range(1, OBJECTS + 1):
            tracker.add_mask(item, frame=0, mask=labels(0) == item)
        start = now = time.perf_counter()
        frames = 0
        for number, result in enumerate(tracker.propagate(direction="forward")):
            _ = result.labels
            now = time.perf_counter()
            if number == 0:
                start = now
            frames = number
            if now - start > seconds:
                break
        found.append(frames / (now - start))

    thread = InferenceThread(lambda call: call())
    thread.submit(propagate, done=lambda _: ended.set(), failed=lambda error: (print(error), ended.set()))
    ended.wait()
    thread.close()
    return found[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--niceness", type=int, nargs="+", default=[0, politeness.NICENESS, 10])
    parser.add_argument("--loops", type=int, nargs="+", default=[0, os.cpu_count() or 1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.alone is not None:
        politeness.NICENESS = chosen.alone
        print(frames_per_second(chosen.seconds))
        return
    found: dict[tuple[int, int], list[float]] = {}
    for _ in range(chosen.rounds):
        for loops in chosen.loops:
            for niceness in chosen.niceness:
                command = [sys.executable, __file__, "--alone", str(niceness), "--seconds", str(chosen.seconds)]
                with busy(loops):
                    done = subprocess.run(command, check=True, capture_output=True, text=True)
                found.setdefault((niceness, loops), []).append(float(done.stdout))
                print(f"niceness {niceness}, {loops} loops: {done.stdout.strip()}", file=sys.stderr, flush=True)
    print("| niceness |" + "".join(f" beside {loops} loops |" for loops in chosen.loops))
    print("|---|" + "---|" * len(chosen.loops))
    for niceness in chosen.niceness:
        cells = [found[niceness, loops] for loops in chosen.loops]
        print(f"| {niceness} |" + "".join(f" {median(each):.2f} ({min(each):.2f}–{max(each):.2f}) |" for each in cells))


if __name__ == "__main__":
    main()
