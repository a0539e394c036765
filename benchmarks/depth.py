"""Where objects end in depth: ``python benchmarks/depth.py [SEED ...]``, 2 and 5 when left out.

The simulated z-stack of the samples, every nucleus clicked once at the deepest point of its largest slice; with and
without `TrackerOptions.ends`.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from scipy import ndimage

import napari_sam2 as ns
from napari_sam2.demo.volume import nuclei_in_depth


def deepest(mask: np.ndarray) -> tuple[float, float]:
    """The point of a mask that is farthest from its edge."""
    far = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(far.argmax()), far.shape)
    return float(y), float(x)


def row(seed: int, ends: bool) -> str:
    """One row of the table."""
    stack = nuclei_in_depth(seed)
    truth = stack.labels
    tracker = ns.Tracker(ns.load_model("micro", device="cpu"), stack.image, options=ns.TrackerOptions(ends=ends))
    ids = [int(item) for item in np.unique(truth) if item]
    for item in ids:
        middle = int((truth == item).sum((1, 2)).argmax())
        tracker.add_points(item, middle, [deepest(truth[middle] == item)])
    started = time.perf_counter()
    shared, either, beyond, missed = dict.fromkeys(ids, 0), dict.fromkeys(ids, 0), 0, 0
    masks, each = 0, []
    for result in tracker.propagate():
        for item in result.object_ids:
            found, real = result.labels == item, truth[result.frame] == item
            both, any_ = int((found & real).sum()), int((found | real).sum())
            shared[item] += both
            either[item] += any_
            masks += found.any()
            beyond += found.any() and not real.any()
            missed += real.any() and not found.any()
            each += [both / any_] if real.any() else []
    seconds = time.perf_counter() - started
    volumes = np.mean([shared[item] / either[item] for item in ids])
    values = (seed, ends, f"{volumes:.3f}", f"{np.mean(each):.3f}", masks, beyond, missed, f"{seconds:.0f}")
    return f"| {' | '.join(str(value) for value in values)} |"


def main() -> None:
    """Print a table."""
    print("| seed | ends | IoU of volumes | IoU of slices | masks | beyond | missed | seconds |\n" + "|---" * 8 + "|")
    for seed in [int(value) for value in sys.argv[1:]] or (2, 5):
        for ends in (False, True):
            print(row(seed, ends), flush=True)


if __name__ == "__main__":
    main()
