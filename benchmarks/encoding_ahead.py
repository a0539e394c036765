"""What it gains that the next frame is encoded while this one is worked on: ``python benchmarks/encoding_ahead.py``.

`sam2.1_hiera_tiny` with random weights in frames of 1024 x 1024, one object and four, with and without, in turns, on
the best device or on the one that is named: ``python benchmarks/encoding_ahead.py cpu``. With `--micro`: `micro` with
whole frames of 512 x 512. Beside the time that passes, the time of all cores of the processor.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import torch

import napari_sam2 as ns
from napari_sam2.sam2 import PRESETS, Sam2
from napari_sam2.sam2.precision import quick_dtype
from napari_sam2.weights.load import choose_device

FRAMES, ROUNDS = 8, 3


def tiny(device: torch.device) -> Sam2:
    """Random weights; objects are always found present."""
    torch.manual_seed(0)
    model = Sam2(PRESETS["sam2.1_hiera_tiny"]).eval().requires_grad_(False)
    model.get_submodule("sam_mask_decoder.pred_obj_score_head").layers[-1].bias.fill_(10.0)
    model = model.to(device)
    model.quick_dtype = quick_dtype(device)
    return model


def per_frame(model: Any, stack: np.ndarray, options: ns.TrackerOptions, objects: int) -> tuple[float, float]:
    """Seconds of a frame without prompts: those that pass, and those of the processor's cores."""
    tracker = ns.Tracker(model, stack, options)
    third = stack.shape[1] // 3
    for number in range(objects):
        tracker.add_box(number + 1, 0, [third + 9 * number, third, 2 * third, 2 * third - 9 * number])
    results = tracker.propagate(direction="forward")
    for _ in range(2):  # prompts are answered in the first one, and nothing of the second one was encoded ahead
        _ = next(results).labels
    begin, own = time.perf_counter(), time.process_time()
    for result in results:
        _ = result.labels
    return (time.perf_counter() - begin) / (FRAMES - 2), (time.process_time() - own) / (FRAMES - 2)


def main() -> None:
    """Print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("device", nargs="?", default="auto")
    parser.add_argument("--micro", action="store_true")
    chosen = parser.parse_args()
    device = choose_device(chosen.device)
    size = 512 if chosen.micro else 1024
    model = ns.load_model("micro", device=device) if chosen.micro else tiny(device)
    stack = np.random.default_rng(0).integers(0, 4000, (FRAMES, size, size)).astype(np.uint16)
    options = ns.TrackerOptions(view="frame", one_owner=False)
    print("| objects | in turn, s | of cores, s | encoded ahead, s | of cores, s | ratio |\n|---|---|---|---|---|---|")
    for objects in (1, 4):
        runs = [
            [per_frame(model, stack, replace(options, encode_ahead=ahead), objects) for ahead in (False, True)]
            for _ in range(ROUNDS)
        ]
        turn, ahead = (tuple(median(run[way][kind] for run in runs) for kind in (0, 1)) for way in (0, 1))
        ratio = median(run[0][0] / run[1][0] for run in runs)
        print(
            f"| {objects} | {turn[0]:.3f} | {turn[1]:.3f} | {ahead[0]:.3f} | {ahead[1]:.3f} | {ratio:.2f} |", flush=True
        )


if __name__ == "__main__":
    main()
